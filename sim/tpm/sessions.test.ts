import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { concat, equalBytes, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';

const { COMMANDS: C, TPM_RH, TPM_SE, TPM_ALG: A, TPMA_SESSION: S } = T;
const EMPTY = new Uint8Array(0);
const auth = utf8('owner');
const AES: T.TPMT_SYM_DEF = { algorithm: A.AES, keyBits: 256, mode: A.CFB };

let tpm: TestTpm;
let counter = 0;
beforeEach(async () => {
  tpm = await testTpm();
  await tpm.client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: auth });
});
/** Never twice the same. */
const random = (size: number) => hash('sha512', utf8(`${counter++}`)).slice(0, size);
const start = (options: Omit<T.SessionOptions, 'random'> = {}) =>
  T.ClientSession.start(tpm.client, { ...options, random });
const setPolicy = (use: T.Authorization) =>
  tpm.client.call(
    C.SetPrimaryPolicy,
    { authHandle: TPM_RH.OWNER, authPolicy: EMPTY, hashAlg: A.NULL },
    { auth: [use] },
  );
const flush = (flushHandle: number) => tpm.client.call(C.FlushContext, { flushHandle });

describe('HMAC sessions', () => {
  it('prove the authValue, or the binding to it', async () => {
    const free = await start();
    await setPolicy({ with: free, authValue: auth });
    await expect(setPolicy({ with: free })).rejects.toMatchObject({
      rc: 'BAD_AUTH',
      place: { kind: 'session', number: 1 },
    });
    const bound = await start({ bind: { handle: TPM_RH.OWNER, authValue: auth } });
    await setPolicy({ with: bound, bound: true });
    await setPolicy({ with: bound, bound: true, attributes: 0 });
    await expect(setPolicy({ with: bound, bound: true })).rejects.toMatchObject({ rc: 'REFERENCE_S0' });
  });

  it('a replayed command is refused: the nonces have rolled', async () => {
    const session = await start();
    const input = { authHandle: TPM_RH.OWNER, authPolicy: EMPTY, hashAlg: A.NULL };
    const command = T.prepareCommand(C.SetPrimaryPolicy, input, [{ with: session, authValue: auth }]);
    const first = await tpm.transport.transmit(command.bytes, 0);
    command.accept(first);
    expect(T.describeResponseCode(T.responseCode(await tpm.transport.transmit(command.bytes, 0)))).toContain(
      'BAD_AUTH',
    );
    const changed = first.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    expect(() => command.accept(changed)).toThrow('HMAC is wrong');
  });

  it.each([T.SRK_ECC_P256, { ...T.EK_RSA2048, objectAttributes: T.SRK_ECC_P256.objectAttributes, authPolicy: EMPTY }])(
    'salted by a key of type $type, with encrypted parameters',
    async (inPublic) => {
      const made = await tpm.client.call(C.CreatePrimary, {
        primaryHandle: TPM_RH.ENDORSEMENT,
        inSensitive: { userAuth: EMPTY, data: EMPTY },
        inPublic,
        outsideInfo: EMPTY,
        creationPCR: [],
      });
      const session = await start({ salt: { handle: made.objectHandle, publicArea: made.outPublic }, symmetric: AES });
      const secret = utf8('not on the wire');
      const use = { with: session, attributes: S.continueSession | S.decrypt };
      const change = { authHandle: TPM_RH.ENDORSEMENT, newAuth: secret };
      const command = T.prepareCommand(C.HierarchyChangeAuth, change, [use]);
      expect(toText(command.bytes)).not.toContain('not on the wire');
      expect(T.responseCode(await tpm.transport.transmit(command.bytes, 0))).toBe(0);
      await tpm.client.call(C.HierarchyChangeAuth, { ...change, newAuth: EMPTY }, { auth: [secret] });
    },
  );
});

const toText = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

