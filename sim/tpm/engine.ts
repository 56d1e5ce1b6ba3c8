/**
 * The embedded TPM 2.0: command bytes in, response bytes out. The order of checks is that of the specification (Part 1,
 * 18; Part 3, 5): tag, size, code, start-up, handles, sessions, parameters, leftover bytes, action.
 */
import { isBytes, needBytes, needKnownKeys, needObject, shownValue } from '../../src/bytes/arguments.ts';
import { FormatError, InputError } from '../../src/bytes/errors.ts';
import type { ByteReader } from '../../src/bytes/reader.ts';
import { responseCodeOf } from '../../src/tpm2/codec.ts';
import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import { handleType, TPM_CC, TPM_HT, TPM_ST } from '../../src/tpm2/constants.ts';
import { tpmReader } from '../../src/tpm2/extra-algorithms.ts';
import { TPM_RC, withPlace } from '../../src/tpm2/response-code.ts';
import type { Locality } from '../../src/tpm2/transport.ts';
import { type Clock, HeldClock } from '../clock.ts';
import type { RandomStream } from '../entropy.ts';
import { header, successResponse } from './answer.ts';
import { isAudited } from './audit.ts';
import { checkSessions, decryptParameters } from './authorize.ts';
import { CommandDigest } from './command-digest.ts';
import { type TpmConfig, tpmConfig } from './config.ts';
import { MAX_BUFFER_SIZE, type Tpm } from './context.ts';
import { selfHeal } from './dictionary.ts';
import { loadStatus } from './entities.ts';
import { failureAnswer, INTERNAL_ERROR } from './failure.ts';
import type { Handler } from './handler.ts';
import { HANDLERS } from './handlers/index.ts';
import { installManufacturerIndices } from './manufacturer-nv.ts';
import { ENDS_ORDER } from './orderly.ts';
import * as platform from './platform.ts';
import { PrimaryKeys } from './primary-keys.ts';
import { Refusal, refuse } from './refusal.ts';
import { type Authorisation, EMPTY_PASSWORD, isEmptyPassword, readSessions } from './session-area.ts';
import { checkSnapshot, cloneState, type Snapshot } from './snapshot.ts';
import { manufacture, type TpmState } from './state.ts';

const HEADER_SIZE = 10;
/** Smallest authorisation: handle, empty nonce, attributes, empty HMAC. */
const SMALLEST_SESSION = 9;

/** What a TPM is made from. */
export interface Tpm2Options {
  /** All secrets of the TPM are drawn from here, in a fixed order. */
  readonly entropy: RandomStream;
  readonly clock: Clock;
  readonly config?: Partial<TpmConfig>;
  /** Where primary keys are made; a TPM of the same seed that shares it need not make the same keys again. */
  readonly primaryKeys?: PrimaryKeys | undefined;
  /** Told about an error inside a handler (a bug): the TPM itself only answers TPM_RC_FAILURE. */
  readonly onFault?: (error: unknown) => void;
}

/** A TPM 2.0 in this process. */
export class Tpm2Engine {
  readonly #tpm: Tpm;
  /** Read once per command, as the specification's clock (Part 1, 36.3): all an answer says of time is of one moment. */
  readonly #clock: HeldClock;
  readonly #onFault: ((error: unknown) => void) | undefined;

  constructor(options: Tpm2Options) {
    checkOptions(options);
    const config = tpmConfig(options.config);
    const clock = new HeldClock(options.clock);
    this.#clock = clock;
    const state = manufacture(config, options.entropy, clock.now());
    installManufacturerIndices(state, config);
    const { primaryKeys = new PrimaryKeys() } = options;
    this.#tpm = { config, clock, primaryKeys, state, locality: 0, copied: 0, bufferSize: MAX_BUFFER_SIZE };
    this.#onFault = options.onFault;
  }

  /** What it was made as. */
  get config(): TpmConfig {
    return this.#tpm.config;
  }

  /** Bytes of the interface's buffer: the largest command and response. */
  get bufferSize(): number {
    return this.#tpm.bufferSize;
  }

  /** Another buffer from now on. @param bytes as `bufferLimits` of sizes.ts says */
  set bufferSize(bytes: number) {
    this.#tpm.bufferSize = bytes;
  }

  /** The whole state, for inspection; changing it is tampering with the TPM. */
  get state(): TpmState {
    return this.#tpm.state;
  }

  /** The whole state now, as an independent copy. */
  snapshot(): Snapshot {
    const { state, clock, config } = this.#tpm;
    this.#clock.tick();
    return { state: cloneState(state), at: clock.now(), config };
  }

