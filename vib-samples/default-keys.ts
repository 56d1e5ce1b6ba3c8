/** Writes the TypeScript module with the Secure Boot certificates that a simulated machine carries by default. */
import { toBase64 } from '../src/bytes/bytes.ts';
import type { Certificate } from '../src/crypto/x509.ts';
import type { SamplePki } from './pki.ts';

/** SignatureOwner of the default entries: a GUID of this project's own. */
const OWNER = 'b8d6a3f0-5c1e-4e7a-9d42-e5c51a0b7c36';
const WIDTH = 100;

function literal(certificate: Certificate): string {
  const lines = toBase64(certificate.der).match(new RegExp(`.{1,${WIDTH}}`, 'g')) ?? [];
  const text = lines.map((line) => `'${line}'`).join(' +\n        ');
  return `    // ${certificate.subject.text}\n    certificate(\n      ${text},\n    ),`;
}

const list = (name: string, certificates: readonly Certificate[]): string =>
  `  ${name}: [\n${certificates.map(literal).join('\n')}\n  ],`;

/** Text of sim/platform/default-keys.ts. */
export function defaultKeysModule({ secureBoot: { pk, kek, db } }: SamplePki): string {
  return `/**
 * Secure Boot certificates of a simulated machine: public certificates of the test PKI in vib-samples/pki.
 * Written by \`npm run samples\`; do not edit.
 */
import { tryFromBase64 } from '../../src/bytes/bytes.ts';
import { guid } from '../../src/uefi/guid.ts';

/** Certificates (DER) of each variable, and the owner of their entries. */
export interface SecureBootKeys {
  readonly owner: Uint8Array;
  readonly pk: readonly Uint8Array[];
  readonly kek: readonly Uint8Array[];
  readonly db: readonly Uint8Array[];
}

const certificate = (base64: string): Uint8Array => tryFromBase64(base64) ?? new Uint8Array(0);

/** The default keys: test certificates, never a vendor's. */
export const DEFAULT_SECURE_BOOT_KEYS: SecureBootKeys = {
  owner: guid('${OWNER}'),
${list('pk', pk)}
${list('kek', kek)}
${list('db', db)}
};
`;
}
