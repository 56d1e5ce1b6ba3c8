/**
 * Streams of commands as other people's software sends them. It is served by an embedded TPM that looks at every command with
 * the TPM's own knowledge: authorisation values, session keys, what encrypted parameters say. So the stream can be played
 * again to any other TPM, whose sessions and keys are others (`tpm-replay.ts`).
 */

import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import type { Tpm } from '../../sim/tpm/context.ts';
import { Tpm2Engine } from '../../sim/tpm/engine.ts';
import { authValue, entityName } from '../../sim/tpm/entities.ts';
import { PrimaryKeys } from '../../sim/tpm/primary-keys.ts';
import { listenTpm, type Protocol } from '../../sim/tpm/servers/listen.ts';
import { TpmMachine } from '../../sim/tpm/servers/machine.ts';
import { isPolicy, type Session } from '../../sim/tpm/sessions.ts';
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import { commandByCode } from '../../src/tpm2/commands.ts';
import * as T from '../../src/tpm2/index.ts';
import { cpHash, cryptParameter, sessionHmac } from '../../src/tpm2/session-crypto.ts';
import { openSealed, type Sealed, sealedFor } from './tpm-sealed.ts';

const EMPTY = new Uint8Array(0);

/** What the TPM knew about the use of a session with keys. */
export interface KeyedUse {
  /** authValue of the entity it stands for, before and after the command. */
  readonly authValue: Uint8Array;
  readonly authValueAfter: Uint8Array;
  readonly bound: boolean;
  readonly shows: 'hmac' | 'password' | undefined;
  /** The HMAC was right. */
  readonly right: boolean;
}

/** One session of a command, as sent. */
export interface RecordedSession {
  readonly handle: number;
  readonly nonce: Uint8Array;
  readonly attributes: number;
  readonly hmac: Uint8Array;
  /** Undefined for passwords and sessions that were not loaded. */
  readonly use: KeyedUse | undefined;
}

/** A command that could be taken apart. */
export interface RecordedCommand {
  readonly kind: 'command';
  readonly bytes: Uint8Array;
  readonly locality: T.Locality;
  readonly rc: number;
  readonly row: AnyCommandRow;
  readonly handles: readonly number[];
  /** Names of the handles; empty where there was no entity. */
  readonly names: readonly Uint8Array[];
  /** Undefined for a command without sessions. */
  readonly sessions: readonly RecordedSession[] | undefined;
  /** Decrypted. */
  readonly parameters: Uint8Array;
  /** Of a success: handles, and parameters decrypted. */
  readonly answer: { readonly handles: readonly number[]; readonly parameters: Uint8Array } | undefined;
  /** What the caller encrypted to a key, and that key. */
  readonly sealed: { readonly content: Sealed; readonly key: T.TPMT_PUBLIC } | undefined;
  /** TPM2_StartAuthSession: authValue of the entity the session is bound to. */
  readonly bindAuth: Uint8Array;
}

/** Bytes that are no command of the table: they go to every TPM as they are. */
export interface RecordedBytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
  readonly locality: T.Locality;
}

/** A signal of the platform. */
export interface RecordedSignal {
  readonly kind: 'signal';
  readonly act: (tpm: T.TpmTransport) => Promise<void>;
}

export type RecordedEvent = RecordedCommand | RecordedBytes | RecordedSignal;

