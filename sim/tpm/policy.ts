/** Policy sessions: their digest and whether they satisfy an entity's policy (TPM 2.0 Library specification, Part 1, 19.7). */
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { has, TPMA_NV } from '../../src/tpm2/attributes.ts';
import type { AuthRole } from '../../src/tpm2/command-row.ts';
import { handleType, TPM_CC, TPM_HT } from '../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../src/tpm2/hash-alg.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { CommandDigest } from './command-digest.ts';
import { type Tpm, timeInfo } from './context.ts';
import { authPolicy, nvOf } from './entities.ts';
import type { PolicyFacts, Session } from './sessions.ts';

/** policyDigest := H(policyDigest ‖ commandCode ‖ data). */
export function extendPolicy(session: Session, commandCode: number, ...data: readonly Uint8Array[]): void {
  session.policyDigest = hashWith(session.authHash, concat(session.policyDigest, handleName(commandCode), ...data));
}

/** PolicyUpdate (Part 3, 23.2.3): first the entity's Name, then the policyRef. */
export function updatePolicy(session: Session, commandCode: number, name: Uint8Array, policyRef: Uint8Array): void {
  extendPolicy(session, commandCode, name);
  session.policyDigest = hashWith(session.authHash, concat(session.policyDigest, policyRef));
}

/** The digest of a policy that asks for nothing yet. */
export function clearPolicyDigest(session: Session): void {
  session.policyDigest = new Uint8Array(hashSize(session.authHash));
}

/** What a policy session begins with. */
export function newPolicyFacts(tpm: Tpm, authHash: number): PolicyFacts {
  return {
    policyDigest: new Uint8Array(hashSize(authHash)),
    authValueNeeded: false,
    passwordNeeded: false,
    commandCode: 0,
    pcrCounter: 0,
    locality: 0,
    physicalPresence: false,
    limit: undefined,
    nvWritten: undefined,
    timeout: 0,
    startTime: Number(timeInfo(tpm).time),
    epoch: tpm.state.access.timeEpoch,
  };
}

/** A policy session as it was started; also after it was used, so that every use must be earned again. */
export function restartPolicy(tpm: Tpm, session: Session): void {
  Object.assign(session, newPolicyFacts(tpm, session.authHash));
}

/** Localities below this are bits of TPMA_LOCALITY. */
const EXTENDED_LOCALITY = 32;

function localityAllowed(tpm: Tpm, locality: number): boolean {
  if (locality === 0) return true;
  return locality < EXTENDED_LOCALITY ? (locality & (1 << tpm.locality)) !== 0 : locality === tpm.locality;
}

const CREATING: ReadonlySet<number> = new Set([TPM_CC.Create, TPM_CC.CreatePrimary, TPM_CC.CreateLoaded]);

/** Digest of the template in the second parameter of a creating command; undefined for another one. */
function templateHash(command: CommandDigest, alg: number): Uint8Array | undefined {
  if (!CREATING.has(command.row.code)) return undefined;
  try {
    const reader = new ByteReader(command.parameters, 'parameters');
    reader.skip('inSensitive', reader.u16('size'));
    return hashWith(alg, reader.bytes('inPublic', reader.u16('size')));
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function limitHolds({ limit, authHash }: Session, command: CommandDigest): boolean {
  if (limit === undefined) return true;
  const digest =
    limit.kind === 'cpHash'
      ? command.cpHash(authHash)
      : limit.kind === 'nameHash'
        ? hashWith(authHash, concat(...command.names))
        : templateHash(command, authHash);
  return digest !== undefined && equalBytes(digest, limit.digest);
}

function nvWrittenHolds(tpm: Tpm, wanted: boolean | undefined, handle: number): boolean {
  if (wanted === undefined) return true;
  if (handleType(handle) !== TPM_HT.NV_INDEX) return false;
  return has(nvOf(tpm, handle).publicArea.attributes, TPMA_NV.written) === wanted;
}

/** Whether the time of a session, or of another approval made in it, is over. */
export function isExpired(tpm: Tpm, session: Session, timeout: number): boolean {
  if (timeout === 0) return false;
  return timeout < Number(timeInfo(tpm).time) || session.epoch !== tpm.state.access.timeEpoch;
}

/** Response code (without place) for a policy session authorising `handle` in this command, or 0 where it does. */
export function checkPolicy(
  tpm: Tpm,
  session: Session,
  handle: number,
  command: CommandDigest,
  role: AuthRole,
): number {
  const { code } = command.row;
  if (code === TPM_CC.PolicySecret && !session.passwordNeeded && !session.authValueNeeded) return TPM_RC.MODE;
  if (session.pcrCounter !== 0 && session.pcrCounter !== tpm.state.pcrUpdateCounter) return TPM_RC.PCR_CHANGED;
  const { policy, alg } = authPolicy(tpm, handle);
  if (!equalBytes(policy, session.policyDigest) || alg !== session.authHash) return TPM_RC.POLICY_FAIL;
  if (isExpired(tpm, session, session.timeout)) return TPM_RC.EXPIRED;
  if (session.commandCode !== 0) {
    if (session.commandCode !== code) return TPM_RC.POLICY_CC;
  } else if (role !== 'USER') {
    // Whatever is more than ordinary use must be allowed by name (Part 1, 19.2).
    return TPM_RC.POLICY_FAIL;
  }
  if (!localityAllowed(tpm, session.locality)) return TPM_RC.LOCALITY;
  // This TPM has no pin by which a person could show presence.
  if (session.physicalPresence) return TPM_RC.PP;
  if (!limitHolds(session, command)) return TPM_RC.POLICY_FAIL;
  return nvWrittenHolds(tpm, session.nvWritten, handle) ? 0 : TPM_RC.POLICY_FAIL;
}
