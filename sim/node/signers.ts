/** Who signs a VIB: keys and certificates from PEM files, or a signer of the test PKI of the samples. */
import { join } from 'node:path';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { decodePrivateKeyPem, publicOf } from '../../src/crypto/keys.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { hasPublicKey } from '../../src/crypto/x509.ts';
import { acceptanceCode, parseAcceptance, type VibSigner } from '../../src/vib/index.ts';
import { packageRoot, readFile } from './files.ts';
import { readCertificates } from './vib-files.ts';

/** What the options name. `keys` and `certificates` go together in order; `chain` is carried by the first signer. */
export interface SignerFiles {
  readonly keys: readonly string[];
  readonly certificates: readonly string[];
  readonly chain: readonly string[];
  /** Levels of the test PKI. */
  readonly testSigners: readonly string[];
  readonly hash: string;
}

const HASHES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];

function testFiles(text: string): { key: string; certificate: string } {
  const level = parseAcceptance(text);
  if (level === undefined || level === 'CommunitySupported') {
    throw new InputError(`--test-signer: ${JSON.stringify(text)} is none of certified, accepted, partner`);
  }
  const base = join(packageRoot(), 'vib-samples', 'pki', `vib-${acceptanceCode(level)}`);
  return { key: `${base}.key.pem`, certificate: `${base}.crt.pem` };
}

/** The signers; a key that does not fit its certificate, and a key without one, are an InputError. */
export function readSigners(files: SignerFiles): VibSigner[] {
  const hash = HASHES.find((name) => name === files.hash);
  if (hash === undefined) throw new InputError(`--hash: ${JSON.stringify(files.hash)} is none of ${HASHES.join(', ')}`);
  if (files.keys.length !== files.certificates.length) {
    throw new InputError(
      `--key and --cert belong together: ${files.keys.length} keys, ${files.certificates.length} certificates`,
    );
  }
  const pairs = [
    ...files.keys.map((key, i) => ({ key, certificate: files.certificates[i] ?? '' })),
    ...files.testSigners.map(testFiles),
  ];
  const carried = readCertificates(files.chain);
  return pairs.map(({ key: keyPath, certificate: certificatePath }, i) => {
    const [certificate, ...intermediates] = readCertificates([certificatePath]);
    const key = withSource(keyPath, () => decodePrivateKeyPem(readFile(keyPath)));
    if (certificate === undefined || !hasPublicKey(certificate, publicOf(key))) {
      throw new InputError(`${keyPath}: is not the key of the certificate in ${certificatePath}`, { source: keyPath });
    }
    const { publicKey } = certificate;
    if (publicKey.kind === 'rsa' && publicKey.only !== undefined) {
      throw new InputError(
        `${certificatePath}: its key is for ${publicKey.only} alone; VIBs are signed with RSASSA-PKCS1-v1_5 or ECDSA`,
        { source: certificatePath },
      );
    }
    return { certificate, key, hash, chain: [...intermediates, ...(i === 0 ? carried : [])] };
  });
}
