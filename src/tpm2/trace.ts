/** Commands and responses taken apart into names and fields, for a log that people read. Never throws for any bytes. */
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import type { AnyCommandRow, NamedCodec } from './command-row.ts';
import { commandByCode } from './commands.ts';
import { TPM_ST } from './constants.ts';
import { describeResponseCode } from './response-code.ts';
import { insideOf, readParameter } from './trace-codecs.ts';
import {
  algorithmName,
  collectNames,
  commandName,
  curveName,
  handleText,
  hex32,
  sessionAttributeNames,
} from './trace-names.ts';

export { commandName } from './trace-names.ts';

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
  /** Names of TPMA_SESSION (Part 2, 8.4); bits without a name in hexadecimal. */
  readonly attributes: readonly string[];
  readonly hmac: string;
}

/** What both directions have. */
interface TraceMessage {
  readonly size: number;
  readonly handles: Readonly<Record<string, TraceValue>>;
  readonly sessions: readonly TraceSession[];
  readonly parameters: Readonly<Record<string, TraceValue>>;
  /** Structures inside parameters that travel as bytes (TPMS_ATTEST, TPMT_PUBLIC of a template), by parameter; undefined where there are none. */
  readonly decoded?: Readonly<Record<string, TraceValue>>;
  /** Text of numbers and bits with their names, by path in the parameters, e.g. `inPublic.objectAttributes`; undefined where there is none. */
  readonly names?: Readonly<Record<string, string>>;
  /** Bytes, in hexadecimal, that could not be read; undefined where there are none. */
  readonly undecoded?: string;
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

const ALG_FIELD = /^(type|alg|algorithm|scheme|symmetric|mode|kdf|hash|.*Alg|.*Hash|hashAlg)$/;

function showNumber(field: string, value: number): TraceValue {
  if (ALG_FIELD.test(field)) return algorithmName(value) ?? value;
  if (field === 'curve' || field === 'curveID') return curveName(value) ?? value;
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

/**
 * A message while it is taken apart. Each part is read whole or not at all, so that what a part takes that cannot be
 * read is still there to be shown as bytes.
 */
class Dissection {
  readonly handles: Record<string, TraceValue> = {};
  readonly sessions: TraceSession[] = [];
  readonly parameters: Record<string, TraceValue> = {};
  readonly #decoded: Record<string, TraceValue> = {};
  readonly #names: Record<string, string> = {};
  readonly #bytes: Uint8Array;
  readonly #structure: string;
  #at = 0;
  #end: number;
  #problem: string | undefined;

  constructor(bytes: Uint8Array, structure: string) {
    this.#bytes = bytes;
    this.#structure = structure;
    this.#end = bytes.length;
  }

  #reader(end = this.#end): ByteReader {
    return new ByteReader(this.#bytes.subarray(this.#at, end), this.#structure, 'big', this.#at);
  }

  /** Reads one part from the bytes that are left. */
  read<T>(part: (reader: ByteReader) => T): T {
    const reader = this.#reader();
    const value = part(reader);
    this.#at = reader.offset;
    return value;
  }

  /** Runs a reader; what is wrong with the bytes becomes the problem. The first one counts: others may follow from it. */
  attempt(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#problem ??= error.message;
    }
  }

  readHandles(fields: readonly NamedCodec[]): void {
    for (const { name } of fields) this.handles[name] = handleText(this.read((reader) => reader.u32(name)));
  }

  /** Sessions until the reader ends; those of a command start with a handle. */
  #readSessions(reader: ByteReader, withHandle: boolean): void {
    while (reader.remaining > 0) {
      const handle = withHandle ? { handle: handleText(reader.u32('sessionHandle')) } : {};
      const nonce = toHex(reader.bytes('nonce', reader.u16('nonceSize')));
      const attributes = sessionAttributeNames(reader.u8('sessionAttributes'));
      this.sessions.push({ ...handle, nonce, attributes, hmac: toHex(reader.bytes('hmac', reader.u16('hmacSize'))) });
    }
  }

