/** Plain tar, the archive inside `tgz` payloads: written as POSIX ustar; read also with GNU and pax long names. */
import { concat } from '../bytes/bytes.ts';
import {
  type ArchiveEntry,
  type ArchiveInput,
  BLOCK,
  completeEntry,
  type TarFormat,
  writeTarHeader,
} from './tar-header.ts';
import { scanTar, type TarEntry, tarKind, withData } from './tar-scan.ts';

const FORMAT: TarFormat = { structure: 'tar', magic: 'ustar\x0000', prefixSize: 155 };
/** tar tools pad archives to records of 20 blocks. */
const RECORD = 20 * BLOCK;

/** Whether the bytes start with a tar header (POSIX, GNU, or Unix V7). */
export const isUstar = (bytes: Uint8Array): boolean => tarKind(bytes) === 'tar';

/** Reads every entry; data are views of the input. Errors are `FormatError`s with offsets. */
export const readUstar = (bytes: Uint8Array): (ArchiveEntry & TarEntry)[] =>
  scanTar('tar', bytes).map((entry) => withData(entry, bytes));

/** Writes an archive, ended by two blocks of zeros and padded to a record of 10 KiB. */
export function writeUstar(inputs: readonly ArchiveInput[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 2 * BLOCK;
  for (const input of inputs) {
    const entry = completeEntry(input);
    const padding = (BLOCK - (entry.data.length % BLOCK)) % BLOCK;
    parts.push(writeTarHeader(entry, FORMAT), entry.data, new Uint8Array(padding));
    size += BLOCK + entry.data.length + padding;
  }
  return concat(...parts, new Uint8Array(2 * BLOCK + ((RECORD - (size % RECORD)) % RECORD)));
}
