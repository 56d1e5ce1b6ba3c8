import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';

const { COMMANDS: C, TPM_RH, TPM_SE, TPM_ALG: A } = T;
const EMPTY = new Uint8Array(0);
const approval = { nonceTPM: EMPTY, cpHashA: EMPTY, policyRef: EMPTY, expiration: 0 };

let tpm: TestTpm;
beforeEach(async () => {
  tpm = await testTpm();
});
const random = (size: number) => new Uint8Array(size).fill(7);
const session = (type: number, authHash: number = A.SHA256) =>
  T.ClientSession.start(tpm.client, { type, authHash, random });
const digest = async (policySession: number) =>
  (await tpm.client.call(C.PolicyGetDigest, { policySession })).policyDigest;

/** TCG EK Credential Profile for TPM 2.0, version 2.5, annex B.6: the standard policies of endorsement keys. */
const POLICY_A: readonly (readonly [number, string])[] = [
  [A.SHA256, '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'],
  [A.SHA384, '8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53'],
  [
    A.SHA512,
    '1e3b76502c8a1425aa0b7b3fc646a1b0fae063b03b5368f9c4cddecaff0891dd682bac1a85d4d832b781ea451915de5fc5bf0dc4a1917cd42fa041e3f998e0ee',
  ],
];
const POLICY_B_SHA256 = 'ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0';
const POLICY_C_SHA256 = '3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde';

describe('published policies', () => {
  it.each(POLICY_A)(
    'EK policy A with hash %i is PolicySecret of the endorsement hierarchy',
    async (authHash, expected) => {
      const { handle: policySession } = await session(TPM_SE.TRIAL, authHash);
      await tpm.client.call(C.PolicySecret, { authHandle: TPM_RH.ENDORSEMENT, policySession, ...approval });
      expect(toHex(await digest(policySession))).toBe(expected);
    },
  );

  it('EK policy B is PolicyOR of A and C', async () => {
    const { handle: policySession } = await session(TPM_SE.TRIAL);
    const pHashList = [POLICY_A[0]?.[1] ?? '', POLICY_C_SHA256].map(fromHex);
    await tpm.client.call(C.PolicyOR, { policySession, pHashList });
    expect(toHex(await digest(policySession))).toBe(POLICY_B_SHA256);
  });
});

describe('at use', () => {
  const owner = { authHandle: TPM_RH.OWNER, newAuth: EMPTY };
  /** Makes `policy` the owner's and satisfies it in a new session. */
  async function satisfied(policy: (policySession: number) => Promise<unknown>) {
    const trial = await session(TPM_SE.TRIAL);
    await policy(trial.handle);
    const authPolicy = await digest(trial.handle);
    await tpm.client.call(C.FlushContext, { flushHandle: trial.handle });
    await tpm.client.call(C.SetPrimaryPolicy, { authHandle: TPM_RH.OWNER, authPolicy, hashAlg: A.SHA256 });
    const real = await session(TPM_SE.POLICY);
    await policy(real.handle);
    return { session: real.handle, continueSession: true };
  }
  const change = (use: T.Authorization, options: { locality?: T.Locality } = {}) =>
    tpm.client.call(C.HierarchyChangeAuth, owner, { auth: [use], ...options });

  it('a use must be earned again', async () => {
    const use = await satisfied((policySession) =>
      tpm.client.call(C.PolicyCommandCode, { policySession, code: T.TPM_CC.HierarchyChangeAuth }),
    );
    await change(use);
    await expect(change(use)).rejects.toMatchObject({ rc: 'POLICY_FAIL', place: { kind: 'session', number: 1 } });
  });

  it('locality, command and physical presence', async () => {
    const here = await satisfied((policySession) =>
      tpm.client.call(C.PolicyLocality, { policySession, locality: 0b100 }),
    );
    await expect(change(here)).rejects.toMatchObject({ rc: 'LOCALITY' });
    await change(here, { locality: 2 });
    const other = await satisfied((policySession) =>
      tpm.client.call(C.PolicyCommandCode, { policySession, code: T.TPM_CC.Clear }),
    );
    await expect(change(other)).rejects.toMatchObject({ rc: 'POLICY_CC' });
    const presence = await satisfied((policySession) => tpm.client.call(C.PolicyPhysicalPresence, { policySession }));
    await expect(change(presence)).rejects.toMatchObject({ rc: 'PP' });
  });

  it('a PCR that changed since', async () => {
    const pcrs = [T.pcrSelection(A.SHA256, [1])];
    const use = await satisfied((policySession) =>
      tpm.client.call(C.PolicyPCR, { policySession, pcrDigest: EMPTY, pcrs }),
    );
    await tpm.client.call(C.PCR_Extend, { pcrHandle: 8, digests: [{ hashAlg: A.SHA256, digest: new Uint8Array(32) }] });
    await expect(change(use)).rejects.toMatchObject({ rc: 'PCR_CHANGED' });
  });

  it('time runs out, and a ticket carries an approval to another session', async () => {
    const approve = (policySession: number, expiration: number) =>
      tpm.client.call(C.PolicySecret, { authHandle: TPM_RH.ENDORSEMENT, policySession, ...approval, expiration });
    const use = await satisfied((policySession) => approve(policySession, 10));
    tpm.clock.advance(9_000);
    await change(use);
    await approve(use.session, 10);
    tpm.clock.advance(20_000);
    await expect(change(use)).rejects.toMatchObject({ rc: 'EXPIRED', place: { kind: 'session', number: 1 } });

    await tpm.client.call(C.PolicyRestart, { sessionHandle: use.session });
    const { timeout, policyTicket } = await approve(use.session, -100);
    await tpm.client.call(C.PolicyRestart, { sessionHandle: use.session });
    const ticket = {
      timeout,
      cpHashA: EMPTY,
      policyRef: EMPTY,
      authName: T.handleName(TPM_RH.ENDORSEMENT),
      ticket: policyTicket,
    };
    await tpm.client.call(C.PolicyTicket, { policySession: use.session, ...ticket });
    await change(use);
    await expect(
      tpm.client.call(C.PolicyTicket, { policySession: use.session, ...ticket, policyRef: utf8('other') }),
    ).rejects.toMatchObject({ rc: 'TICKET' });
    tpm.clock.advance(200_000);
    await expect(tpm.client.call(C.PolicyTicket, { policySession: use.session, ...ticket })).rejects.toMatchObject({
      rc: 'EXPIRED',
    });
  });
});
