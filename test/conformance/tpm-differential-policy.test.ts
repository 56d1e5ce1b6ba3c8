/** Policy commands: digests, refusals and enforcement, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { concat, fromHex, utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { digestOf, inPolicy, type Side, Sides, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH } = T;
const EMPTY = new Uint8Array(0);
const bytes = (size: number, value: number) => new Uint8Array(size).fill(value);
const d32 = bytes(32, 0x11);
const HASHES = [A.SHA1, A.SHA256, A.SHA384, A.SHA512];
const NV = 0x0150_0001;

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
  await sides.agree('define', ({ client }) =>
    client.call(C.NV_DefineSpace, {
      authHandle: TPM_RH.OWNER,
      auth: EMPTY,
      publicInfo: {
        nvIndex: NV,
        nameAlg: A.SHA256,
        attributes:
          T.TPMA_NV.ownerWrite | T.TPMA_NV.ownerRead | T.TPMA_NV.authRead | T.TPMA_NV.authWrite | T.TPMA_NV.noDA,
        authPolicy: EMPTY,
        dataSize: 40,
      },
    }),
  );
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

type Step = (side: Side, policySession: number) => Promise<unknown>;
const approval = { nonceTPM: EMPTY, cpHashA: EMPTY, policyRef: EMPTY, expiration: 0 };

/** Every command that changes only the digest, with parameters that a trial session accepts. */
const STEPS: Readonly<Record<string, Step>> = {
  'Secret owner': ({ client }, policySession) =>
    client.call(C.PolicySecret, { authHandle: TPM_RH.OWNER, policySession, ...approval }),
  'Secret with ref, cpHash and expiration': ({ client }, policySession) =>
    client.call(C.PolicySecret, {
      authHandle: TPM_RH.ENDORSEMENT,
      policySession,
      ...approval,
      policyRef: utf8('ref'),
      expiration: -10,
    }),
  'Secret lockout': ({ client }, policySession) =>
    client.call(C.PolicySecret, { authHandle: TPM_RH.LOCKOUT, policySession, ...approval }),
  'Secret null': ({ client }, policySession) =>
    client.call(C.PolicySecret, { authHandle: TPM_RH.NULL, policySession, ...approval }),
  'Secret NV': ({ client }, policySession) =>
    client.call(C.PolicySecret, { authHandle: NV, policySession, ...approval }),
  'Secret PCR': ({ client }, policySession) =>
    client.call(C.PolicySecret, { authHandle: 7, policySession, ...approval }),
  OR: ({ client }, policySession) => client.call(C.PolicyOR, { policySession, pHashList: [d32, bytes(20, 2), EMPTY] }),
  'OR of one': ({ client }, policySession) => client.call(C.PolicyOR, { policySession, pHashList: [d32] }),
  PCR: ({ client }, policySession) =>
    client.call(C.PolicyPCR, { policySession, pcrDigest: EMPTY, pcrs: [T.pcrSelection(A.SHA256, [0, 7, 17])] }),
  'PCR with digest': ({ client }, policySession) =>
    client.call(C.PolicyPCR, {
      policySession,
      pcrDigest: d32,
      pcrs: [T.pcrSelection(A.SHA1, [1]), T.pcrSelection(A.SHA256, [2])],
    }),
  'PCR of nothing': ({ client }, policySession) =>
    client.call(C.PolicyPCR, { policySession, pcrDigest: EMPTY, pcrs: [] }),
  Locality: ({ client }, policySession) => client.call(C.PolicyLocality, { policySession, locality: 3 }),
  'Locality again': async ({ client }, policySession) => {
    const out = [];
    for (const locality of [0, 7, 3, 8, 4, 32, 1])
      out.push(await status(client.call(C.PolicyLocality, { policySession, locality })));
    return out;
  },
  'Locality extended': async ({ client }, policySession) => {
    const out = [];
    for (const locality of [40, 40, 41, 1, 0])
      out.push(await status(client.call(C.PolicyLocality, { policySession, locality })));
    return out;
  },
  NV: ({ client }, policySession) =>
    client.call(C.PolicyNV, { authHandle: NV, nvIndex: NV, policySession, operandB: d32, offset: 0, operation: 3 }),
  CounterTimer: ({ client }, policySession) =>
    client.call(C.PolicyCounterTimer, {
      policySession,
      operandB: bytes(8, 0xff),
      offset: 8,
      operation: T.TPM_EO.UNSIGNED_LT,
    }),
  CommandCode: ({ client }, policySession) =>
    client.call(C.PolicyCommandCode, { policySession, code: T.TPM_CC.NV_Read }),
  'CommandCode twice': async ({ client }, policySession) => {
    const out = [];
    for (const code of [T.TPM_CC.NV_Read, T.TPM_CC.NV_Read, T.TPM_CC.NV_Write, 0x999]) {
      out.push(await status(client.call(C.PolicyCommandCode, { policySession, code })));
    }
    return out;
  },
  'CommandCode unknown': ({ client }, policySession) =>
    client.call(C.PolicyCommandCode, { policySession, code: 0x999 }),
  PhysicalPresence: ({ client }, policySession) => client.call(C.PolicyPhysicalPresence, { policySession }),
  AuthValue: ({ client }, policySession) => client.call(C.PolicyAuthValue, { policySession }),
  Password: ({ client }, policySession) => client.call(C.PolicyPassword, { policySession }),
  NvWritten: async ({ client }, policySession) => {
    const out = [];
    for (const writtenSet of [1, 1, 0])
      out.push(await status(client.call(C.PolicyNvWritten, { policySession, writtenSet })));
    return out;
  },
  'NvWritten clear': ({ client }, policySession) => client.call(C.PolicyNvWritten, { policySession, writtenSet: 0 }),
  AuthorizeNV: ({ client }, policySession) =>
    client.call(C.PolicyAuthorizeNV, { authHandle: NV, nvIndex: NV, policySession }),
  DuplicationSelect: ({ client }, policySession) =>
    client.call(C.PolicyDuplicationSelect, {
      policySession,
      objectName: d32,
      newParentName: bytes(34, 3),
      includeObject: 1,
    }),
  'DuplicationSelect without object': ({ client }, policySession) =>
    client.call(C.PolicyDuplicationSelect, {
      policySession,
      objectName: d32,
      newParentName: bytes(34, 3),
      includeObject: 0,
    }),
  Ticket: ({ client }, policySession) =>
    client.call(C.PolicyTicket, {
      policySession,
      timeout: bytes(8, 0),
      cpHashA: EMPTY,
      policyRef: EMPTY,
      authName: EMPTY,
      ticket: { tag: T.TPM_ST.AUTH_SECRET, hierarchy: TPM_RH.OWNER, digest: EMPTY },
    }),
};

