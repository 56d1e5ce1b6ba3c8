/** Saved contexts, dictionary attack protection, audit and approvals, ours against swtpm's. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { digestOf, inPolicy, policySession, primary, type Side, Sides, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH, TPMA_SESSION: S, ClientSession } = T;
const EMPTY = new Uint8Array(0);
const { continueSession: KEEP } = S;
const NV = 0x0150_0010;
const NULL_SCHEME: T.TPMT_SIG_SCHEME = { scheme: A.NULL };

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

const start = (side: Side, options: Omit<T.SessionOptions, 'random'> = {}) =>
  ClientSession.start(side.client, { ...options, random: side.random });
const flush = (side: Side, flushHandle: number) => side.client.call(C.FlushContext, { flushHandle });
const save = async (side: Side, saveHandle: number) => (await side.client.call(C.ContextSave, { saveHandle })).context;
type Context = Awaited<ReturnType<typeof save>>;
const load = (side: Side, context: Context) => side.client.call(C.ContextLoad, { context });
/** What a context says in the clear. */
const clear = ({ sequence, savedHandle, hierarchy }: Context) => [sequence, savedHandle, hierarchy];
const handles = async (side: Side, property: number) =>
  (await side.client.call(C.GetCapability, { capability: 1, property, propertyCount: 100 })).capabilityData.data;

