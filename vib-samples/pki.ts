/** The test PKI of this folder, read from text, so that builder and tests can take it from files. */
import { InputError } from '../src/bytes/errors.ts';
import { decodePrivateKeyPem, type PrivateKey } from '../src/crypto/keys.ts';
import { decodePem } from '../src/crypto/pem.ts';
import type { HashName, RsaPrivateKey } from '../src/crypto/primitives.ts';
import { type Certificate, parseCertificate } from '../src/crypto/x509.ts';
import type { ModuleKey, ModuleSigner } from '../src/esxboot/index.ts';
import type { AcceptanceLevel } from '../src/vib/acceptance.ts';

/** A key with its certificate. */
export interface KeyPair {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

/** Everything that signs samples. */
export interface SamplePki {
  readonly vibRoot: Certificate;
  readonly vibSigners: ReadonlyMap<AcceptanceLevel, KeyPair>;
  /** Keys that loaders trust, the one in use first. */
  readonly moduleKeys: readonly ModuleKey[];
  readonly moduleSigner: ModuleSigner;
  readonly bootloader: KeyPair;
  readonly secureBoot: {
    readonly pk: readonly Certificate[];
    readonly kek: readonly Certificate[];
    readonly db: readonly Certificate[];
  };
}

const MODULE_KEYS: readonly (readonly [keyId: string, digest: HashName])[] = [
  ['esxsim_test67', 'sha512'],
  ['esxsim_test40', 'sha256'],
];

function rsa(key: PrivateKey, name: string): RsaPrivateKey {
  if (key.kind !== 'rsa') throw new InputError(`${name}: not an RSA key`);
  return key;
}

/** Reads the PKI; `read` gives the text of a file of this folder's `pki`. */
export function loadPki(read: (name: string) => string): SamplePki {
  const certificate = (name: string): Certificate => {
    const [block] = decodePem(read(`${name}.crt.pem`));
    if (block === undefined) throw new InputError(`${name}.crt.pem: no certificate`);
    return parseCertificate(block.bytes);
  };
  const pair = (name: string): KeyPair => ({
    certificate: certificate(name),
    key: decodePrivateKeyPem(read(`${name}.key.pem`)),
  });
  const [current] = MODULE_KEYS;
  if (current === undefined) throw new InputError('no module signing key');
  const [keyId, digest] = current;
  return {
    vibRoot: certificate('vib-root'),
    vibSigners: new Map([
      ['VMwareCertified', pair('vib-certified')],
      ['VMwareAccepted', pair('vib-accepted')],
      ['PartnerSupported', pair('vib-partner')],
    ]),
    moduleKeys: MODULE_KEYS.map(([id, name]) => ({
      keyId: id,
      digest: name,
      certificate: certificate(`module-${id}`).der,
    })),
    moduleSigner: { keyId, digest, key: rsa(pair(`module-${keyId}`).key, keyId) },
    bootloader: pair('sb-db-bootloader'),
    secureBoot: {
      pk: [certificate('sb-pk')],
      kek: [certificate('sb-kek')],
      db: [certificate('sb-db-ca'), certificate('sb-db-unrelated-ca')],
    },
  };
}
