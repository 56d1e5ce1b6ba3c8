/** Every group of TPM2_GetCapability, its paging and its limits: the same from the embedded TPM and from swtpm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import { PEER, TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_CAP: CAP, TPM_PT: PT, TPM_RH: RH, encodeCommand: encode } = T;
const EMPTY = new Uint8Array(0);
const d20 = new Uint8Array(20).fill(1);

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await same('start', encode(C.Startup, { startupType: 0 }));
});
afterAll(() => pair.stop());

const same: TpmPair['same'] = (...args) => pair.same(...args);
const ask = (capability: number, property: number, propertyCount: number) =>
  encode(C.GetCapability, { capability, property, propertyCount });
const COUNTS = [0, 1, 2, 3, 5, 1000, 0xffffffff];

/** The whole list of a group from both, ours first. */
async function lists<G extends number>(group: G, property = 0) {
  const client = (tpm: T.TpmTransport) => new T.Tpm2Client(tpm);
  const input = { capability: group, property, propertyCount: 1000 };
  const answers = [];
  for (const tpm of [pair.ours, pair.theirs]) answers.push(await client(tpm).call(C.GetCapability, input));
  return answers.map(({ capabilityData }) => capabilityData.data);
}

describe('groups that are equal to the last byte', () => {
  it.each([
    ['PP_COMMANDS', CAP.PP_COMMANDS, [0, 0x12c, 0x12d, 0x12e, 0xffffffff]],
    ['AUDIT_COMMANDS', CAP.AUDIT_COMMANDS, [0, 0x140, 0x141]],
    ['PCRS', CAP.PCRS, [0, 1]],
    ['PCR_PROPERTIES', CAP.PCR_PROPERTIES, [0, 1, 0x0a, 0x0b, 0x11, 0x14, 0x15, 0xffffffff]],
    [
      'AUTH_POLICIES',
      CAP.AUTH_POLICIES,
      [0, RH.OWNER, RH.NULL, RH.LOCKOUT, RH.PLATFORM, 0x40000100, 0x40ffffff, 0x41000000],
    ],
    ['ACT', CAP.ACT, [0, 0x4000010f, 0x40000110, 0x4000011f, 0x40000120]],
    ['vendor', CAP.VENDOR_PROPERTY, [0, 1]],
    ['unknown', 0x0b, [0]],
    ['unknown', 0x101, [0]],
    ['unknown', 0xffffffff, [0]],
  ])('%s', async (_, group, properties) => {
    for (const property of properties) {
      for (const count of COUNTS) await same(`${group} from ${property}, ${count}`, ask(group, property, count));
    }
  });

  it('handles of every kind, none, some and all', async () => {
    const all = async (when: string) => {
      for (let type = 0; type < 256; type++)
        await same(`${when}: type ${type}`, ask(CAP.HANDLES, type * 0x1000000, 100));
      for (const first of [
        0x05, 0x17, 0x18, 0x01500001, 0x02000001, 0x03000001, 0x40000007, 0x4000000d, 0x4000000e, 0x80000001,
        0x81000002,
      ]) {
        for (const count of COUNTS)
          await same(`${when}: ${first.toString(16)}, ${count}`, ask(CAP.HANDLES, first, count));
      }
      await same(`${when}: counts`, ask(CAP.TPM_PROPERTIES, 0x202, 11));
    };
    await all('empty');
    for (let i = 0; i < 2; i++) {
      const create = {
        primaryHandle: RH.OWNER,
        inSensitive: { userAuth: EMPTY, data: EMPTY },
        inPublic: T.AK_ECC_P256,
        outsideInfo: EMPTY,
        creationPCR: [],
      };
      await same('create', encode(C.CreatePrimary, create), 'shape');
      const objectHandle = 0x80000000 + i;
      for (const at of [9, 5, 1]) {
        const persistentHandle = 0x81000000 + at + i;
        await same('persist', encode(C.EvictControl, { auth: RH.OWNER, objectHandle, persistentHandle }));
      }
    }
    for (const nvIndex of [0x01500009, 0x01500001, 0x01400005, 0x01500003]) {
      const publicInfo = { nvIndex, nameAlg: A.SHA256, attributes: 0x02060006, authPolicy: EMPTY, dataSize: 8 };
      await same('define', encode(C.NV_DefineSpace, { authHandle: RH.OWNER, auth: EMPTY, publicInfo }));
    }
    for (const sessionType of [T.TPM_SE.POLICY, T.TPM_SE.HMAC, T.TPM_SE.TRIAL]) {
      const start = {
        tpmKey: RH.NULL,
        bind: RH.NULL,
        nonceCaller: d20,
        encryptedSalt: EMPTY,
        sessionType,
        symmetric: { algorithm: A.NULL },
        authHash: A.SHA256,
      } as const;
      await same('session', encode(C.StartAuthSession, start), 'shape');
    }
    await all('full');
    for (const saveHandle of [0x03000000, 0x02000001]) {
      for (const tpm of [pair.ours, pair.theirs]) await tpm.transmit(encode(C.ContextSave, { saveHandle }), 0);
    }
    await all('saved');
    for (const flushHandle of [0x80000000, 0x03000002]) await same('flush', encode(C.FlushContext, { flushHandle }));
    await all('some');
    for (const flushHandle of [0x80000001, 0x02000000, 0x02000001]) {
      await same('flush', encode(C.FlushContext, { flushHandle }));
    }
    await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    await all('cleared');
  });
});