  readCommandSessions(): void {
    this.read((reader) => this.#readSessions(reader.sub('sessions', reader.u32('authorizationSize')), true));
  }

  /** Sessions of a response stand after its parameters, whose size is in front of them; they are then what is left. */
  readResponseSessions(): void {
    const size = this.read((reader) => {
      const parameterSize = reader.u32('parameterSize');
      const at = reader.offset;
      reader.skip('parameters', parameterSize);
      this.#readSessions(reader, false);
      return { at, parameterSize };
    });
    this.#at = size.at;
    this.#end = size.at + size.parameterSize;
  }

  /** Reads parameters by their codecs; the first one is unreadable where a session encrypts it. */
  readParameters(codecs: readonly NamedCodec[], encryptedBy: 'decrypt' | 'encrypt'): void {
    const encrypted = this.sessions.some(({ attributes }) => attributes.includes(encryptedBy));
    const near: Record<string, unknown> = {};
    for (const [i, parameter] of codecs.entries()) {
      const { name } = parameter;
      if (i === 0 && encrypted) {
        const bytes = this.read((reader) => reader.bytes(name, reader.u16(`${name}.size`)));
        this.parameters[name] = { encrypted: toHex(bytes) };
      } else this.#readParameter(parameter, near);
    }
    const reader = this.#reader();
    if (reader.remaining > 0) throw reader.error('', `${reader.remaining} bytes are left over`);
  }

  #readParameter({ name, codec }: NamedCodec, near: Record<string, unknown>): void {
    const { value, size, problem } = readParameter(
      codec,
      this.#bytes.subarray(this.#at, this.#end),
      this.#structure,
      this.#at,
    );
    this.#at += size;
    this.#problem ??= problem;
    near[name] = value;
    this.parameters[name] = show(name, value);
    collectNames(name, name, value, near, this.#names);
    const inside = value instanceof Uint8Array ? insideOf(codec, value) : undefined;
    if (inside === undefined) return;
    this.#decoded[name] = show(name, inside);
    collectNames(name, name, inside, near, this.#names);
  }

  /** Everything that was found. */
  result(): TraceMessage {
    const rest = this.#reader().rest();
    return {
      size: this.#bytes.length,
      handles: this.handles,
      sessions: this.sessions,
      parameters: this.parameters,
      ...(Object.keys(this.#decoded).length > 0 && { decoded: this.#decoded }),
      ...(Object.keys(this.#names).length > 0 && { names: this.#names }),
      ...(rest.length > 0 && { undecoded: toHex(rest) }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }
}

/** Takes a command apart. */
export function traceCommand(bytes: Uint8Array): TraceCommand {
  const message = new Dissection(bytes, 'TPM command');
  let code = 0;
  message.attempt(() => {
    const tag = message.read((reader) => reader.u16('tag'));
    const size = message.read((reader) => reader.u32('commandSize'));
    code = message.read((reader) => reader.u32('commandCode'));
    message.attempt(() => checkSize(message, 'commandSize', size, bytes.length));
    const row = commandByCode(code);
    if (row === undefined) throw message.read((reader) => reader.error('commandCode', 'is unknown'));
    message.readHandles(row.handles);
    if (tag === TPM_ST.SESSIONS) message.readCommandSessions();
    message.readParameters(row.parameters, 'decrypt');
  });
  return { name: commandName(code), code, ...message.result() };
}

function checkSize(message: Dissection, field: string, said: number, size: number): void {
  if (said === size) return;
  throw message.read((reader) => reader.error(field, `says ${said}, there are ${size} bytes`));
}

function readResponseBody(message: Dissection, row: AnyCommandRow, tag: number): void {
  message.readHandles(row.responseHandles);
  if (tag === TPM_ST.SESSIONS) message.readResponseSessions();
  message.readParameters(row.response, 'encrypt');
}

/** Takes the response to a command with this code apart. */
export function traceResponse(bytes: Uint8Array, code: number): TraceResponse {
  const message = new Dissection(bytes, 'TPM response');
  let rc = 0;
  message.attempt(() => {
    const tag = message.read((reader) => reader.u16('tag'));
    const size = message.read((reader) => reader.u32('responseSize'));
    rc = message.read((reader) => reader.u32('responseCode'));
    message.attempt(() => checkSize(message, 'responseSize', size, bytes.length));
    const row = commandByCode(code);
    if (rc === 0 && row !== undefined) readResponseBody(message, row, tag);
  });
  return { rc, result: describeResponseCode(rc), ...message.result() };
}

const isNested = (value: TraceValue): value is Readonly<Record<string, TraceValue>> =>
  typeof value === 'object' && value !== null;

/** Lines of parameters: a name instead of a bare number, and the structure inside bytes below them. */
function parameterLines(message: TraceMessage): string[] {
  const { names = {}, decoded = {} } = message;
  const walk = (indent: string, path: string, fields: Readonly<Record<string, TraceValue>>): string[] =>
    Object.entries(fields).flatMap(([field, value]) => {
      const at = `${path}${field}`;
      const name = names[at];
      if (name !== undefined) return [`${indent}${field}: ${name}`];
      if (isNested(value)) {
        if (Object.keys(value).length === 0) return [`${indent}${field}: (none)`];
        return [`${indent}${field}:`, ...walk(`${indent}  `, `${at}.`, value)];
      }
      const inside = path === '' ? decoded[field] : undefined;
      const below = inside !== undefined && isNested(inside) ? walk(`${indent}  `, `${at}.`, inside) : [];
      return [`${indent}${field}: ${value === '' ? '(empty)' : value}`, ...below];
    });
  return walk(INDENT, '', message.parameters);
}

const INDENT = '    ';

function sessionLines(sessions: readonly TraceSession[]): string[] {
  return sessions.map(({ handle, nonce, attributes, hmac }) => {
    const flags = `attributes ${attributes.length === 0 ? '(none)' : attributes.join('+')}`;
    const parts = [handle, nonce && `nonce ${nonce}`, flags, hmac && `hmac ${hmac}`];
    return `${INDENT}session ${parts.filter((part) => part !== undefined && part !== '').join(', ')}`;
  });
}

function messageLines(message: TraceMessage): string[] {
  return [
    ...Object.entries(message.handles).map(([name, value]) => `${INDENT}${name}: ${value}`),
    ...sessionLines(message.sessions),
    ...parameterLines(message),
    ...(message.undecoded === undefined ? [] : [`${INDENT}undecoded: ${message.undecoded}`]),
    ...(message.problem === undefined ? [] : [`${INDENT}problem: ${message.problem}`]),
  ];
}

/** Text for people: the command with its fields, then the response with its own. */
export function traceText(command: TraceCommand, response: TraceResponse): string {
  return [
    `> ${command.name} (${command.size} bytes)`,
    ...messageLines(command),
    `< ${response.result} (${response.size} bytes)`,
    ...messageLines(response),
  ].join('\n');
}
