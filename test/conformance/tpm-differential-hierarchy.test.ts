/** Hierarchies: switching, policies, seeds, TPM2_Clear and what each leaves behind; the same to the embedded TPM and to swtpm. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import { PEER, TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_NV: NV, encodeCommand: encode } = T;
const EMPTY = new Uint8Array(0);
const d20 = new Uint8Array(20).fill(1);
const d32 = new Uint8Array(32).fill(2);
const HIERARCHIES = { owner: RH.OWNER, endorsement: RH.ENDORSEMENT, platform: RH.PLATFORM };
const AUTHS = { ...HIERARCHIES, lockout: RH.LOCKOUT };

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await same('start', encode(C.Startup, { startupType: 0 }));
});
afterAll(() => pair.stop());

const same: TpmPair['same'] = (...args) => pair.same(...args);
const capability = (group: number, property: number, propertyCount = 100) =>
  encode(C.GetCapability, { capability: group, property, propertyCount });

async function restart(down: number, up: number): Promise<void> {
  await same('shutdown', encode(C.Shutdown, { shutdownType: down }));
  await pair.both((tpm) => tpm.powerOn());
  await same('start', encode(C.Startup, { startupType: up }));
}

/** Everything a caller can list about hierarchies and what belongs to them. */
async function sameState(when: string): Promise<void> {
  await same(`${when}: permanent`, capability(6, 0x200, 2));
  // Not 0x20d: Microsoft's build has fewer curves.
  await same(`${when}: counts`, capability(6, 0x202, 11));
  await same(`${when}: counts`, capability(6, 0x20e));
  await same(`${when}: policies`, capability(9, 0x40000000));
  for (const first of [0x01000000, 0x40000000, 0x80000000, 0x81000000])
    await same(`${when}: handles`, capability(1, first));
  await same(`${when}: PCR counter`, encode(C.PCR_Read, { pcrSelectionIn: [] }));
}

const control = (authHandle: number, enable: number, state: number, auth = EMPTY) =>
  encode(C.HierarchyControl, { authHandle, enable, state }, [auth]);
const create = (primaryHandle: number, auth = EMPTY) =>
  encode(
    C.CreatePrimary,
    {
      primaryHandle,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic: T.AK_ECC_P256,
      outsideInfo: EMPTY,
      creationPCR: [],
    },
    [auth],
  );
const persist = (auth: number, objectHandle: number, persistentHandle: number) =>
  encode(C.EvictControl, { auth, objectHandle, persistentHandle });
const index = (nvIndex: number, authHandle: number) =>
  encode(C.NV_DefineSpace, {
    authHandle,
    auth: EMPTY,
    publicInfo: {
      nvIndex,
      nameAlg: A.SHA256,
      attributes: authHandle === RH.PLATFORM ? (0x40050005 | NV.noDA) >>> 0 : (0x00060006 | NV.noDA) >>> 0,
      authPolicy: EMPTY,
      dataSize: 8,
    },
  });

/** One loaded and one persistent object of each hierarchy, and an index of owner and platform. */
async function populate(): Promise<void> {
  let handle = 0x80000000;
  for (const [name, hierarchy] of Object.entries(HIERARCHIES)) {
    await same(`create for ${name}`, create(hierarchy), 'shape');
    const platform = hierarchy === RH.PLATFORM;
    const persistent = { owner: 0x81000001, endorsement: 0x81000002, platform: 0x81800001 }[name] ?? 0;
    await same(`persist for ${name}`, persist(platform ? RH.PLATFORM : RH.OWNER, handle++, persistent));
  }
  await same('index of the owner', index(0x01500000, RH.OWNER));
  await same('index of the platform', index(0x01400000, RH.PLATFORM));
}

