/** Commands and responses taken apart into names and fields, for a log that people read. Never throws for any bytes. */
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { TPMA_SESSION } from './attributes.ts';
import type { AnyCommandRow, NamedCodec } from './command-row.ts';
import { commandByCode } from './commands.ts';
import { TPM_ALG, TPM_CC, TPM_ECC_CURVE, TPM_RH, TPM_ST } from './constants.ts';
import { describeResponseCode } from './response-code.ts';

/** A value ready for JSON: bytes in hexadecimal, algorithms and handles by name, 64-bit numbers as decimal text. */
export type TraceValue =
  | string
  | number
  | boolean
  | null
  | readonly TraceValue[]
  | { readonly [name: string]: TraceValue };

/** One session of a command or response. */
export interface TraceSession {
  /** Undefined in a response. */
  readonly handle?: string;
  readonly nonce: string;
  readonly attributes: readonly string[];
  readonly hmac: string;
}

/** What both directions have. */
interface TraceMessage {
  readonly size: number;
  readonly handles: Readonly<Record<string, TraceValue>>;
  readonly sessions: readonly TraceSession[];
  readonly parameters: Readonly<Record<string, TraceValue>>;
  /** Why the bytes could not be read to their end; undefined where they could. */
  readonly problem?: string;
}

/** A command taken apart. */
export interface TraceCommand extends TraceMessage {
  /** Specification name, e.g. `TPM2_PCR_Extend`, or the code in hexadecimal. */
  readonly name: string;
  readonly code: number;
}

/** A response taken apart. */
export interface TraceResponse extends TraceMessage {
  readonly rc: number;
  /** E.g. `TPM_RC_SUCCESS`, `TPM_RC_VALUE (parameter 1)`. */
  readonly result: string;
}

const byValue = (prefix: string, table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, value]) => [value, `${prefix}${name}`]));

const ALG = byValue('TPM_ALG_', TPM_ALG);
const CURVE = byValue('TPM_ECC_', TPM_ECC_CURVE);
const HANDLE = byValue('TPM_RH_', TPM_RH);
const CODE = byValue('TPM2_', TPM_CC);
const ALG_FIELD = /^(type|alg|algorithm|scheme|symmetric|mode|kdf|hash|.*Alg|.*Hash|hashAlg)$/;
const SESSION_BITS = Object.entries(TPMA_SESSION);

const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
const handleText = (value: number): string => HANDLE.get(value) ?? hex32(value);

/** The specification's name of a command code, or the code in hexadecimal. */
export const commandName = (code: number): string => CODE.get(code) ?? hex32(code);

function showNumber(field: string, value: number): TraceValue {
  if (ALG_FIELD.test(field)) return ALG.get(value) ?? value;
  if (field === 'curve' || field === 'curveID') return CURVE.get(value) ?? value;
  if (field === 'commandCode' || field === 'code') return commandName(value);
  if (field === 'hierarchy' || /(handle|^auth|^nvIndex)$/i.test(field)) return handleText(value);
  return /attributes$/i.test(field) ? hex32(value) : value;
}

function show(field: string, value: unknown): TraceValue {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'number') return showNumber(field, value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((item) => show(field, item));
  if (typeof value !== 'object' || value === null) return null;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, show(name, part)]));
}

function attributeNames(attributes: number): string[] {
  return SESSION_BITS.filter(([, bit]) => (attributes & bit) !== 0).map(([name]) => name);
}

/** Sessions until the reader ends; those of a command start with a handle. */
function readSessions(reader: ByteReader, withHandle: boolean, out: TraceSession[]): void {
  while (reader.remaining > 0) {
    const handle = withHandle ? { handle: handleText(reader.u32('sessionHandle')) } : {};
    const nonce = toHex(reader.bytes('nonce', reader.u16('nonceSize')));
    const attributes = attributeNames(reader.u8('sessionAttributes'));
    out.push({ ...handle, nonce, attributes, hmac: toHex(reader.bytes('hmac', reader.u16('hmacSize'))) });
  }
}

/** Reads parameters by their codecs; the first one is unreadable where a session encrypts it. */
function readParameters(
  reader: ByteReader,
  codecs: readonly NamedCodec[],
  encrypted: boolean,
  out: Record<string, TraceValue>,
): void {
  for (const [i, { name, codec }] of codecs.entries()) {
    if (i === 0 && encrypted) {
      out[name] = { encrypted: toHex(reader.bytes(name, reader.u16(`${name}.size`))) };
    } else {
      out[name] = show(name, codec.read(reader));
    }
  }
  if (reader.remaining > 0) throw reader.error('', `${reader.remaining} bytes are left over`);
}

