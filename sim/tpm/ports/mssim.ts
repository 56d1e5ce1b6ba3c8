/** Client of the Microsoft TPM 2.0 simulator's TCP protocol: commands on one port, power and NV signals on the next. */

import { concat } from '../../../src/bytes/bytes.ts';
import { ByteReader } from '../../../src/bytes/reader.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import type { Locality, TpmTransport } from '../../../src/tpm2/transport.ts';
import { type Address, TpmStream } from './stream.ts';

/** Message numbers of both ports. */
const SIGNAL = {
  POWER_ON: 1,
  POWER_OFF: 2,
  HASH_START: 5,
  HASH_DATA: 6,
  HASH_END: 7,
  SEND_COMMAND: 8,
  NV_ON: 11,
  SESSION_END: 20,
} as const;

/** Largest response accepted. */
const MAX_RESPONSE = 16_384;
/** Bytes of one HASH_DATA message. */
const MAX_HASH_DATA = 1024;

/** {@link TpmTransport} to a running simulator. */
export class MssimTransport implements TpmTransport {
  readonly #command: TpmStream;
  readonly #platform: TpmStream;

  constructor(command: Address, platform: Address) {
    this.#command = new TpmStream('mssim', command);
    this.#platform = new TpmStream('mssim platform', platform);
  }

  /** Every message is acknowledged by a 32-bit zero. */
  async #acknowledged(stream: TpmStream, read: (size: number) => Promise<Uint8Array>): Promise<void> {
    const result = new ByteReader(await read(4), 'mssim acknowledgement').u32('result');
    if (result !== 0) throw stream.bad(`failed with ${result}`);
  }

  async #signal(stream: TpmStream, signal: number, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    const request = concat(new ByteWriter('big', 4).u32(signal).finish(), payload);
    await stream.exchange(request, (read) => this.#acknowledged(stream, read));
  }

  async transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    const request = new ByteWriter('big', command.length + 9)
      .u32(SIGNAL.SEND_COMMAND)
      .u8(locality)
      .u32(command.length)
      .bytes(command)
      .finish();
    return this.#command.exchange(request, async (read) => {
      const size = new ByteReader(await read(4), 'mssim response').u32('size');
      if (size > MAX_RESPONSE) throw this.#command.bad(`response of ${size} bytes`);
      const response = await read(size);
      await this.#acknowledged(this.#command, read);
      return response;
    });
  }

  async powerOn(): Promise<void> {
    await this.#signal(this.#platform, SIGNAL.POWER_OFF);
    await this.#signal(this.#platform, SIGNAL.POWER_ON);
    await this.#signal(this.#platform, SIGNAL.NV_ON);
  }

  async hashStart(): Promise<void> {
    await this.#signal(this.#command, SIGNAL.HASH_START);
  }

  async hashData(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_HASH_DATA) {
      const part = data.subarray(at, at + MAX_HASH_DATA);
      await this.#signal(this.#command, SIGNAL.HASH_DATA, new ByteWriter().u32(part.length).bytes(part).finish());
    }
  }

  async hashEnd(): Promise<void> {
    await this.#signal(this.#command, SIGNAL.HASH_END);
  }

  async close(): Promise<void> {
    this.#command.close();
    this.#platform.close();
  }
}
