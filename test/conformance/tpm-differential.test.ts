/** Start-up, malformed commands, PCR and capabilities: the same command bytes to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import { PEER, TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, encodeCommand: encode, pcrSelection } = T;
const d20 = new Uint8Array(20).fill(1);
const d32 = new Uint8Array(32).fill(2);
const d48 = new Uint8Array(48).fill(3);

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
});
afterAll(() => pair.stop());

const same: TpmPair['same'] = (...args) => pair.same(...args);
const sameHex = (text: string) => pair.sameHex(text);
const both: TpmPair['both'] = (act) => pair.both(act);

/** Every PCR of two banks. */
async function samePcrs(when: string): Promise<void> {
  for (const bank of [A.SHA1, A.SHA256]) {
    for (const first of [0, 8, 16]) {
      const pcrs = Array.from({ length: 8 }, (_, i) => first + i);
      await same(`${when}: PCR ${first}..`, encode(C.PCR_Read, { pcrSelectionIn: [pcrSelection(bank, pcrs)] }));
    }
  }
}

const extend = (pcrHandle: number) =>
  encode(C.PCR_Extend, {
    pcrHandle,
    digests: [
      { hashAlg: A.SHA1, digest: d20 },
      { hashAlg: A.SHA256, digest: d32 },
    ],
  });
const startup = (startupType: number) => encode(C.Startup, { startupType });
const shutdown = (shutdownType: number) => encode(C.Shutdown, { shutdownType });

describe('before and at TPM2_Startup', () => {
  it('refuses commands, other localities and other types', async () => {
    await same('PCR_Read too early', encode(C.PCR_Read, { pcrSelectionIn: [] }));
    await sameHex('80010000000a00000999');
    for (const locality of [1, 2, 4] as const) await same('locality', startup(0), 'bytes', locality);
    await same('nothing to resume', startup(1));
    await sameHex('80010000000c000001440005');
    await sameHex('80010000000b0000014400');
  });

  it('starts once', async () => {
    await same('start', startup(0));
    await same('again', startup(0));
    await sameHex('80020000001900000144000000094000000900000100000000');
    await samePcrs('start');
  });
});

describe('malformed commands', () => {
  it('command tags that are other structure tags, and such that are none', async () => {
    for (const tag of ['8000', '00c4', '8014', '8029', '0000', '0004', '8003', '00c1', 'ffff']) {
      await sameHex(`${tag}0000000c000001440000`);
    }
  });

  it.each(['80010000000a00000999', '80010000000b0000014302', '80010000000e0000017e00000010'])('%s', (x) => sameHex(x));

  it.each([
    '8001000000140000017e00000001001203000000',
    '8001000000140000017e00000001000b04000000',
    '8001000000130000017e00000001000b0200',
    '8001000000130000017e00000001000b020000',
    '8001000000150000017e00000001000b0400000000',
    '8001000000140000017e00000001000b0300000000',
  ])('PCR_Read %s', (x) => sameHex(x));

  const area = (sessions: string, rest = '00000000', handle = '00000001') => {
    const body = `${handle}${(sessions.length / 2).toString(16).padStart(8, '0')}${sessions}${rest}`;
    return `8002${(10 + body.length / 2).toString(16).padStart(8, '0')}00000182${body}`;
  };
  const password = '400000090000010000';
  it.each([
    ['empty', ''],
    ['short', '40000009'],
    ['good', password],
    ['not continued', '400000090000000000'],
    ['with a nonce', '40000009000101010000'],
    ['decrypt', '400000090000200000'],
    ['encrypt', '400000090000400000'],
    ['audit', '400000090000800000'],
    ['reserved bit', '400000090000100000'],
    ['audit exclusive', '400000090000020000'],
    ['audit reset', '400000090000040000'],
    ['two', password.repeat(2)],
    ['three', password.repeat(3)],
    ['four', password.repeat(4)],
    ['no such HMAC session', '020000000000010000'],
    ['no such policy session', '030000000000010000'],
    ['null handle', '400000070000010000'],
    ['object handle', '800000000000010000'],
    ['65-byte password', `400000090000010041${'00'.repeat(65)}`],
    ['64 zero bytes', `400000090000010040${'00'.repeat(64)}`],
    ['truncated password', '40000009000001000a'],
    ['huge nonce', '40000009ffff010000'],
    ['bytes left over', '4000000900000100000000'],
  ])('authorisation area: %s', (_, sessions) => sameHex(area(sessions)));

  it.each([
    '',
    '0000',
    '00000001',
    '000000010004',
    '00000001000400',
    '00000005',
    '000000010012',
    '000000010010',
    '0000000000',
  ])('PCR_Extend parameters "%s"', (rest) => sameHex(area(password, rest)));

  it.each([
    '00000018',
    '000000ff',
    '40000001',
    '40000007',
    '40000009',
    '80000000',
    '81000000',
    '01000000',
    '02000000',
    '90000000',
  ])('PCR_Extend of handle %s', (handle) => sameHex(area(password, '00000000', handle)));

  it('handles and authorisation sizes cut short', async () => {
    await sameHex('80020000000a00000182');
    await sameHex('80020000000c000001820000');
    await sameHex('80020000000e0000018200000001');
    await sameHex('80020000001000000182000000010000');
    for (const size of ['00000008', '0000000d', '000000ff', 'ff000009']) {
      await sameHex(
        area(password)
          .replace('00000001000000', '000000010000')
          .replace(/^(.{28}).{8}/, `$1${size}`),
      );
    }
    await sameHex('80020000001b0000017e0000000940000009000001000000000000');
    await sameHex('80020000001b000001650000000940000009000001000080000000');
  });

  it.each(['00000001', '40000001', '80000000', '80000005', '80ffffff', '81000000', '01000000', '02000000', '03000000'])(
    'ReadPublic, FlushContext and NV_ReadPublic of %s',
    async (handle) => {
      for (const code of ['00000173', '00000165', '00000169']) await sameHex(`80010000000e${code}${handle}`);
    },
  );
});

