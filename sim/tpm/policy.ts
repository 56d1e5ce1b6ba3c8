/** Policy sessions: their digest and whether they satisfy an entity's policy (TPM 2.0 Library specification, Part 1, 19.7). */
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import type { AnyCommandRow, AuthRole } from '../../src/tpm2/command-row.ts';
import { TPM_SE } from '../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { Tpm } from './context.ts';
import { authPolicy } from './entities.ts';
import type { Session } from './sessions.ts';

/** policyDigest := H(policyDigest ‖ commandCode ‖ data). */
export function extendPolicy(session: Session, commandCode: number, ...data: readonly Uint8Array[]): void {
  const code = new ByteWriter('big', 4).u32(commandCode).finish();
  session.policyDigest = hashWith(session.authHash, concat(session.policyDigest, code, ...data));
}

/** PolicyUpdate of PolicySecret, PolicySigned and PolicyAuthorize: first the entity's Name, then the policyRef (Part 3, 23.2.3). */
export function updatePolicy(session: Session, commandCode: number, name: Uint8Array, policyRef: Uint8Array): void {
  extendPolicy(session, commandCode, name);
  session.policyDigest = hashWith(session.authHash, concat(session.policyDigest, policyRef));
}

/** A policy session as it was started; also after it was used, so that every use must be earned again. */
export function restartPolicy(session: Session): void {
  session.policyDigest = new Uint8Array(hashSize(session.authHash));
  session.authValueNeeded = false;
  session.passwordNeeded = false;
  session.commandCode = 0;
  session.pcrCounter = undefined;
  session.cpHash = undefined;
}

/** Response code (without place) for a policy session authorising `handle` in this command, or 0 where it does. */
export function checkPolicy(tpm: Tpm, session: Session, handle: number, row: AnyCommandRow, role: AuthRole): number {
  if (session.type === TPM_SE.TRIAL) return TPM_RC.ATTRIBUTES;
  const { policy, alg } = authPolicy(tpm, handle);
  if (policy.length === 0) return TPM_RC.AUTH_UNAVAILABLE;
  if (alg !== session.authHash || !equalBytes(policy, session.policyDigest)) return TPM_RC.POLICY_FAIL;
  if (session.commandCode !== 0 && session.commandCode !== row.code) return TPM_RC.POLICY_CC;
  // Whatever is more than ordinary use must be allowed by name (Part 1, 19.2).
  if (session.commandCode === 0 && role !== 'USER') return TPM_RC.POLICY_FAIL;
  if (session.pcrCounter !== undefined && session.pcrCounter !== tpm.state.pcrUpdateCounter) return TPM_RC.PCR_CHANGED;
  return 0;
}
