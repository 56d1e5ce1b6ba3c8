/** Command audit and the attestation of audit digests (TPM 2.0 Library specification, Part 3, 18.5, 18.6 and 21.2). */
import { SetCommandCodeAuditStatus } from '../../../src/tpm2/commands/audit.ts';
import { TPM_ALG, TPM_CC } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { ALGORITHM_CHANGED } from '../audit.ts';
import { action } from '../handler.ts';
import { refuse } from '../refusal.ts';
import { HANDLERS } from './index.ts';

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

export const auditHandlers = [setStatus];