const isEncrypted = (sessions: readonly TraceSession[], by: 'decrypt' | 'encrypt'): boolean =>
  sessions.some(({ attributes }) => attributes.includes(by));

/** Runs a reader; what is wrong with the bytes becomes text. */
function problemOf(read: () => void): { problem?: string } {
  try {
    read();
    return {};
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { problem: error.message };
  }
}

/** Takes a command apart. */
export function traceCommand(bytes: Uint8Array): TraceCommand {
  const reader = new ByteReader(bytes, 'TPM command');
  const handles: Record<string, TraceValue> = {};
  const sessions: TraceSession[] = [];
  const parameters: Record<string, TraceValue> = {};
  let code = 0;
  const problem = problemOf(() => {
    const tag = reader.u16('tag');
    const size = reader.u32('commandSize');
    code = reader.u32('commandCode');
    if (size !== bytes.length) throw reader.error('commandSize', `says ${size}, the command has ${bytes.length} bytes`);
    const row = commandByCode(code);
    if (row === undefined) throw reader.error('commandCode', 'is unknown');
    for (const { name } of row.handles) handles[name] = handleText(reader.u32(name));
    if (tag === TPM_ST.SESSIONS) readSessions(reader.sub('sessions', reader.u32('authorizationSize')), true, sessions);
    readParameters(reader, row.parameters, isEncrypted(sessions, 'decrypt'), parameters);
  });
  return { name: commandName(code), code, size: bytes.length, handles, sessions, parameters, ...problem };
}

function readResponseBody(
  reader: ByteReader,
  row: AnyCommandRow,
  tag: number,
  out: Pick<TraceResponse, 'handles' | 'parameters'> & {
    handles: Record<string, TraceValue>;
    parameters: Record<string, TraceValue>;
    sessions: TraceSession[];
  },
): void {
  for (const { name } of row.responseHandles) out.handles[name] = handleText(reader.u32(name));
  if (tag !== TPM_ST.SESSIONS) {
    readParameters(reader, row.response, false, out.parameters);
    return;
  }
  const area = reader.sub('parameters', reader.u32('parameterSize'));
  readSessions(reader, false, out.sessions);
  readParameters(area, row.response, isEncrypted(out.sessions, 'encrypt'), out.parameters);
}

/** Takes the response to a command with this code apart. */
export function traceResponse(bytes: Uint8Array, code: number): TraceResponse {
  const reader = new ByteReader(bytes, 'TPM response');
  const out = {
    handles: {} as Record<string, TraceValue>,
    sessions: [] as TraceSession[],
    parameters: {} as Record<string, TraceValue>,
  };
  let rc = 0;
  const problem = problemOf(() => {
    const tag = reader.u16('tag');
    const size = reader.u32('responseSize');
    rc = reader.u32('responseCode');
    if (size !== bytes.length) throw reader.error('responseSize', `says ${size}, there are ${bytes.length} bytes`);
    const row = commandByCode(code);
    if (rc === 0 && row !== undefined) readResponseBody(reader, row, tag, out);
  });
  return { rc, result: describeResponseCode(rc), size: bytes.length, ...out, ...problem };
}

function lines(indent: string, fields: Readonly<Record<string, TraceValue>>): string[] {
  const out: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'object' || value === null) out.push(`${indent}${name}: ${value === '' ? '(empty)' : value}`);
    else if (Object.keys(value).length === 0) out.push(`${indent}${name}: (none)`);
    else out.push(`${indent}${name}:`, ...lines(`${indent}  `, value as Readonly<Record<string, TraceValue>>));
  }
  return out;
}

function sessionLines(sessions: readonly TraceSession[]): string[] {
  return sessions.map(({ handle, nonce, attributes, hmac }) => {
    const parts = [handle, nonce && `nonce ${nonce}`, attributes.join('+'), hmac && `hmac ${hmac}`];
    return `    session ${parts.filter((part) => part !== undefined && part !== '').join(', ')}`;
  });
}

const problemLine = ({ problem }: TraceMessage): string[] => (problem === undefined ? [] : [`    problem: ${problem}`]);

/** Text for people: the command with its fields, then the response with its own. */
export function traceText(command: TraceCommand, response: TraceResponse): string {
  return [
    `> ${command.name} (${command.size} bytes)`,
    ...lines('    ', command.handles),
    ...sessionLines(command.sessions),
    ...lines('    ', command.parameters),
    ...problemLine(command),
    `< ${response.result} (${response.size} bytes)`,
    ...lines('    ', response.handles),
    ...sessionLines(response.sessions),
    ...lines('    ', response.parameters),
    ...problemLine(response),
  ].join('\n');
}