const sealed = (objectAttributes: number, authPolicy = EMPTY) =>
  ({
    type: A.KEYEDHASH,
    nameAlg: A.SHA256,
    objectAttributes: objectAttributes | T.TPMA_OBJECT.fixedTPM | T.TPMA_OBJECT.fixedParent,
    authPolicy,
    parameters: { scheme: { scheme: A.NULL } },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;
const { userWithAuth, noDA, stClear } = T.TPMA_OBJECT;

describe('contexts', () => {
  it('of sessions', async () => {
    await sides.agree('sessions', async (side) => {
      const out: unknown[] = [];
      const hmac = await start(side);
      const policy = await policySession(side, TPM_SE.POLICY);
      const a = await save(side, hmac.handle);
      const b = await save(side, policy);
      out.push(clear(a), clear(b), await handles(side, 0x02000000), await handles(side, 0x03000000));
      out.push(await status(save(side, policy)), await status(digestOf(side, policy)));
      out.push(
        await status(load(side, { ...a, savedHandle: policy })),
        await status(load(side, { ...a, sequence: 9n })),
      );
      out.push(await status(load(side, { ...a, hierarchy: TPM_RH.OWNER })));
      const damaged = a.contextBlob.slice();
      damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
      out.push(await status(load(side, { ...a, contextBlob: damaged })));
      out.push(await status(load(side, { ...a, contextBlob: EMPTY })));
      out.push(await status(load(side, { ...a, contextBlob: damaged.subarray(0, 40) })));
      out.push(await status(load(side, { ...a, contextBlob: concat(new Uint8Array([0, 20]), damaged.subarray(2)) })));
      out.push(await load(side, a), await status(load(side, a)));
      const again = await save(side, hmac.handle);
      out.push(clear(again), await status(load(side, a)), await load(side, again));
      out.push(await flush(side, policy), await status(load(side, b)), await status(flush(side, policy)));
      const use = { with: hmac };
      out.push(await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [use] })));
      await flush(side, hmac.handle);
      return out;
    });
    await sides.agree('many', async (side) => {
      const contexts: Context[] = [];
      const out: unknown[] = [];
      for (let i = 0; i < 66; i++) {
        const session = await start(side).catch((error: Error) => error.message);
        if (typeof session === 'string') {
          out.push(i, session);
          break;
        }
        if (i < 64) contexts.push(await save(side, session.handle));
      }
      out.push(contexts.map(clear), await handles(side, 0x03000000));
      for (const context of contexts) out.push(await status(flush(side, context.savedHandle)));
      return out;
    });
  });

  it('of objects', async () => {
    for (const attributes of [userWithAuth, userWithAuth | stClear]) {
      for (const hierarchy of [TPM_RH.OWNER, TPM_RH.NULL, TPM_RH.ENDORSEMENT, TPM_RH.PLATFORM]) {
        await sides.agree(`object ${attributes} ${hierarchy}`, async (side) => {
          const out: unknown[] = [];
          const object = await primary(side, sealed(attributes | noDA), { hierarchy, data: utf8('data') });
          const context = await save(side, object.handle);
          out.push(clear(context), await load(side, context), await load(side, context));
          out.push(await status(load(side, context)));
          out.push(await side.client.call(C.Unseal, { itemHandle: 0x80000001 }));
          const { name } = await side.client.call(C.ReadPublic, { objectHandle: 0x80000002 });
          out.push(name.join() === object.name.join());
          for (const handle of [0x80000000, 0x80000001, 0x80000002]) await flush(side, handle);
          for (const change of [
            { savedHandle: 0x80000001 },
            { savedHandle: 0x80000002 },
            { savedHandle: 0x80000003 },
            { hierarchy: TPM_RH.LOCKOUT },
          ]) {
            out.push(await status(load(side, { ...context, ...change })));
          }
          await status(flush(side, 0x80000000));
          return out;
        });
      }
    }
    await sides.agree('sequence', async (side) => {
      const { sequenceHandle } = await side.client.call(C.HashSequenceStart, { auth: EMPTY, hashAlg: A.SHA256 });
      await side.client.call(C.SequenceUpdate, { sequenceHandle, buffer: utf8('ab') });
      const context = await save(side, sequenceHandle);
      await flush(side, sequenceHandle);
      const { loadedHandle } = await load(side, context);
      const { result } = await side.client.call(C.SequenceComplete, {
        sequenceHandle: loadedHandle,
        buffer: utf8('c'),
        hierarchy: TPM_RH.NULL,
      });
      return [clear(context), result];
    });
  });

  it('over resets, restarts and resumes', async () => {
    const saved = new Map<string, Context[]>();
    const keep = (label: string) =>
      sides.agree(label, async (side) => {
        const contexts: Context[] = [];
        for (const attributes of [userWithAuth, userWithAuth | stClear]) {
          const object = await primary(side, sealed(attributes | noDA));
          contexts.push(await save(side, object.handle));
          await flush(side, object.handle);
        }
        contexts.push(await save(side, await policySession(side, TPM_SE.POLICY)));
        contexts.push(await save(side, (await start(side)).handle));
        saved.set(side.name, contexts);
        return contexts.map(clear);
      });
    const back = (label: string) =>
      sides.agree(label, async (side) => {
        const out: unknown[] = [];
        for (const context of saved.get(side.name) ?? []) {
          const outcome = await status(load(side, context));
          out.push(outcome);
          if (outcome === '"done"') await flush(side, context.savedHandle).catch(() => flush(side, 0x80000000));
          else out.push(await status(flush(side, context.savedHandle)));
        }
        return out;
      });
    for (const [startup, shutdown] of [
      [1, 1],
      [0, 1],
      [0, 0],
      [0, undefined],
    ] as const) {
      await keep('saved');
      await sides.restart(startup, shutdown);
      await back(`after startup ${startup} shutdown ${shutdown}`);
    }
  });
});

