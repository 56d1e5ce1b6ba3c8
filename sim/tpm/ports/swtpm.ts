/** Client of swtpm's socket interface: raw TPM commands on the data port, platform signals on the control port. */

import { concat } from '../../../src/bytes/bytes.ts';
import { ByteReader } from '../../../src/bytes/reader.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import type { Locality, TpmTransport } from '../../../src/tpm2/transport.ts';
import { type Address, TpmStream } from './stream.ts';

/** Control commands (swtpm_ioctls(3)); numbers are those of swtpm's control channel. */
const CMD = {
  INIT: 2,
  SHUTDOWN: 3,
  SET_LOCALITY: 5,
  HASH_START: 6,
  HASH_DATA: 7,
  HASH_END: 8,
  STOP: 14,
} as const;

const HEADER_SIZE = 10;
/** Largest response accepted. */
const MAX_RESPONSE = 16_384;
/** Bytes of one HASH_DATA message. */
const MAX_HASH_DATA = 4096;

/** {@link TpmTransport} to a running swtpm. */
export class SwtpmTransport implements TpmTransport {
  readonly #data: TpmStream;
  protected readonly control: TpmStream;
  #locality: Locality = 0;

  constructor(data: Address, control: Address) {
    this.#data = new TpmStream('swtpm', data);
    this.control = new TpmStream('swtpm control', control);
  }

  async #command(name: keyof typeof CMD, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const request = concat(new ByteWriter('big', 4).u32(CMD[name]).finish(), payload);
    await this.control.exchange(request, async (read) => {
      const result = new ByteReader(await read(4), 'swtpm control response').u32('result');
      if (result !== 0) throw this.control.bad(`${name} failed with 0x${result.toString(16)}`);
    });
  }

  async transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    if (locality !== this.#locality) {
      await this.#command('SET_LOCALITY', new Uint8Array([locality]));
      this.#locality = locality;
    }
    return this.#data.exchange(command, async (read) => {
      const header = await read(HEADER_SIZE);
      const reader = new ByteReader(header, 'TPM response');
      reader.u16('tag');
      const size = reader.u32('responseSize');
      if (size < HEADER_SIZE || size > MAX_RESPONSE) throw this.#data.bad(`response of ${size} bytes`);
      return concat(header, await read(size - HEADER_SIZE));
    });
  }

  async powerOn(): Promise<void> {
    // INIT restarts the TPM from its permanent state; flags 0 keep that state.
    await this.#command('INIT', new Uint8Array(4));
    this.#locality = 0;
    await this.#command('SET_LOCALITY', new Uint8Array([0]));
  }

  async hashStart(): Promise<void> {
    await this.#command('HASH_START');
  }

  async hashData(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_HASH_DATA) {
      const part = data.subarray(at, at + MAX_HASH_DATA);
      await this.#command('HASH_DATA', new ByteWriter().u32(part.length).bytes(part).finish());
    }
  }

  async hashEnd(): Promise<void> {
    await this.#command('HASH_END');
  }

  async close(): Promise<void> {
    this.#data.close();
    this.control.close();
  }
}
