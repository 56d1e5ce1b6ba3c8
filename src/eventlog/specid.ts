/** The "Spec ID Event03" header of a crypto-agile log (PFP 10.4.5.1, TCG_EfiSpecIDEvent). */
import { ByteReader, ByteWriter, equalBytes, latin1 } from '../bytes/index.ts';
import { algorithmById, algorithmRow, type LogAlgorithm } from './algorithms.ts';

/** Signature of the crypto-agile header, 16 bytes with its NUL. */
export const SPEC_ID_SIGNATURE: Uint8Array = latin1('Spec ID Event03\0');

/** More banks than this in one log are refused. */
const MAX_ALGORITHMS = 16;

/** Content of the header event. */
export interface SpecIdEvent {
  /** 0 = client, 1 = server. */
  readonly platformClass: number;
  readonly specVersionMajor: number;
  readonly specVersionMinor: number;
  readonly specErrata: number;
  /** Size of UINTN: 1 = 32 bits, 2 = 64 bits. */
  readonly uintnSize: number;
  /** Banks of the log, in the order of the header. */
  readonly algorithms: readonly LogAlgorithm[];
  readonly vendorInfo: Uint8Array;
}

/** What a log writer must choose; the rest has the values that current firmware uses (version 2.0, 64 bits). */
export interface SpecIdOptions {
  algorithms: readonly LogAlgorithm[];
  platformClass?: number;
  vendorInfo?: Uint8Array;
}

/** The header content for a new log. */
export function specIdEvent(options: SpecIdOptions): SpecIdEvent {
  return {
    platformClass: options.platformClass ?? 1,
    specVersionMajor: 2,
    specVersionMinor: 0,
    specErrata: 0,
    uintnSize: 2,
    algorithms: [...options.algorithms],
    vendorInfo: options.vendorInfo ?? new Uint8Array(0),
  };
}

/** Event data of the header event, little-endian. */
export function encodeSpecId(event: SpecIdEvent): Uint8Array {
  const w = new ByteWriter('little').bytes(SPEC_ID_SIGNATURE).u32(event.platformClass);
  w.u8(event.specVersionMinor).u8(event.specVersionMajor).u8(event.specErrata).u8(event.uintnSize);
  w.u32(event.algorithms.length);
  for (const name of event.algorithms) {
    const { id, size } = algorithmRow(name);
    w.u16(id).u16(size);
  }
  return w.u8(event.vendorInfo.length).bytes(event.vendorInfo).finish();
}

/**
 * Reads the header content strictly: algorithm known, its size right, none repeated, nothing left over. All later records
 * depend on it, so a fault here makes the whole log unreadable (FormatError).
 *
 * @param base offset of `data` in the log, for errors
 */
export function decodeSpecId(data: Uint8Array, base = 0): SpecIdEvent {
  const r = new ByteReader(data, 'TCG_EfiSpecIDEvent', 'little', base);
  if (!equalBytes(r.bytes('signature', 16), SPEC_ID_SIGNATURE)) {
    throw r.error('signature', 'expected "Spec ID Event03"', base);
  }
  const platformClass = r.u32('platformClass');
  const specVersionMinor = r.u8('specVersionMinor');
  const specVersionMajor = r.u8('specVersionMajor');
  const specErrata = r.u8('specErrata');
  const uintnSize = r.u8('uintnSize');
  if (uintnSize !== 1 && uintnSize !== 2) throw r.error('uintnSize', `expected 1 or 2, found ${uintnSize}`);
  const count = r.u32('numberOfAlgorithms');
  if (count < 1 || count > MAX_ALGORITHMS) {
    throw r.error('numberOfAlgorithms', `expected 1 to ${MAX_ALGORITHMS}, found ${count}`);
  }
  const algorithms: LogAlgorithm[] = [];
  for (let i = 0; i < count; i++) algorithms.push(readAlgorithm(r, i, algorithms));
  const vendorInfo = r.bytes('vendorInfo', r.u8('vendorInfoSize'));
  r.end();
  return {
    platformClass,
    specVersionMajor,
    specVersionMinor,
    specErrata,
    uintnSize,
    algorithms,
    vendorInfo: vendorInfo.slice(),
  };
}

function readAlgorithm(r: ByteReader, index: number, before: readonly LogAlgorithm[]): LogAlgorithm {
  const field = `digestSizes[${index}]`;
  const id = r.u16(`${field}.algorithmId`);
  const size = r.u16(`${field}.digestSize`);
  const row = algorithmById(id);
  if (row === undefined) throw r.error(`${field}.algorithmId`, `unknown digest algorithm 0x${id.toString(16)}`);
  if (row.size !== size) throw r.error(`${field}.digestSize`, `${row.name} has ${row.size} bytes, found ${size}`);
  if (before.includes(row.name)) throw r.error(`${field}.algorithmId`, `${row.name} is listed twice`);
  return row.name;
}