describe('dictionary attacks', () => {
  const right = utf8('right');
  const wrong = utf8('wrong');
  const lockoutState = async (side: Side) => {
    const list = async (property: number, propertyCount: number) =>
      (await side.client.call(C.GetCapability, { capability: 6, property, propertyCount })).capabilityData.data;
    return [await list(0x200, 1), await list(0x20e, 4)];
  };
  const unseal = (side: Side, itemHandle: number, auth: T.Authorization) =>
    status(side.client.call(C.Unseal, { itemHandle }, { auth: [auth], names: names.get(side.name) ?? {} }));
  const names = new Map<string, { itemHandle: Uint8Array }>();
  const retry = async (act: () => Promise<string>): Promise<string[]> => [await act(), await act()];

  it('count, lock and reset', async () => {
    await sides.restart(0, 0);
    await sides.agree('object', async (side) => {
      const made = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
      names.set(side.name, { itemHandle: made.name });
      return made.handle;
    });
    const itemHandle = 0x80000000;
    await sides.agree('first uses', (side) => retry(() => unseal(side, itemHandle, right)));
    await sides.agree('lockout hierarchy', async (side) => {
      const out: unknown[] = [await lockoutState(side)];
      for (const auth of [wrong, wrong, right, wrong, right, wrong])
        out.push(await unseal(side, itemHandle, auth), await lockoutState(side));
      const session = await start(side);
      out.push(await unseal(side, itemHandle, { with: session, authValue: right }));
      out.push(
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
        await lockoutState(side),
      );
      out.push(await unseal(side, itemHandle, { with: session, authValue: wrong }), await lockoutState(side));
      out.push(await unseal(side, itemHandle, { with: session, authValue: right }));
      out.push(await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.OWNER })));
      await flush(side, session.handle);
      return out;
    });
    await sides.agree('parameters', async (side) => {
      const out: unknown[] = [];
      const set = (newMaxTries: number, newRecoveryTime: number, lockoutRecovery: number) =>
        status(
          side.client.call(C.DictionaryAttackParameters, {
            lockHandle: TPM_RH.LOCKOUT,
            newMaxTries,
            newRecoveryTime,
            lockoutRecovery,
          }),
        );
      for (const [tries, recovery, lockout] of [
        [1, 1000, 1000],
        [0, 1000, 1000],
        [5, 0, 1000],
        [5, 5000, 0],
      ] as const) {
        out.push(await set(tries, recovery, lockout), await lockoutState(side));
        for (const auth of [right, wrong, right])
          out.push(await unseal(side, itemHandle, auth), await lockoutState(side));
      }
      out.push(await set(3, 1000, 1000));
      return out;
    });
    await sides.agree('bound sessions', async (side) => {
      const out: unknown[] = [
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
      ];
      const bind = { handle: itemHandle, authValue: wrong };
      const session = await start(side, { bind });
      out.push(await unseal(side, itemHandle, { with: session, bound: true }), await lockoutState(side));
      out.push(
        await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [{ with: session }] })),
        await lockoutState(side),
      );
      await flush(side, session.handle);
      const good = await start(side, { bind: { handle: itemHandle, authValue: right } });
      out.push(await unseal(side, itemHandle, { with: good, bound: true, authValue: right }));
      out.push(await unseal(side, itemHandle, wrong), await unseal(side, itemHandle, wrong), await lockoutState(side));
      out.push(await unseal(side, itemHandle, { with: good, bound: true, authValue: right }));
      out.push(await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [{ with: good }] })));
      await flush(side, good.handle);
      return out;
    });
  });

  it('the lockout hierarchy itself', async () => {
    await sides.agree('lockoutAuth', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const reset = (auth: T.Authorization) =>
        status(client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }));
      out.push(await status(client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.LOCKOUT, newAuth: right })));
      out.push(
        await reset(right),
        await lockoutState(side),
        await reset(wrong),
        await lockoutState(side),
        await reset(right),
      );
      const session = await start(side, { bind: { handle: TPM_RH.LOCKOUT, authValue: right } });
      out.push(await reset({ with: session, bound: true, authValue: right }));
      await flush(side, session.handle);
      return out;
    });
    await sides.restart(0, 0);
    await sides.agree('after a reset', async (side) => {
      const reset = (auth: T.Authorization) =>
        status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }));
      const out: unknown[] = [await reset(right)];
      out.push(
        await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
        await reset(EMPTY),
        await lockoutState(side),
      );
      const parameters = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 3, newRecoveryTime: 1000, lockoutRecovery: 0 };
      out.push(
        await status(side.client.call(C.DictionaryAttackParameters, parameters)),
        await reset(wrong),
        await reset(EMPTY),
      );
      return out;
    });
    await sides.restart(0, 0);
    await sides.agree('lockoutRecovery 0 ends with the reset', async (side) => {
      const reset = () => status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }));
      return [
        await reset(),
        await lockoutState(side),
        await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
      ];
    });
  });

  it('orderly and unorderly stops', async () => {
    for (const shutdown of [0, undefined, 1, undefined]) {
      await sides.restart(0, shutdown);
      await sides.agree(`unused, shutdown ${shutdown}`, (side) => lockoutState(side));
      await sides.agree('used', async (side) => {
        const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
        return [await retry(() => unseal(side, handle, right)), await flush(side, handle)];
      });
      await sides.restart(0, shutdown);
      await sides.agree(`used, shutdown ${shutdown}`, (side) => lockoutState(side));
    }
  });

  it('heals with time', async () => {
    await sides.restart(0, 0);
    await sides.agree('fail', async (side) => {
      const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
      const parameters = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 4, newRecoveryTime: 2, lockoutRecovery: 2 };
      await side.client.call(C.DictionaryAttackParameters, parameters);
      await side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT });
      const out: unknown[] = [];
      for (let i = 0; i < 4; i++) out.push(await unseal(side, handle, wrong));
      out.push(
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [wrong] })),
      );
      out.push(await lockoutState(side));
      return out;
    });
    await wait(2500);
    sides.pair.clock.advance(2500);
    await sides.agree('healed', async (side) => [
      await lockoutState(side),
      await unseal(side, 0x80000000, right),
      await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
      await flush(side, 0x80000000),
    ]);
  });
});

