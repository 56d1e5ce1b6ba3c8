/** A typed TPM 2.0 client: command rows in, checked responses out. Authorisation is by password or by policy session. */
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { TPMA_SESSION } from './attributes.ts';
import type { AnyCommandRow, CommandRow } from './command-row.ts';
import { TPM_RH, TPM_ST } from './constants.ts';
import {
  decodeResponseCode,
  describeResponseCode,
  type ResponseCodeName,
  type ResponsePlace,
} from './response-code.ts';
import type { Locality, TpmTransport } from './transport.ts';

/** Largest response a client accepts. */
const MAX_RESPONSE_SIZE = 16_384;

/** The TPM refused a command. */
export class TpmError extends Error {
  /** Whole response code. */
  readonly code: number;
  /** Specification name without `TPM_RC_`; undefined for an unknown code. */
  readonly rc: ResponseCodeName | undefined;
  /** The handle, session or parameter the code points to. */
  readonly place: ResponsePlace | undefined;
  /** Name of the command. */
  readonly command: string;

  constructor(command: string, code: number) {
    super(`TPM2_${command}: ${describeResponseCode(code)}`);
    this.name = 'TpmError';
    const decoded = decodeResponseCode(code);
    this.code = code;
    this.rc = decoded.name;
    this.place = decoded.place;
    this.command = command;
  }
}

/** Authorisation by a policy session that needs no HMAC. */
export interface PolicySession {
  readonly session: number;
  /** Keep the session after the command (default false: the TPM flushes it). */
  readonly continueSession?: boolean;
}

/** Authorisation of one handle: the bytes of its authValue as a password, or a policy session. */
export type Authorization = Uint8Array | PolicySession;

/** Options of one command. */
export interface CallOptions {
  /** Default 0. */
  readonly locality?: Locality;
  /** One entry for each handle that needs authorisation, in order; a missing one is the empty password. */
  readonly auth?: readonly Authorization[];
}

const EMPTY = new Uint8Array(0);

function writeAuthorization(writer: ByteWriter, authorization: Authorization): void {
  const password = authorization instanceof Uint8Array;
  writer.u32(password ? TPM_RH.PW : authorization.session).u16(0);
  // A password authorisation is always "continued": it has no session to end.
  const keep = password || authorization.continueSession === true;
  writer.u8(keep ? TPMA_SESSION.continueSession : 0);
  const secret = password ? authorization : EMPTY;
  writer.u16(secret.length).bytes(secret);
}

/** Command bytes for a row and its named handles and parameters. Values too long for a field give a FormatError. */
export function encodeCommand<In>(
  row: CommandRow<In, unknown>,
  input: In,
  auth: readonly Authorization[] = [],
): Uint8Array {
  const values = input as Readonly<Record<string, unknown>>;
  const writer = new ByteWriter();
  const sessions = row.authHandles > 0;
  writer
    .u16(sessions ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
    .u32(0)
    .u32(row.code);
  for (const { name, codec } of row.handles) codec.write(writer, values[name] as number);
  if (sessions) {
    const at = writer.length;
    writer.u32(0);
    for (let i = 0; i < row.authHandles; i++) writeAuthorization(writer, auth[i] ?? EMPTY);
    writer.setU32(at, writer.length - at - 4);
  }
  for (const { name, codec } of row.parameters) codec.write(writer, values[name]);
  writer.setU32(2, writer.length);
  return writer.finish();
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
}

/** Named handles and parameters of a successful response. TpmError where the TPM refused, FormatError where it is malformed. */
export function decodeResponse<Out>(row: CommandRow<never, Out>, response: Uint8Array): Out {
  if (response.length > MAX_RESPONSE_SIZE) {
    throw new FormatError({ structure: 'TPM response', field: '', problem: `${response.length} bytes are too many` });
  }
  const code = responseCode(response);
  if (code !== 0) throw new TpmError(row.name, code);
  const reader = new ByteReader(response, `TPM2_${row.name} response`);
  const tag = reader.u16('tag');
  reader.skip('header', 8);
  const out: Record<string, unknown> = {};
  for (const { name, codec } of row.responseHandles) out[name] = codec.read(reader);
  if (tag === TPM_ST.SESSIONS) {
    const size = reader.u32('parameterSize');
    const parameters = reader.sub('parameters', size);
    decodeParameters(row, parameters, out);
    parameters.end();
    // What follows are the sessions' answers; passwords and unbound policy sessions carry nothing to check.
  } else {
    decodeParameters(row, reader, out);
    reader.end();
  }
  return out as Out;
}

/** Sends commands to a TPM. */
export class Tpm2Client {
  readonly transport: TpmTransport;

  constructor(transport: TpmTransport) {
    this.transport = transport;
  }

  /**
   * Runs one command. `input` holds the handles and parameters by their names in Part 3.
   * TpmError where the TPM refuses, FormatError where its answer is malformed, InputError where it cannot be reached.
   */
  async call<In, Out>(row: CommandRow<In, Out>, input: In, options: CallOptions = {}): Promise<Out> {
    const command = encodeCommand(row, input, options.auth);
    const response = await this.transport.transmit(command, options.locality ?? 0);
    return decodeResponse(row as CommandRow<never, Out>, response);
  }
}
