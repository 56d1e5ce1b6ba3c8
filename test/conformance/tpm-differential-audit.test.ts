/** Session audit and command audit, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { flush, primary, type Side, Sides, startSession as start, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH, TPMA_SESSION: S } = T;
const EMPTY = new Uint8Array(0);
const { continueSession: KEEP } = S;
const NULL_SCHEME: T.TPMT_SIG_SCHEME = { scheme: A.NULL };

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

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