describe('audit', () => {
  const get = (side: Side, sessionHandle: number, signHandle: number = TPM_RH.NULL) =>
    side.client.call(C.GetSessionAuditDigest, {
      privacyAdminHandle: TPM_RH.ENDORSEMENT,
      signHandle,
      sessionHandle,
      qualifyingData: utf8('nonce'),
      inScheme: NULL_SCHEME,
    });
  /** Sizes and exclusivity: the digest covers nonces only through encrypted parameters, so it is the same. */
  const shown = async (side: Side, sessionHandle: number) => {
    const { auditInfo, signature } = await get(side, sessionHandle);
    const { attested, type } = T.decode(T.TPMS_ATTEST, auditInfo);
    return [type, attested, signature];
  };

  it('of sessions, exclusive or not', async () => {
    for (const authHash of [A.SHA1, A.SHA256]) {
      await sides.agree(`hash ${authHash}`, async (side) => {
        const out: unknown[] = [];
        const session = await start(side, { authHash });
        const other = await start(side, { authHash });
        out.push(await status(get(side, session.handle)));
        const read = async (attributes: number, one = session) =>
          out.push(
            await status(
              side.client.call(
                C.PCR_Read,
                { pcrSelectionIn: [T.pcrSelection(A.SHA256, [16])] },
                { auth: [{ with: one, attributes: KEEP | attributes }] },
              ),
            ),
            one === session ? await status(shown(side, one.handle)) : undefined,
          );
        const { audit, auditExclusive, auditReset } = S;
        await read(audit);
        await read(audit);
        out.push(await shown(side, session.handle));
        await read(audit | auditExclusive);
        await read(audit | auditReset);
        await read(audit | auditExclusive | auditReset);
        await read(audit, other);
        await read(audit | auditExclusive);
        await read(audit);
        out.push(await shown(side, session.handle));
        out.push(await status(get(side, session.handle, 0x80000000)));
        for (const { handle } of [session, other]) await flush(side, handle);
        return out;
      });
    }
    await sides.agree('exclusive', async (side) => {
      const session = await start(side);
      const audited = (attributes: number) =>
        status(
          side.client.call(
            C.PCR_Read,
            { pcrSelectionIn: [] },
            { auth: [{ with: session, attributes: KEEP | S.audit | attributes }] },
          ),
        );
      const out = [await audited(0), await audited(S.auditExclusive)];
      await side.client.call(C.GetRandom, { bytesRequested: 1 });
      out.push(await audited(S.auditExclusive), await audited(S.auditReset), await audited(S.auditExclusive));
      await flush(side, (await start(side)).handle);
      out.push(await audited(S.auditExclusive), await audited(S.auditReset));
      const policy = await start(side, { type: TPM_SE.POLICY });
      out.push(await audited(S.auditExclusive));
      await flush(side, policy.handle);
      await flush(side, session.handle);
      return out;
    });
    await sides.agree('signed, and bound sessions lose their binding', async (side) => {
      const signer = await primary(side, T.AK_ECC_P256, { hierarchy: TPM_RH.ENDORSEMENT });
      const session = await start(side, { bind: { handle: TPM_RH.OWNER, authValue: EMPTY } });
      const use = { with: session, bound: true, attributes: KEEP | S.audit };
      const out: unknown[] = [];
      for (let i = 0; i < 2; i++) {
        out.push(
          await status(
            side.client.call(
              C.SetPrimaryPolicy,
              { authHandle: TPM_RH.OWNER, authPolicy: EMPTY, hashAlg: A.NULL },
              { auth: [use] },
            ),
          ),
        );
      }
      const { auditInfo, signature } = await get(side, session.handle, signer.handle);
      out.push(auditInfo.length, signature.sigAlg);
      for (const handle of [signer.handle, session.handle]) await flush(side, handle);
      return out;
    });
  });

  it('of commands', async () => {
    await sides.agree('command audit', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const digest = async (signHandle: number = TPM_RH.NULL) => {
        const { auditInfo, signature } = await client.call(C.GetCommandAuditDigest, {
          privacyHandle: TPM_RH.ENDORSEMENT,
          signHandle,
          qualifyingData: EMPTY,
          inScheme: NULL_SCHEME,
        });
        const { attested } = T.decode(T.TPMS_ATTEST, auditInfo);
        return [attested, signature.sigAlg];
      };
      const set = (auditAlg: number, setList: number[], clearList: number[], auth: number = TPM_RH.OWNER) =>
        status(client.call(C.SetCommandCodeAuditStatus, { auth, auditAlg, setList, clearList }));
      const list = async () =>
        (await client.call(C.GetCapability, { capability: 4, property: 0, propertyCount: 100 })).capabilityData.data;
      const CC = T.TPM_CC;
      out.push(await digest(), await list());
      out.push(await set(A.NULL, [CC.PCR_Read, CC.PCR_Reset, CC.Shutdown, 0x999], []), await digest(), await list());
      await client.call(C.PCR_Read, { pcrSelectionIn: [] });
      out.push(await digest());
      await client.call(C.PCR_Reset, { pcrHandle: 16 });
      out.push(await digest());
      out.push(await set(A.SHA1, [CC.GetRandom], []), await set(A.SHA256, [], []), await digest());
      await client.call(C.PCR_Read, { pcrSelectionIn: [] });
      out.push(await digest());
      out.push(await set(A.NULL, [], [CC.PCR_Read, CC.SetCommandCodeAuditStatus, 0x999]), await digest(), await list());
      out.push(await set(A.SHA256, [CC.PCR_Read], [CC.PCR_Read], TPM_RH.PLATFORM), await digest());
      const signer = await primary(side, T.AK_ECC_P256, { hierarchy: TPM_RH.ENDORSEMENT });
      out.push(await digest(signer.handle), await digest());
      await client.call(C.PCR_Reset, { pcrHandle: 16 });
      out.push(await digest());
      const counter = await client.call(C.GetCapability, { capability: 6, property: 0x213, propertyCount: 2 });
      out.push(counter.capabilityData.data);
      await flush(side, signer.handle);
      return out;
    });
    await sides.restart(0, 0);
    await sides.agree('after a reset', async (side) => {
      const { auditInfo } = await side.client.call(C.GetCommandAuditDigest, {
        privacyHandle: TPM_RH.ENDORSEMENT,
        signHandle: TPM_RH.NULL,
        qualifyingData: EMPTY,
        inScheme: NULL_SCHEME,
      });
      return T.decode(T.TPMS_ATTEST, auditInfo).attested;
    });
  });
});

