import { describe, expect, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { createTpm2 } from './engine.ts';
import { createPrimary, readNv } from './identity.ts';

const { COMMANDS: C, TPM_RH: RH } = T;
const EMPTY = new Uint8Array(0);
const SHA256 = T.TPM_ALG.SHA256;
const digests = [{ hashAlg: SHA256, digest: new Uint8Array(32).fill(1) }];

const name = async ({ client }: TestTpm, hierarchy: number) => {
  const made = await createPrimary(client, hierarchy, T.AK_ECC_P256);
  await client.call(C.FlushContext, { flushHandle: made.objectHandle });
  return made.name;
};

describe('hierarchies (Part 3, chapter 24)', () => {
  it('one that is switched off has no objects and makes none; only the platform switches it on', async () => {
    const tpm = await testTpm();
    const { objectHandle } = await createPrimary(tpm.client, RH.ENDORSEMENT, T.AK_ECC_P256);
    const control = (authHandle: number, state: number) =>
      tpm.client.call(C.HierarchyControl, { authHandle, enable: RH.ENDORSEMENT, state });
    await control(RH.ENDORSEMENT, 0);
    await expect(tpm.client.call(C.ReadPublic, { objectHandle })).rejects.toMatchObject({ rc: 'REFERENCE_H0' });
    await expect(name(tpm, RH.ENDORSEMENT)).rejects.toMatchObject({ rc: 'HIERARCHY' });
    await expect(control(RH.OWNER, 1)).rejects.toMatchObject({ rc: 'AUTH_TYPE' });
    await control(RH.PLATFORM, 1);
    await name(tpm, RH.ENDORSEMENT);
  });

  it('TPM2_Clear makes a new owner, the seeds of platform and endorsement stay', async () => {
    const tpm = await testTpm();
    const all = [RH.OWNER, RH.ENDORSEMENT, RH.PLATFORM];
    const before = [];
    for (const hierarchy of all) before.push(await name(tpm, hierarchy));
    await tpm.client.call(C.HierarchyChangeAuth, { authHandle: RH.OWNER, newAuth: new Uint8Array([1]) });
    await tpm.client.call(C.ClearControl, { auth: RH.LOCKOUT, disable: 1 });
    await expect(tpm.client.call(C.Clear, { authHandle: RH.LOCKOUT })).rejects.toMatchObject({ rc: 'DISABLED' });
    await tpm.client.call(C.ClearControl, { auth: RH.PLATFORM, disable: 0 });
    await tpm.client.call(C.Clear, { authHandle: RH.LOCKOUT });
    const after = [];
    for (const hierarchy of all) after.push(await name(tpm, hierarchy));
    expect(after[0]).not.toEqual(before[0]);
    expect(after.slice(1)).toEqual(before.slice(1));
    const { currentTime } = await tpm.client.call(C.ReadClock, {});
    expect(currentTime.clockInfo).toMatchObject({ clock: 0n, resetCount: 0, restartCount: 0, safe: 1 });
  });

  it('TPM2_ChangeEPS makes other endorsement keys; the certificate stays that of the old one', async () => {
    const tpm = await testTpm();
    const other = await testTpm();
    const before = await name(tpm, RH.ENDORSEMENT);
    await tpm.client.call(C.ChangeEPS, { authHandle: RH.PLATFORM });
    expect(await name(tpm, RH.ENDORSEMENT)).not.toEqual(before);
    const index = T.EK_PROFILE.eccP256.certificateIndex;
    expect(await readNv(tpm.client, index)).toEqual(await readNv(other.client, index));
  });

  it('a reset forgets the commitments of anonymous signatures, a resume does not', async () => {
    const scheme = { scheme: T.TPM_ALG.ECDAA, hashAlg: SHA256, count: 0 } as const;
    const sign = async (signHandle: number, count: number, { client }: TestTpm) =>
      client.call(C.Sign, {
        keyHandle: signHandle,
        digest: new Uint8Array(32).fill(1),
        inScheme: { ...scheme, count },
        validation: { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY },
      });
    for (const [kind, type] of [
      ['resume', 1],
      ['reset', 0],
    ] as const) {
      const tpm = await testTpm();
      const base = T.AK_ECC_P256;
      if (base.type !== T.TPM_ALG.ECC) throw new TypeError('not an ECC template');
      const objectAttributes = base.objectAttributes & ~T.TPMA_OBJECT.restricted;
      const anonymous = { ...base, objectAttributes, parameters: { ...base.parameters, scheme } };
      const none = { x: EMPTY, y: EMPTY };
      const key = () => createPrimary(tpm.client, RH.OWNER, anonymous);
      const { objectHandle } = await key();
      const { counter } = await tpm.client.call(C.Commit, { signHandle: objectHandle, P1: none, s2: EMPTY, y2: EMPTY });
      await tpm.client.call(C.Shutdown, { shutdownType: type });
      await tpm.transport.powerOn();
      await tpm.client.call(C.Startup, { startupType: type });
      const again = (await key()).objectHandle;
      if (kind === 'resume') expect((await sign(again, counter, tpm)).signature.sigAlg).toBe(T.TPM_ALG.ECDAA);
      else await expect(sign(again, counter, tpm)).rejects.toMatchObject({ rc: 'VALUE' });
    }
  });

  it('needs physical presence for its list, and nobody is present', async () => {
    const { client } = await testTpm();
    await expect(client.call(C.PP_Commands, { auth: RH.PLATFORM, setList: [], clearList: [] })).rejects.toMatchObject({
      rc: 'PP',
      place: { kind: 'session', number: 1 },
    });
  });
});

describe('PCR allocation and authorisation (Part 3, 22.5 to 22.7)', () => {
  it('a new allocation waits for the next start', async () => {
    const tpm = await testTpm();
    const pcrAllocation = [T.pcrSelection(T.TPM_ALG.SHA1, []), T.pcrSelection(T.TPM_ALG.SHA384, [0, 17])];
    const answer = await tpm.client.call(C.PCR_Allocate, { authHandle: RH.PLATFORM, pcrAllocation });
    expect(answer).toEqual({ allocationSuccess: 1, maxPCR: 24, sizeNeeded: 24 * 32 + 2 * 48, sizeAvailable: 24 * 164 });
    expect((await tpm.pcr(T.TPM_ALG.SHA1, 0)).length).toBe(20);
    await expect(tpm.client.call(C.Shutdown, { shutdownType: 1 })).rejects.toMatchObject({ rc: 'TYPE' });
    await tpm.client.call(C.Shutdown, { shutdownType: 0 });
    await tpm.transport.powerOn();
    await tpm.client.call(C.Startup, { startupType: 0 });
    expect((await tpm.pcr(T.TPM_ALG.SHA1, 0)).length).toBe(0);
    expect((await tpm.pcr(T.TPM_ALG.SHA384, 17)).length).toBe(48);
    expect((await tpm.pcr(T.TPM_ALG.SHA384, 1)).length).toBe(0);
  });

  it('PCR 20 to 22 can have a value that must be shown', async () => {
    const { client } = await testTpm();
    const auth = new Uint8Array([5, 6]);
    const extend = (pcrHandle: number, shown: Uint8Array) =>
      client.call(C.PCR_Extend, { pcrHandle, digests }, { locality: 2, auth: [shown] });
    await client.call(C.PCR_SetAuthValue, { pcrHandle: 20, auth });
    await expect(extend(22, EMPTY)).rejects.toMatchObject({ rc: 'BAD_AUTH' });
    await extend(22, auth);
    await extend(19, EMPTY);
    await expect(client.call(C.PCR_SetAuthValue, { pcrHandle: 19, auth })).rejects.toMatchObject({ code: 0x084 });
  });

  it('a read after the shutdown leaves it orderly, an extend does not', async () => {
    for (const [pcrHandle, resumes] of [
      [16, true],
      [0, false],
    ] as const) {
      const tpm = await testTpm();
      await tpm.client.call(C.Shutdown, { shutdownType: 1 });
      await tpm.client.call(C.PCR_Extend, { pcrHandle, digests });
      await tpm.transport.powerOn();
      const resume = tpm.client.call(C.Startup, { startupType: 1 });
      await (resumes ? resume : expect(resume).rejects.toMatchObject({ rc: 'VALUE' }));
    }
  });
});

describe('clock (Part 3, chapter 29)', () => {
  it('goes forward only, at the speed it is told', async () => {
    const { client, clock } = await testTpm();
    const now = async () => (await client.call(C.ReadClock, {})).currentTime;
    clock.advance(1000);
    await client.call(C.ClockSet, { auth: RH.OWNER, newTime: 1_000_000n });
    await expect(client.call(C.ClockSet, { auth: RH.OWNER, newTime: 999_999n })).rejects.toMatchObject({ rc: 'VALUE' });
    await client.call(C.ClockRateAdjust, { auth: RH.OWNER, rateAdjust: 3 });
    clock.advance(100_000);
    expect(await now()).toMatchObject({ time: 102_010n, clockInfo: { clock: 1_101_010n } });
    for (let i = 0; i < 100; i++) await client.call(C.ClockRateAdjust, { auth: RH.OWNER, rateAdjust: -3 });
    clock.advance(3_000_000);
    expect((await now()).time).toBe(102_010n + 2_571_428n);
  });

  it('is not safe after a power loss until its next save', async () => {
    const tpm = await testTpm();
    const safe = async () => (await tpm.client.call(C.ReadClock, {})).currentTime.clockInfo.safe;
    await tpm.transport.powerOn();
    await tpm.client.call(C.Startup, { startupType: 0 });
    expect(await safe()).toBe(0);
    tpm.clock.advance(4096);
    expect(await safe()).toBe(1);
  });
});

describe('failure mode (Part 1, 12.3)', () => {
  it('answers two commands only, until _TPM_Init', () => {
    const faults: unknown[] = [];
    const tpm = createTpm2({
      entropy: new Entropy('x').stream('tpm'),
      clock: new VirtualClock(),
      onFault: (e) => faults.push(e),
    });
    const run = (command: Uint8Array) => tpm.execute(command, 0);
    const start = T.encodeCommand(C.Startup, { startupType: 0 });
    run(start);
    // Broken memory: a bank with a hash that does not exist.
    const [bank] = tpm.state.banks;
    if (bank !== undefined) Object.assign(bank, { hash: 'none' });
    const extend = T.encodeCommand(C.PCR_Extend, {
      pcrHandle: 0,
      digests: [{ hashAlg: T.TPM_ALG.SHA1, digest: new Uint8Array(20) }],
    });
    expect(T.responseCode(run(extend))).toBe(T.TPM_RC.FAILURE);
    expect(faults.length).toBe(1);
    expect(T.responseCode(run(T.encodeCommand(C.GetRandom, { bytesRequested: 1 })))).toBe(T.TPM_RC.FAILURE);
    expect(T.responseCode(run(new Uint8Array(3)))).toBe(T.TPM_RC.FAILURE);
    const result = run(T.encodeCommand(C.GetTestResult, {}));
    expect(T.responseCode(result)).toBe(0);
    expect(result.subarray(result.length - 4)).toEqual(new Uint8Array([0, 0, 1, 1]));
    const ask = (capability: number, property: number) =>
      run(T.encodeCommand(C.GetCapability, { capability, property, propertyCount: 9 }));
    expect(T.responseCode(ask(5, 0))).toBe(T.TPM_RC.FAILURE);
    expect(ask(6, 0)).toEqual(ask(6, T.TPM_PT.MANUFACTURER));
    expect(ask(6, T.TPM_PT.MANUFACTURER).subarray(10)).toEqual(
      new Uint8Array([1, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 1, 5, 0x45, 0x53, 0x58, 0x53]),
    );
    tpm.powerOn();
    expect(T.responseCode(run(start))).toBe(0);
  });
});
