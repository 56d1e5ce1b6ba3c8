/** Commands as bytes and responses as values, with the authorisations of both (TPM 2.0 Library specification, Part 1, 18). */
import { isBytes, shownValue } from '../bytes/arguments.ts';
import { equalBytes } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { TPMA_SESSION } from './attributes.ts';
import { attributesOf, type ClientSession, hasAttributes, type SessionAuthorization } from './client-session.ts';
import { tpm2b, u8, u32 } from './codec.ts';
import { type AnyCommandRow, type CommandRow, isEncryptable, type NamedCodec } from './command-row.ts';
import { handleType, TPM_HT, TPM_RH, TPM_ST } from './constants.ts';
import { handleName } from './names.ts';
import { cpHash, rpHash } from './session-crypto.ts';
import { TPM2B_AUTH, TPM2B_NONCE } from './structures/index.ts';
import { inside } from './wire-error.ts';

/** Largest response a client accepts. */
const MAX_RESPONSE_SIZE = 16_384;
const EMPTY = new Uint8Array(0);

/** Authorisation by a policy session that needs no HMAC. */
export interface PolicySession {
  readonly session: number;
  /** Keep the session after the command (default false: the TPM flushes it). */
  readonly continueSession?: boolean;
}

/** Authorisation of one handle: the bytes of its authValue as a password, a bare policy session, or a session with keys. */
export type Authorization = Uint8Array | PolicySession | SessionAuthorization;

/** Names of objects and NV indices by the name of the handle in Part 3. */
export type EntityNames = Readonly<Record<string, Uint8Array>>;

const isKeyed = (auth: Authorization): auth is SessionAuthorization => !isBytes(auth) && 'with' in auth;

/** Names of the handles of a command; InputError where that of an object or index is not given. */
function namesOf(row: AnyCommandRow, values: Readonly<Record<string, unknown>>, names: EntityNames): Uint8Array[] {
  return row.handles.map(({ name }) => {
    const handle = Number(values[name]);
    const given = names[name];
    if (given !== undefined) return given;
    const type = handleType(handle);
    if (type === TPM_HT.TRANSIENT || type === TPM_HT.PERSISTENT || type === TPM_HT.NV_INDEX) {
      throw new InputError(`TPM2_${row.name} in an HMAC session: the Name of ${name} is needed`);
    }
    return handleName(handle);
  });
}

/** A nonce or an HMAC of any length: what is too long for a TPM is the TPM's to refuse. */
const AUTH_BYTES = tpm2b('TPM2B', 0xffff);

/** TPMS_AUTH_COMMAND (Part 2, 10.13.2). */
function writeSession(writer: ByteWriter, handle: number, nonce: Uint8Array, attributes: number, hmac: Uint8Array) {
  u32.write(writer, handle);
  AUTH_BYTES.write(writer, nonce);
  u8.write(writer, attributes);
  AUTH_BYTES.write(writer, hmac);
}

/** Writes named values in wire order; an error names the command and the value. */
function writeValues(
  writer: ByteWriter,
  row: AnyCommandRow,
  fields: readonly NamedCodec[],
  values: Readonly<Record<string, unknown>>,
): void {
  let at = 0;
  try {
    for (; at < fields.length; at++) {
      const { name, codec } = fields[at] as NamedCodec;
      codec.write(writer, values[name]);
    }
  } catch (error) {
    throw inside(error, `TPM2_${row.name}`, fields[at]?.name ?? '');
  }
}

/** What callers without a type checker may get wrong; InputError. */
function checkArguments(row: AnyCommandRow, input: unknown, auth: readonly Authorization[]): void {
  if (row?.parameters === undefined) throw new InputError(`expected a row of COMMANDS, not ${shownValue(row)}`);
  if ((typeof input !== 'object' || input === null) && row.handles.length + row.parameters.length > 0) {
    const names = [...row.handles, ...row.parameters].map(({ name }) => name).join(', ');
    throw new InputError(`TPM2_${row.name}: expected an object with ${names}, not ${shownValue(input)}`);
  }
  if (!Array.isArray(auth)) {
    throw new InputError(`TPM2_${row.name}: expected an array of authorisations, not ${shownValue(auth)}`);
  }
  for (const [i, one] of auth.entries()) {
    const fits = one === undefined || (typeof one === 'object' && one !== null);
    if (fits && (one === undefined || isBytes(one) || 'with' in one || 'session' in one)) continue;
    throw new InputError(
      `TPM2_${row.name}: authorisation ${i + 1} is ${shownValue(one)}, expected bytes (a password) or a session`,
    );
  }
}

