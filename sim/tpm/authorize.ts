/** Checking the authorisations of a command (TPM 2.0 Library specification, Part 1, chapter 19). */
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { has, TPMA_SESSION } from '../../src/tpm2/attributes.ts';
import type { AuthRole } from '../../src/tpm2/command-row.ts';
import { TPM_CC, TPM_RH, TPM_SE } from '../../src/tpm2/constants.ts';
import { TPM_RC, withPlace } from '../../src/tpm2/response-code.ts';
import { cryptParameter, sessionHmac } from '../../src/tpm2/session-crypto.ts';
import type { CommandDigest } from './command-digest.ts';
import type { Tpm } from './context.ts';
import { failedTry, tryStatus } from './dictionary.ts';
import { authValue, dictionaryProtected, entityName, passwordMatches } from './entities.ts';
import { checkPolicy } from './policy.ts';
import { refuse } from './refusal.ts';
import { authValueAvailable, countPin, policyAvailable, policyRequired } from './roles.ts';
import type { Authorisation, SessionUse } from './session-area.ts';
import { isPolicy, type Session } from './sessions.ts';

const EMPTY = new Uint8Array(0);
const { decrypt: DECRYPT, encrypt: ENCRYPT, audit: AUDIT } = TPMA_SESSION;

/** Whether a session is bound to the entity of a handle, whose authValue has not changed since. */
function isBoundTo(tpm: Tpm, session: Session, handle: number): boolean {
  const { bound } = session;
  if (bound === undefined) return false;
  return equalBytes(bound.name, entityName(tpm, handle)) && equalBytes(bound.authValue, authValue(tpm, handle));
}

/** Whether the HMAC of a session is right. Where no key is known, an empty one is. */
function hmacMatches(command: CommandDigest, area: Authorisation, use: SessionUse, session: Session): boolean {
  const key = use.includeAuth ? concat(session.sessionKey, use.authValue) : session.sessionKey;
  if (key.length === 0 && use.hmac.length === 0) return true;
  const others: Uint8Array[] = [];
  if (use === area.uses[0] && use.entity !== undefined) {
    const { decrypt, encrypt } = area;
    if (decrypt?.session !== undefined && decrypt !== use) others.push(decrypt.session.nonceTPM);
    if (encrypt?.session !== undefined && encrypt !== use && encrypt !== decrypt) others.push(encrypt.session.nonceTPM);
  }
  const expected = sessionHmac(session.authHash, key, {
    hash: command.cpHash(session.authHash),
    nonceNewer: use.nonceCaller,
    nonceOlder: session.nonceTPM,
    others,
    attributes: use.attributes,
  });
  return equalBytes(expected, use.hmac);
}

/** Response code for one authorisation of `handle`, or 0 where it holds. */
function checkUse(
  tpm: Tpm,
  command: CommandDigest,
  area: Authorisation,
  use: SessionUse,
  role: AuthRole,
  handle: number,
): number {
  const { session } = use;
  const { row } = command;
  // Nobody can show physical presence to this TPM.
  if (handle === TPM_RH.PLATFORM && row.code === TPM_CC.PP_Commands) return TPM_RC.PP;
  const policy = session !== undefined && isPolicy(session);
  if (session !== undefined) use.includeAuth = policy ? session.authValueNeeded : !isBoundTo(tpm, session, handle);
  const tries = session === undefined || use.includeAuth || (policy && session.passwordNeeded);
  if (tries && dictionaryProtected(tpm, handle)) {
    const rc = tryStatus(tpm, handle === TPM_RH.LOCKOUT);
    if (rc !== 0) return rc;
  }
  if (policy) {
    if (!policyAvailable(tpm, handle, role, row)) return TPM_RC.AUTH_UNAVAILABLE;
    const rc = checkPolicy(tpm, session, handle, command, role);
    if (rc !== 0) return rc;
  } else {
    if (policyRequired(tpm, handle, role)) return TPM_RC.AUTH_TYPE;
    if (!authValueAvailable(tpm, handle, role, row)) return TPM_RC.AUTH_UNAVAILABLE;
  }
  const passed =
    session === undefined || session.passwordNeeded
      ? passwordMatches(tpm, handle, use.hmac)
      : hmacMatches(command, area, use, session);
  if (tries) countPin(tpm, handle, passed);
  return passed ? 0 : failedTry(tpm, handle, session, use.includeAuth);
}

/** Response code for a session that authorises nothing: it must decrypt, encrypt or audit. */
function checkExtra(command: CommandDigest, area: Authorisation, use: SessionUse, session: Session, tpm: Tpm): number {
  if (!has(use.attributes, DECRYPT | ENCRYPT | AUDIT)) return TPM_RC.ATTRIBUTES;
  if (hmacMatches(command, area, use, session)) return 0;
  return failedTry(tpm, TPM_RH.UNASSIGNED, session, false);
}

function checkOne(tpm: Tpm, command: CommandDigest, area: Authorisation, use: SessionUse, index: number): number {
  const { session } = use;
  const role = command.row.handles[index]?.role;
  const handle = command.handles[index];
  const authorises = role !== undefined && handle !== undefined;
  if (session === undefined) {
    // A session beyond the handles can only audit or encrypt; a password can do neither.
    return authorises ? checkUse(tpm, command, area, use, role, handle) : TPM_RC.HANDLE;
  }
  if (session.type === TPM_SE.TRIAL) return TPM_RC.ATTRIBUTES;
  if (session.guards !== 'nothing') {
    const rc = tryStatus(tpm, session.guards === 'lockout');
    if (rc !== 0) throw refuse(rc);
  }
  if (use === area.audit) command.cpHash(session.authHash);
  if (!authorises) return checkExtra(command, area, use, session, tpm);
  use.entity = handle;
  use.authValue = authValue(tpm, handle);
  return checkUse(tpm, command, area, use, role, handle);
}

/** Checks that the command's handles are authorised by its sessions, in order, and that the other sessions are sound. */
export function checkSessions(tpm: Tpm, command: CommandDigest, area: Authorisation): void {
  const { uses } = area;
  if (uses.length < command.row.authHandles) throw refuse(TPM_RC.AUTH_MISSING);
  for (let i = 0; i < uses.length; i++) {
    const use = uses[i];
    if (use === undefined) continue;
    const rc = checkOne(tpm, command, area, use, i);
    if (rc !== 0) throw refuse(withPlace(rc, { kind: 'session', number: i + 1 }));
  }
}

/** Values of parameter encryption between this session and its caller. */
export const cipherOf = (session: Session, entityAuth: Uint8Array) => ({
  authHash: session.authHash,
  symmetric: session.symmetric,
  key: concat(session.sessionKey, entityAuth),
});

/** The parameters with the first one decrypted, where a session asks for it. */
export function decryptParameters(parameters: Uint8Array, area: Authorisation): Uint8Array {
  const use = area.decrypt;
  if (use?.session === undefined) return parameters;
  const at = { kind: 'session', number: area.uses.indexOf(use) + 1 } as const;
  if (parameters.length < 2) throw refuse(withPlace(TPM_RC.INSUFFICIENT, at));
  const size = new ByteReader(parameters, 'parameters').u16('size');
  if (size > parameters.length - 2) throw refuse(withPlace(TPM_RC.SIZE, at));
  const keys = {
    ...cipherOf(use.session, use.entity === undefined ? EMPTY : use.authValue),
    nonceNewer: use.nonceCaller,
    nonceOlder: use.session.nonceTPM,
  };
  const out = parameters.slice();
  out.set(cryptParameter('decrypt', keys, parameters.subarray(2, 2 + size)), 2);
  return out;
}