describe('groups where this TPM may have less', () => {
  it.runIf(PEER === 'swtpm')('algorithms', async () => {
    const [ours, theirs] = await lists(CAP.ALGS);
    expect(ours).toEqual(theirs);
    for (const first of [0, 1, 4, 0x10, 0x44, 0x45]) {
      for (const count of [0, 1]) await same('page', ask(CAP.ALGS, first, count));
    }
  });

  it.runIf(PEER === 'swtpm')('commands', async () => {
    const [ours, theirs] = await lists(CAP.COMMANDS);
    expect(ours).toEqual(theirs);
    for (const first of [0, 0x11f, 0x120, 0x12f, 0x197, 0x198, 0x20000000, 0xffffffff]) {
      for (const count of COUNTS) await same(`commands from ${first}`, ask(CAP.COMMANDS, first, count));
    }
  });

  it('curves', async () => {
    const [ours, theirs] = await lists(CAP.ECC_CURVES);
    if (PEER === 'swtpm') expect(ours).toEqual(theirs);
    else expect(ours).toEqual(expect.arrayContaining([...(theirs ?? [])]));
    for (const first of PEER === 'swtpm' ? [0, 1, 3, 4, 5, 6, 0x10, 0x12, 0x20] : [3, 4]) {
      for (const count of [0, 1, 2]) await same('page', ask(CAP.ECC_CURVES, first, count));
    }
    await same('none', ask(CAP.ECC_CURVES, 0x21, 1));
  });
});

describe('TPM properties', () => {
  /** Who made it, and what differs on purpose (docs/tpm.md). */
  const OWN: ReadonlySet<number> = new Set([
    PT.MANUFACTURER,
    PT.VENDOR_STRING_1,
    PT.VENDOR_STRING_2,
    PT.VENDOR_STRING_3,
    PT.VENDOR_STRING_4,
    PT.FIRMWARE_VERSION_1,
    PT.FIRMWARE_VERSION_2,
  ]);

  it('values', async () => {
    for (let property = 0x100; property < 0x220; property++) {
      if (OWN.has(property)) {
        const [a, b] = [
          await pair.ours.transmit(ask(6, property, 1), 0),
          await pair.theirs.transmit(ask(6, property, 1), 0),
        ];
        pair.equal(`shape of ${property.toString(16)}`, a.subarray(0, 23), b.subarray(0, 23));
      } else {
        await same(`property ${property.toString(16)}`, ask(6, property, 1));
      }
    }
  });

  it('pages', async () => {
    for (const property of [0, 0xff, 0x10d, 0x12e, 0x12f, 0x1ff, 0x20e, 0x214, 0x215, 0x300, 0xffffffff]) {
      for (const count of COUNTS) {
        await same(
          `from ${property.toString(16)}, ${count}`,
          ask(6, property, count),
          property < 0x10d && count > 0 ? 'shape' : 'bytes',
        );
      }
    }
  });

  it('random numbers of every size', async () => {
    for (const bytesRequested of [0, 1, 48, 63, 64, 65, 4096, 65535]) {
      await same('random', encode(C.GetRandom, { bytesRequested }), 'shape');
    }
    for (const size of [0, 1, 127, 128]) await same('stir', encode(C.StirRandom, { inData: new Uint8Array(size) }));
    await pair.sameHex(`80010000008d000001460081${'00'.repeat(129)}`);
  });
});
