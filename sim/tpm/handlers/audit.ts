/** Command audit and the attestation of audit digests (TPM 2.0 Library specification, Part 3, 18.5, 18.6 and 21.2). */
import {
  GetCommandAuditDigest,
  GetSessionAuditDigest,
  SetCommandCodeAuditStatus,
} from '../../../src/tpm2/commands/audit.ts';
import { TPM_ALG, TPM_CC, TPM_RH, TPM_ST } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { attest, attester } from '../attest.ts';
import { ALGORITHM_CHANGED, auditedCommandsDigest } from '../audit.ts';
import { action, handler } from '../handler.ts';
import { refuse } from '../refusal.ts';
import { HANDLERS } from './index.ts';
import { policySessionOf } from './session.ts';

const setStatus = action(SetCommandCodeAuditStatus, (tpm, { auditAlg, setList, clearList }) => {
  const { audit } = tpm.state.access;
  if (auditAlg !== TPM_ALG.NULL && auditAlg !== audit.alg) {
    if (setList.length > 0 || clearList.length > 0) throw refuse(TPM_RC.VALUE, 'auditAlg');
    audit.alg = auditAlg;
    audit.digest = ALGORITHM_CHANGED.slice();
    return;
  }
  // The log would not survive the shutdown it is to show; the change of the list itself is always audited.
  for (const code of setList) if (HANDLERS.has(code) && code !== TPM_CC.Shutdown) audit.commands.add(code);
  for (const code of clearList) if (code !== TPM_CC.SetCommandCodeAuditStatus) audit.commands.delete(code);
});

const getSessionDigest = handler(GetSessionAuditDigest, (tpm, input) => {
  const { auditDigest, handle } = policySessionOf(tpm, input.sessionHandle);
  const signer = attester(tpm, input);
  if (auditDigest === undefined) throw refuse(TPM_RC.TYPE, 'sessionHandle');
  const exclusiveSession = tpm.state.access.exclusiveAudit === handle ? 1 : 0;
  const { attest: auditInfo, signature } = attest(tpm, signer, () => ({
    type: TPM_ST.ATTEST_SESSION_AUDIT,
    attested: { exclusiveSession, sessionDigest: auditDigest },
  }));
  return { auditInfo, signature };
});

const getCommandDigest = handler(GetCommandAuditDigest, (tpm, input) => {
  const { audit } = tpm.state.access;
  const { attest: auditInfo, signature } = attest(tpm, attester(tpm, input), () => ({
    type: TPM_ST.ATTEST_COMMAND_AUDIT,
    attested: {
      auditCounter: audit.counter,
      digestAlg: audit.alg,
      auditDigest: audit.digest,
      commandDigest: auditedCommandsDigest(audit),
    },
  }));
  // A log that was signed is closed.
  if (input.signHandle !== TPM_RH.NULL) audit.digest = new Uint8Array(0);
  return { auditInfo, signature };
});

export const auditHandlers = [setStatus, getSessionDigest, getCommandDigest];