/** Commands whose digest parameter must be as long as the session's. */
const SIZED: Readonly<Record<string, (digest: Uint8Array) => Step>> = {
  CpHash:
    (cpHashA) =>
    ({ client }, policySession) =>
      client.call(C.PolicyCpHash, { policySession, cpHashA }),
  NameHash:
    (nameHash) =>
    ({ client }, policySession) =>
      client.call(C.PolicyNameHash, { policySession, nameHash }),
  Template:
    (templateHash) =>
    ({ client }, policySession) =>
      client.call(C.PolicyTemplate, { policySession, templateHash }),
  SecretCpHash:
    (cpHashA) =>
    ({ client }, policySession) =>
      client.call(C.PolicySecret, { authHandle: TPM_RH.OWNER, policySession, ...approval, cpHashA }),
};

describe('digests', () => {
  it.each([TPM_SE.TRIAL, TPM_SE.POLICY])('of every command in a session of type %i', async (type) => {
    for (const authHash of HASHES) {
      for (const [name, step] of Object.entries(STEPS)) {
        await sides.agree(`${name} (${authHash})`, (side) =>
          inPolicy(
            side,
            async (handle) => [await status(step(side, handle)), await digestOf(side, handle)],
            type,
            authHash,
          ),
        );
      }
      for (const [name, make] of Object.entries(SIZED)) {
        for (const size of [0, 20, 32, 48, 64]) {
          await sides.agree(`${name} (${authHash}, ${size})`, (side) =>
            inPolicy(
              side,
              async (handle) => [await status(make(bytes(size, 1))(side, handle)), await digestOf(side, handle)],
              type,
              authHash,
            ),
          );
        }
      }
    }
  });

  it.each([TPM_SE.TRIAL, TPM_SE.POLICY])('of two commands in a row, type %i', async (type) => {
    const all = { ...STEPS, ...Object.fromEntries(Object.entries(SIZED).map(([name, make]) => [name, make(d32)])) };
    const other = Object.fromEntries(
      Object.entries(SIZED).map(([name, make]) => [`${name} other`, make(bytes(32, 9))]),
    );
    for (const [first, a] of Object.entries(all)) {
      for (const [second, b] of Object.entries({ ...all, ...other })) {
        await sides.agree(`${first}, ${second}`, (side) =>
          inPolicy(
            side,
            async (handle) => {
              await status(a(side, handle));
              const after = await status(b(side, handle));
              const digest = await digestOf(side, handle);
              await side.client.call(C.PolicyRestart, { sessionHandle: handle });
              return [after, digest, await digestOf(side, handle)];
            },
            type,
          ),
        );
      }
    }
  });
});

