/**
 * Plays a recorded stream to another TPM. What that TPM answered before stands in for what the recorded one answered: handles,
 * keys, Names, blobs, tickets. Sessions get keys of their own, and every authorisation is made anew. Whatever needs no such
 * substitution is sent byte for byte as it was recorded.
 */
import { equalBytes, toHex } from '../../src/bytes/bytes.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import * as T from '../../src/tpm2/index.ts';
import { parameterValues, type RecordedCommand, type RecordedSession } from './tpm-recording.ts';
import { type Leaf, responseLeaves } from './tpm-replay-fields.ts';
import { sealAgain } from './tpm-sealed.ts';

const EMPTY = new Uint8Array(0);
/** Shorter values are no keys, digests or tickets. */
const MIN_SUBSTITUTE = 8;
/** Parameters that hold what is encrypted to a key. */
const SEALED: ReadonlySet<string> = new Set(['credentialBlob', 'duplicate', 'cipherText']);

/** What one command is made of, for this TPM; mutations change it. */
export interface Draft {
  readonly tag: number;
  readonly code: number;
  readonly handles: readonly number[];
  readonly sessions: readonly RecordedSession[] | undefined;
  readonly parameters: Uint8Array;
}

/** An answer taken apart, decrypted. */
export interface Answer {
  readonly rc: number;
  readonly leaves: readonly Leaf[];
  readonly handles: readonly number[];
  /** What is wrong with the sessions of the answer. */
  readonly problem: string | undefined;
}

const bytesOf = (row: AnyCommandRow, values: Readonly<Record<string, unknown>>): Uint8Array => {
  const writer = new ByteWriter();
  for (const { name, codec } of row.parameters) codec.write(writer, values[name]);
  return writer.finish();
};

/** One TPM that a recording is played to. */
export class Player {
  readonly tpm: T.TpmTransport;
  readonly #handles = new Map<number, number>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #sessions = new Map<number, T.ClientSession>();
  readonly #random: T.RandomBytes;
  /** Salt or other value of the draft being sent. */
  #salt: Uint8Array = EMPTY;

  constructor(tpm: T.TpmTransport, random: T.RandomBytes) {
    this.tpm = tpm;
    this.#random = random;
  }

  /** The handle of this TPM for one of the recorded TPM. */
  handle = (recorded: number): number => this.#handles.get(recorded) ?? recorded;

