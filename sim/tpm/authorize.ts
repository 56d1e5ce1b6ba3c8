/** The authorisation area of a command and of its response (TPM 2.0 Library specification, Part 1, chapter 18). */

import { FormatError } from '../../src/bytes/errors.ts';
import type { ByteReader } from '../../src/bytes/reader.ts';
import type { ByteWriter } from '../../src/bytes/writer.ts';
import { has, TPMA_SESSION } from '../../src/tpm2/attributes.ts';
import { type Codec, responseCodeOf } from '../../src/tpm2/codec.ts';
import type { AnyCommandRow, AuthRole } from '../../src/tpm2/command-row.ts';
import { TPM_RH } from '../../src/tpm2/constants.ts';
import { TPM_RC, withPlace } from '../../src/tpm2/response-code.ts';
import { TPM2B_AUTH, TPM2B_NONCE, TPMA_SESSION_BITS, TPMI_SH_AUTH_SESSION } from '../../src/tpm2/structures/index.ts';
import { random, type Tpm } from './context.ts';
import { authValueAllowed, dictionaryProtected, passwordMatches } from './entities.ts';
import { checkPolicy, restartPolicy } from './policy.ts';
import { refuse } from './refusal.ts';
import type { Session } from './sessions.ts';

/** Sessions one command may carry (MAX_SESSION_NUM). */
const MAX_SESSIONS = 3;

/** One authorisation of a command. */
export interface SessionUse {
  readonly handle: number;
  readonly nonceCaller: Uint8Array;
  readonly attributes: number;
  readonly hmac: Uint8Array;
  /** Undefined for a password. */
  readonly session: Session | undefined;
}

/** Reads one field of session `number` (from 1); a refusal points to that session. */
function field<T>(reader: ByteReader, codec: Codec<T>, number: number): T {
  try {
    return codec.read(reader);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw refuse(withPlace(responseCodeOf(error), { kind: 'session', number }));
  }
}

/** One empty password: what nearly every command of a boot carries. Reading it field by field takes three times as long. */
export const EMPTY_PASSWORD: readonly SessionUse[] = [
  {
    handle: TPM_RH.PW,
    nonceCaller: new Uint8Array(0),
    attributes: TPMA_SESSION.continueSession,
    hmac: new Uint8Array(0),
    session: undefined,
  },
];
const EMPTY_PASSWORD_BYTES = [0x40, 0x00, 0x00, 0x09, 0x00, 0x00, TPMA_SESSION.continueSession, 0x00, 0x00];

/** Whether the authorisation area at `at` is {@link EMPTY_PASSWORD}; `command` has at least that many bytes left. */
export function isEmptyPassword(command: Uint8Array, at: number, size: number): boolean {
  if (size !== EMPTY_PASSWORD_BYTES.length) return false;
  for (let i = 0; i < size; i++) if (command[at + i] !== EMPTY_PASSWORD_BYTES[i]) return false;
  return true;
}

/** Reads the authorisation area; `reader` covers exactly its bytes. */
export function readSessions(tpm: Tpm, row: AnyCommandRow, reader: ByteReader): SessionUse[] {
  if (row.noSessions) throw refuse(TPM_RC.AUTH_CONTEXT);
  const uses: SessionUse[] = [];
  while (reader.remaining > 0) {
    const number = uses.length + 1;
    const at = { kind: 'session', number } as const;
    if (number > MAX_SESSIONS) throw refuse(withPlace(TPM_RC.SIZE, at));
    const handle = field(reader, TPMI_SH_AUTH_SESSION, number);
    const session = tpm.state.sessions.get(handle);
    if (handle !== TPM_RH.PW && session === undefined) throw refuse(TPM_RC.REFERENCE_S0 + number - 1);
    const nonceCaller = field(reader, TPM2B_NONCE, number);
    const attributes = field(reader, TPMA_SESSION_BITS, number);
    const hmac = field(reader, TPM2B_AUTH, number);
    if (handle === TPM_RH.PW) {
      if (nonceCaller.length !== 0) throw refuse(withPlace(TPM_RC.NONCE, at));
      if (has(attributes, ~TPMA_SESSION.continueSession)) throw refuse(withPlace(TPM_RC.ATTRIBUTES, at));
    } else if (has(attributes, ~TPMA_SESSION.continueSession)) {
      throw refuse(withPlace(TPM_RC.ATTRIBUTES, at));
    } else if (uses.some((use) => use.handle === handle)) {
      throw refuse(withPlace(TPM_RC.HANDLE, at));
    }
    uses.push({ handle, nonceCaller, attributes, hmac, session });
  }
  return uses;
}

/** Response code for one authorisation of `handle`, or 0 where it holds. */
function checkUse(tpm: Tpm, row: AnyCommandRow, role: AuthRole, handle: number, use: SessionUse): number {
  const { session } = use;
  let needsPassword = true;
  if (session === undefined) {
    if (!authValueAllowed(tpm, handle, role, row)) return TPM_RC.AUTH_UNAVAILABLE;
  } else {
    const rc = checkPolicy(tpm, session, handle, row, role);
    if (rc !== 0) return rc;
    // These sessions have no key: showing an authorisation value by HMAC is not possible with them.
    if (session.authValueNeeded) return TPM_RC.AUTH_UNAVAILABLE;
    needsPassword = session.passwordNeeded;
    if (!needsPassword && use.hmac.length !== 0) return TPM_RC.AUTH_FAIL;
  }
  if (!needsPassword || passwordMatches(tpm, handle, use.hmac)) return 0;
  return dictionaryProtected(tpm, handle) ? TPM_RC.AUTH_FAIL : TPM_RC.BAD_AUTH;
}

/** Checks that the command's handles are authorised by its sessions, in order. */
export function checkSessions(
  tpm: Tpm,
  row: AnyCommandRow,
  handles: readonly number[],
  uses: readonly SessionUse[],
): void {
  if (uses.length < row.authHandles) throw refuse(TPM_RC.AUTH_MISSING);
  for (let i = 0; i < uses.length; i++) {
    const use = uses[i];
    const at = { kind: 'session', number: i + 1 } as const;
    const role = row.handles[i]?.role;
    const handle = handles[i];
    if (use === undefined) continue;
    if (role === undefined || handle === undefined) {
      // A session beyond the handles can only audit or encrypt; a password can do neither.
      throw refuse(withPlace(use.session === undefined ? TPM_RC.HANDLE : TPM_RC.ATTRIBUTES, at));
    }
    const rc = checkUse(tpm, row, role, handle, use);
    if (rc !== 0) throw refuse(withPlace(rc, at));
  }
}

/** Writes the answers of the sessions and ends those that are not to continue. */
export function answerSessions(tpm: Tpm, writer: ByteWriter, uses: readonly SessionUse[]): void {
  for (const { handle, session, attributes, nonceCaller } of uses) {
    if (session === undefined) {
      writer.u16(0).u8(TPMA_SESSION.continueSession).u16(0);
      continue;
    }
    session.nonceTPM = random(tpm, nonceCaller.length > 0 ? nonceCaller.length : session.nonceTPM.length);
    writer.u16(session.nonceTPM.length).bytes(session.nonceTPM).u8(attributes).u16(0);
    if (has(attributes, TPMA_SESSION.continueSession)) restartPolicy(session);
    else tpm.state.sessions.delete(handle);
  }
}