describe('comparisons', () => {
  it('of NV contents', async () => {
    const data = concat(fromHex('80000000000000017fffffff00ff00ff'), bytes(24, 0));
    await sides.agree('write', ({ client }) =>
      client.call(C.NV_Write, { authHandle: NV, nvIndex: NV, data, offset: 0 }),
    );
    const operands = ['8000', '80', '00', '7f', 'ff', '8001', '7fff', '', '8000000000000001', '00ff', 'ff00', '0f'];
    for (let operation = 0; operation < 13; operation++) {
      for (const operand of operands) {
        for (const offset of [0, 8, 12, 39, 40, 41]) {
          await sides.agree(`${operation} ${operand} ${offset}`, (side) =>
            inPolicy(side, async (policySession) => {
              const operandB = fromHex(operand);
              await side.client.call(C.PolicyNV, {
                authHandle: NV,
                nvIndex: NV,
                policySession,
                operandB,
                offset,
                operation,
              });
              return digestOf(side, policySession);
            }),
          );
        }
      }
    }
  });

  it('of the clock', async () => {
    for (const [operandB, offset, operation] of [
      [bytes(4, 0), 16, T.TPM_EO.UNSIGNED_GE],
      [fromHex('00000001'), 16, T.TPM_EO.EQ],
      [fromHex('00000000'), 20, T.TPM_EO.EQ],
      [fromHex('01'), 24, T.TPM_EO.EQ],
      [fromHex('00'), 24, T.TPM_EO.EQ],
      [EMPTY, 25, T.TPM_EO.EQ],
      [fromHex('00'), 25, T.TPM_EO.EQ],
      [EMPTY, 26, T.TPM_EO.EQ],
      [bytes(25, 0), 0, T.TPM_EO.UNSIGNED_GT],
      [bytes(26, 0), 0, T.TPM_EO.UNSIGNED_GT],
    ] as const) {
      for (const type of [TPM_SE.POLICY, TPM_SE.TRIAL]) {
        await sides.agree(`clock ${offset} ${operation} ${type}`, (side) =>
          inPolicy(
            side,
            async (policySession) => {
              await side.client.call(C.PolicyCounterTimer, { policySession, operandB, offset, operation });
              return digestOf(side, policySession);
            },
            type,
          ),
        );
      }
    }
  });
});
