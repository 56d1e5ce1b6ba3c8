import { InputError, withSource } from '../../src/bytes/errors.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import type { Vib } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { fileSource } from './file-source.ts';
import { readFile } from './files.ts';

/** A VIB and where it came from. */
export interface VibFile {
  readonly path: string;
  readonly vib: Vib;
}

/** Opens VIB files; payloads stay in them until they are used. Errors name the file. */
export function openVibs(paths: readonly string[]): VibFile[] {
  return paths.map((path) => ({ path, vib: withSource(path, () => vibFromSource(fileSource(path))) }));
}

/** Certificates of PEM files; a file without any is an InputError. */
export function readCertificates(paths: readonly string[]): Certificate[] {
  return paths.flatMap((path) =>
    withSource(path, () => {
      const blocks = decodePem(readFile(path)).filter(({ label }) => label === 'CERTIFICATE');
      if (blocks.length === 0) throw new InputError('no PEM certificate');
      return blocks.map(({ bytes }) => parseCertificate(bytes));
    }),
  );
}