/** The session whose use has this attribute. */
function sessionWith(auth: readonly Authorization[], bit: number): SessionAuthorization | undefined {
  return auth.filter(isKeyed).find((use) => hasAttributes(use, bit));
}

/** Applies the session's cipher to the contents of the TPM2B at the beginning of `parameters`. */
function cryptFirst(
  direction: 'encrypt' | 'decrypt',
  use: SessionAuthorization | undefined,
  authorises: boolean,
  parameters: Uint8Array,
): Uint8Array {
  if (use === undefined) return parameters;
  const data = new ByteReader(parameters, 'parameters');
  const first = data.bytes('first parameter', data.u16('size'));
  const out = parameters.slice();
  out.set(use.with.crypt(direction, use, authorises, first), 2);
  return out;
}

/** Nonces of the sessions that decrypt and encrypt, which the first session vouches for. */
function othersOf(auth: readonly Authorization[], first: ClientSession): Uint8Array[] {
  const decrypt = sessionWith(auth, TPMA_SESSION.decrypt)?.with;
  const encrypt = sessionWith(auth, TPMA_SESSION.encrypt)?.with;
  const sessions = [decrypt, encrypt === decrypt ? undefined : encrypt];
  return sessions.flatMap((session) => (session === undefined || session === first ? [] : [session.nonceTPM]));
}

/** A command ready to be sent, and what its response must prove. */
export interface PreparedCommand<Out> {
  readonly bytes: Uint8Array;
  /** Values of a successful response. FormatError where it is malformed or a session's HMAC is wrong. */
  accept(response: Uint8Array): Out;
}

/** Writes one authorisation; `prove` makes the HMAC of a session with keys. */
function writeAuthorization(
  writer: ByteWriter,
  one: Authorization,
  prove: (use: SessionAuthorization) => Uint8Array,
): void {
  if (isBytes(one)) {
    // A password authorisation is always "continued": it has no session to end.
    writeSession(writer, TPM_RH.PW, EMPTY, TPMA_SESSION.continueSession, one);
  } else if (isKeyed(one)) {
    writeSession(writer, one.with.handle, one.with.nonceCaller, attributesOf(one), prove(one));
  } else {
    const attributes = one.continueSession === true ? TPMA_SESSION.continueSession : 0;
    writeSession(writer, one.session, EMPTY, attributes, EMPTY);
  }
}

