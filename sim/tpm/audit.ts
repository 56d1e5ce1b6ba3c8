/** Session audit and command audit (TPM 2.0 Library specification, Part 1, chapters 33 and 34). */
import { concat } from '../../src/bytes/bytes.ts';
import { has, TPMA_SESSION } from '../../src/tpm2/attributes.ts';
import { hashSize, hashWith } from '../../src/tpm2/hash-alg.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { rpHash } from '../../src/tpm2/session-crypto.ts';
import type { AuditState } from './access-state.ts';
import type { CommandDigest } from './command-digest.ts';
import type { Tpm } from './context.ts';
import type { Authorisation } from './session-area.ts';
import type { TpmState } from './state.ts';

const { audit: AUDIT, auditExclusive: EXCLUSIVE, auditReset: RESET } = TPMA_SESSION;

/** Stands for "the algorithm was just changed": the command that did it is not audited. */
export const ALGORITHM_CHANGED = new Uint8Array(1);

/** digest := H(digest ‖ cpHash ‖ rpHash). */
function extend(alg: number, digest: Uint8Array, command: CommandDigest, parameters: Uint8Array): Uint8Array {
  return hashWith(alg, concat(digest, command.cpHash(alg), rpHash(alg, command.row.code, parameters)));
}

/** Audits a command that succeeded in its audit session; any other command ends the exclusive one. */
export function auditSession(tpm: Tpm, command: CommandDigest, area: Authorisation, parameters: Uint8Array): void {
  const { access } = tpm.state;
  const use = area.audit;
  if (use?.session === undefined || !has(use.attributes, AUDIT)) {
    access.exclusiveAudit = 0;
    return;
  }
  const { session } = use;
  let digest = session.auditDigest;
  if (digest === undefined || has(use.attributes, RESET)) {
    digest = new Uint8Array(hashSize(session.authHash));
    session.bound = undefined;
    access.exclusiveAudit = session.handle;
  } else if (access.exclusiveAudit !== session.handle) {
    access.exclusiveAudit = 0;
  }
  const exclusive = access.exclusiveAudit === session.handle;
  use.attributes = exclusive ? use.attributes | EXCLUSIVE : use.attributes & ~EXCLUSIVE;
  session.auditDigest = extend(session.authHash, digest, command, parameters);
}

/** Whether the TPM keeps a log of this command. */
export const isAudited = (state: TpmState, code: number): boolean => state.access.audit.commands.has(code);

/** Adds a command that succeeded to the log of the TPM, beginning a new one where the last was read. */
export function auditCommand({ access: { audit } }: TpmState, command: CommandDigest, parameters: Uint8Array): void {
  if (audit.digest.length === ALGORITHM_CHANGED.length) {
    audit.digest = new Uint8Array(0);
    return;
  }
  if (audit.digest.length === 0) {
    audit.digest = new Uint8Array(hashSize(audit.alg));
    audit.counter++;
  }
  audit.digest = extend(audit.alg, audit.digest, command, parameters);
}

/** The audited commands, ascending. */
export const auditedCommands = ({ commands }: AuditState): number[] => [...commands].sort((a, b) => a - b);

/** Digest of the list of audited commands. */
export const auditedCommandsDigest = (audit: AuditState): Uint8Array =>
  hashWith(audit.alg, concat(...auditedCommands(audit).map(handleName)));
