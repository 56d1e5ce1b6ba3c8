/** Roles USER, ADMIN and DUP of objects, and policies enforced at use, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import {
  digestOf,
  flush,
  inPolicy,
  primary,
  type Side,
  Sides,
  sealed,
  startSession as start,
  status,
} from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH, TPM_CC } = T;
const EMPTY = new Uint8Array(0);
const secret = utf8('secret');
const NULL_SYMMETRIC = { algorithm: A.NULL } as const;

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

type Policy = (side: Side, policySession: number) => Promise<unknown>;
const trial = (side: Side, policy: Policy) =>
  inPolicy(
    side,
    async (handle) => {
      await policy(side, handle);
      return digestOf(side, handle);
    },
    TPM_SE.TRIAL,
  );
const code =
  (value: number): Policy =>
  ({ client }, policySession) =>
    client.call(C.PolicyCommandCode, { policySession, code: value });
const all =
  (...policies: Policy[]): Policy =>
  async (side, handle) => {
    for (const policy of policies) await policy(side, handle);
  };
const authValue: Policy = ({ client }, policySession) => client.call(C.PolicyAuthValue, { policySession });
const nothing: Policy = async () => undefined;

describe('objects', () => {
  const { userWithAuth, adminWithPolicy, noDA, encryptedDuplication, fixedTPM, fixedParent } = T.TPMA_OBJECT;

  it.each([
    ['code of Certify', code(TPM_CC.Certify)],
    ['code of ActivateCredential', code(TPM_CC.ActivateCredential)],
    ['code of ObjectChangeAuth', code(TPM_CC.ObjectChangeAuth)],
    ['value and code', all(authValue, code(TPM_CC.ObjectChangeAuth))],
    ['no code', authValue],
  ] as const)('ADMIN role with %s', async (_, policy) => {
    for (const attributes of [0, userWithAuth, adminWithPolicy, userWithAuth | adminWithPolicy]) {
      await sides.agree(`attributes ${attributes}`, async (side) => {
        const { client } = side;
        const authPolicy = await trial(side, policy);
        const parent = await primary(side, T.SRK_ECC_P256);
        const inPublic = sealed(attributes | noDA, authPolicy);
        const made = await client.call(C.Create, {
          parentHandle: parent.handle,
          inSensitive: { userAuth: secret, data: utf8('data') },
          inPublic,
          outsideInfo: EMPTY,
          creationPCR: [],
        });
        const { objectHandle, name } = await client.call(C.Load, {
          parentHandle: parent.handle,
          inPrivate: made.outPrivate,
          inPublic: made.outPublic,
        });
        const input = { objectHandle, parentHandle: parent.handle, newAuth: utf8('new') };
        const names = { objectHandle: name, parentHandle: parent.name };
        const out: unknown[] = [];
        const change = (auth: T.Authorization) =>
          status(client.call(C.ObjectChangeAuth, input, { auth: [auth], names }).then(() => 0));
        out.push(await change(secret), await change(utf8('wrong')));
        const hmac = await start(side);
        out.push(await change({ with: hmac, authValue: secret }));
        await flush(side, hmac.handle);
        for (const shows of ['hmac', undefined] as const) {
          const session = await start(side, { type: TPM_SE.POLICY });
          await policy(side, session.handle);
          out.push(await change({ with: session, authValue: secret, ...(shows === undefined ? {} : { shows }) }));
          await flush(side, session.handle);
        }
        await flush(side, objectHandle);
        await flush(side, parent.handle);
        return out;
      });
    }
  });

  it('DUP role and PolicyDuplicationSelect', async () => {
    for (const includeObject of [0, 1]) {
      await sides.agree(`include ${includeObject}`, async (side) => {
        const { client } = side;
        const out: unknown[] = [];
        const parent = await primary(side, T.SRK_ECC_P256);
        const other = await primary(side, T.SRK_ECC_P256, { hierarchy: TPM_RH.ENDORSEMENT });
        const select =
          (objectName: Uint8Array): Policy =>
          (on, policySession) =>
            on.client.call(C.PolicyDuplicationSelect, {
              policySession,
              objectName,
              newParentName: other.name,
              includeObject,
            });
        // The policy can hold the object's Name only where that does not depend on the policy.
        const authPolicy = await trial(side, select(EMPTY));
        const inPublic = { ...sealed(userWithAuth | noDA, authPolicy) };
        inPublic.objectAttributes &= ~(fixedTPM | fixedParent);
        const made = await client.call(C.Create, {
          parentHandle: parent.handle,
          inSensitive: { userAuth: secret, data: utf8('data') },
          inPublic,
          outsideInfo: EMPTY,
          creationPCR: [],
        });
        const { objectHandle, name } = await client.call(C.Load, {
          parentHandle: parent.handle,
          inPrivate: made.outPrivate,
          inPublic: made.outPublic,
        });
        const names = { objectHandle: name, newParentHandle: other.name };
        const duplicate = (auth: T.Authorization, newParentHandle: number) =>
          status(
            client
              .call(
                C.Duplicate,
                { objectHandle, newParentHandle, encryptionKeyIn: EMPTY, symmetricAlg: NULL_SYMMETRIC },
                { auth: [auth], names: newParentHandle === TPM_RH.NULL ? { objectHandle: name } : names },
              )
              .then(() => 0),
          );
        out.push(await duplicate(secret, other.handle));
        const hmac = await start(side);
        out.push(await duplicate({ with: hmac, authValue: secret }, other.handle));
        await flush(side, hmac.handle);
        for (const objectName of [EMPTY, name]) {
          for (const newParent of [other.handle, TPM_RH.NULL, parent.handle]) {
            const session = await start(side, { type: TPM_SE.POLICY });
            await select(objectName)(side, session.handle);
            out.push(await duplicate({ session: session.handle, continueSession: true }, newParent));
            await flush(side, session.handle);
          }
        }
        out.push(encryptedDuplication);
        for (const handle of [objectHandle, other.handle, parent.handle]) await flush(side, handle);
        return out;
      });
    }
  });

  it('cpHash, nameHash, template and nonces of the real command', async () => {
    await sides.agree('limits', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const data = utf8('x');
      const parameters = (value: Uint8Array) => concat(new Uint8Array([0, value.length]), value);
      const ownerName = T.handleName(TPM_RH.OWNER);
      const cpHashA = T.cpHash(A.SHA256, TPM_CC.HierarchyChangeAuth, [ownerName], parameters(data));
      const limits: Record<string, Policy> = {
        cpHash: (on, policySession) => on.client.call(C.PolicyCpHash, { policySession, cpHashA }),
        nameHash: (on, policySession) =>
          on.client.call(C.PolicyNameHash, { policySession, nameHash: hash('sha256', ownerName) }),
      };
      for (const [name, policy] of Object.entries(limits)) {
        const authPolicy = await trial(side, policy);
        await client.call(C.SetPrimaryPolicy, { authHandle: TPM_RH.OWNER, authPolicy, hashAlg: A.SHA256 });
        const session = await start(side, { type: TPM_SE.POLICY });
        const use = { session: session.handle, continueSession: true };
        const change = (newAuth: Uint8Array) =>
          status(client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth }, { auth: [use] }));
        for (const value of [utf8('y'), data]) {
          await policy(side, session.handle);
          out.push(name, await change(value));
          await client.call(C.PolicyRestart, { sessionHandle: session.handle });
        }
        await flush(side, session.handle);
        out.push(
          await status(
            client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: EMPTY }, { auth: [data] }),
          ),
        );
        out.push(
          await status(
            client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: EMPTY }, { auth: [utf8('y')] }),
          ),
        );
      }
      const template: Policy = (on, policySession) =>
        on.client.call(C.PolicyTemplate, {
          policySession,
          templateHash: hash('sha256', T.encode(T.TPMT_PUBLIC, T.AK_ECC_P256)),
        });
      await client.call(C.SetPrimaryPolicy, {
        authHandle: TPM_RH.OWNER,
        authPolicy: await trial(side, template),
        hashAlg: A.SHA256,
      });
      for (const inPublic of [T.AK_ECC_P256, T.SRK_ECC_P256]) {
        const session = await start(side, { type: TPM_SE.POLICY });
        await template(side, session.handle);
        const input = {
          primaryHandle: TPM_RH.OWNER,
          inSensitive: { userAuth: EMPTY, data: EMPTY },
          inPublic,
          outsideInfo: EMPTY,
          creationPCR: [],
        };
        const use = { session: session.handle, continueSession: true };
        out.push(
          await status(client.call(C.CreatePrimary, input, { auth: [use] }).then(({ objectHandle }) => objectHandle)),
        );
        await template(side, session.handle).catch(() => undefined);
        out.push(
          await status(
            client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: EMPTY }, { auth: [use] }),
          ),
        );
        await flush(side, session.handle);
      }
      await flush(side, 0x80000000);
      out.push(
        await status(client.call(C.SetPrimaryPolicy, { authHandle: TPM_RH.OWNER, authPolicy: EMPTY, hashAlg: A.NULL })),
      );
      return out;
    });
  });

  it('PolicySecret authorised by policy sessions', async () => {
    await sides.agree('nested', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const kinds: [Policy, 'hmac' | 'password' | undefined][] = [
        [nothing, undefined],
        [authValue, 'hmac'],
        [(on, policySession) => on.client.call(C.PolicyPassword, { policySession }), 'password'],
        [code(TPM_CC.PolicySecret), undefined],
      ];
      for (const [policy, shows] of kinds) {
        const authPolicy = await trial(side, policy);
        const object = await primary(side, sealed(noDA, authPolicy), { userAuth: secret, data: utf8('data') });
        const session = await start(side, { type: TPM_SE.POLICY });
        await policy(side, session.handle);
        out.push(
          await inPolicy(side, (policySession) =>
            status(
              client.call(
                C.PolicySecret,
                {
                  authHandle: object.handle,
                  policySession,
                  nonceTPM: EMPTY,
                  cpHashA: EMPTY,
                  policyRef: EMPTY,
                  expiration: 0,
                },
                {
                  auth: [{ with: session, authValue: secret, ...(shows === undefined ? {} : { shows }) }],
                  names: { authHandle: object.name },
                },
              ),
            ),
          ),
        );
        await flush(side, session.handle);
        await flush(side, object.handle);
      }
      return out;
    });
  });
});
