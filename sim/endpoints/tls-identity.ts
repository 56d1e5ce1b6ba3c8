/** The TLS identity of a simulated server: a CA of its own and a server certificate, both from the seed. */
import { EKU_OID } from '../../src/crypto/asn1-oids.ts';
import { ecKeyPair } from '../../src/crypto/ecdsa.ts';
import { encodePrivateKeyPem, publicOf } from '../../src/crypto/keys.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import type { EcPrivateKey } from '../../src/crypto/primitives.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/crypto/x509-build.ts';
import type { GeneralNameInput } from '../../src/crypto/x509-name.ts';
import type { Entropy, RandomStream } from '../entropy.ts';

/** Texts in PEM. */
export interface TlsIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The root that clients must trust. */
  readonly caPem: string;
}

// Fixed, so that the certificates depend on the seed alone and suit clients that check against the wall clock.
const NOT_BEFORE = Date.UTC(2020, 0, 1);
const NOT_AFTER = Date.UTC(2049, 11, 31);

function newKey(random: RandomStream): EcPrivateKey<'P-256'> {
  // A random scalar is out of range less often than once in 2^32.
  for (;;) {
    const key = ecKeyPair('P-256', random.bytes(32));
    if (key !== undefined) return key;
  }
}

function serial(random: RandomStream): Uint8Array {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function altName(host: string): GeneralNameInput {
  return { kind: /^[0-9.]+$|:/.test(host) ? 'ip' : 'dns', value: host };
}

/** The certificates for a server reached as localhost, 127.0.0.1, ::1 and as `hosts`. */
export function tlsIdentity(entropy: Entropy, hosts: readonly string[]): TlsIdentity {
  const random = entropy.stream('vsphere/tls');
  const caKey = newKey(random);
  const key = newKey(random);
  const caName = [
    ['O', 'esxsim'],
    ['CN', 'esxsim test CA'],
  ] as const;
  const validity = { notBefore: NOT_BEFORE, notAfter: NOT_AFTER, hash: 'sha256' } as const;
  const ca = createCertificate(
    {
      ...validity,
      serial: serial(random),
      subject: caName,
      issuer: caName,
      publicKey: publicOf(caKey),
      extensions: [basicConstraints(true), keyUsage(['keyCertSign', 'cRLSign']), subjectKeyIdentifier(publicOf(caKey))],
    },
    caKey,
  );
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])];
  const certificate = createCertificate(
    {
      ...validity,
      serial: serial(random),
      subject: [
        ['O', 'esxsim'],
        ['CN', hosts[0] ?? 'localhost'],
      ],
      issuer: caName,
      publicKey: publicOf(key),
      extensions: [
        basicConstraints(false),
        keyUsage(['digitalSignature']),
        extendedKeyUsage([EKU_OID.serverAuth]),
        subjectAltName(names.map(altName)),
        subjectKeyIdentifier(publicOf(key)),
        authorityKeyIdentifier(publicOf(caKey)),
      ],
    },
    caKey,
  );
  return {
    certificatePem: encodePem('CERTIFICATE', certificate),
    privateKeyPem: encodePrivateKeyPem(key),
    caPem: encodePem('CERTIFICATE', ca),
  };
}
