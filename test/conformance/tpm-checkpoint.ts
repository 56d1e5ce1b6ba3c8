/** A swtpm whose state can be taken and put back, by the blobs of its control channel (swtpm_ioctls(3)). */

import { SwtpmTransport } from '../../sim/tpm/ports/swtpm.ts';
import { concat } from '../../src/bytes/bytes.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';

const CMD = { INIT: 2, GET_STATEBLOB: 12, SET_STATEBLOB: 13, STOP: 14 } as const;
/** Permanent and volatile state. */
const BLOBS = [1, 2] as const;

/** The whole state of a swtpm. */
export type SwtpmState = readonly Uint8Array[];

/** {@link SwtpmTransport} with checkpoints. */
export class SwtpmPeer extends SwtpmTransport {
  async #ask(command: number, payload: Uint8Array): Promise<void> {
    const request = concat(new ByteWriter('big', 4).u32(command).finish(), payload);
    await this.control.exchange(request, async (read) => {
      const result = new ByteReader(await read(4), 'swtpm control response').u32('result');
      if (result !== 0) throw this.control.bad(`control command ${command} failed with 0x${result.toString(16)}`);
    });
  }

  async #blob(type: number): Promise<Uint8Array> {
    const request = new ByteWriter('big', 16).u32(CMD.GET_STATEBLOB).u32(0).u32(type).u32(0).finish();
    return this.control.exchange(request, async (read) => {
      const reader = new ByteReader(await read(16), 'swtpm state blob');
      const result = reader.u32('result');
      if (result !== 0) throw this.control.bad(`state blob ${type}: 0x${result.toString(16)}`);
      reader.skip('flags and total length', 8);
      return read(reader.u32('length'));
    });
  }

  async save(): Promise<SwtpmState> {
    const out: Uint8Array[] = [];
    for (const type of BLOBS) out.push(await this.#blob(type));
    return out;
  }

  async restore(state: SwtpmState): Promise<void> {
    await this.#ask(CMD.STOP, new Uint8Array(0));
    for (const [i, blob] of state.entries()) {
      const fields = new ByteWriter()
        .u32(0)
        .u32(BLOBS[i] ?? 0)
        .u32(blob.length)
        .bytes(blob);
      await this.#ask(CMD.SET_STATEBLOB, fields.finish());
    }
    await this.#ask(CMD.INIT, new Uint8Array(4));
  }
}