describe('TPM2_HierarchyControl', () => {
  it('every handle, hierarchy and state', async () => {
    for (const authHandle of [...Object.values(AUTHS), RH.NULL, RH.PLATFORM_NV, 0]) {
      for (const enable of [...Object.values(AUTHS), RH.NULL, RH.PLATFORM_NV, 0x80000000]) {
        for (const state of [1, 2]) {
          const body = `${authHandle.toString(16).padStart(8, '0')}00000009400000090000010000${enable.toString(16).padStart(8, '0')}0${state}`;
          await pair.sameHex(`800200000020 00000121${body}`.replace(' ', ''));
        }
      }
    }
  });

  it.each(Object.entries({ ...HIERARCHIES, 'platform NV': RH.PLATFORM_NV }))('%s off and on', async (_, enable) => {
    await restart(0, 0);
    await populate();
    await sameState('populated');
    for (const authHandle of Object.values(HIERARCHIES)) {
      await same('off', control(authHandle, enable, 0));
      await sameState('off');
      for (const hierarchy of Object.values(HIERARCHIES)) {
        const [a] = await same('create', create(hierarchy), 'shape');
        if (T.responseCode(a) === 0) await pair.flush();
      }
      for (const nvIndex of [0x01500000, 0x01400000]) {
        await same('public', encode(C.NV_ReadPublic, { nvIndex }));
        await same('write', encode(C.NV_Write, { authHandle: nvIndex, nvIndex, data: d20.subarray(0, 8), offset: 0 }));
      }
      await same('index of the owner', index(0x01500001, RH.OWNER));
      await same('index of the platform', index(0x01400001, RH.PLATFORM));
      for (const objectHandle of [0x81000001, 0x81000002, 0x81800001]) {
        await same('read', encode(C.ReadPublic, { objectHandle }), 'shape');
      }
      for (const on of Object.values(HIERARCHIES)) await same('on', control(on, enable, 1));
      await sameState('on');
      await same('no index of the owner', encode(C.NV_UndefineSpace, { authHandle: RH.OWNER, nvIndex: 0x01500001 }));
      await same(
        'no index of the platform',
        encode(C.NV_UndefineSpace, { authHandle: RH.PLATFORM, nvIndex: 0x01400001 }),
      );
    }
    await restart(1, 1);
    await sameState('resumed');
    await restart(1, 0);
    await sameState('restarted');
    await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    await same('no index', encode(C.NV_UndefineSpace, { authHandle: RH.PLATFORM, nvIndex: 0x01400000 }));
    await same('evict', persist(RH.PLATFORM, 0x81800001, 0x81800001));
    await sameState('empty');
  });
});

describe('authorisation values and policies', () => {
  const change = (authHandle: number, newAuth: Uint8Array, auth = EMPTY) =>
    encode(C.HierarchyChangeAuth, { authHandle, newAuth }, [auth]);

  it.each(Object.entries(AUTHS))('TPM2_HierarchyChangeAuth of %s', async (_, authHandle) => {
    await same('set', change(authHandle, d20));
    await sameState('set');
    if (authHandle !== RH.LOCKOUT) await same('without', change(authHandle, d32));
    await same('64 bytes', change(authHandle, new Uint8Array(64).fill(3), d20));
    await same('zeros after', change(authHandle, new Uint8Array([1, 2, 0, 0]), new Uint8Array(64).fill(3)));
    await restart(1, 1);
    await sameState('resumed');
    await same('none', change(authHandle, new Uint8Array(10), new Uint8Array([1, 2])));
    await same('none is none', change(authHandle, EMPTY));
    await sameState('none');
    const long = `${authHandle.toString(16)}000000094000000900000100000041${'01'.repeat(65)}`;
    await pair.sameHex(`8002${(10 + long.length / 2).toString(16).padStart(8, '0')}00000129${long}`);
  });

  it.each(Object.entries(AUTHS))('TPM2_SetPrimaryPolicy of %s', async (_, authHandle) => {
    const set = (hashAlg: number, authPolicy: Uint8Array) =>
      same('policy', encode(C.SetPrimaryPolicy, { authHandle, authPolicy, hashAlg }));
    await set(A.SHA256, d20);
    await set(A.SHA256, EMPTY);
    await set(A.NULL, d32);
    await set(0x0009, d32);
    await set(A.SHA1, d20);
    await sameState('SHA-1');
    await set(A.SHA256, d32);
    await restart(1, 1);
    await sameState('resumed');
    await restart(1, 0);
    await sameState('restarted');
    await set(A.NULL, EMPTY);
    await sameState('none');
  });

  it('platform authorisation is gone after a restart', async () => {
    await same('set', change(RH.PLATFORM, d20));
    await restart(1, 1);
    await same('other', change(RH.PLATFORM, d32, d20));
    await restart(1, 0);
    await same('none', change(RH.PLATFORM, EMPTY));
  });
});

