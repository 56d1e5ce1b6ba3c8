/** Policies that another party approves, and policies of hierarchies, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { digestOf, flush, inPolicy, primary, type Side, Sides, startSession as start, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH } = T;
const EMPTY = new Uint8Array(0);
const NV = 0x0150_0010;
const NULL_SCHEME: T.TPMT_SIG_SCHEME = { scheme: A.NULL };

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

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