  /** The state as a power cycle now would leave it; the TPM itself goes on undisturbed. */
  powerCycled(): Snapshot {
    const snapshot = this.snapshot();
    platform.powerOn({ ...this.#tpm, state: snapshot.state });
    return snapshot;
  }

  /** The state of {@link powerCycled} to look at: it shares what it holds with the running TPM. */
  powerCycledView(): Readonly<TpmState> {
    const { state } = this.#tpm;
    this.#clock.tick();
    const view = { ...state, access: { ...state.access }, sessions: new Map(), transient: new Map() };
    platform.powerOn({ ...this.#tpm, state: view });
    return view;
  }

  /**
   * Goes on from a snapshot, as the TPM that it was taken of, manufacturer and all. The TPM's clocks go on from where they were, or,
   * with `timePassed`, from where they would be had it run on since.
   */
  restore(snapshot: Snapshot, timePassed = false): void {
    checkSnapshot('restore', snapshot);
    needObject(
      'restore: state',
      snapshot.state,
      ['banks', 'nv', 'access'],
      'snapshot() and decodeSnapshot(bytes) give one',
    );
    const { state, at, config } = snapshot;
    const copy = cloneState(state);
    this.#clock.tick();
    const since = this.#tpm.clock.now() - at;
    // A clock set back since takes nothing away.
    copy.initAt += timePassed ? Math.min(0, since) : since;
    this.#tpm.state = copy;
    if (config !== undefined) this.#tpm.config = config;
  }

  /** Power cycle and `_TPM_Init`. */
  powerOn(): void {
    this.#clock.tick();
    platform.powerOn(this.#tpm);
  }

  /** The platform clears TPM_ESTABLISHMENT. */
  resetEstablished(): void {
    platform.resetEstablished(this.#tpm);
  }

  /** `_TPM_Hash_Start`. */
  hashStart(): void {
    platform.hashStart(this.#tpm);
  }

  /** `_TPM_Hash_Data`. */
  hashData(data: Uint8Array): void {
    needBytes('hashData', data);
    platform.hashData(this.#tpm, data);
  }

  /** `_TPM_Hash_End`. */
  hashEnd(): void {
    platform.hashEnd(this.#tpm);
  }

  /**
   * Performs one command. Whatever the bytes, it does not throw: the answer is a well-formed response. InputError only where the
   * arguments are no bytes and no locality at all.
   */
  execute(command: Uint8Array, locality: Locality = 0): Uint8Array {
    if (!isBytes(command) || !isLocality(locality)) throw wrongArguments(command, locality);
    try {
      this.#clock.tick();
      this.#tpm.locality = locality;
      // A command ends an open hash sequence without effect.
      this.#tpm.state.hashSequence = undefined;
      return this.#run(command);
    } catch (error) {
      if (error instanceof Refusal) return errorResponse(error.rc);
      this.#onFault?.(error);
      this.#tpm.state.failure = INTERNAL_ERROR;
      return errorResponse(TPM_RC.FAILURE);
    }
  }

  #run(command: Uint8Array): Uint8Array {
    const tpm = this.#tpm;
    const { failure } = tpm.state;
    if (failure !== undefined) {
      const answer = failureAnswer(tpm.config, failure, command);
      if (answer === undefined) throw refuse(TPM_RC.FAILURE);
      return answer;
    }
    if (command.length < HEADER_SIZE) throw refuse(TPM_RC.INSUFFICIENT);
    const { extraAlgorithms } = tpm.config;
    const reader = tpmReader(command, 'TPM command', extraAlgorithms);
    const tag = reader.u16('tag');
    if (tag !== TPM_ST.SESSIONS && tag !== TPM_ST.NO_SESSIONS)
      throw refuse(KNOWN_TAGS.has(tag) ? TPM_RC.BAD_TAG : TPM_RC.VALUE);
    const size = reader.u32('commandSize');
    if (size !== command.length || size > tpm.bufferSize) throw refuse(TPM_RC.COMMAND_SIZE);
    const code = reader.u32('commandCode');
    const handler = HANDLERS.get(code);
    if (handler === undefined) throw refuse(TPM_RC.COMMAND_CODE);
    if (tpm.state.started === (code === TPM_CC.Startup)) throw refuse(TPM_RC.INITIALIZE);

    selfHeal(tpm);
    const { row } = handler;
    const input: Record<string, unknown> = {};
    const handles = readHandles(tpm, row, reader, input);
    if (tag === TPM_ST.NO_SESSIONS && row.authHandles > 0) throw refuse(TPM_RC.AUTH_MISSING);
    const sessionsSize = tag === TPM_ST.SESSIONS ? authorisationSize(reader) : 0;
    const parametersAt = reader.offset + sessionsSize;
    const digest = new CommandDigest(tpm, row, handles, command, parametersAt);
    const area = tag === TPM_ST.SESSIONS ? authorise(tpm, digest, reader, sessionsSize, command) : undefined;
    const audited = isAudited(tpm.state, code);
    if (audited) digest.cpHash(tpm.state.access.audit.alg);
    const parameters =
      area?.decrypt === undefined
        ? reader
        : tpmReader(decryptParameters(digest.parameters, area), 'TPM command', extraAlgorithms);
    readParameters(row, parameters, input);
    if (parameters.remaining > 0) throw refuse(TPM_RC.SIZE);

    if (ENDS_ORDER.has(code)) tpm.state.shutdown = undefined;
    const output = perform(tpm, handler, input);
    return successResponse(tpm, row, output, area, digest);
  }
}

function readHandles(tpm: Tpm, row: AnyCommandRow, reader: ByteReader, input: Record<string, unknown>): number[] {
  const out: number[] = [];
  for (const { name, codec } of row.handles) {
    const number = out.length + 1;
    const handle = readPlaced(reader, codec, 'handle', number);
    input[name] = handle;
    out.push(handle);
  }
  tpm.copied = 0;
  for (let i = 0; i < out.length; i++) {
    const handle = out[i] ?? 0;
    const rc = loadStatus(tpm, handle);
    if (handleType(handle) === TPM_HT.PERSISTENT) tpm.copied++;
    if (rc === TPM_RC.REFERENCE_H0) throw refuse(rc + i);
    if (rc !== 0) throw refuse(withPlace(rc, { kind: 'handle', number: i + 1 }));
  }
  return out;
}

function authorisationSize(reader: ByteReader): number {
  if (reader.remaining < 4) throw refuse(TPM_RC.INSUFFICIENT);
  const size = reader.u32('authorizationSize');
  if (size < SMALLEST_SESSION || size > reader.remaining) throw refuse(TPM_RC.SIZE);
  return size;
}

function authorise(
  tpm: Tpm,
  digest: CommandDigest,
  reader: ByteReader,
  size: number,
  command: Uint8Array,
): Authorisation {
  const { row } = digest;
  const plain = row.authHandles === 1 && isEmptyPassword(command, reader.offset, size);
  if (plain) reader.skip('sessions', size);
  const area = plain ? EMPTY_PASSWORD : readSessions(tpm, row, reader.sub('sessions', size));
  checkSessions(tpm, digest, area);
  return area;
}

function readParameters(row: AnyCommandRow, reader: ByteReader, input: Record<string, unknown>): void {
  const { parameters } = row;
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i];
    if (parameter !== undefined) input[parameter.name] = readPlaced(reader, parameter.codec, 'parameter', i + 1);
  }
}

function readPlaced<T>(
  reader: ByteReader,
  codec: { read(reader: ByteReader): T },
  kind: 'handle' | 'parameter',
  number: number,
): T {
  try {
    return codec.read(reader);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw refuse(withPlace(responseCodeOf(error), { kind, number }));
  }
}

/** Runs the handler; a refusal that names a handle or parameter gets its place. */
function perform(tpm: Tpm, handler: Handler, input: Record<string, unknown>): Record<string, unknown> | undefined {
  try {
    return handler.run(tpm, input);
  } catch (error) {
    if (!(error instanceof Refusal) || error.field === undefined) throw error;
    const { row } = handler;
    const parameter = row.parameters.findIndex(({ name }) => name === error.field);
    if (parameter >= 0) throw refuse(withPlace(error.rc, { kind: 'parameter', number: parameter + 1 }));
    const handle = row.handles.findIndex(({ name }) => name === error.field);
    throw refuse(withPlace(error.rc, { kind: 'handle', number: handle + 1 }));
  }
}

/**
 * Structure tags that exist: as a command's tag they are TPM_RC_BAD_TAG, anything else is no TPM_ST at all. As in libtpms the
 * answer has the tag TPM_ST_NO_SESSIONS, not the TPM 1.2 one that Part 3, 5.2 offers, and a TPM without field upgrade does not
 * know that tag.
 */
const KNOWN_TAGS: ReadonlySet<number> = new Set(Object.values(TPM_ST).filter((tag) => tag !== TPM_ST.FU_MANIFEST));

function errorResponse(rc: number): Uint8Array {
  return header(TPM_ST.NO_SESSIONS, HEADER_SIZE, rc);
}

const isLocality = (value: unknown): boolean =>
  typeof value === 'number' && value >= 0 && value <= 4 && Number.isInteger(value);

const wrongArguments = (command: unknown, locality: unknown): InputError =>
  new InputError(
    isBytes(command)
      ? `TPM locality: expected 0 to 4, not ${shownValue(locality)}`
      : `TPM command: expected bytes (a Uint8Array), not ${shownValue(command)}`,
  );

function checkOptions(options: Tpm2Options): void {
  needObject('createTpm2', options, [], 'give { entropy, clock }');
  needObject('createTpm2: entropy', options.entropy, ['bytes()', 'below()'], "new Entropy(seed).stream('tpm') is one");
  needObject('createTpm2: clock', options.clock, ['now()'], 'new VirtualClock() is one');
  needKnownKeys('createTpm2', options, ['entropy', 'clock', 'config', 'primaryKeys', 'onFault']);
}

/** A new TPM, powered on and waiting for TPM2_Startup. */
export const createTpm2 = (options: Tpm2Options): Tpm2Engine => new Tpm2Engine(options);
