/** EFI_GUID (UEFI 2.10, appendix A): 16 bytes; the first three groups of the text form are stored little-endian. */
import { toHex, tryFromHex } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';

/** Size in bytes. */
export const GUID_SIZE = 16;

/** Byte of the text form (without dashes) that is stored at each place. The order is its own inverse. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;
const TEXT = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

const reorder = (bytes: Uint8Array): Uint8Array => Uint8Array.from(ORDER, (from) => bytes[from] ?? 0);

/** Stored bytes of `8be4df61-93ca-11d2-aa0d-00e098032b8c`. Throws InputError on other text. */
export function guid(text: string): Uint8Array {
  const bytes = TEXT.test(text) ? tryFromHex(text.replaceAll('-', '')) : undefined;
  if (bytes === undefined) throw new InputError(`not a GUID: ${text.slice(0, 60)}`);
  return reorder(bytes);
}

/** Text of 16 stored bytes, lower case. Another length is a caller's mistake (RangeError). */
export function guidText(bytes: Uint8Array): string {
  if (bytes.length !== GUID_SIZE) throw new RangeError(`GUID of ${bytes.length} bytes`);
  const hex = toHex(reorder(bytes));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** EFI_GLOBAL_VARIABLE: SecureBoot, SetupMode, PK, KEK, BootOrder, Boot####. */
export const GLOBAL_VARIABLE_GUID = guid('8be4df61-93ca-11d2-aa0d-00e098032b8c');
/** EFI_IMAGE_SECURITY_DATABASE_GUID: db, dbx. */
export const IMAGE_SECURITY_GUID = guid('d719b2cb-3d3a-4596-a3bc-dad00e67656f');