describe('new seeds and TPM2_Clear', () => {
  const clear = (authHandle: number, auth = EMPTY) => encode(C.Clear, { authHandle }, [auth]);
  const clearControl = (auth: number, disable: number) => encode(C.ClearControl, { auth, disable });

  it('TPM2_ClearControl', async () => {
    await same('lockout: off', clearControl(RH.LOCKOUT, 1));
    await sameState('off');
    await same('clear', clear(RH.LOCKOUT));
    await same('clear by the platform', clear(RH.PLATFORM));
    await same('lockout: on', clearControl(RH.LOCKOUT, 0));
    await same('owner', clearControl(RH.OWNER, 0));
    await same('two', clearControl(RH.PLATFORM, 2).with(27, 2));
    await same('on', clearControl(RH.PLATFORM, 0));
    await same('clear by the owner', clear(RH.OWNER));
    await sameState('on');
  });

  const commands = {
    ChangePPS: encode(C.ChangePPS, { authHandle: RH.PLATFORM }),
    ChangeEPS: encode(C.ChangeEPS, { authHandle: RH.PLATFORM }),
    'Clear by lockout': clear(RH.LOCKOUT, d20),
    'Clear by the platform': clear(RH.PLATFORM, d20),
  };
  it.each(Object.entries(commands))('%s', async (name, command) => {
    await restart(0, 0);
    await populate();
    for (const authHandle of Object.values(AUTHS)) {
      await same('policy', encode(C.SetPrimaryPolicy, { authHandle, authPolicy: d32, hashAlg: A.SHA256 }));
    }
    const set = name.startsWith('Clear') ? Object.values(AUTHS) : [RH.OWNER, RH.ENDORSEMENT];
    for (const authHandle of set) {
      await same('value', encode(C.HierarchyChangeAuth, { authHandle, newAuth: d20 }));
    }
    await same('off', control(RH.ENDORSEMENT, RH.ENDORSEMENT, 0, d20));
    await sameState('before');
    await same(name, command);
    await sameState('after');
    const [a, b] = [
      await pair.ours.transmit(encode(C.ReadClock, {}), 0),
      await pair.theirs.transmit(encode(C.ReadClock, {}), 0),
    ];
    pair.equal('counts', a.subarray(26), b.subarray(26));
    await restart(0, 0);
    await sameState('restarted');
    // Everything as before for the next one.
    await same('clean', clear(RH.PLATFORM));
    for (const [handle, auth] of [[0x81800001, RH.PLATFORM]] as const)
      await same('evict', persist(auth, handle, handle));
    await same('index', encode(C.NV_UndefineSpace, { authHandle: RH.PLATFORM, nvIndex: 0x01400000 }));
    await sameState('clean');
  });
});

describe('TPM2_ClockRateAdjust', () => {
  // The time of Microsoft's is of its process, not of the computer.
  it.skipIf(PEER !== 'swtpm')('the fastest and the slowest clock', { retry: 3 }, async () => {
    const time = async (tpm: T.TpmTransport): Promise<number> => {
      const answer = await new T.Tpm2Client(tpm).call(C.ReadClock, {});
      return Number(answer.currentTime.time);
    };
    for (const rateAdjust of [3, -3, 3]) {
      for (let i = 0; i < 40; i++) await same('step', encode(C.ClockRateAdjust, { auth: RH.OWNER, rateAdjust }));
      const [ours, theirs] = [await time(pair.ours), await time(pair.theirs)];
      const begin = performance.now();
      await wait(2000);
      const speed = ((await time(pair.theirs)) - theirs) / (performance.now() - begin);
      pair.clock.advance(1_000_000);
      expect(Math.abs(((await time(pair.ours)) - ours) / 1_000_000 - speed)).toBeLessThan(0.012);
    }
    await restart(0, 0);
  });
});

describe('what needs physical presence or does not exist', () => {
  it('TPM2_PP_Commands, TPM2_SetAlgorithmSet, field upgrades', async () => {
    await same('none', encode(C.PP_Commands, { auth: RH.PLATFORM, setList: [], clearList: [] }));
    await same('some', encode(C.PP_Commands, { auth: RH.PLATFORM, setList: [0x126], clearList: [0x12d] }));
    await same('password', encode(C.PP_Commands, { auth: RH.PLATFORM, setList: [], clearList: [] }, [d20]));
    await same('owner', encode(C.PP_Commands, { auth: RH.OWNER, setList: [], clearList: [] }));
    await pair.sameHex('80020000001c0000012d4000000c0000000940000009000001000000');
    await same('algorithms', encode(C.SetAlgorithmSet, { authHandle: RH.PLATFORM, algorithmSet: 7 }));
    await same('owner', encode(C.SetAlgorithmSet, { authHandle: RH.OWNER, algorithmSet: 7 }));
    await same('number', capability(6, 0x20c, 1));
    await restart(0, 0);
    await same('number', capability(6, 0x20c, 1));
    for (const code of ['0000012f', '00000141', '00000179']) await pair.sameHex(`80010000000a${code}`);
  });
});