describe('audit sessions', () => {
  it('extend their digest by cpHash and rpHash, and tell whether they are alone', async () => {
    const session = await start();
    const audited = (attributes: number) =>
      tpm.client.call(
        C.PCR_Read,
        { pcrSelectionIn: [] },
        { auth: [{ with: session, attributes: S.continueSession | attributes }] },
      );
    const digest = async () => {
      const input = { privacyAdminHandle: TPM_RH.ENDORSEMENT, signHandle: TPM_RH.NULL, sessionHandle: session.handle };
      const { auditInfo } = await tpm.client.call(C.GetSessionAuditDigest, {
        ...input,
        qualifyingData: EMPTY,
        inScheme: { scheme: A.NULL },
      });
      return T.decode(T.TPMS_ATTEST, auditInfo).attested;
    };
    const { pcrUpdateCounter } = await audited(S.audit);
    const answer = concat(T.handleName(pcrUpdateCounter), new Uint8Array(8));
    const parts = concat(
      T.cpHash(A.SHA256, T.TPM_CC.PCR_Read, [], new Uint8Array(4)),
      T.rpHash(A.SHA256, T.TPM_CC.PCR_Read, answer),
    );
    const sessionDigest = hash('sha256', concat(new Uint8Array(32), parts));
    expect(await digest()).toEqual({ exclusiveSession: 1, sessionDigest });
    await expect(audited(S.audit | S.auditExclusive)).rejects.toMatchObject({ rc: 'EXCLUSIVE' });
    await audited(S.audit);
    expect(await digest()).toEqual({
      exclusiveSession: 0,
      sessionDigest: hash('sha256', concat(sessionDigest, parts)),
    });
    await audited(S.audit | S.auditReset);
    expect(await digest()).toEqual({ exclusiveSession: 1, sessionDigest });
  });
});

describe('saved contexts', () => {
  it('come back once, in this TPM, before its reset', async () => {
    const session = await start();
    const { context } = await tpm.client.call(C.ContextSave, { saveHandle: session.handle });
    await expect(setPolicy({ with: session, authValue: auth })).rejects.toMatchObject({ rc: 'REFERENCE_S0' });
    const other = await testTpm({ seed: 'other' });
    await expect(other.client.call(C.ContextLoad, { context })).rejects.toMatchObject({ rc: 'INTEGRITY' });
    await tpm.client.call(C.ContextLoad, { context });
    await setPolicy({ with: session, authValue: auth });
    await expect(tpm.client.call(C.ContextLoad, { context })).rejects.toMatchObject({ rc: 'HANDLE' });
    const { context: later } = await tpm.client.call(C.ContextSave, { saveHandle: session.handle });
    await tpm.transport.powerOn();
    await tpm.client.call(C.Startup, { startupType: 0 });
    await expect(tpm.client.call(C.ContextLoad, { context: later })).rejects.toMatchObject({ rc: 'INTEGRITY' });
  });

  it('hold no more than 65,535 contexts between the oldest session and the newest', async () => {
    const old = await start();
    const { context } = await tpm.client.call(C.ContextSave, { saveHandle: old.handle });
    const young = await start();
    tpm.transport.engine.state.access.contexts.counter += 0xffff;
    await expect(tpm.client.call(C.ContextSave, { saveHandle: young.handle })).rejects.toMatchObject({
      rc: 'CONTEXT_GAP',
    });
    // Only the last free place is refused: it is kept for the oldest context.
    const second = await start();
    await expect(start()).rejects.toMatchObject({ rc: 'CONTEXT_GAP' });
    await tpm.client.call(C.ContextLoad, { context });
    await tpm.client.call(C.ContextSave, { saveHandle: young.handle });
    for (const { handle } of [old, young, second]) await flush(handle);
  });

  it('a damaged one is refused', async () => {
    const session = await start({ type: TPM_SE.POLICY });
    const { context } = await tpm.client.call(C.ContextSave, { saveHandle: session.handle });
    await fc.assert(
      fc.asyncProperty(fc.nat(context.contextBlob.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const contextBlob = context.contextBlob.map((byte, i) => (i === at ? byte ^ bits : byte));
        expect(equalBytes(contextBlob, context.contextBlob)).toBe(false);
        await expect(tpm.client.call(C.ContextLoad, { context: { ...context, contextBlob } })).rejects.toBeInstanceOf(
          T.TpmError,
        );
        await expect(
          tpm.client.call(C.ContextLoad, { context: { ...context, contextBlob: context.contextBlob.subarray(0, at) } }),
        ).rejects.toBeInstanceOf(T.TpmError);
      }),
      { numRuns: 50 },
    );
    await tpm.client.call(C.ContextLoad, { context });
  });
});

