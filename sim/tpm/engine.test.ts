import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hasPublicKey, parseCertificate } from '../../src/crypto/x509.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { embeddedTransport } from './embedded.ts';
import { createTpm2, type Tpm2Engine } from './engine.ts';
import { createPrimary, provisionKeys, quote, readNv } from './identity.ts';

const { COMMANDS: C } = T;
const nonce = fromHex('00112233445566778899aabbccddeeff');
const selection = [T.pcrSelection(T.TPM_ALG.SHA256, [0, 7, 17])];

describe('keys and quotes', () => {
  it.each(['eccP256', 'rsa2048'] as const)('%s: EK certificate, AK and a quote that verifies', async (algorithm) => {
    const tpm = await testTpm();
    const keys = await provisionKeys(tpm.client, { ekAlgorithm: algorithm, akAlgorithm: algorithm });
    const ek = T.parsePublic(keys.ekPublic);
    const certificate = parseCertificate(keys.ekCertificate ?? new Uint8Array(0));
    expect(hasPublicKey(certificate, T.x509KeyOf(ek))).toBe(true);
    const ak = T.parsePublic(keys.akPublic);
    expect(toHex(keys.akName)).toBe(toHex(T.objectName(ak)));

    const { attest, signature } = await quote(tpm.client, keys.akHandle, nonce, selection);
    const values = new Map<number, Uint8Array>();
    for (const pcr of [0, 7, 17]) values.set(pcr, await tpm.pcr(T.TPM_ALG.SHA256, pcr));
    const banks = new Map([[T.TPM_ALG.SHA256, values]]);
    const check = { attest, signature, publicArea: ak, nonce, banks };
    expect(T.checkQuote(check)).toEqual([]);
    expect(T.checkQuote({ ...check, nonce: nonce.subarray(1) })).toEqual(['nonce']);
    expect(T.checkQuote({ ...check, publicArea: ek })).toEqual(['signature']);
    values.set(7, new Uint8Array(32).fill(1));
    expect(T.checkQuote(check)).toEqual(['pcr-digest']);
    const flipped = attest.slice();
    flipped[flipped.length - 1] = (flipped[flipped.length - 1] ?? 0) ^ 1;
    expect(T.checkQuote({ ...check, attest: flipped })).toEqual(['signature', 'pcr-digest']);
    const { qualifiedName } = await tpm.client.call(C.ReadPublic, { objectHandle: keys.akHandle });
    expect(T.parseQuote(attest).qualifiedSigner).toEqual(qualifiedName);
  });

  it('hides counters and version from keys outside the endorsement and platform hierarchies', async () => {
    const { client } = await testTpm();
    const attests = [];
    for (const hierarchy of [T.TPM_RH.ENDORSEMENT, T.TPM_RH.OWNER]) {
      const { objectHandle } = await createPrimary(client, hierarchy, T.AK_ECC_P256);
      attests.push(T.parseQuote((await quote(client, objectHandle, nonce, selection)).attest));
    }
    expect(attests[0]).toMatchObject({ firmwareVersion: 0x0001_0000_0000_0001n, clockInfo: { resetCount: 1 } });
    expect(attests[1]?.firmwareVersion).not.toBe(0x0001_0000_0000_0001n);
    expect(attests[1]?.clockInfo.resetCount).not.toBe(1);
  });

  it('the same seed gives the same TPM, another seed another one', async () => {
    const facts = async (seed: string) => {
      const { client } = await testTpm({ seed });
      const keys = await provisionKeys(client, { ekAlgorithm: 'eccP256', akAlgorithm: 'rsa2048' });
      const { attest, signature } = await quote(client, keys.akHandle, nonce, selection);
      const parts = [keys.ekPublic, keys.ekCertificate ?? nonce, keys.akPublic, attest, signature];
      return parts.map(toHex);
    };
    const [a, b, other] = [await facts('1'), await facts('1'), await facts('2')];
    expect(a).toEqual(b);
    for (const [i, part] of other.entries()) expect(part).not.toBe(a[i]);
  });

  it('activates a credential made for its EK and AK, and for no other', async () => {
    const { client } = await testTpm();
    for (const algorithm of ['eccP256', 'rsa2048'] as const) {
      const keys = await provisionKeys(client, { ekAlgorithm: algorithm, akAlgorithm: 'eccP256' });
      const ek = T.parsePublic(keys.ekPublic);
      const random =
        algorithm === 'rsa2048'
          ? ({ kind: 'rsa', seed: new Uint8Array(32).fill(1), oaepSeed: new Uint8Array(32).fill(2) } as const)
          : ({ kind: 'ec', ephemeral: new Uint8Array(32).fill(3) } as const);
      const activate = async (name: Uint8Array) => {
        const { credentialBlob, secret } = T.makeCredential(ek, name, utf8('a secret'), random);
        const { sessionHandle } = await client.call(C.StartAuthSession, {
          tpmKey: T.TPM_RH.NULL,
          bind: T.TPM_RH.NULL,
          nonceCaller: nonce,
          encryptedSalt: new Uint8Array(0),
          sessionType: T.TPM_SE.POLICY,
          symmetric: { algorithm: T.TPM_ALG.NULL },
          authHash: T.TPM_ALG.SHA256,
        });
        const empty = new Uint8Array(0);
        const policy = {
          policySession: sessionHandle,
          nonceTPM: empty,
          cpHashA: empty,
          policyRef: empty,
          expiration: 0,
        };
        await client.call(C.PolicySecret, { authHandle: T.TPM_RH.ENDORSEMENT, ...policy });
        const { policyDigest } = await client.call(C.PolicyGetDigest, { policySession: sessionHandle });
        expect(policyDigest).toEqual(T.ekPolicies(T.TPM_ALG.SHA256).a);
        const handles = { activateHandle: keys.akHandle, keyHandle: keys.ekHandle };
        const auth = [empty, { session: sessionHandle }];
        try {
          return (await client.call(C.ActivateCredential, { ...handles, credentialBlob, secret }, { auth })).certInfo;
        } finally {
          await client.call(C.FlushContext, { flushHandle: sessionHandle }).catch(() => undefined);
        }
      };
      expect(await activate(keys.akName)).toEqual(utf8('a secret'));
      await expect(activate(T.objectName(ek))).rejects.toMatchObject({
        rc: 'INTEGRITY',
        place: { kind: 'parameter', number: 1 },
      });
      for (const flushHandle of [keys.ekHandle, keys.akHandle]) await client.call(C.FlushContext, { flushHandle });
    }
  });
});