describe('approvals', () => {
  const signing: T.EccPublicArea = {
    ...T.AK_ECC_P256,
    objectAttributes: T.AK_ECC_P256.objectAttributes & ~T.TPMA_OBJECT.restricted,
  };
  /** Keys of the two TPMs have different Names: digests are compared with what their own Name gives (Part 3, 23.2.3). */
  const policyOf = (code: number, name: Uint8Array, policyRef: Uint8Array) =>
    hash('sha256', concat(hash('sha256', concat(new Uint8Array(32), T.handleName(code), name)), policyRef));
  const digestIs = async (side: Side, handle: number, expected: Uint8Array) =>
    (await digestOf(side, handle)).join() === expected.join();
  const int32 = (value: number) => T.handleName(value >>> 0);

  it('PolicySigned', async () => {
    for (const expiration of [0, 100, -100, -1]) {
      for (const withNonce of [false, true]) {
        for (const cpHashSize of [0, 20, 32]) {
          await sides.agree(`${expiration} ${withNonce} ${cpHashSize}`, async (side) => {
            const { client } = side;
            const key = await primary(side, signing);
            const session = await start(side, { type: TPM_SE.POLICY });
            const nonceTPM = withNonce ? session.nonceTPM : EMPTY;
            const cpHashA = new Uint8Array(cpHashSize).fill(7);
            const policyRef = utf8('ref');
            const signedPolicy = policyOf(T.TPM_CC.PolicySigned, key.name, policyRef);
            const digest = hash('sha256', concat(nonceTPM, int32(expiration), cpHashA, policyRef));
            const inScheme = { scheme: A.ECDSA, hashAlg: A.SHA256 } as const;
            const validation = { tag: T.TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: EMPTY };
            const { signature: auth } = await client.call(C.Sign, {
              keyHandle: key.handle,
              digest,
              inScheme: NULL_SCHEME,
              validation,
            });
            const input = {
              authObject: key.handle,
              policySession: session.handle,
              nonceTPM,
              cpHashA,
              policyRef,
              expiration,
              auth,
            };
            const out: unknown[] = [inScheme.scheme];
            out.push(await status(client.call(C.PolicySigned, { ...input, nonceTPM: new Uint8Array(32) })));
            out.push(await status(client.call(C.PolicySigned, { ...input, policyRef: EMPTY })));
            const made = await client.call(C.PolicySigned, input).catch((error: Error) => error.message);
            if (typeof made === 'string') out.push(made);
            else {
              out.push(
                made.timeout.length,
                made.policyTicket.tag,
                made.policyTicket.hierarchy,
                made.policyTicket.digest.length,
              );
              const ticket = {
                timeout: made.timeout,
                cpHashA,
                policyRef,
                authName: key.name,
                ticket: made.policyTicket,
              };
              out.push(
                await inPolicy(side, async (policySession) => [
                  await status(client.call(C.PolicyTicket, { ...ticket, policySession })),
                  await digestIs(side, policySession, signedPolicy),
                  await status(client.call(C.PolicyTicket, { ...ticket, policySession, authName: EMPTY })),
                  await status(client.call(C.PolicyTicket, { ...ticket, policySession, timeout: EMPTY })),
                  await status(client.call(C.PolicyTicket, { ...ticket, policySession, timeout: new Uint8Array(8) })),
                  await status(
                    client.call(C.PolicyTicket, {
                      ...ticket,
                      policySession,
                      ticket: { ...made.policyTicket, tag: T.TPM_ST.AUTH_SECRET },
                    }),
                  ),
                ]),
              );
            }
            out.push(await digestIs(side, session.handle, signedPolicy));
            await flush(side, session.handle);
            await flush(side, key.handle);
            return out;
          });
        }
      }
    }
  });

  it('PolicyAuthorize', async () => {
    await sides.agree('authorize', async (side) => {
      const { client } = side;
      const key = await primary(side, signing);
      const session = await start(side, { type: TPM_SE.POLICY });
      await client.call(C.PolicyAuthValue, { policySession: session.handle });
      const approvedPolicy = await digestOf(side, session.handle);
      const policyRef = utf8('ref');
      const digest = hash('sha256', concat(approvedPolicy, policyRef));
      const validation = { tag: T.TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: EMPTY };
      const { signature } = await client.call(C.Sign, {
        keyHandle: key.handle,
        digest,
        inScheme: NULL_SCHEME,
        validation,
      });
      const { validation: checkTicket } = await client.call(C.VerifySignature, {
        keyHandle: key.handle,
        digest,
        signature,
      });
      const input = { policySession: session.handle, approvedPolicy, policyRef, keySign: key.name, checkTicket };
      const out: unknown[] = [];
      for (const change of [
        { policyRef: EMPTY },
        { keySign: EMPTY },
        { keySign: key.name.subarray(0, 20) },
        { keySign: utf8('xx') },
        { approvedPolicy: EMPTY },
        { checkTicket: { ...checkTicket, hierarchy: TPM_RH.NULL, digest: EMPTY } },
        {},
        {},
      ]) {
        out.push(
          await status(client.call(C.PolicyAuthorize, { ...input, ...change })),
          await digestIs(side, session.handle, policyOf(T.TPM_CC.PolicyAuthorize, key.name, policyRef)),
        );
      }
      await flush(side, session.handle);
      await flush(side, key.handle);
      return out;
    });
  });

  it('PolicyAuthorizeNV and what has no policy', async () => {
    await sides.agree('NV', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const { ownerWrite, ownerRead, authRead, authWrite, policyRead } = T.TPMA_NV;
      const attributes = ownerWrite | ownerRead | authRead | authWrite | policyRead | T.TPMA_NV.noDA;
      const publicInfo = { nvIndex: NV, nameAlg: A.SHA256, attributes, authPolicy: EMPTY, dataSize: 34 };
      await client.call(C.NV_DefineSpace, { authHandle: TPM_RH.OWNER, auth: EMPTY, publicInfo });
      const session = await start(side, { type: TPM_SE.POLICY });
      const authorize = () =>
        status(
          client.call(C.PolicyAuthorizeNV, { authHandle: TPM_RH.OWNER, nvIndex: NV, policySession: session.handle }),
        );
      out.push(await authorize());
      for (const data of [
        new Uint8Array(34),
        concat(new Uint8Array([0, 4]), new Uint8Array(32)),
        concat(new Uint8Array([0, 11]), new Uint8Array(32).fill(1)),
        concat(new Uint8Array([0, 13]), new Uint8Array(32)),
        concat(new Uint8Array([0, 11]), new Uint8Array(32)),
      ]) {
        await client.call(C.NV_Write, { authHandle: NV, nvIndex: NV, data, offset: 0 });
        out.push(await authorize());
      }
      out.push(await digestOf(side, session.handle));
      const bare = { session: session.handle, continueSession: true };
      out.push(
        await status(client.call(C.NV_Read, { authHandle: NV, nvIndex: NV, size: 1, offset: 0 }, { auth: [bare] })),
      );
      out.push(
        await status(
          client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: EMPTY }, { auth: [bare] }),
        ),
      );
      out.push(await status(client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [bare] })));
      out.push(await status(client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV })));
      await flush(side, session.handle);
      return out;
    });
  });

  it('of hierarchies', async () => {
    await sides.agree('owner policy', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const policy = async (policySession: number) => {
        await client.call(C.PolicyAuthValue, { policySession });
        await client.call(C.PolicyCommandCode, { policySession, code: T.TPM_CC.SetPrimaryPolicy });
      };
      const authPolicy = await inPolicy(
        side,
        async (trial) => {
          await policy(trial);
          return digestOf(side, trial);
        },
        TPM_SE.TRIAL,
      );
      const input = { authHandle: TPM_RH.OWNER, authPolicy, hashAlg: A.SHA256 };
      out.push(await status(client.call(C.SetPrimaryPolicy, input)));
      const session = await start(side, { type: TPM_SE.POLICY });
      await policy(session.handle);
      out.push(await status(client.call(C.SetPrimaryPolicy, input, { auth: [{ with: session, shows: 'hmac' }] })));
      out.push(await status(client.call(C.SetPrimaryPolicy, input, { auth: [{ with: session, shows: 'hmac' }] })));
      await policy(session.handle);
      const change = { authHandle: TPM_RH.OWNER, newAuth: EMPTY };
      out.push(await status(client.call(C.HierarchyChangeAuth, change, { auth: [{ with: session, shows: 'hmac' }] })));
      out.push(await status(client.call(C.SetPrimaryPolicy, { ...input, authPolicy: EMPTY, hashAlg: A.NULL })));
      await flush(side, session.handle);
      return out;
    });
  });
});
