/** EFI GUIDs as text: the first three fields are little-endian on the wire (UEFI appendix A). */
import { toHex, tryFromHex } from '../../bytes/index.ts';

/** Canonical lower-case text of 16 wire bytes. */
export function guidText(bytes: Uint8Array): string {
  const hex = toHex(swap(bytes));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Wire bytes of a GUID text; a text that is not a GUID is a caller's mistake (TypeError). */
export function guidBytes(text: string): Uint8Array {
  const bytes = tryFromHex(text.replaceAll('-', ''));
  if (bytes?.length !== 16) throw new TypeError(`not a GUID: ${text.slice(0, 40)}`);
  return swap(bytes);
}

const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

function swap(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(ORDER, (i) => bytes[i] ?? 0);
}

/** EFI_GLOBAL_VARIABLE: SecureBoot, PK, KEK, BootOrder, Boot####. */
export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** EFI_IMAGE_SECURITY_DATABASE_GUID: db, dbx. */
export const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