/** `read`, or `otherwise` where the TPM refuses (there is no such entity). */
function orElse<V>(otherwise: V, read: () => V): V {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Parameters by name; undefined where they are not what the command table says. */
export function parameterValues(row: AnyCommandRow, bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const reader = new ByteReader(bytes, row.name);
    const out: Record<string, unknown> = {};
    for (const { name, codec } of row.parameters) out[name] = codec.read(reader);
    reader.end();
    return out;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function readSessions(area: ByteReader): Omit<RecordedSession, 'use'>[] {
  const out: Omit<RecordedSession, 'use'>[] = [];
  while (area.remaining > 0) {
    const handle = area.u32('handle');
    const nonce = area.bytes('nonce', area.u16('nonceSize')).slice();
    const attributes = area.u8('attributes');
    out.push({ handle, nonce, attributes, hmac: area.bytes('hmac', area.u16('hmacSize')).slice() });
  }
  return out;
}

/** The first parameter changed by a session's cipher. */
function crypted(
  parameters: Uint8Array,
  session: Session,
  entityAuth: Uint8Array,
  [nonceNewer, nonceOlder]: readonly [Uint8Array, Uint8Array],
): Uint8Array {
  const { authHash, symmetric, sessionKey } = session;
  const reader = new ByteReader(parameters, 'parameters');
  const first = reader.bytes('first', reader.u16('size'));
  const out = parameters.slice();
  const key = concat(sessionKey, entityAuth);
  out.set(cryptParameter('decrypt', { authHash, symmetric, key, nonceNewer, nonceOlder }, first), 2);
  return out;
}

/** An embedded TPM that remembers what it was asked. */
export class RecordingEngine extends Tpm2Engine {
  readonly events: RecordedEvent[] = [];
  readonly #clock: VirtualClock;

  constructor(seed: string) {
    const clock = new VirtualClock();
    // As a new swtpm: four banks, no EK certificates.
    super({
      entropy: new Entropy(seed).stream('tpm'),
      clock,
      config: { banks: ['sha1', 'sha256', 'sha384', 'sha512'], endorsementKeys: [] },
    });
    this.#clock = clock;
  }

  override powerOn(): void {
    super.powerOn();
    this.events.push({ kind: 'signal', act: (tpm) => tpm.powerOn() });
  }

  override hashStart(): void {
    super.hashStart();
    this.events.push({ kind: 'signal', act: (tpm) => tpm.hashStart() });
  }

  override hashData(data: Uint8Array): void {
    super.hashData(data);
    const copy = data.slice();
    this.events.push({ kind: 'signal', act: (tpm) => tpm.hashData(copy) });
  }

  override hashEnd(): void {
    super.hashEnd();
    this.events.push({ kind: 'signal', act: (tpm) => tpm.hashEnd() });
  }

  override execute(command: Uint8Array, locality: T.Locality): Uint8Array {
    const bytes = command.slice();
    let finish: ((response: Uint8Array) => RecordedCommand) | undefined;
    try {
      finish = this.#examine(bytes, locality);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    const response = super.execute(command, locality);
    this.events.push(finish?.(response) ?? { kind: 'bytes', bytes, locality });
    return response;
  }

  #view(locality: T.Locality): Tpm {
    const { config, state, bufferSize } = this;
    return { config, clock: this.#clock, primaryKeys: new PrimaryKeys(), state, locality, copied: 0, bufferSize };
  }

  /** What is known before the command runs; the result completes it from the response. */
  #examine(bytes: Uint8Array, locality: T.Locality): ((response: Uint8Array) => RecordedCommand) | undefined {
    const reader = new ByteReader(bytes, 'TPM command');
    const tag = reader.u16('tag');
    if (reader.u32('size') !== bytes.length) return undefined;
    const row = commandByCode(reader.u32('code'));
    if (row === undefined) return undefined;
    const handles = row.handles.map(({ name }) => reader.u32(name));
    const raw = tag === T.TPM_ST.SESSIONS ? readSessions(reader.sub('sessions', reader.u32('size'))) : undefined;
    const sent = reader.rest();

    const tpm = this.#view(locality);
    const names = handles.map((handle) => orElse(EMPTY, () => entityName(tpm, handle).slice()));
    const auth = (handle: number | undefined) =>
      handle === undefined ? EMPTY : orElse(EMPTY, () => authValue(tpm, handle).slice());
    const loaded = (raw ?? []).map(({ handle }) => this.state.sessions.get(handle));
    // Nonces are replaced when the command is done.
    const nonces = loaded.map((session) => session?.nonceTPM ?? EMPTY);
    const entity = (i: number) => (i < row.authHandles ? handles[i] : undefined);
    const auths = (raw ?? []).map((_, i) => auth(entity(i)));
    const first = (bit: number): number => (raw ?? []).findIndex(({ attributes }) => (attributes & bit) !== 0);
    const decrypts = first(T.TPMA_SESSION.decrypt);
    const encrypts = first(T.TPMA_SESSION.encrypt);

    const uses = (raw ?? []).map((one, i): Omit<KeyedUse, 'authValueAfter'> | undefined => {
      const session = loaded[i];
      if (session === undefined) return undefined;
      const entityAuth = auths[i] ?? EMPTY;
      const { bound } = session;
      const isBound =
        bound !== undefined && equalBytes(bound.name, names[i] ?? EMPTY) && equalBytes(bound.authValue, entityAuth);
      const shows = session.passwordNeeded ? 'password' : session.authValueNeeded ? 'hmac' : undefined;
      const includes = isPolicy(session) ? shows === 'hmac' : !isBound;
      const key = includes ? concat(session.sessionKey, entityAuth) : session.sessionKey;
      const others = [...new Set([decrypts, encrypts])].filter((at) => i === 0 && row.authHandles > 0 && at > 0);
      const expected = sessionHmac(session.authHash, key, {
        hash: cpHash(session.authHash, row.code, names, sent),
        nonceNewer: one.nonce,
        nonceOlder: session.nonceTPM,
        others: others.map((at) => nonces[at] ?? EMPTY),
        attributes: one.attributes,
      });
      const right =
        equalBytes(expected, one.hmac) || (one.hmac.length === 0 && (key.length === 0 || shows === 'password'));
      return { authValue: entityAuth, bound: isBound, shows, right };
    });

    const cipher = loaded[decrypts];
    const nonceOf = (at: number) => raw?.[at]?.nonce ?? EMPTY;
    const parameters =
      cipher === undefined
        ? sent
        : crypted(sent, cipher, auths[decrypts] ?? EMPTY, [nonceOf(decrypts), nonces[decrypts] ?? EMPTY]);
    const bindAuth = row.name === 'StartAuthSession' ? auth(handles[1]) : EMPTY;
    const sealed = orElse(undefined, () => this.#sealed(row, handles, names[0] ?? EMPTY, parameters));

    return (response) => {
      const rc = T.responseCode(response);
      const sessions = raw?.map((one, i): RecordedSession => {
        const use = uses[i];
        const after = auth(entity(i));
        return { ...one, use: use && { ...use, authValueAfter: after } };
      });
      let answer: RecordedCommand['answer'];
      if (rc === 0) {
        const out = new ByteReader(response, 'TPM response');
        out.skip('header', 10);
        const outHandles = row.responseHandles.map(({ name }) => out.u32(name));
        const area = raw === undefined ? out.rest() : out.bytes('parameters', out.u32('parameterSize'));
        const session = loaded[encrypts];
        const plain =
          session === undefined
            ? area
            : crypted(area, session, auths[encrypts] ?? EMPTY, [session.nonceTPM, nonceOf(encrypts)]);
        answer = { handles: outHandles, parameters: plain.slice() };
      }
      const command = { kind: 'command', bytes, locality, rc, row, handles, names, sessions, parameters } as const;
      return { ...command, answer, sealed, bindAuth };
    };
  }

  #sealed(
    row: AnyCommandRow,
    handles: readonly number[],
    name: Uint8Array,
    parameters: Uint8Array,
  ): RecordedCommand['sealed'] {
    const handle = handles[sealedFor(row.name) ?? -1] ?? -1;
    const object = this.state.transient.get(handle) ?? this.state.persistent.get(handle);
    const values = parameterValues(row, parameters);
    if (object === undefined || values === undefined) return undefined;
    const content = openSealed(row.name, object, name, values);
    return content && { content, key: object.publicArea };
  }
}

/** Lets `use` work with a recording TPM at a free port; what it sent. */
export async function record(
  protocol: Protocol,
  use: (port: number) => Promise<unknown>,
  { started = false }: { readonly started?: boolean } = {},
): Promise<readonly RecordedEvent[]> {
  const engine = new RecordingEngine('recording');
  const machine = new TpmMachine(engine);
  if (started) machine.execute(T.encodeCommand(T.COMMANDS.Startup, { startupType: 0 }), 0);
  const server = await listenTpm(machine, protocol, { host: '127.0.0.1', port: 0 });
  try {
    await use('port' in server.address ? server.address.port : 0);
  } finally {
    await server.close();
  }
  return engine.events;
}
