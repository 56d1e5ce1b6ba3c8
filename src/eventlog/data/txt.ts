/** Event data of TXT events (types 0x400 to 0x4FF): the hashed value itself where it is short. */
import { ByteReader } from '../../bytes/index.ts';
import { eventTypeName } from '../event-types.ts';

/** A TXT event's data. */
export interface TxtEvent {
  readonly kind: 'txt';
  /** Name of the event type. */
  readonly name: string;
  readonly data: Uint8Array;
  /** The value where the data is a 32-bit number. */
  readonly value: number | undefined;
}

export function decodeTxt(type: number, data: Uint8Array, base = 0): TxtEvent {
  const value = data.length === 4 ? new ByteReader(data, 'TXT event', 'little', base).u32('value') : undefined;
  return { kind: 'txt', name: eventTypeName(type), data, value };
}