/** Command for a row and its named handles and parameters. FormatError for values that do not fit, InputError for a missing Name. */
export function prepareCommand<In, Out>(
  row: CommandRow<In, Out>,
  input: In,
  auth: readonly Authorization[] = [],
  names: EntityNames = {},
): PreparedCommand<Out> {
  checkArguments(row, input, auth);
  const values = (input ?? {}) as Readonly<Record<string, unknown>>;
  const all: readonly Authorization[] = Array.from(
    { length: Math.max(row.authHandles, auth.length) },
    (_, i) => auth[i] ?? EMPTY,
  );
  const made = new ByteWriter();
  writeValues(made, row, row.parameters, values);
  for (const one of all) if (isKeyed(one)) one.with.roll();
  // Where nothing can be encrypted the TPM refuses the attribute.
  const cipher = isEncryptable(row.parameters) ? sessionWith(all, TPMA_SESSION.decrypt) : undefined;
  const authorises = (use: SessionAuthorization): boolean => all.indexOf(use) < row.authHandles;
  const parameters = cryptFirst('encrypt', cipher, cipher !== undefined && authorises(cipher), made.finish());

  const writer = new ByteWriter();
  writer
    .u16(all.length > 0 ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
    .u32(0)
    .u32(row.code);
  writeValues(writer, row, row.handles, values);
  if (all.length > 0) {
    const at = writer.length;
    writer.u32(0);
    const entities = all.some(isKeyed) ? namesOf(row, values, names) : [];
    for (const [i, one] of all.entries()) {
      try {
        writeAuthorization(writer, one, (use) => {
          const others = i === 0 && row.authHandles > 0 ? othersOf(all, use.with) : [];
          return use.with.proof(use, cpHash(use.with.authHash, row.code, entities, parameters), others);
        });
      } catch (error) {
        throw inside(error, `TPM2_${row.name}`, `authorisation[${i}]`);
      }
    }
    writer.setU32(at, writer.length - at - 4);
  }
  writer.bytes(parameters).setU32(2, writer.length);
  return { bytes: writer.finish(), accept: (response) => acceptResponse(row as CommandRow<never, Out>, response, all) };
}

/** Command bytes for a row and its named handles and parameters. Values that do not fit their field give a FormatError, which names it. */
export function encodeCommand<In>(
  row: CommandRow<In, unknown>,
  input: In,
  auth: readonly Authorization[] = [],
): Uint8Array {
  return prepareCommand(row, input, auth).bytes;
}

/** Response code of a response. FormatError where the header is malformed. */
export function responseCode(response: Uint8Array): number {
  const reader = new ByteReader(response, 'TPM response');
  reader.u16('tag');
  const size = reader.u32('responseSize');
  if (size !== response.length)
    throw reader.error('responseSize', `says ${size}, received ${response.length} bytes`, 2);
  return reader.u32('responseCode');
}

function decodeParameters(row: AnyCommandRow, reader: ByteReader, out: Record<string, unknown>): void {
  for (const { name, codec } of row.response) {
    try {
      out[name] = codec.read(reader);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const { offset, problem } = error;
      const field = error.field === '' ? name : `${name}.${error.field}`;
      throw new FormatError({ structure: `TPM2_${row.name} response`, field, offset, problem });
    }
  }
  reader.end();
}

/** Reads the sessions' answers, rolls the nonces and checks the HMACs over `parameters`. */
function checkAnswers(
  row: AnyCommandRow,
  reader: ByteReader,
  parameters: Uint8Array,
  auth: readonly Authorization[],
): void {
  for (const [i, one] of auth.entries()) {
    const nonce = TPM2B_NONCE.read(reader);
    const attributes = reader.u8('sessionAttributes');
    const hmac = TPM2B_AUTH.read(reader);
    if (!isKeyed(one)) continue;
    const session = one.with;
    session.nonceTPM = nonce.slice();
    const expected = session.expected(one, rpHash(session.authHash, row.code, parameters), attributes);
    if (!equalBytes(expected, hmac)) throw reader.error(`session ${i + 1}`, 'HMAC is wrong');
  }
  reader.end();
}

function acceptResponse<Out>(row: CommandRow<never, Out>, response: Uint8Array, auth: readonly Authorization[]): Out {
  if (response.length > MAX_RESPONSE_SIZE) {
    throw new FormatError({ structure: 'TPM response', field: '', problem: `${response.length} bytes are too many` });
  }
  const structure = `TPM2_${row.name} response`;
  const reader = new ByteReader(response, structure);
  const tag = reader.u16('tag');
  reader.skip('header', 8);
  const out: Record<string, unknown> = {};
  for (const { name, codec } of row.responseHandles) out[name] = codec.read(reader);
  if (tag !== TPM_ST.SESSIONS) {
    decodeParameters(row, reader, out);
    return out as Out;
  }
  const parameters = reader.bytes('parameters', reader.u32('parameterSize'));
  if (auth.some(isKeyed)) checkAnswers(row, reader, parameters, auth);
  const cipher = sessionWith(auth, TPMA_SESSION.encrypt);
  const authorises = cipher !== undefined && auth.indexOf(cipher) < row.authHandles;
  decodeParameters(row, new ByteReader(cryptFirst('decrypt', cipher, authorises, parameters), structure), out);
  return out as Out;
}

/** Named handles and parameters of a successful response whose sessions have nothing to check. FormatError where it is malformed. */
export const decodeSuccess = <Out>(row: CommandRow<never, Out>, response: Uint8Array): Out =>
  acceptResponse(row, response, []);
