/** VIBs, certificates and signers that the tests of `src/vib` share. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { fromUtf8, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { decodePrivateKeyPem, publicOf } from '../../src/crypto/keys.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import {
  basicConstraints,
  certificatePolicies,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
} from '../../src/crypto/x509-build.ts';
import { VIB_FINDINGS } from '../../src/vib/findings.ts';
import { LEVEL_POLICY } from '../../src/vib/level-policy.ts';
import { type VibVerifyOptions, verifyVib } from '../../src/vib/verify.ts';
import { buildVib, readVib, signVib, type Vib, type VibRecipe, type VibSigner, writeVib } from '../../src/vib/vib.ts';

export const file = (name: string): Uint8Array => new Uint8Array(readFileSync(`test/fixtures/crypto/${name}`));
export const rsaKey = decodePrivateKeyPem(file('rsa.key.pem'));
export const ecKey = decodePrivateKeyPem(file('ec.key.pem'));
export const START = Date.UTC(2026, 0, 1);
export const END = Date.UTC(2036, 0, 1);
export const ANY_POLICY = '2.5.29.32.0';

interface CertificateOptions {
  readonly policies?: readonly string[];
  readonly ca?: boolean;
  readonly issuer?: string;
  readonly usages?: readonly string[];
}

/** A certificate: CAs have the RSA key, signers the EC key. */
export function certificate(
  name: string,
  { policies = [], ca = false, issuer = 'Root', usages = [] }: CertificateOptions = {},
) {
  const key = ca ? rsaKey : ecKey;
  const der = createCertificate(
    {
      serial: BigInt(`0x${toHex(utf8(name))}`),
      subject: [
        ['O', `${name} Org`],
        ['CN', name],
      ],
      issuer: [
        ['O', `${issuer} Org`],
        ['CN', issuer],
      ],
      notBefore: START,
      notAfter: END,
      publicKey: publicOf(key),
      hash: 'sha256',
      extensions: [
        basicConstraints(ca),
        keyUsage([ca ? 'keyCertSign' : 'digitalSignature']),
        ...(policies.length > 0 ? [certificatePolicies(policies)] : []),
        ...(usages.length > 0 ? [extendedKeyUsage(usages)] : []),
      ],
    },
    rsaKey,
  );
  return parseCertificate(der);
}

export const root = certificate('Root', { ca: true });
export const signerOf = (leaf: Certificate, chain: readonly Certificate[] = []): VibSigner => ({
  certificate: leaf,
  key: ecKey,
  hash: 'sha256',
  chain,
});
export const partner = signerOf(certificate('Partner', { policies: [LEVEL_POLICY.PartnerSupported] }));
export const certified = signerOf(
  certificate('Certified', { policies: [LEVEL_POLICY.VMwareCertified, LEVEL_POLICY.VMwareAccepted] }),
);

export const recipe: VibRecipe = {
  descriptor: {
    type: 'bootbank',
    name: 'nvme-test',
    version: '1.0-1OEM.800.1.0.1',
    vendor: 'TST',
    summary: 'A <driver> & more',
    acceptanceLevel: 'partner',
    releaseDate: '2026-01-01T00:00:00.000000+00:00',
    softwareTags: ['driver', 'module'],
    relationships: {
      depends: [{ name: 'vmkapi_2_6_0_0' }, { name: 'esx-base', relation: '>=', version: '8.0.0' }],
      conflicts: [],
      replaces: [],
      provides: [],
      compatibleWith: [],
    },
  },
  payloads: [
    {
      name: 'nvmetest',
      type: 'vgz',
      attributes: { 'install-size': '5000' },
      files: [
        { name: 'usr', type: 'directory' },
        { name: 'usr/lib/vmware/vmkmod/nvmetest', type: 'shared', mode: 0o555, data: new Uint8Array(5000).fill(7) },
      ],
    },
    { name: 'conf', type: 'tgz', files: [{ name: 'etc/conf', data: utf8('x') }] },
    { name: 'k', type: 'boot', content: utf8('raw boot module') },
  ],
};
export const bytes = buildVib(recipe, partner);
export const vib = readVib(bytes);
export const trust: VibVerifyOptions = { roots: [root], time: START + 1000 };

/** Codes of the findings. */
export const codes = async (target: Vib | Uint8Array, options: Partial<VibVerifyOptions> = {}): Promise<string[]> => {
  const report = await verifyVib(target instanceof Uint8Array ? readVib(target) : target, { ...trust, ...options });
  expect(report.ok).toBe(!report.findings.some((f) => VIB_FINDINGS[f.code][0] === 'error'));
  return report.findings.map((finding) => finding.code);
};

/** The VIB with its descriptor's text changed, signed again so that only that change shows. */
export function withDescriptor(change: (text: string) => string): Vib {
  const text = change(fromUtf8(vib.descriptorBytes));
  return readVib(signVib(readVib(writeVib({ ...vib, descriptorBytes: utf8(text) })), partner));
}
