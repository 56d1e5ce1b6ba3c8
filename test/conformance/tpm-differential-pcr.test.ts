/** PCR allocation and authorisation, resumes, dynamic launches, clock: the same to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, encodeCommand: encode, pcrSelection } = T;
const EMPTY = new Uint8Array(0);
const d20 = new Uint8Array(20).fill(1);
const d32 = new Uint8Array(32).fill(2);
const BANKS = [A.SHA1, A.SHA256, A.SHA384, A.SHA512];
const ALL = Array.from({ length: 24 }, (_, pcr) => pcr);

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await same('start', startup(0));
});
afterAll(() => pair.stop());

const same: TpmPair['same'] = (...args) => pair.same(...args);
const startup = (startupType: number) => encode(C.Startup, { startupType });
const shutdown = (shutdownType: number) => encode(C.Shutdown, { shutdownType });
const power = () => pair.both((tpm) => tpm.powerOn());

async function samePcrs(when: string): Promise<void> {
  for (const bank of BANKS) {
    for (const first of [0, 8, 16]) {
      const pcrs = ALL.slice(first, first + 8);
      await same(
        `${when}: bank ${bank} PCR ${first}`,
        encode(C.PCR_Read, { pcrSelectionIn: [pcrSelection(bank, pcrs)] }),
      );
    }
  }
}

const extend = (pcrHandle: number, auth: Uint8Array = EMPTY) =>
  encode(C.PCR_Extend, { pcrHandle, digests: [{ hashAlg: A.SHA256, digest: d32 }] }, [auth]);
const event = (pcrHandle: number) => encode(C.PCR_Event, { pcrHandle, eventData: d20 });
const reset = (pcrHandle: number, auth: Uint8Array = EMPTY) => encode(C.PCR_Reset, { pcrHandle }, [auth]);
const capability = (group: number, property = 0, propertyCount = 100) =>
  encode(C.GetCapability, { capability: group, property, propertyCount });
const counters = async (when: string) => {
  // The clock itself runs differently; the counts after it do not.
  for (const property of [0x201, 0x200]) await same(when, capability(6, property, 1));
  const [a, b] = [
    await pair.ours.transmit(encode(C.ReadClock, {}), 0),
    await pair.theirs.transmit(encode(C.ReadClock, {}), 0),
  ];
  pair.equal(`${when}: counts`, a.subarray(26), b.subarray(26));
};

describe('PCR authorisation', () => {
  beforeEach(async () => {
    await same('shutdown', shutdown(0));
    await power();
    await same('start', startup(0));
  });

  it('value of the group', async () => {
    for (const pcrHandle of [0, 16, 17, 19, 20, 23]) {
      await same(`value for ${pcrHandle}`, encode(C.PCR_SetAuthValue, { pcrHandle, auth: d20 }), 'bytes', 2);
    }
    for (const pcr of [19, 20, 21, 22]) {
      for (const auth of [EMPTY, d32, d20]) {
        await same(`extend ${pcr}`, extend(pcr, auth), 'bytes', 2);
        await same(`reset ${pcr}`, reset(pcr, auth), 'bytes', 2);
      }
    }
    await same('again without', encode(C.PCR_SetAuthValue, { pcrHandle: 20, auth: EMPTY }));
    await same('again', encode(C.PCR_SetAuthValue, { pcrHandle: 20, auth: new Uint8Array(64) }, [d20]));
    await same('extend', extend(21), 'bytes', 2);
    await samePcrs('after');
  });

  it('value is gone after a restart, kept over a resume', async () => {
    await same('value', encode(C.PCR_SetAuthValue, { pcrHandle: 20, auth: d20 }));
    await same('shutdown', shutdown(1));
    await power();
    await same('resume', startup(1));
    for (const auth of [EMPTY, d20]) await same('extend', extend(20, auth), 'bytes', 2);
    await same('shutdown', shutdown(1));
    await power();
    await same('restart', startup(0));
    for (const auth of [d20, EMPTY]) await same('extend', extend(20, auth), 'bytes', 2);
  });

  it('policy of the group', async () => {
    const set = (pcrNum: number, hashAlg: number, authPolicy: Uint8Array, authHandle: number = RH.PLATFORM) =>
      same(`policy of ${pcrNum}`, encode(C.PCR_SetAuthPolicy, { authHandle, authPolicy, hashAlg, pcrNum }));
    await set(20, A.SHA256, d20);
    await set(20, A.SHA256, EMPTY);
    await set(20, A.NULL, d20);
    await set(19, A.SHA256, d32);
    await set(24, A.SHA256, d32);
    await set(20, A.SHA256, d32, RH.OWNER);
    for (const pcr of [20, 21, 22]) await set(pcr, A.SHA256, d32);
    await same('extend by value all the same', extend(20), 'bytes', 2);
    await set(22, A.NULL, EMPTY);
    await set(22, 0x9999, EMPTY);
  });
});

describe('allocation', () => {
  const allocate = (pcrAllocation: T.TPML_PCR_SELECTION, authHandle: number = RH.PLATFORM) =>
    encode(C.PCR_Allocate, { authHandle, pcrAllocation });

  it('refuses what leaves no PCR 0 or 17', async () => {
    await same('nothing', allocate([]));
    await same('not the owner', allocate([], RH.OWNER));
    await same('no PCR', allocate(BANKS.map((bank) => pcrSelection(bank, []))));
    await same('no PCR 17', allocate(BANKS.map((bank) => pcrSelection(bank, [0, 1]))));
    await same('no PCR 0', allocate(BANKS.map((bank) => pcrSelection(bank, [17]))));
    await same('twice', allocate([pcrSelection(A.SHA1, []), pcrSelection(A.SHA1, [1])]));
    const five = `4000000c0000000940000009000001000000000005${'000b03ffffff'.repeat(5)}`;
    await pair.sameHex(`8002${(10 + five.length / 2).toString(16).padStart(8, '0')}0000012b${five}`);
    await same('shutdown', shutdown(1));
    await same('shutdown', shutdown(0));
    await power();
    await same('start', startup(0));
    await same('banks', capability(5));
  });

  it('takes effect at the next start', async () => {
    const some = ALL.filter((pcr) => pcr !== 3 && pcr !== 20);
    await same(
      'allocate',
      allocate([pcrSelection(A.SHA1, []), pcrSelection(A.SHA256, some), pcrSelection(A.SHA512, [17])]),
    );
    await same('banks now', capability(5));
    await samePcrs('now');
    await same('shutdown with state', shutdown(1));
    await same('shutdown', shutdown(0));
    await power();
    await same('start', startup(0));
    await same('banks then', capability(5));
    await same('banks, one', capability(5, 0, 1));
    await same('banks, none', capability(5, 0, 0));
    await samePcrs('then');
    for (const pcr of [0, 3, 16, 20]) {
      await same(`extend ${pcr}`, extend(pcr), 'bytes', 2);
      await same(`event ${pcr}`, event(pcr), 'bytes', 2);
      await same(`reset ${pcr}`, reset(pcr), 'bytes', 2);
    }
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashData(d20);
      await tpm.hashEnd();
    });
    await samePcrs('launched');
    await same('shutdown', shutdown(1));
    await power();
    await same('resume', startup(1));
    await samePcrs('resumed');
    await same('back', allocate(BANKS.map((bank) => pcrSelection(bank, ALL))));
    await same('shutdown', shutdown(0));
    await power();
    await same('start', startup(0));
    await samePcrs('all again');
  });
});

describe('resume, restart, reset', () => {
  it('counts and values over every sequence of starts', async () => {
    for (const [down, up] of [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 1],
      [1, 0],
      [undefined, 1],
      [undefined, 0],
      [1, 1],
    ] as const) {
      const when = `shutdown ${down}, start ${up}`;
      for (const pcr of [2, 16, 23]) await same(`${when}: extend`, extend(pcr));
      if (down !== undefined) await same(when, shutdown(down));
      await power();
      await same(when, startup(up));
      if (up === 1 && down !== 1) await same(when, startup(0));
      await samePcrs(when);
      await counters(when);
    }
  });

  const stale: Record<string, Uint8Array> = {
    PCR_Read: encode(C.PCR_Read, { pcrSelectionIn: [] }),
    'PCR_Extend 0': extend(0),
    'PCR_Extend 16': extend(16),
    'PCR_Extend of nothing': encode(C.PCR_Extend, { pcrHandle: 0, digests: [] }),
    'PCR_Event null': event(RH.NULL),
    'PCR_Event 23': event(23),
    'PCR_Event 15': event(15),
    'PCR_Reset 16': reset(16),
    'PCR_Reset 0': reset(0),
    GetRandom: encode(C.GetRandom, { bytesRequested: 8 }),
    StirRandom: encode(C.StirRandom, { inData: d20 }),
    SelfTest: encode(C.SelfTest, { fullTest: 1 }),
    GetCapability: capability(5),
    ReadClock: encode(C.ReadClock, {}),
    'unknown command': Uint8Array.from([0x80, 1, 0, 0, 0, 10, 0, 0, 9, 0x99]),
    'HierarchyChangeAuth owner': encode(C.HierarchyChangeAuth, { authHandle: RH.OWNER, newAuth: EMPTY }),
    'HierarchyChangeAuth platform': encode(C.HierarchyChangeAuth, { authHandle: RH.PLATFORM, newAuth: EMPTY }),
    'SetPrimaryPolicy owner': encode(C.SetPrimaryPolicy, { authHandle: RH.OWNER, authPolicy: EMPTY, hashAlg: A.NULL }),
    'SetPrimaryPolicy platform': encode(C.SetPrimaryPolicy, {
      authHandle: RH.PLATFORM,
      authPolicy: EMPTY,
      hashAlg: A.NULL,
    }),
    ClearControl: encode(C.ClearControl, { auth: RH.PLATFORM, disable: 0 }),
    'HierarchyControl unchanged': encode(C.HierarchyControl, { authHandle: RH.PLATFORM, enable: RH.OWNER, state: 1 }),
    'HierarchyControl changed': encode(C.HierarchyControl, {
      authHandle: RH.PLATFORM,
      enable: RH.PLATFORM_NV,
      state: 0,
    }),
    PCR_SetAuthValue: encode(C.PCR_SetAuthValue, { pcrHandle: 20, auth: EMPTY }),
    PCR_SetAuthPolicy: encode(C.PCR_SetAuthPolicy, {
      authHandle: RH.PLATFORM,
      authPolicy: EMPTY,
      hashAlg: A.NULL,
      pcrNum: 20,
    }),
    ChangePPS: encode(C.ChangePPS, { authHandle: RH.PLATFORM }),
    ChangeEPS: encode(C.ChangeEPS, { authHandle: RH.PLATFORM }),
    ClockRateAdjust: encode(C.ClockRateAdjust, { auth: RH.OWNER, rateAdjust: 0 }),
    'Shutdown CLEAR': shutdown(0),
    'Shutdown STATE': shutdown(1),
    StartAuthSession: encode(C.StartAuthSession, {
      tpmKey: RH.NULL,
      bind: RH.NULL,
      nonceCaller: d20,
      encryptedSalt: EMPTY,
      sessionType: T.TPM_SE.POLICY,
      symmetric: { algorithm: A.NULL },
      authHash: A.SHA256,
    }),
    Clear: encode(C.Clear, { authHandle: RH.PLATFORM }),
  };
  it.each(Object.entries(stale))('a resume after %s', async (name, command) => {
    await same('shutdown', shutdown(1));
    await same(
      name,
      command,
      name === 'GetRandom' || name === 'ReadClock' || name === 'StartAuthSession' ? 'shape' : 'bytes',
    );
    await power();
    await pair.sameResume(name);
    await samePcrs(name);
    await counters(name);
  });
});

describe('what makes a TPM2_Shutdown(STATE) stale, with something to do it with', () => {
  const AUTH = new Uint8Array(4).fill(9);
  const index = (nvIndex: number, attributes: number) =>
    encode(C.NV_DefineSpace, {
      authHandle: RH.OWNER,
      auth: EMPTY,
      publicInfo: {
        nvIndex,
        nameAlg: A.SHA256,
        attributes: (0x02060006 | attributes) >>> 0,
        authPolicy: EMPTY,
        dataSize: 8,
      },
    });
  const nv = (nvIndex: number, auth: Uint8Array = EMPTY) => ({ input: { authHandle: nvIndex, nvIndex }, auth: [auth] });
  const session = (sessionType: number) =>
    encode(C.StartAuthSession, {
      tpmKey: RH.NULL,
      bind: RH.NULL,
      nonceCaller: d20,
      encryptedSalt: EMPTY,
      sessionType,
      symmetric: { algorithm: A.NULL },
      authHash: A.SHA256,
    });
  const steps: Record<string, Uint8Array> = {
    NV_Write: encode(C.NV_Write, { ...nv(0x01500000).input, data: d20.subarray(0, 8), offset: 0 }),
    'NV_Write orderly': encode(C.NV_Write, { ...nv(0x01500001).input, data: d20.subarray(0, 8), offset: 0 }),
    NV_Increment: encode(C.NV_Increment, nv(0x01500002).input),
    'NV_WriteLock orderly': encode(C.NV_WriteLock, nv(0x01500003).input),
    NV_DefineSpace: index(0x01500008, 0),
    'NV_DefineSpace orderly': index(0x01500009, T.TPMA_NV.orderly),
    NV_UndefineSpace: encode(C.NV_UndefineSpace, { authHandle: RH.OWNER, nvIndex: 0x01500000 }),
    NV_GlobalWriteLock: encode(C.NV_GlobalWriteLock, { authHandle: RH.OWNER }),
    'wrong password of an index': encode(C.NV_Read, { ...nv(0x01500000).input, size: 1, offset: 0 }, [AUTH]),
    'wrong password of the owner': encode(C.NV_GlobalWriteLock, { authHandle: RH.OWNER }, [AUTH]),
    'wrong password of lockout': encode(C.ClearControl, { auth: RH.LOCKOUT, disable: 1 }, [AUTH]),
    'ContextSave of an object': encode(C.ContextSave, { saveHandle: 0x80000000 }),
    'ContextSave of a session': encode(C.ContextSave, { saveHandle: 0x03000000 }),
    'FlushContext of an object': encode(C.FlushContext, { flushHandle: 0x80000000 }),
    'FlushContext of a session': encode(C.FlushContext, { flushHandle: 0x03000000 }),
    StartAuthSession: session(T.TPM_SE.HMAC),
    PolicyPassword: encode(C.PolicyPassword, { policySession: 0x03000000 }),
    EvictControl: encode(C.EvictControl, { auth: RH.OWNER, objectHandle: 0x80000000, persistentHandle: 0x81000000 }),
    ReadPublic: encode(C.ReadPublic, { objectHandle: 0x80000000 }),
    Quote: encode(C.Quote, {
      signHandle: 0x80000000,
      qualifyingData: d20,
      inScheme: { scheme: A.NULL },
      PCRselect: [],
    }),
    DictionaryAttackLockReset: encode(C.DictionaryAttackLockReset, { lockHandle: RH.LOCKOUT }),
    DictionaryAttackParameters: encode(C.DictionaryAttackParameters, {
      lockHandle: RH.LOCKOUT,
      newMaxTries: 9,
      newRecoveryTime: 10,
      lockoutRecovery: 10,
    }),
    SetCommandCodeAuditStatus: encode(C.SetCommandCodeAuditStatus, {
      auth: RH.OWNER,
      auditAlg: A.NULL,
      setList: [C.GetRandom.code],
      clearList: [],
    }),
    'an audited command': encode(C.GetRandom, { bytesRequested: 1 }),
    EC_Ephemeral: encode(C.EC_Ephemeral, { curveID: T.TPM_ECC_CURVE.NIST_P256 }),
    HashSequenceStart: encode(C.HashSequenceStart, { auth: EMPTY, hashAlg: A.SHA256 }),
  };
  it.each(Object.entries(steps))('%s', async (name, command) => {
    const create = encode(C.CreatePrimary, {
      primaryHandle: RH.OWNER,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic: T.AK_ECC_P256,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    await same('create', create, 'shape');
    await same('session', session(T.TPM_SE.POLICY), 'shape');
    await same('index', index(0x01500000, 0));
    await same('index', index(0x01500001, T.TPMA_NV.orderly));
    await same('index', index(0x01500002, T.TPMA_NV.orderly | (T.TPM_NT.COUNTER << 4)));
    await same('index', index(0x01500003, T.TPMA_NV.orderly | T.TPMA_NV.writeStClear));
    await same('shutdown', shutdown(1));
    await same(name, command, 'code');
    await power();
    await pair.sameResume(name);
    await samePcrs(name);
    await counters(name);
    for (const nvIndex of [0x01500000, 0x01500001, 0x01500002, 0x01500003]) {
      await same('read', encode(C.NV_Read, { ...nv(nvIndex).input, size: 8, offset: 0 }));
      await same('public', encode(C.NV_ReadPublic, { nvIndex }));
    }
    await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    for (let i = 0; i < 3; i++) {
      // Nothing is left loaded after a restart; sessions that were saved are.
      for (const tpm of [pair.ours, pair.theirs])
        await tpm.transmit(encode(C.FlushContext, { flushHandle: 0x02000000 + i }), 0);
    }
  });
});

describe('hash sequences', () => {
  it('without end, without start, twice, with a command between', async () => {
    await pair.both((tpm) => tpm.hashStart());
    await samePcrs('start only');
    await pair.both(async (tpm) => {
      await tpm.hashData(d20);
      await tpm.hashEnd();
    });
    await samePcrs('ended by the command between');
    await pair.both((tpm) => tpm.hashEnd());
    await pair.both((tpm) => tpm.hashData(d20));
    await samePcrs('end only');
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashData(d20);
      await tpm.hashStart();
      await tpm.hashData(d32);
      await tpm.hashEnd();
    });
    await samePcrs('started twice');
    await counters('started twice');
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashEnd();
    });
    await samePcrs('of nothing');
    await counters('of nothing');
  });

  it('before TPM2_Startup', async () => {
    await same('shutdown', shutdown(0));
    await power();
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashEnd();
      await tpm.hashStart();
      await tpm.hashData(d20);
      await tpm.hashEnd();
    });
    await same('start at locality 3', startup(0), 'bytes', 3);
    await samePcrs('two sequences');
    await counters('two sequences');
    await same('shutdown', shutdown(1));
    await power();
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashData(d20);
    });
    await same('start in the middle', startup(0));
    await pair.both((tpm) => tpm.hashEnd());
    await samePcrs('in the middle');
  });

  it('takes the room of the first object where there is none', async () => {
    const create = encode(C.CreatePrimary, {
      primaryHandle: RH.OWNER,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic: T.AK_ECC_P256,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    for (let i = 0; i < 3; i++) await same(`object ${i}`, create, 'shape');
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashEnd();
    });
    await same('objects', capability(1, 0x80000000));
    await samePcrs('launched');
    for (const flushHandle of [0x80000001, 0x80000002]) await same('flush', encode(C.FlushContext, { flushHandle }));
  });
});

describe('clock and self test', () => {
  const set = (newTime: bigint, auth: number = RH.OWNER) => encode(C.ClockSet, { auth, newTime });
  it('can be set forward only', async () => {
    await same('set', set(0x1_0000_0000n));
    await same('back', set(0x1000n));
    await same('too far', set(0xffff_0000_0000_0001n));
    await same('not by the endorsement hierarchy', set(0x2_0000_0000n, RH.ENDORSEMENT));
    await same('farthest', set(0xffff_0000_0000_0000n, RH.PLATFORM));
    for (const rateAdjust of [-3, -2, -1, 0, 1, 2, 3]) {
      await same('rate', encode(C.ClockRateAdjust, { auth: RH.PLATFORM, rateAdjust }));
    }
    for (const byte of ['04', 'fc', '80', '7f', '']) {
      const body = `4000000c00000009400000090000010000${byte}`;
      await pair.sameHex(`8002${(10 + body.length / 2).toString(16).padStart(8, '0')}00000130${body}`);
    }
    await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    await counters('clear');
  });

  it('an unsafe clock is safe again once it was set past its next save', async () => {
    await power();
    await same('start', startup(0));
    await counters('unsafe');
    await same('set', set(0x10_0000n));
    await counters('set');
  });

  it('self tests', async () => {
    for (const fullTest of [0, 1, 2]) await same('self test', encode(C.SelfTest, { fullTest }).with(10, fullTest));
    await same('result', encode(C.GetTestResult, {}));
    for (const toTest of [[], [A.SHA256], [A.SHA256, A.RSA], [0x9999], Array(64).fill(A.SHA1)]) {
      await same('incremental', encode(C.IncrementalSelfTest, { toTest }));
    }
    await pair.sameHex(`80010000${(14 + 130).toString(16).padStart(4, '0')}0000014200000041${'000b'.repeat(65)}`);
  });
});