describe('dictionary attacks', () => {
  it('three wrong values lock, time heals', async () => {
    const publicInfo = {
      nvIndex: 0x0150_0000,
      nameAlg: A.SHA256,
      attributes: T.TPMA_NV.authRead | T.TPMA_NV.authWrite,
      authPolicy: EMPTY,
      dataSize: 4,
    };
    await tpm.client.call(
      C.NV_DefineSpace,
      { authHandle: TPM_RH.OWNER, auth: utf8('pin'), publicInfo },
      { auth: [auth] },
    );
    const write = (pin: string) =>
      tpm.client.call(
        C.NV_Write,
        { authHandle: 0x0150_0000, nvIndex: 0x0150_0000, data: EMPTY, offset: 0 },
        { auth: [utf8(pin)] },
      );
    for (let i = 0; i < 3; i++) await expect(write('?')).rejects.toMatchObject({ rc: 'AUTH_FAIL' });
    await expect(write('pin')).rejects.toMatchObject({ rc: 'LOCKOUT' });
    tpm.clock.advance(999_000);
    await expect(write('pin')).rejects.toMatchObject({ rc: 'LOCKOUT' });
    tpm.clock.advance(2_000);
    await write('pin');
    await expect(write('?')).rejects.toMatchObject({ rc: 'AUTH_FAIL' });
    await tpm.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT });
    await write('pin');
    await expect(
      tpm.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }),
    ).rejects.toMatchObject({ rc: 'AUTH_FAIL' });
    await expect(tpm.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })).rejects.toMatchObject({
      rc: 'LOCKOUT',
    });
  });

  /** A wrong and a right lockoutAuth: whether it can be used. */
  const lockout = async (value: Uint8Array) => {
    const use = { lockHandle: TPM_RH.LOCKOUT };
    const code = (error: unknown) => (error instanceof T.TpmError ? error.rc : String(error));
    return tpm.client.call(C.DictionaryAttackLockReset, use, { auth: [value] }).then(() => 'done', code);
  };
  const limits = (newRecoveryTime: number, lockoutRecovery: number) =>
    tpm.client.call(C.DictionaryAttackParameters, {
      lockHandle: TPM_RH.LOCKOUT,
      newMaxTries: 5,
      newRecoveryTime,
      lockoutRecovery,
    });
  const cycle = async (startupType: number, shutdownType?: number) => {
    if (shutdownType !== undefined) await tpm.client.call(C.Shutdown, { shutdownType });
    await tpm.transport.powerOn();
    await tpm.client.call(C.Startup, { startupType });
  };
  const KINDS = [
    [0, undefined],
    [0, 0],
    [0, 1],
    [1, 1],
  ] as const;

  it.each(KINDS)('lockoutRecovery 0 ends with TPM2_Startup(%s) after TPM2_Shutdown(%s)', async (startup, shutdown) => {
    await limits(1000, 0);
    expect([await lockout(auth), await lockout(EMPTY)]).toEqual(['AUTH_FAIL', 'LOCKOUT']);
    await cycle(startup, shutdown);
    expect(await lockout(EMPTY)).toBe('done');
  });

  it.each(KINDS)('timers over TPM2_Startup(%s) after TPM2_Shutdown(%s)', async (startup, shutdown) => {
    await limits(4, 4);
    tpm.clock.advance(1000);
    const { dictionary } = tpm.transport.engine.state.access;
    dictionary.failedTries = 2;
    dictionary.selfHealTimer = 1000;
    await lockout(auth);
    tpm.clock.advance(2500);
    await cycle(startup, shutdown);
    expect(await lockout(EMPTY)).toBe('LOCKOUT');
    tpm.clock.advance(2000);
    // What had passed counts after an orderly stop only.
    const orderly = shutdown !== undefined;
    await tpm.client.call(C.GetRandom, { bytesRequested: 1 });
    expect(tpm.transport.engine.state.access.dictionary.failedTries).toBe(orderly ? 1 : 2);
    expect(await lockout(EMPTY)).toBe(orderly ? 'done' : 'LOCKOUT');
    tpm.clock.advance(2000);
    expect(await lockout(EMPTY)).toBe('done');
  });
});
