/** Reading the authorisation area of a command (TPM 2.0 Library specification, Part 1, 18.4). */
import { FormatError } from '../../src/bytes/errors.ts';
import type { ByteReader } from '../../src/bytes/reader.ts';
import { has, TPMA_SESSION } from '../../src/tpm2/attributes.ts';
import { type Codec, responseCodeOf } from '../../src/tpm2/codec.ts';
import { type AnyCommandRow, isEncryptable } from '../../src/tpm2/command-row.ts';
import { TPM_ALG, TPM_RH } from '../../src/tpm2/constants.ts';
import { TPM_RC, withPlace } from '../../src/tpm2/response-code.ts';
import { TPM2B_AUTH, TPM2B_NONCE, TPMA_SESSION_BITS, TPMI_SH_AUTH_SESSION } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { refuse } from './refusal.ts';
import { isPolicy, loadedSession, type Session } from './sessions.ts';

/** Sessions one command may carry (MAX_SESSION_NUM). */
const MAX_SESSIONS = 3;
const EMPTY = new Uint8Array(0);

/** One authorisation of a command. */
export interface SessionUse {
  readonly handle: number;
  readonly nonceCaller: Uint8Array;
  /** TPMA_SESSION; the answer tells whether an audit session is exclusive. */
  attributes: number;
  readonly hmac: Uint8Array;
  /** Undefined for a password. */
  readonly session: Session | undefined;
  /** The handle it authorises; undefined for a session that only audits or encrypts. */
  entity: number | undefined;
  /** authValue of that entity as it was before the command. */
  authValue: Uint8Array;
  /** The authValue is part of the HMAC key. */
  includeAuth: boolean;
}

/** The authorisation area of a command and the special uses of its sessions. */
export interface Authorisation {
  readonly uses: readonly SessionUse[];
  readonly decrypt: SessionUse | undefined;
  readonly encrypt: SessionUse | undefined;
  readonly audit: SessionUse | undefined;
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
export const EMPTY_PASSWORD: Authorisation = {
  uses: [
    {
      handle: TPM_RH.PW,
      nonceCaller: EMPTY,
      attributes: TPMA_SESSION.continueSession,
      hmac: EMPTY,
      session: undefined,
      entity: undefined,
      authValue: EMPTY,
      includeAuth: false,
    },
  ],
  decrypt: undefined,
  encrypt: undefined,
  audit: undefined,
};
const EMPTY_PASSWORD_BYTES = [0x40, 0x00, 0x00, 0x09, 0x00, 0x00, TPMA_SESSION.continueSession, 0x00, 0x00];

/** Whether the authorisation area at `at` is {@link EMPTY_PASSWORD}; `command` has at least that many bytes left. */
export function isEmptyPassword(command: Uint8Array, at: number, size: number): boolean {
  if (size !== EMPTY_PASSWORD_BYTES.length) return false;
  for (let i = 0; i < size; i++) if (command[at + i] !== EMPTY_PASSWORD_BYTES[i]) return false;
  return true;
}

/** Response code (without place) for a session's attributes, or 0. */
function attributesStatus(tpm: Tpm, row: AnyCommandRow, session: Session, bits: number, taken: Authorisation): number {
  const cipher = [
    { bit: TPMA_SESSION.decrypt, parameters: row.parameters, other: taken.decrypt },
    { bit: TPMA_SESSION.encrypt, parameters: row.response, other: taken.encrypt },
  ];
  for (const { bit, parameters, other } of cipher) {
    if (!has(bits, bit)) continue;
    if (!isEncryptable(parameters) || other !== undefined) return TPM_RC.ATTRIBUTES;
    if (session.symmetric.algorithm === TPM_ALG.NULL) return TPM_RC.SYMMETRIC;
  }
  if (!has(bits, TPMA_SESSION.audit)) return 0;
  if (taken.audit !== undefined || isPolicy(session)) return TPM_RC.ATTRIBUTES;
  // A session that begins its log with this command is exclusive until another command comes.
  const goesOn = session.auditDigest !== undefined && !has(bits, TPMA_SESSION.auditReset);
  const wrong = goesOn && has(bits, TPMA_SESSION.auditExclusive) && tpm.state.access.exclusiveAudit !== session.handle;
  return wrong ? TPM_RC.EXCLUSIVE : 0;
}

/** Reads the authorisation area; `reader` covers exactly its bytes. */
export function readSessions(tpm: Tpm, row: AnyCommandRow, reader: ByteReader): Authorisation {
  if (row.noSessions) throw refuse(TPM_RC.AUTH_CONTEXT);
  const uses: SessionUse[] = [];
  let area: Authorisation = { uses, decrypt: undefined, encrypt: undefined, audit: undefined };
  while (reader.remaining > 0) {
    const number = uses.length + 1;
    const at = { kind: 'session', number } as const;
    if (number > MAX_SESSIONS) throw refuse(withPlace(TPM_RC.SIZE, at));
    const handle = field(reader, TPMI_SH_AUTH_SESSION, number);
    const nonceCaller = field(reader, TPM2B_NONCE, number);
    const attributes = field(reader, TPMA_SESSION_BITS, number);
    const hmac = field(reader, TPM2B_AUTH, number);
    const base = { handle, nonceCaller, attributes, hmac, entity: undefined, authValue: EMPTY, includeAuth: false };
    if (handle === TPM_RH.PW) {
      if (has(attributes, ~TPMA_SESSION.continueSession)) throw refuse(withPlace(TPM_RC.ATTRIBUTES, at));
      if (nonceCaller.length !== 0) throw refuse(withPlace(TPM_RC.NONCE, at));
      uses.push({ ...base, session: undefined });
      continue;
    }
    const session = loadedSession(tpm.state, handle);
    if (session === undefined) throw refuse(TPM_RC.REFERENCE_S0 + number - 1);
    if (session.handle !== handle || uses.some((use) => use.handle === handle)) {
      throw refuse(withPlace(TPM_RC.HANDLE, at));
    }
    const rc = attributesStatus(tpm, row, session, attributes, area);
    if (rc !== 0) throw refuse(withPlace(rc, at));
    const use: SessionUse = { ...base, session };
    uses.push(use);
    area = {
      uses,
      decrypt: has(attributes, TPMA_SESSION.decrypt) ? use : area.decrypt,
      encrypt: has(attributes, TPMA_SESSION.encrypt) ? use : area.encrypt,
      audit: has(attributes, TPMA_SESSION.audit) ? use : area.audit,
    };
  }
  return area;
}