describe('an asset tag in NV (facts §4.4)', () => {
  it('is defined, written and read with an empty password', async () => {
    const { client } = await testTpm();
    const nvIndex = 0x01c10110;
    expect(await readNv(client, nvIndex)).toBeUndefined();
    const attributes = T.TPMA_NV.ownerWrite | T.TPMA_NV.ownerRead | T.TPMA_NV.authRead | T.TPMA_NV.noDA;
    const empty = new Uint8Array(0);
    const publicInfo = { nvIndex, nameAlg: T.TPM_ALG.SHA256, attributes, authPolicy: empty, dataSize: 600 };
    await client.call(C.NV_DefineSpace, { authHandle: T.TPM_RH.OWNER, auth: empty, publicInfo });
    expect(await readNv(client, nvIndex)).toBeUndefined();
    const tag = new Uint8Array(600).map((_, i) => i & 0xff);
    await client.call(C.NV_Write, { authHandle: T.TPM_RH.OWNER, nvIndex, data: tag, offset: 0 });
    expect(await readNv(client, nvIndex)).toEqual(tag);
  });
});

describe('time', () => {
  it('stands still within a command, as go-tpm expects of GetTime (Part 1, 36.3: the clock is read at its start)', async () => {
    let milliseconds = 0;
    const clock = { now: () => milliseconds++ };
    const client = new T.Tpm2Client(embeddedTransport({ entropy: new Entropy('time').stream('tpm'), clock }));
    await client.call(C.Startup, { startupType: 0 });
    const { objectHandle: signHandle } = await createPrimary(client, T.TPM_RH.ENDORSEMENT, T.AK_ECC_P256);
    const input = { privacyAdminHandle: T.TPM_RH.ENDORSEMENT, signHandle, qualifyingData: nonce };
    const inScheme = { scheme: T.TPM_ALG.NULL } as const;
    const times = [];
    for (let i = 0; i < 3; i++) {
      const { timeInfo } = await client.call(C.GetTime, { ...input, inScheme });
      const attest = T.decode(T.TPMS_ATTEST, timeInfo);
      if (attest.type !== T.TPM_ST.ATTEST_TIME) throw new Error('not a time attestation');
      expect(attest.attested.time.clockInfo).toEqual(attest.clockInfo);
      times.push(attest.clockInfo.clock);
    }
    expect(new Set(times).size).toBe(3);
  });
});

describe('hostile commands', () => {
  let tpm: TestTpm;
  const faults: unknown[] = [];
  let engine: Tpm2Engine;
  const corpus: Uint8Array[] = [];
  beforeAll(async () => {
    tpm = await testTpm();
    const recorder: T.TpmTransport = {
      transmit(command, locality) {
        corpus.push(command);
        return tpm.transport.transmit(command, locality);
      },
      powerOn: () => tpm.transport.powerOn(),
      hashStart: () => tpm.transport.hashStart(),
      hashData: (data) => tpm.transport.hashData(data),
      hashEnd: () => tpm.transport.hashEnd(),
      close: () => tpm.transport.close(),
    };
    const client = new T.Tpm2Client(recorder);
    const keys = await provisionKeys(client, { ekAlgorithm: 'eccP256', akAlgorithm: 'eccP256' });
    await quote(client, keys.akHandle, nonce, selection);
    await client.call(C.PCR_Event, { pcrHandle: 1, eventData: nonce });
    await client.call(C.GetCapability, { capability: 6, property: 0x100, propertyCount: 10 });
    engine = createTpm2({
      entropy: new Entropy('x').stream('tpm'),
      clock: new VirtualClock(),
      onFault: (e) => faults.push(e),
    });
    engine.execute(T.encodeCommand(C.Startup, { startupType: 0 }), 0);
  });

  const wellFormed = (response: Uint8Array): void => {
    const view = new DataView(response.buffer, response.byteOffset, response.length);
    expect([T.TPM_ST.NO_SESSIONS, T.TPM_ST.SESSIONS, T.TPM_ST.RSP_COMMAND]).toContain(view.getUint16(0));
    expect(view.getUint32(2)).toBe(response.length);
  };

  it('always get a well-formed response', () => {
    const mutated = fc
      .tuple(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.boolean())
      .map(([pick, changes, cut, fixSize]) => {
        const base = corpus[pick % corpus.length] ?? nonce;
        const bytes = base.slice(0, cut % 3 === 0 ? cut % (base.length + 1) : base.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        if (fixSize && bytes.length >= 10) new DataView(bytes.buffer).setUint32(2, bytes.length);
        return bytes;
      });
    const commands = fc.oneof(fc.uint8Array({ maxLength: 100 }), mutated);
    fc.assert(
      fc.property(commands, (command) => wellFormed(engine.execute(command, 0))),
      { numRuns: 2000 },
    );
    expect(faults).toEqual([]);
  });
});