  /** A recorded value with what this TPM has in its place, through all its fields. */
  #translate = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return this.#values.get(toHex(value)) ?? value;
    if (Array.isArray(value)) return value.map(this.#translate);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [
        name,
        // The only handle among parameters that a TPM gave out.
        name === 'flushHandle' && typeof part === 'number' ? this.handle(part) : this.#translate(part),
      ]),
    );
  };

  /** The recorded command for this TPM. */
  draft(command: RecordedCommand): Draft {
    const { row, handles, sessions } = command;
    return {
      tag: sessions === undefined ? T.TPM_ST.NO_SESSIONS : T.TPM_ST.SESSIONS,
      code: row.code,
      handles: handles.map(this.handle),
      sessions: sessions?.map((one) => ({ ...one, handle: this.handle(one.handle) })),
      parameters: this.#parameters(command),
    };
  }

  #parameters(command: RecordedCommand): Uint8Array {
    const { row, parameters, sealed } = command;
    const values = parameterValues(row, parameters);
    if (values === undefined) return parameters;
    this.#salt = EMPTY;
    const translated = this.#translate(values) as Record<string, unknown>;
    // What another TPM's answers stand for was sealed by that TPM itself.
    const made = Object.entries(values).some(([name, value]) => SEALED.has(name) && value !== translated[name]);
    if (sealed === undefined || made) return bytesOf(row, translated);
    const area = this.#translate(sealed.key) as T.TPMT_PUBLIC;
    const name = (recorded: Uint8Array) => this.#values.get(toHex(recorded)) ?? recorded;
    const { changes, salt } = sealAgain(sealed.content, area, name, translated, this.#random);
    this.#salt = salt ?? EMPTY;
    return bytesOf(row, { ...translated, ...changes });
  }

  #session(recorded: RecordedSession): T.ClientSession | undefined {
    return recorded.use === undefined ? undefined : this.#sessions.get(recorded.handle);
  }

  /** A draft as bytes, encrypted and authorised. FormatError where it is too broken for that. */
  bytes(draft: Draft, command: RecordedCommand): Uint8Array {
    const { row } = command;
    const sessions = draft.sessions ?? [];
    const uses = sessions.map((one, i) => this.#use(one, i < row.authHandles));
    for (const [i, one] of sessions.entries()) {
      const session = uses[i]?.with;
      if (session !== undefined) session.nonceCaller = one.nonce;
    }
    const first = (bit: number): number => sessions.findIndex(({ attributes }) => (attributes & bit) !== 0);
    const decrypts = first(T.TPMA_SESSION.decrypt);
    const encrypts = first(T.TPMA_SESSION.encrypt);
    let parameters = draft.parameters;
    const cipher = uses[decrypts];
    if (cipher !== undefined && parameters.length >= 2) {
      const reader = new ByteReader(parameters, 'parameters');
      const plain = reader.bytes('first', reader.u16('size'));
      const hidden = cipher.with.crypt('encrypt', cipher, decrypts < row.authHandles, plain);
      parameters = parameters.slice();
      parameters.set(hidden, 2);
    }
    const names = command.names.map((name) => this.#translate(name) as Uint8Array);
    const writer = new ByteWriter().u16(draft.tag).u32(0).u32(draft.code);
    for (const handle of draft.handles) writer.u32(handle);
    if (draft.sessions !== undefined) {
      const at = writer.length;
      writer.u32(0);
      for (const [i, one] of sessions.entries()) {
        const use = uses[i];
        let hmac = one.hmac;
        if (use !== undefined && one.use?.shows !== 'password' && one.hmac.length > 0) {
          const vouched = [...new Set([decrypts, encrypts])].filter((n) => i === 0 && row.authHandles > 0 && n > 0);
          const others = vouched.map((n) => uses[n]?.with.nonceTPM ?? EMPTY);
          hmac = use.with.proof(use, T.cpHash(use.with.authHash, draft.code, names, parameters), others);
          if (one.use?.right === false) hmac = hmac.map((byte, n) => (n === 0 ? byte ^ 1 : byte));
        }
        writer.u32(one.handle).u16(one.nonce.length).bytes(one.nonce).u8(one.attributes).u16(hmac.length).bytes(hmac);
      }
      writer.setU32(at, writer.length - at - 4);
    }
    writer.bytes(parameters);
    writer.setU32(2, writer.length);
    return writer.finish();
  }

  #use(one: RecordedSession, authorises: boolean): T.SessionAuthorization | undefined {
    const session = this.#session(one);
    if (session === undefined || one.use === undefined) return undefined;
    const { authValue, bound, shows } = one.use;
    const shown = shows === undefined ? {} : { shows };
    return { with: session, attributes: one.attributes, authValue: authorises ? authValue : EMPTY, bound, ...shown };
  }

  /** Takes the answer to a recorded command apart, checks its sessions, and learns what stands for what. */
  accept(command: RecordedCommand, draft: Draft, response: Uint8Array): Answer {
    const rc = T.responseCode(response);
    if (rc !== 0) return { rc, leaves: [], handles: [], problem: undefined };
    const { row } = command;
    const reader = new ByteReader(response, `TPM2_${row.name} response`);
    reader.skip('header', 10);
    const handles = row.responseHandles.map(({ name }) => reader.u32(name));
    let parameters = draft.sessions === undefined ? reader.rest() : reader.bytes('p', reader.u32('parameterSize'));
    let problem: string | undefined;
    for (const [i, one] of (draft.sessions ?? []).entries()) {
      const nonce = reader.bytes('nonce', reader.u16('nonceSize')).slice();
      const attributes = reader.u8('attributes');
      const hmac = reader.bytes('hmac', reader.u16('hmacSize'));
      const use = this.#use(one, i < row.authHandles);
      if (use === undefined || one.use === undefined) continue;
      use.with.nonceTPM = nonce;
      const later = { ...use, authValue: i < row.authHandles ? one.use.authValueAfter : EMPTY };
      const hash = T.rpHash(use.with.authHash, row.code, parameters);
      const right = [use, later].some((key) => equalBytes(use.with.expected(key, hash, attributes), hmac));
      if (!right) problem = `HMAC of session ${i + 1} is wrong`;
    }
    const encrypts = (draft.sessions ?? []).findIndex(({ attributes }) => (attributes & T.TPMA_SESSION.encrypt) !== 0);
    const cipher = draft.sessions?.[encrypts];
    const use = cipher && this.#use(cipher, encrypts < row.authHandles);
    if (use !== undefined && parameters.length >= 2) {
      const inner = new ByteReader(parameters, 'parameters');
      const hidden = inner.bytes('first', inner.u16('size'));
      parameters = parameters.slice();
      parameters.set(use.with.crypt('decrypt', use, encrypts < row.authHandles, hidden), 2);
    }
    const leaves = responseLeaves(row, parameters);
    if (command.answer !== undefined) this.#learn(command, command.answer, handles, leaves);
    return { rc, leaves, handles, problem };
  }

  #learn(
    command: RecordedCommand,
    recorded: NonNullable<RecordedCommand['answer']>,
    handles: readonly number[],
    leaves: readonly Leaf[],
  ): void {
    for (const [i, handle] of recorded.handles.entries()) this.#handles.set(handle, handles[i] ?? handle);
    const before = responseLeaves(command.row, recorded.parameters);
    for (const [i, [path, old]] of before.entries()) {
      const [other, value] = leaves[i] ?? ['', undefined];
      if (path === other) this.#stand(old, value);
    }
    const [was, is] = [before, leaves].map((list) => new Map(list));
    if (was !== undefined && is !== undefined && was.has('outPublic.type')) this.#learnName(command, recorded, leaves);
    if (command.row.name === 'StartAuthSession') this.#learnSession(command, handles[0] ?? 0, leaves);
  }

  /** `value` of this TPM stands for `old` of the recorded one. */
  #stand(old: unknown, value: unknown): void {
    if (!(old instanceof Uint8Array) || !(value instanceof Uint8Array)) return;
    if (old.length < MIN_SUBSTITUTE || equalBytes(old, value)) return;
    this.#values.set(toHex(old), value.slice());
  }

  /** Callers compute the Names of new objects themselves. */
  #learnName(
    command: RecordedCommand,
    recorded: NonNullable<RecordedCommand['answer']>,
    leaves: readonly Leaf[],
  ): void {
    const reader = new ByteReader(recorded.parameters, command.row.name);
    for (const { name, codec } of command.row.response) {
      const value = codec.read(reader);
      if (name !== 'outPublic') continue;
      const area = value as T.TPMT_PUBLIC;
      if (area.nameAlg === T.TPM_ALG.NULL || leaves.length === 0) return;
      const mine = this.#translate(area) as T.TPMT_PUBLIC;
      this.#stand(T.objectName(area), T.objectName(mine));
      this.#stand(T.hashWith(area.nameAlg, T.encode(T.TPMT_PUBLIC, area)), T.objectName(mine).subarray(2));
      return;
    }
  }

  #learnSession(command: RecordedCommand, handle: number, leaves: readonly Leaf[]): void {
    const values = parameterValues(command.row, command.parameters);
    const nonceTPM = leaves.find(([path]) => path === 'nonceTPM')?.[1];
    if (values === undefined || !(nonceTPM instanceof Uint8Array)) return;
    const {
      sessionType: type,
      authHash,
      nonceCaller,
    } = values as { sessionType: number; authHash: number } & {
      nonceCaller: Uint8Array;
    };
    const symmetric = values.symmetric as T.TPMT_SYM_DEF;
    const bind = command.handles[1] === T.TPM_RH.NULL ? undefined : { authValue: command.bindAuth };
    const sessionKey = T.sessionKey(authHash, bind, this.#salt, nonceTPM, nonceCaller);
    const facts = { handle, type, authHash, symmetric, sessionKey, nonceTPM: nonceTPM.slice(), nonceCaller };
    this.#sessions.set(handle, new T.ClientSession(facts, this.#random));
  }
}
