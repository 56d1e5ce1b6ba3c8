/** Which commands of sessions, audit and dictionary attack protection make a shutdown stale, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { flush, primary, type Side, Sides, sealed, startSession as start, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPM_CC, TPMA_SESSION: S } = T;
const EMPTY = new Uint8Array(0);
const secret = utf8('secret');

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

describe('orderly state', () => {
  it('which session commands make a shutdown stale', async () => {
    const steps: Record<string, (side: Side) => Promise<unknown>> = {
      nothing: async () => undefined,
      start: async (side) => flush(side, (await start(side)).handle),
      save: async (side) =>
        (await side.client.call(C.ContextSave, { saveHandle: (await start(side)).handle })).context.sequence,
      saveAndLoad: async (side) => {
        const { context } = await side.client.call(C.ContextSave, { saveHandle: (await start(side)).handle });
        await side.client.call(C.Shutdown, { shutdownType: 1 });
        const { loadedHandle } = await side.client.call(C.ContextLoad, { context });
        return loadedHandle;
      },
      saveAndFlush: async (side) => {
        const { context } = await side.client.call(C.ContextSave, { saveHandle: (await start(side)).handle });
        await side.client.call(C.Shutdown, { shutdownType: 1 });
        return flush(side, context.savedHandle);
      },
      audit: async (side) => {
        const session = await start(side);
        const use = { with: session, attributes: S.continueSession | S.audit };
        return side.client.call(C.PCR_Read, { pcrSelectionIn: [] }, { auth: [use] });
      },
      lockReset: (side) => side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }),
      parameters: (side) =>
        side.client.call(C.DictionaryAttackParameters, {
          lockHandle: TPM_RH.LOCKOUT,
          newMaxTries: 3,
          newRecoveryTime: 1000,
          lockoutRecovery: 1000,
        }),
      auditStatus: (side) =>
        side.client.call(C.SetCommandCodeAuditStatus, {
          auth: TPM_RH.OWNER,
          auditAlg: A.NULL,
          setList: [TPM_CC.PCR_Reset],
          clearList: [],
        }),
      auditAlgorithm: (side) =>
        side.client.call(C.SetCommandCodeAuditStatus, {
          auth: TPM_RH.OWNER,
          auditAlg: A.SHA1,
          setList: [],
          clearList: [],
        }),
      auditedCommand: (side) => side.client.call(C.PCR_Reset, { pcrHandle: 16 }),
      auditDigest: (side) =>
        side.client
          .call(C.GetCommandAuditDigest, {
            privacyHandle: TPM_RH.ENDORSEMENT,
            signHandle: TPM_RH.NULL,
            qualifyingData: EMPTY,
            inScheme: { scheme: A.NULL },
          })
          .then(() => 0),
      protectedObject: async (side) => {
        const { handle } = await primary(side, sealed(T.TPMA_OBJECT.userWithAuth), { userAuth: secret, data: secret });
        return status(side.client.call(C.Unseal, { itemHandle: handle }, { auth: [secret] }));
      },
      wrongPassword: async (side) => {
        const { handle } = await primary(side, sealed(T.TPMA_OBJECT.userWithAuth), { userAuth: secret, data: secret });
        const out = [];
        for (let i = 0; i < 2; i++)
          out.push(await status(side.client.call(C.Unseal, { itemHandle: handle }, { auth: [EMPTY] })));
        return out;
      },
      wrongLockout: (side) =>
        status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [secret] })),
    };
    for (const [name, step] of Object.entries(steps)) {
      await sides.restart(0, 0);
      await sides.agree(`${name}: shutdown`, ({ client }) => client.call(C.Shutdown, { shutdownType: 1 }));
      await sides.agree(name, step);
      await sides.pair.both((tpm) => tpm.powerOn());
      await sides.agree(`${name}: resume`, ({ client }) => client.call(C.Startup, { startupType: 1 }));
      await sides.agree(`${name}: start`, async ({ client }) => status(client.call(C.Startup, { startupType: 0 })));
      await sides.agree(`${name}: state`, async ({ client }) => [
        await client.call(C.GetCapability, { capability: 6, property: 0x200, propertyCount: 2 }),
        await client.call(C.GetCapability, { capability: 6, property: 0x20e, propertyCount: 4 }),
      ]);
    }
  });
});
