/** All command handlers by command code. A row without a handler is a command this TPM does not have. */
import type { Handler } from '../handler.ts';
import { attestationHandlers } from './attestation.ts';
import { auditHandlers } from './audit.ts';
import { capabilityHandlers } from './capability.ts';
import { certificateHandlers } from './certificate.ts';
import { clockHandlers } from './clock.ts';
import { contextHandlers } from './context.ts';
import { credentialHandlers } from './credential.ts';
import { dictionaryHandlers } from './dictionary.ts';
import { duplicationHandlers } from './duplication.ts';
import { eccHandlers } from './ecc.ts';
import { hierarchyHandlers } from './hierarchy.ts';
import { hierarchyControlHandlers } from './hierarchy-control.ts';
import { keyHandlers } from './key.ts';
import { nvHandlers } from './nv.ts';
import { nvCertifyHandlers } from './nv-certify.ts';
import { nvWriteHandlers } from './nv-write.ts';
import { objectHandlers } from './object.ts';
import { pcrHandlers } from './pcr.ts';
import { policyApprovalHandlers } from './policy-approval.ts';
import { policyStateHandlers } from './policy-state.ts';
import { policyUseHandlers } from './policy-use.ts';
import { randomHandlers } from './random.ts';
import { rsaHandlers } from './rsa.ts';
import { sequenceHandlers } from './sequence.ts';
import { sessionHandlers } from './session.ts';
import { signingHandlers } from './signing.ts';
import { startupHandlers } from './startup.ts';
import { symmetricHandlers } from './symmetric.ts';

/** Handlers by command code. */
export const HANDLERS: ReadonlyMap<number, Handler> = new Map(
  [
    ...startupHandlers,
    ...capabilityHandlers,
    ...clockHandlers,
    ...randomHandlers,
    ...pcrHandlers,
    ...hierarchyHandlers,
    ...hierarchyControlHandlers,
    ...objectHandlers,
    ...credentialHandlers,
    ...keyHandlers,
    ...duplicationHandlers,
    ...rsaHandlers,
    ...eccHandlers,
    ...symmetricHandlers,
    ...sequenceHandlers,
    ...signingHandlers,
    ...sessionHandlers,
    ...policyApprovalHandlers,
    ...policyStateHandlers,
    ...policyUseHandlers,
    ...contextHandlers,
    ...dictionaryHandlers,
    ...auditHandlers,
    ...attestationHandlers,
    ...certificateHandlers,
    ...nvHandlers,
    ...nvWriteHandlers,
    ...nvCertifyHandlers,
  ].map((handler): [number, Handler] => [handler.row.code, handler]),
);

let attributes: readonly number[] | undefined;

/** TPMA_CC of every command, ordered by code. */
export function commandAttributes(): readonly number[] {
  attributes ??= Array.from(HANDLERS.values(), ({ row }) => row.attributes).sort((a, b) => (a & 0xffff) - (b & 0xffff));
  return attributes;
}
