import { verify, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { inside, openAsn1, TAG } from '../../src/crypto/asn1.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import { hasPublicKey, parseCertificate } from '../../src/crypto/x509.ts';
import { verifyChain } from '../../src/crypto/x509-verify.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';
import { ESXI_6_7_TXT } from '../profiles/esxi-6.7-txt.ts';
import { ESXI_8_0_UEFI } from '../profiles/esxi-8.0-uefi.ts';
import { tpmConfigOf } from '../spec/tpm-config.ts';
import { ekCertificateChain } from './ek-certificate.ts';
import { activateCredential, createPrimary, provisionKeys, readCertificate, readNv } from './identity.ts';
import { platformCertificateChain } from './platform-certificate.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

const { COMMANDS: C, EK_KINDS, EK_PROFILE } = T;
const EMPTY = new Uint8Array(0);
const ALL = { endorsementKeys: EK_KINDS };

async function indices({ client }: TestTpm): Promise<unknown> {
  const input = { capability: T.TPM_CAP.HANDLES, property: 0x01000000, propertyCount: 20 };
  const { capabilityData } = await client.call(C.GetCapability, input);
  return capabilityData.data;
}

/** Policy session of a hash algorithm with its digest after each command. */
async function policySession({ client }: TestTpm, authHash: number) {
  const { sessionHandle } = await client.call(C.StartAuthSession, {
    tpmKey: T.TPM_RH.NULL,
    bind: T.TPM_RH.NULL,
    nonceCaller: new Uint8Array(32),
    encryptedSalt: EMPTY,
    sessionType: T.TPM_SE.POLICY,
    symmetric: { algorithm: T.TPM_ALG.NULL },
    authHash,
  });
  const digest = async () =>
    toHex((await client.call(C.PolicyGetDigest, { policySession: sessionHandle })).policyDigest);
  const secret = () =>
    client.call(C.PolicySecret, {
      authHandle: T.TPM_RH.ENDORSEMENT,
      policySession: sessionHandle,
      nonceTPM: EMPTY,
      cpHashA: EMPTY,
      policyRef: EMPTY,
      expiration: 0,
    });
  return { sessionHandle, digest, secret };
}

describe('the EK Credential Profile', () => {
  // Names of the policy indices as the profile prints them (version 2.5, B.6.3).
  it.each([
    [T.TPM_ALG.SHA256, '000b0c9d717e9c3fe69fda41769450bb145957f8b3610e084dbf65591a5d11ecd83f'],
    [
      T.TPM_ALG.SHA384,
      '000cdb62fca346612c976732ff4e8621fb4e858be82586486504f7d02e621f8d7d61ae32cfc60c4d120609ed6768afcf090c',
    ],
    [
      T.TPM_ALG.SHA512,
      '000d1c47c0bbcbd3cf7d7cae6987d31937c171015dde3b7f0d3c869bca1f7e8a223b9acfadb49b7c9cf14d450f41e9327de34d9291eece2c58ab1dc10e9059cce560',
    ],
  ])('policies A, B and C with name algorithm %i are what the policy commands compute', async (alg, name) => {
    const tpm = await testTpm({ config: ALL });
    const { client } = tpm;
    const { a, b, c, nvIndex } = T.ekPolicies(alg);
    expect(toHex((await client.call(C.NV_ReadPublic, { nvIndex })).nvName)).toBe(name);
    const { sessionHandle, digest, secret } = await policySession(tpm, alg);
    await secret();
    expect(await digest()).toBe(toHex(a));
    await client.call(C.PolicyAuthorizeNV, { authHandle: nvIndex, nvIndex, policySession: sessionHandle });
    expect(await digest()).toBe(toHex(c));
    await client.call(C.PolicyOR, { policySession: sessionHandle, pHashList: [a, c] });
    expect(await digest()).toBe(toHex(b));
  });

  it('whoever satisfies policy A writes a policy index, nobody else', async () => {
    const tpm = await testTpm({ config: ALL });
    const { client } = tpm;
    const { nvIndex } = T.ekPolicies(T.TPM_ALG.SHA384);
    const data = concat(fromHex('000c'), new Uint8Array(48).fill(7));
    for (const authHandle of [nvIndex, T.TPM_RH.OWNER, T.TPM_RH.PLATFORM]) {
      const refused = client.call(C.NV_Write, { authHandle, nvIndex, data, offset: 0 });
      await expect(refused).rejects.toBeInstanceOf(T.TpmError);
    }
    const { sessionHandle, secret } = await policySession(tpm, T.TPM_ALG.SHA384);
    await secret();
    const input = { authHandle: nvIndex, nvIndex, data, offset: 0 };
    await client.call(C.NV_Write, input, { auth: [{ session: sessionHandle }] });
    expect(await readNv(client, nvIndex)).toEqual(data);
  });

  it.each(EK_KINDS)(
    '%s: its certificate is that of the key its template makes, and it opens credentials',
    async (kind) => {
      const { client } = await testTpm({ config: ALL });
      const keys = await provisionKeys(client, { ekAlgorithm: kind, akAlgorithm: 'eccP256' });
      const ek = T.parsePublic(keys.ekPublic);
      const certificate = parseCertificate(keys.ekCertificate ?? EMPTY);
      expect(hasPublicKey(certificate, T.x509KeyOf(ek))).toBe(true);

      const size = T.hashSize(ek.nameAlg);
      const random =
        ek.type === T.TPM_ALG.RSA
          ? ({ kind: 'rsa', seed: new Uint8Array(size).fill(1), oaepSeed: new Uint8Array(size).fill(2) } as const)
          : ({ kind: 'ec', ephemeral: new Uint8Array(32).fill(3) } as const);
      const secret = utf8('a secret');
      const credential = T.makeCredential(ek, keys.akName, secret, random);
      expect(await activateCredential(client, keys, credential)).toEqual(secret);

      if (!EK_PROFILE[kind].template.startsWith('H')) return;
      // The High Range: the key's own (empty) authorisation is enough.
      const { certInfo } = await client.call(
        C.ActivateCredential,
        { activateHandle: keys.akHandle, keyHandle: keys.ekHandle, ...credential },
        { auth: [EMPTY, EMPTY] },
      );
      expect(certInfo).toEqual(secret);
    },
  );
});

describe('certificates of endorsement keys', () => {
  it('chain to the simulated manufacturer, with the extensions of the profile', async () => {
    const { client } = await testTpm({ config: ALL });
    const chain = ekCertificateChain().map((der) => parseCertificate(der));
    const root = chain[chain.length - 1];
    for (const kind of EK_KINDS) {
      const { certificateIndex, publicArea } = EK_PROFILE[kind];
      const certificate = parseCertificate((await readCertificate(client, certificateIndex)) ?? EMPTY);
      const result = verifyChain(certificate, chain, root === undefined ? [] : [root], { time: 1_767_225_600_000 });
      expect(result).toMatchObject({ ok: true });
      expect(certificate).toMatchObject({
        basicConstraints: { ca: false },
        keyUsage: [publicArea.type === T.TPM_ALG.RSA ? 'keyEncipherment' : 'keyAgreement'],
        extendedKeyUsage: ['2.23.133.8.1'],
        subject: { attributes: [] },
        unknownCritical: [],
      });
      const san = certificate.extensions.find(({ oid }) => oid === '2.5.29.17');
      expect(san?.critical).toBe(true);
      expect(JSON.stringify(certificate.subjectAltNames)).toContain('id:45535853');
    }
  });

  it('are listed before they are made, and absent where the TPM has none', async () => {
    const tpm = await testTpm();
    expect(await indices(tpm)).toEqual([0x01c00002, 0x01c0000a, 0x01c00016, 0x01c00100, 0x01c07f02]);
    expect(tpm.transport.engine.state.pendingCertificates.size).toBe(4);
    const bare = await testTpm({ config: { endorsementKeys: [] } });
    expect(await indices(bare)).toEqual([]);
    expect(await readNv(bare.client, EK_PROFILE.eccP256.certificateIndex)).toBeUndefined();
    const low = await testTpm({ config: { endorsementKeys: ['eccP256'] } });
    expect(await indices(low)).toEqual([0x01c0000a, 0x01c00100]);
  });

  it('come with the CA certificates between them and the root, which Node accepts', async () => {
    const { client } = await testTpm();
    const [intermediate, root] = ekCertificateChain().map((der) => new X509Certificate(der));
    const inNv = new X509Certificate((await readNv(client, T.EK_CHAIN_INDEX)) ?? EMPTY);
    const leaf = new X509Certificate((await readNv(client, EK_PROFILE.eccP384.certificateIndex)) ?? EMPTY);
    expect(inNv.raw).toEqual(intermediate?.raw);
    expect(leaf.verify(inNv.publicKey) && leaf.checkIssued(inNv)).toBe(true);
    expect(root !== undefined && inNv.verify(root.publicKey)).toBe(true);
  });

  it("survive TPM2_Clear; the policy index, which is the owner's, does not", async () => {
    const tpm = await testTpm();
    await tpm.client.call(C.Clear, { authHandle: T.TPM_RH.LOCKOUT });
    expect(await indices(tpm)).toEqual([0x01c00002, 0x01c0000a, 0x01c00016, 0x01c00100]);
    const { client } = tpm;
    const ek = await createPrimary(client, T.TPM_RH.ENDORSEMENT, EK_PROFILE.eccP384.publicArea);
    const certificate = parseCertificate((await readCertificate(client, 0x01c00016)) ?? EMPTY);
    expect(hasPublicKey(certificate, T.x509KeyOf(ek.outPublic))).toBe(true);
  });
});

describe('platform certificates', () => {
  const tpmOf = (profile: typeof ESXI_8_0_UEFI, ekAlgorithm: T.EkKind = 'rsa2048') => {
    const { hardware } = profile;
    const tpm = { ...hardware.tpm, ekAlgorithm, platformCertificate: true };
    return testTpm({ config: tpmConfigOf({ ...profile, hardware: { ...hardware, tpm } }) });
  };

  /** Fields of the acinfo (RFC 5755, 4.1) as DER. */
  const parts = (der: Uint8Array) => {
    const outer = inside(openAsn1(der, 'certificate', 4096).any('certificate'), 'certificate');
    const info = outer.any('acinfo');
    outer.any('signatureAlgorithm');
    const signature = outer.any('signatureValue').content.subarray(1);
    const fields = inside(info, 'acinfo').list('fields', 20);
    return { info: info.raw, signature, fields };
  };

  it.each(['rsa2048', 'eccP384'] as const)(
    'name the EK certificate %s as their holder and are signed',
    async (kind) => {
      const { client } = await tpmOf(ESXI_8_0_UEFI, kind);
      const der = (await readCertificate(client, T.PLATFORM_CERTIFICATE_INDEX)) ?? EMPTY;
      const { info, signature, fields } = parts(der);
      const [signer] = platformCertificateChain();
      const key = encodePem('CERTIFICATE', signer ?? EMPTY);
      expect(verify('sha384', info, key, signature)).toBe(true);
      const changed = info.slice();
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      expect(verify('sha384', changed, key, signature)).toBe(false);

      const ekIndex = EK_PROFILE[kind].certificateIndex;
      const ek = parseCertificate((await readCertificate(client, ekIndex)) ?? EMPTY);
      const holder = toHex(fields[1]?.raw ?? EMPTY);
      expect(holder).toContain(toHex(ek.issuer.der));
      expect(holder).toContain(`0210${toHex(ek.serial)}`);
      expect(fields[5]?.content[0]).toBe(TAG.GENERALIZED_TIME);
    },
  );

  it('describe the machine of the spec, and its kind of root of trust', async () => {
    const texts = async (profile: typeof ESXI_8_0_UEFI) => {
      const { client } = await tpmOf(profile);
      return toHex((await readCertificate(client, T.PLATFORM_CERTIFICATE_INDEX)) ?? EMPTY);
    };
    const [uefi, txt] = [await texts(ESXI_8_0_UEFI), await texts(ESXI_6_7_TXT)];
    for (const text of ['SIM0B5SN3', 'Simulated Server R2', '2.19.1']) expect(uefi).toContain(toHex(utf8(text)));
    expect(txt).toContain(toHex(utf8('SIM0Q36M2')));
    // TBBSecurityAssertions: rtmType [2] static (0), hybrid (3).
    expect(uefi).toContain('3003820100');
    expect(txt).toContain('3003820103');
  });

  it('are still made after the TPM was saved and read back', async () => {
    const [saved, other] = [await tpmOf(ESXI_8_0_UEFI), await testTpm({ config: { endorsementKeys: [] } })];
    const snapshot = encodeSnapshot(saved.transport.engine.snapshot());
    other.transport.engine.restore(decodeSnapshot(snapshot));
    const [a, b] = await Promise.all(
      [saved, other].map(({ client }) => readCertificate(client, T.PLATFORM_CERTIFICATE_INDEX)),
    );
    expect(a).toBeDefined();
    expect(b).toEqual(a);
  });

  it('exist only where the spec asks for them', async () => {
    const { client } = await testTpm({ config: tpmConfigOf(ESXI_8_0_UEFI) });
    expect(await readNv(client, T.PLATFORM_CERTIFICATE_INDEX)).toBeUndefined();
  });
});
