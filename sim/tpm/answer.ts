/** The response of a command that succeeded: parameters, their encryption, audit, and the sessions' answers (Part 1, 18.6). */
import { concat, u32At } from '../../src/bytes/bytes.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { has, TPMA_SESSION } from '../../src/tpm2/attributes.ts';
import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import { TPM_CC, TPM_ST } from '../../src/tpm2/constants.ts';
import { cryptParameter, rpHash, sessionHmac } from '../../src/tpm2/session-crypto.ts';
import { auditCommand, auditSession, isAudited } from './audit.ts';
import { cipherOf } from './authorize.ts';
import type { CommandDigest } from './command-digest.ts';
import { random, type Tpm } from './context.ts';
import { authValue, isPresent } from './entities.ts';
import { restartPolicy } from './policy.ts';
import { type Authorisation, EMPTY_PASSWORD, type SessionUse } from './session-area.ts';
import { flushSession, isPolicy, type Session } from './sessions.ts';

const HEADER_SIZE = 10;
const EMPTY = new Uint8Array(0);

/** Values of a response by name; undefined where a command answers nothing. */
export type Output = Record<string, unknown> | undefined;

/** An empty response header. */
export function header(tag: number, size: number, code: number): Uint8Array {
  return new ByteWriter('big', HEADER_SIZE).u16(tag).u32(size).u32(code).finish();
}

const OK_WITHOUT_SESSIONS = header(TPM_ST.NO_SESSIONS, HEADER_SIZE, 0);

/** Success of a command that answers nothing, authorised by one password: no parameters, no nonce, no HMAC. */
const OK_WITH_PASSWORD = new ByteWriter('big', 19)
  .bytes(header(TPM_ST.SESSIONS, 19, 0))
  .u32(0)
  .u16(0)
  .u8(TPMA_SESSION.continueSession)
  .u16(0)
  .finish();

function writeHandles(writer: ByteWriter, row: AnyCommandRow, output: Output): void {
  for (const { name, codec } of row.responseHandles) codec.write(writer, output?.[name] as number);
}

function writeParameters(writer: ByteWriter, row: AnyCommandRow, output: Output): void {
  for (const { name, codec } of row.response) codec.write(writer, output?.[name]);
}

/** The response where no session needs a digest of it: none, or one empty password. */
function plainResponse(row: AnyCommandRow, output: Output, password: boolean): Uint8Array {
  if (output === undefined) return new Uint8Array(password ? OK_WITH_PASSWORD : OK_WITHOUT_SESSIONS);
  const writer = new ByteWriter('big', 512);
  writer
    .u16(password ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
    .u32(0)
    .u32(0);
  writeHandles(writer, row, output);
  const sizeAt = writer.length;
  if (password) writer.u32(0);
  writeParameters(writer, row, output);
  if (password) {
    writer.setU32(sizeAt, writer.length - sizeAt - 4);
    writer.u16(0).u8(TPMA_SESSION.continueSession).u16(0);
  }
  writer.setU32(2, writer.length);
  return writer.finish();
}

/** authValue after the command; an entity that is gone keeps the one it had, but a deleted NV index has none any more. */
function authValueNow(tpm: Tpm, { row }: CommandDigest, use: SessionUse): Uint8Array {
  if (use.entity === undefined || row.code === TPM_CC.NV_UndefineSpaceSpecial) return EMPTY;
  return isPresent(tpm, use.entity) ? authValue(tpm, use.entity) : use.authValue;
}

/** The first parameter encrypted, where a session asks for it. */
function encryptParameters(tpm: Tpm, command: CommandDigest, area: Authorisation, parameters: Uint8Array): Uint8Array {
  const use = area.encrypt;
  if (use?.session === undefined) return parameters;
  const keys = {
    ...cipherOf(use.session, authValueNow(tpm, command, use)),
    nonceNewer: use.session.nonceTPM,
    nonceOlder: use.nonceCaller,
  };
  const size = u32At(parameters, 0) >>> 16;
  const out = parameters.slice();
  out.set(cryptParameter('encrypt', keys, parameters.subarray(2, 2 + size)), 2);
  return out;
}

function responseHmac(
  tpm: Tpm,
  command: CommandDigest,
  use: SessionUse,
  session: Session,
  parameters: Uint8Array,
): Uint8Array {
  // A password was shown: there is nothing to prove to the caller with it.
  if (session.passwordNeeded) return EMPTY;
  const key = use.includeAuth ? concat(session.sessionKey, authValueNow(tpm, command, use)) : session.sessionKey;
  if (key.length === 0 && use.hmac.length === 0) return EMPTY;
  return sessionHmac(session.authHash, key, {
    hash: rpHash(session.authHash, command.row.code, parameters),
    nonceNewer: session.nonceTPM,
    nonceOlder: use.nonceCaller,
    attributes: use.attributes,
  });
}

/** Writes the answers of the sessions and ends those that are not to continue. */
function answerSessions(
  tpm: Tpm,
  command: CommandDigest,
  area: Authorisation,
  parameters: Uint8Array,
  to: ByteWriter,
): void {
  for (const use of area.uses) {
    const { session, attributes } = use;
    if (session === undefined) {
      to.u16(0).u8(TPMA_SESSION.continueSession).u16(0);
      continue;
    }
    const hmac = responseHmac(tpm, command, use, session, parameters);
    to.u16(session.nonceTPM.length).bytes(session.nonceTPM).u8(attributes).u16(hmac.length).bytes(hmac);
  }
  for (const { handle, session, attributes } of area.uses) {
    if (session === undefined) continue;
    if (!has(attributes, TPMA_SESSION.continueSession)) flushSession(tpm.state, handle);
    // With its nonce the policy begins anew, whatever the session was used for.
    else if (isPolicy(session)) restartPolicy(tpm, session);
  }
}

/** The whole response. `command` is needed where it has sessions or is audited. */
export function successResponse(
  tpm: Tpm,
  row: AnyCommandRow,
  output: Output,
  area: Authorisation | undefined,
  command: CommandDigest,
): Uint8Array {
  const { state } = tpm;
  const audited = isAudited(state, row.code);
  const plain = area === undefined || area === EMPTY_PASSWORD;
  if (plain && !row.noSessions) state.access.exclusiveAudit = 0;
  if (plain && !audited) return plainResponse(row, output, area !== undefined);

  for (const { session } of area?.uses ?? []) {
    if (session !== undefined) session.nonceTPM = random(tpm, session.nonceTPM.length);
  }
  const made = new ByteWriter('big', 512);
  writeParameters(made, row, output);
  const parameters = area === undefined ? made.finish() : encryptParameters(tpm, command, area, made.finish());
  if (area !== undefined && !row.noSessions) auditSession(tpm, command, area, parameters);
  if (audited) auditCommand(state, command, parameters);

  const writer = new ByteWriter('big', 512);
  writer
    .u16(area === undefined ? TPM_ST.NO_SESSIONS : TPM_ST.SESSIONS)
    .u32(0)
    .u32(0);
  writeHandles(writer, row, output);
  if (area !== undefined) writer.u32(parameters.length);
  writer.bytes(parameters);
  if (area !== undefined) answerSessions(tpm, command, area, parameters, writer);
  writer.setU32(2, writer.length);
  return writer.finish();
}
