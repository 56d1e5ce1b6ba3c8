/** EFI_LOAD_OPTION (UEFI 2.10, 3.1.3): the contents of a `Boot####` variable. Integers little-endian. */
import { fromUtf16le, utf16le } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { buildDevicePath, type DevicePathNode, parseDevicePath } from './device-path.ts';

/** Attribute bit 0: the option takes part in booting. */
export const LOAD_OPTION_ACTIVE = 1;
/** Largest variable read. */
export const LOAD_OPTION_MAX = 1 << 16;

/** A boot option. */
export interface LoadOption {
  readonly attributes: number;
  readonly description: string;
  readonly path: readonly DevicePathNode[];
  readonly optionalData: Uint8Array;
}

/** Bytes of the variable. */
export function buildLoadOption(option: LoadOption): Uint8Array {
  const path = buildDevicePath(option.path);
  const w = new ByteWriter('little');
  w.u32(option.attributes).u16(path.length);
  w.bytes(utf16le(`${option.description}\0`))
    .bytes(path)
    .bytes(option.optionalData);
  return w.finish();
}

/** Reads a `Boot####` variable. Throws FormatError. */
export function parseLoadOption(bytes: Uint8Array): LoadOption {
  const r = new ByteReader(bytes, 'EFI_LOAD_OPTION', 'little');
  if (bytes.length > LOAD_OPTION_MAX) throw r.error('', `longer than ${LOAD_OPTION_MAX} bytes`);
  const attributes = r.u32('Attributes');
  const pathSize = r.u16('FilePathListLength');
  const start = r.offset;
  let end = start;
  while (end + 1 < bytes.length && (bytes[end] !== 0 || bytes[end + 1] !== 0)) end += 2;
  const description = fromUtf16le(r.bytes('Description', end - start));
  r.skip('Description', 2);
  const path = parseDevicePath(r.bytes('FilePathList', pathSize));
  return { attributes, description, path, optionalData: r.rest() };
}

/** Name of boot option `n`: `Boot` and four upper-case hex digits. */
export const bootOptionName = (n: number): string => `Boot${n.toString(16).toUpperCase().padStart(4, '0')}`;

/** Bytes of `BootOrder`. */
export function buildBootOrder(order: readonly number[]): Uint8Array {
  const w = new ByteWriter('little');
  for (const n of order) w.u16(n);
  return w.finish();
}

/** Option numbers of `BootOrder`; an odd last byte is a FormatError. */
export function parseBootOrder(bytes: Uint8Array): number[] {
  const r = new ByteReader(bytes, 'BootOrder', 'little');
  const order: number[] = [];
  while (r.remaining > 0) order.push(r.u16(`[${order.length}]`));
  return order;
}
