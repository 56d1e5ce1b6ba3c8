/** Objects, quotes, NV storage and random numbers: the same command bytes to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provisionKeys, quote } from '../../sim/tpm/identity.ts';
import * as T from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, encodeCommand: encode, pcrSelection } = T;
const EMPTY = new Uint8Array(0);
const d20 = new Uint8Array(20).fill(1);
const d32 = new Uint8Array(32).fill(2);

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await same('start', encode(C.Startup, { startupType: T.TPM_SU.CLEAR }));
});
afterAll(() => pair.stop());

const same: TpmPair['same'] = (...args) => pair.same(...args);

describe('objects', () => {
  const create = (inPublic: T.TPMT_PUBLIC, extra: { hierarchy?: number; auth?: Uint8Array; data?: Uint8Array } = {}) =>
    encode(C.CreatePrimary, {
      primaryHandle: extra.hierarchy ?? T.TPM_RH.ENDORSEMENT,
      inSensitive: { userAuth: extra.auth ?? EMPTY, data: extra.data ?? EMPTY },
      inPublic,
      outsideInfo: d20,
      creationPCR: [pcrSelection(A.SHA256, [1, 2])],
    });

  async function flush(responses: readonly Uint8Array[]): Promise<void> {
    for (const [i, response] of responses.entries()) {
      if (T.responseCode(response) !== 0) continue;
      const flushHandle = new DataView(response.buffer, response.byteOffset).getUint32(10);
      await (i === 0 ? pair.ours : pair.theirs).transmit(encode(C.FlushContext, { flushHandle }), 0);
    }
  }
  const AK = T.AK_ECC_P256;
  const SRK = T.SRK_ECC_P256;
  const templates: Record<string, T.TPMT_PUBLIC> = {
    'EK RSA': T.EK_RSA2048,
    'EK ECC': T.EK_ECC_P256,
    'AK RSA': T.AK_RSA2048,
    'policy of the wrong size': { ...AK, authPolicy: d20 },
    'no name algorithm': { ...AK, nameAlg: A.NULL },
    'SHA-1 name': { ...AK, nameAlg: A.SHA1 },
    'SHA-512 name': { ...AK, nameAlg: A.SHA512 },
    'restricted without scheme': { ...AK, parameters: { ...AK.parameters, scheme: { scheme: A.NULL } } },
    'signing with ECDH': { ...AK, parameters: { ...AK.parameters, scheme: { scheme: A.ECDH, hashAlg: A.SHA256 } } },
    'signing with a cipher': { ...AK, parameters: { ...AK.parameters, symmetric: SRK.parameters.symmetric } },
    'with a KDF': { ...AK, parameters: { ...AK.parameters, kdf: { scheme: A.KDF1_SP800_56A, hashAlg: A.SHA256 } } },
    'storage without cipher': { ...SRK, parameters: { ...SRK.parameters, symmetric: { algorithm: A.NULL } } },
    'storage with scheme': { ...SRK, parameters: { ...SRK.parameters, scheme: { scheme: A.ECDH, hashAlg: A.SHA256 } } },
    'exponent 3': { ...T.AK_RSA2048, parameters: { ...T.AK_RSA2048.parameters, exponent: 3 } },
    'RSA 4096': { ...T.AK_RSA2048, parameters: { ...T.AK_RSA2048.parameters, keyBits: 4096 } },
    'P-384': { ...AK, parameters: { ...AK.parameters, curveID: T.TPM_ECC_CURVE.NIST_P384 } },
  };
  for (const [name, base] of Object.entries({ AK, SRK, EK: T.EK_ECC_P256 })) {
    for (const [bit, mask] of Object.entries(O)) {
      templates[`${name} with ${bit} turned`] = { ...base, objectAttributes: (base.objectAttributes ^ mask) >>> 0 };
    }
  }

  it.each(Object.entries(templates))('create %s', async (name, template) => {
    await flush(await same(name, create(template), 'shape'));
    await flush(await same(`${name} with data`, create(template, { data: new Uint8Array(16) }), 'shape'));
  });

  it('in every hierarchy, with long passwords, until the memory is full', async () => {
    for (const hierarchy of [T.TPM_RH.OWNER, T.TPM_RH.PLATFORM, T.TPM_RH.NULL]) {
      await flush(await same('hierarchy', create(AK, { hierarchy }), 'shape'));
    }
    await flush(await same('33 bytes', create(AK, { auth: new Uint8Array(33).fill(1) }), 'shape'));
    await flush(await same('33 zeros', create(AK, { auth: new Uint8Array(33) }), 'shape'));
    for (let i = 0; i < 4; i++) await same(`object ${i}`, create(AK), 'shape');
    for (let i = 0; i < 4; i++) await same(`flush ${i}`, encode(C.FlushContext, { flushHandle: 0x80000000 + i }));
  });

  it.each([
    ['AK RSA', T.AK_RSA2048],
    ['AK ECC', AK],
    ['SRK', SRK],
  ])('quotes and eviction of %s', async (_, template) => {
    const made = await same('create', create(template, { auth: d20 }), 'shape');
    const quoteWith = (inScheme: T.TPMT_SIG_SCHEME, auth: Uint8Array) =>
      encode(
        C.Quote,
        { signHandle: 0x80000000, qualifyingData: d32, inScheme, PCRselect: [pcrSelection(A.SHA256, [0, 17])] },
        [auth],
      );
    await same('wrong password', quoteWith({ scheme: A.NULL }, d32), 'shape');
    await same('own scheme', quoteWith({ scheme: A.NULL }, d20), 'shape');
    for (const scheme of [A.RSASSA, A.RSAPSS, A.ECDSA, A.HMAC] as const) {
      for (const hashAlg of [A.SHA1, A.SHA256]) await same('scheme', quoteWith({ scheme, hashAlg }, d20), 'shape');
    }
    const evict = (auth: number, objectHandle: number, persistentHandle: number) =>
      same('evict', encode(C.EvictControl, { auth, objectHandle, persistentHandle }));
    await evict(T.TPM_RH.OWNER, 0x80000000, 0x81000001);
    await evict(T.TPM_RH.OWNER, 0x80000000, 0x81000001);
    await evict(T.TPM_RH.PLATFORM, 0x80000000, 0x81800001);
    await evict(T.TPM_RH.OWNER, 0x80000000, 0x81800001);
    await evict(T.TPM_RH.OWNER, 0x81000001, 0x81000002);
    await same('handles', encode(C.GetCapability, { capability: 1, property: 0x81000000, propertyCount: 10 }));
    await evict(T.TPM_RH.OWNER, 0x81000001, 0x81000001);
    await flush(made);
  });
});

describe('NV and random numbers', () => {
  const INDEX = 0x01500000;
  const NO_DA = T.TPMA_NV.noDA;
  const define = (
    attributes: number,
    change: Partial<T.TPMS_NV_PUBLIC> = {},
    authHandle: number = T.TPM_RH.OWNER,
    auth = EMPTY,
  ) =>
    encode(C.NV_DefineSpace, {
      authHandle,
      auth,
      publicInfo: { nvIndex: INDEX, nameAlg: A.SHA256, attributes, authPolicy: EMPTY, dataSize: 32, ...change },
    });
  const undefine = (authHandle: number) => same('undefine', encode(C.NV_UndefineSpace, { authHandle, nvIndex: INDEX }));

  it('every attribute, alone and for owner and platform', async () => {
    // Bits 4 to 7 are the type and 10 needs a policy to undo: other types than ordinary are another matter.
    for (const bit of Array.from({ length: 32 }, (_, i) => i).filter((i) => (i < 4 || i > 7) && i !== 10)) {
      for (const base of [0x00060006, 0x40010001]) {
        for (const auth of [T.TPM_RH.OWNER, T.TPM_RH.PLATFORM]) {
          const attributes = (base ^ (1 << bit)) >>> 0;
          await same(`define ${attributes.toString(16)}`, define(attributes, {}, auth));
          await undefine(T.TPM_RH.PLATFORM);
          await undefine(T.TPM_RH.OWNER);
        }
      }
    }
    const changes = [
      { dataSize: 0 },
      { dataSize: 2048 },
      { dataSize: 2049 },
      { authPolicy: d20 },
      { authPolicy: d32 },
      { nameAlg: A.SHA1 },
    ];
    for (const change of changes) {
      await same('define', define(0x00060006, change));
      await undefine(T.TPM_RH.OWNER);
    }
  });

  it('reads and writes', async () => {
    await same('long password', define(0x00060006, {}, T.TPM_RH.OWNER, new Uint8Array(33).fill(1)));
    await same('define', define(0x00060006 | NO_DA, {}, T.TPM_RH.OWNER, d20));
    await same('again', define(0x00060006));
    const read = (authHandle: number, size: number, offset: number, auth = EMPTY) =>
      same(`read ${size} at ${offset}`, encode(C.NV_Read, { authHandle, nvIndex: INDEX, size, offset }, [auth]));
    const write = (authHandle: number, offset: number, auth = EMPTY) =>
      same('write', encode(C.NV_Write, { authHandle, nvIndex: INDEX, data: d20, offset }, [auth]));
    await read(INDEX, 4, 0, d20);
    await read(INDEX, 4, 0);
    await read(T.TPM_RH.PLATFORM, 4, 0);
    for (const offset of [4, 13, 33]) await write(INDEX, offset, d20);
    await write(T.TPM_RH.PLATFORM, 0);
    await read(INDEX, 32, 0, d20);
    for (const [size, offset] of [
      [0, 0],
      [0, 32],
      [1, 32],
      [0, 33],
      [33, 0],
      [2000, 0],
      [1025, 0],
      [16, 16],
      [17, 16],
    ] as const) {
      await read(T.TPM_RH.OWNER, size, offset);
    }
    await same('public', encode(C.NV_ReadPublic, { nvIndex: INDEX }));
    await undefine(T.TPM_RH.PLATFORM);
    await undefine(T.TPM_RH.OWNER);
  });

  it('random numbers are of the same sizes', async () => {
    for (const bytesRequested of [0, 1, 20, 32, 64, 65, 1000]) {
      await same('random', encode(C.GetRandom, { bytesRequested }), 'shape');
    }
    await same('stir', encode(C.StirRandom, { inData: new Uint8Array(128) }));
    await pair.sameHex(`80010000008d000001460081${'00'.repeat(129)}`);
  });
});

describe('the agent of a booted host', () => {
  it.each(['rsa2048', 'eccP256'] as const)('provisions keys and quotes with %s on both', async (algorithm) => {
    for (const transport of [pair.ours, pair.theirs]) {
      const client = new T.Tpm2Client(transport);
      const keys = await provisionKeys(client, { ekAlgorithm: algorithm, akAlgorithm: algorithm });
      expect(keys.ekCertificate).toBeUndefined();
      const selection = [pcrSelection(A.SHA256, [0, 1, 2, 3, 4, 5, 6, 7])];
      const { attest, signature } = await quote(client, keys.akHandle, d32, selection);
      const { pcrValues } = await client.call(C.PCR_Read, { pcrSelectionIn: selection });
      const banks = new Map([[A.SHA256, new Map(pcrValues.map((value, pcr) => [pcr, value] as const))]]);
      const publicArea = T.parsePublic(keys.akPublic);
      expect(T.checkQuote({ attest, signature, publicArea, nonce: d32, banks })).toEqual([]);
      expect(T.checkQuote({ attest, signature, publicArea, nonce: d20, banks })).toEqual(['nonce']);
      for (const flushHandle of [keys.ekHandle, keys.akHandle]) await client.call(C.FlushContext, { flushHandle });
    }
  });
});