describe('PCR', () => {
  it('extend, event and reset at every locality', async () => {
    for (const locality of [0, 1, 2, 3, 4] as const) {
      for (let pcr = 0; pcr < 25; pcr++) await same(`extend ${pcr} at ${locality}`, extend(pcr), 'bytes', locality);
    }
    await samePcrs('extended');
    for (const locality of [0, 1, 2, 3, 4] as const) {
      for (let pcrHandle = 0; pcrHandle < 24; pcrHandle++) {
        const event = encode(C.PCR_Event, { pcrHandle, eventData: d20 });
        await same(`event ${pcrHandle} at ${locality}`, event, 'bytes', locality);
      }
    }
    await samePcrs('events');
    for (const locality of [0, 1, 2, 3, 4] as const) {
      for (let pcrHandle = 0; pcrHandle < 24; pcrHandle++) {
        await same(`reset ${pcrHandle} at ${locality}`, encode(C.PCR_Reset, { pcrHandle }), 'bytes', locality);
      }
    }
    await samePcrs('reset');
  });

  it('odd digests and selections', async () => {
    const digests = [[], [{ hashAlg: A.SHA384, digest: d48 }], Array(2).fill({ hashAlg: A.SHA1, digest: d20 })];
    for (const list of digests) await same('digests', encode(C.PCR_Extend, { pcrHandle: 1, digests: list }));
    await same('null', encode(C.PCR_Extend, { pcrHandle: T.TPM_RH.NULL, digests: [{ hashAlg: A.SHA1, digest: d20 }] }));
    await same('null event', encode(C.PCR_Event, { pcrHandle: T.TPM_RH.NULL, eventData: d20 }));
    const all = Array.from({ length: 24 }, (_, i) => i);
    const selections = [
      [pcrSelection(A.SHA1, all)],
      [],
      [pcrSelection(A.SHA384, [1, 2]), pcrSelection(A.SHA256, [1])],
      [pcrSelection(A.SHA1, [1, 2, 3, 4, 5]), pcrSelection(A.SHA256, [1, 2, 3, 4, 5]), pcrSelection(A.SHA1, [7])],
    ];
    for (const pcrSelectionIn of selections) await same('read', encode(C.PCR_Read, { pcrSelectionIn }));
    await same('wrong password', encode(C.PCR_Extend, { pcrHandle: 1, digests: [] }, [d20]));
    await same('zeros as password', encode(C.PCR_Extend, { pcrHandle: 1, digests: [] }, [new Uint8Array(5)]));
  });

  it('dynamic launch, H-CRTM, restart and resume', async () => {
    const launch = async (tpm: T.TpmTransport) => {
      await tpm.hashStart();
      await tpm.hashData(d20);
      await tpm.hashData(d32);
      await tpm.hashEnd();
    };
    await both(launch);
    await samePcrs('dynamic launch');
    for (const type of [0, 1]) {
      await same('shutdown', shutdown(type));
      await both((tpm) => tpm.powerOn());
      await both(launch);
      await same('start after H-CRTM', startup(type));
      if (type === 0) await samePcrs('H-CRTM');
    }
    await same('shutdown', shutdown(1));
    await both((tpm) => tpm.powerOn());
    await same('resume without the H-CRTM', startup(1));
    await same('start', startup(0));
    await same('shutdown', shutdown(1));
    await both((tpm) => tpm.powerOn());
    await same('resume at another locality', startup(1), 'bytes', 3);
    await same('resume', startup(1));
    await both((tpm) => tpm.powerOn());
    await same('resume after no shutdown', startup(1));
    await same('start at locality 3', startup(0), 'bytes', 3);
    await samePcrs('locality 3');
  });
});

describe('capabilities', () => {
  const capability = (group: number, property: number, propertyCount: number) =>
    encode(C.GetCapability, { capability: group, property, propertyCount });

  it.each([
    [5, 0, 1000],
    [5, 1, 1],
    [5, 0, 0],
    [7, 3, 2],
    [7, 0, 0],
    [8, 4, 1],
    [0, 0, 0],
    [2, 0, 0],
    [6, 0, 0],
    [6, 0x100, 0],
    [6, 0x500, 10],
    [9, 0, 1],
    [10, 0, 1],
    [0x100, 0, 1],
    [0x101, 0, 1],
    [11, 0, 1],
    [1, 0, 100],
    [1, 5, 3],
    [1, 0x80000000, 10],
    [1, 0x81000000, 1],
    [1, 0x40000000, 100],
    [1, 0x02000000, 1],
    [1, 0x03000000, 1],
    [1, 0x90000000, 1],
    [1, 0x04000000, 1],
    [1, 0x41000000, 1],
  ])('group %i property %i count %i', async (group, property, count) => {
    await same('capability', capability(group, property, count));
  });

  const tpm = (transport: T.TpmTransport) => new T.Tpm2Client(transport);
  async function lists(group: number) {
    const input = { capability: group, property: 0, propertyCount: 1000 };
    const [a, b] = [
      await tpm(pair.ours).call(C.GetCapability, input),
      await tpm(pair.theirs).call(C.GetCapability, input),
    ];
    return [a.capabilityData.data, b.capabilityData.data] as const;
  }

  it.runIf(PEER === 'swtpm')('every algorithm and command attribute of ours is one of theirs', async () => {
    for (const group of [T.TPM_CAP.ALGS, T.TPM_CAP.COMMANDS]) {
      const [a, b] = await lists(group);
      expect(b).toEqual(expect.arrayContaining([...a]));
    }
  });
});
