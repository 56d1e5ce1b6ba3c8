/**
 * The whole state of the TPM as one portable file.
 *
 * | bytes | content |
 * |---|---|
 * | 8 | `ESXTPM2` and a zero byte |
 * | 4 | version, big-endian: {@link SNAPSHOT_VERSION} |
 * | 4 | length of the payload |
 * | n | payload: `{ at, config, state }` as state-value.ts writes it; `at` is the simulated time (ms) of the snapshot |
 * | 32 | SHA-256 of all before |
 */
import { needBytes, needObject, shownValue } from '../../src/bytes/arguments.ts';
import { concat, equalBytes, utf8 } from '../../src/bytes/bytes.ts';
import { FormatError, InputError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { hash } from '../../src/crypto/hash.ts';
import { DEFAULT_TPM_CONFIG, type TpmConfig, tpmConfig } from './config.ts';
import { manufacture, type TpmState } from './state.ts';
import { cloneValue, isPlain, kindOf, readValue, writeValue } from './state-value.ts';

/** Version of the layout written. Version 1, which is read too, had no `config`: what the TPM was made as. */
export const SNAPSHOT_VERSION = 2;

const MAGIC = utf8('ESXTPM2\0');
const HEADER_SIZE = MAGIC.length + 8;
const DIGEST_SIZE = 32;
/** Largest snapshot read: a TPM with all its storage full has less than 1 MiB. */
const MAX_SIZE = 16 << 20;

/** A state and when it was. */
export interface Snapshot {
  readonly state: TpmState;
  /** Simulated time in milliseconds. */
  readonly at: number;
  /** What the TPM was made as; unknown of old snapshots. */
  readonly config?: TpmConfig | undefined;
}

/** An independent copy of a state. */
export const cloneState = (state: TpmState): TpmState => cloneValue(state);

/** InputError where a caller hands over something that is no snapshot at all; what is inside is not looked at. */
export function checkSnapshot(what: string, snapshot: Snapshot): void {
  const from = 'snapshot() and decodeSnapshot(bytes) give one';
  needObject(what, snapshot, ['state', 'at'], from);
  needObject(`${what}: state`, snapshot.state, [], from);
  if (!Number.isFinite(snapshot.at))
    throw new InputError(`${what}: at: expected a time, not ${shownValue(snapshot.at)}`);
}

/** Bytes of a snapshot; equal states at equal times give equal bytes. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  checkSnapshot('encodeSnapshot', snapshot);
  const { state, at, config } = snapshot;
  const payload = new ByteWriter('big', 8192);
  writeValue(payload, { at, config, state });
  const content = payload.finish();
  const head = new ByteWriter('big', HEADER_SIZE).bytes(MAGIC).u32(SNAPSHOT_VERSION).u32(content.length).finish();
  const body = concat(head, content);
  return concat(body, hash('sha256', body));
}

const problem = (field: string, text: string, offset?: number): FormatError =>
  new FormatError({ structure: 'TPM snapshot', field, offset, problem: text });

/** Reads a snapshot. FormatError where the bytes are none, are damaged, or come from another version. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  needBytes('TPM snapshot', bytes);
  if (bytes.length > MAX_SIZE) throw problem('', `${bytes.length} bytes exceed the limit of ${MAX_SIZE}`);
  const reader = new ByteReader(bytes, 'TPM snapshot');
  if (bytes.length < HEADER_SIZE || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw problem('magic', 'this is not a TPM state of esxsim', 0);
  }
  reader.skip('magic', MAGIC.length);
  const version = reader.u32('version');
  if (version < 1 || version > SNAPSHOT_VERSION) {
    throw problem('version', `is ${version}, expected 1 to ${SNAPSHOT_VERSION}`, 8);
  }
  const length = reader.u32('length');
  if (length !== bytes.length - HEADER_SIZE - DIGEST_SIZE) {
    throw problem('length', `says ${length} bytes, the file holds ${bytes.length - HEADER_SIZE - DIGEST_SIZE}`, 12);
  }
  const end = HEADER_SIZE + length;
  if (!equalBytes(bytes.subarray(end), hash('sha256', bytes.subarray(0, end)))) {
    throw problem('digest', 'the content is damaged (SHA-256 differs)', end);
  }
  const payload = new ByteReader(bytes.subarray(HEADER_SIZE, end), 'TPM snapshot', 'big', HEADER_SIZE);
  const value = readValue(payload);
  payload.end();
  const { at, state, config } = value !== null && typeof value === 'object' && isPlain(value) ? value : {};
  if (typeof at !== 'number' || !Number.isFinite(at)) throw problem('at', 'is not a time');
  return { at, state: checkedState(state), config: config === undefined ? undefined : checkedConfig(config) };
}

/** Settings that came later: where an older file does not say, the default is what that TPM was made as. */
const LATER_SETTINGS: ReadonlySet<string> = new Set<keyof TpmConfig>(['extraAlgorithms']);

/** What a TPM was made as. InputError for values that no TPM has. */
function checkedConfig(value: unknown): TpmConfig {
  const config = record('config', value);
  for (const [field, expected] of Object.entries(DEFAULT_TPM_CONFIG)) {
    if (config[field] === undefined && LATER_SETTINGS.has(field)) continue;
    if (kindOf(config[field]) !== kindOf(expected)) throw wrongKind('config', field, config[field], expected);
  }
  if (config.platformCertificate !== undefined) record('config.platformCertificate', config.platformCertificate);
  // Compared field by field, and the texts below by tpmConfig.
  return tpmConfig(config as unknown as TpmConfig);
}

/** A state as it leaves the factory: the layout every snapshot must have. */
const layout = (): TpmState =>
  manufacture(DEFAULT_TPM_CONFIG, { bytes: (size) => new Uint8Array(size), below: () => 0 }, 0);

/** Structures of a state are checked two levels deep: a file made by another program is refused, not run. */
function checkedState(value: unknown): TpmState {
  const state = record('state', value);
  for (const [field, expected] of Object.entries(layout())) {
    const found = state[field];
    // A field that the factory leaves empty may hold anything; the engine asks for it by its own type.
    if (expected === undefined) continue;
    // Numbers that stand for an event (the last shutdown) are absent where there was none.
    if (found === undefined && field in state && typeof expected === 'number') continue;
    if (found === undefined || kindOf(found) !== kindOf(expected)) throw wrongKind('state', field, found, expected);
    if (kindOf(expected) !== 'object') continue;
    const inner = record(field, found);
    for (const [name, part] of Object.entries(record(field, expected))) {
      if (part !== undefined && kindOf(inner[name]) !== kindOf(part)) {
        throw wrongKind('state', `${field}.${name}`, inner[name], part);
      }
    }
  }
  // Every field was compared with a real state; the types below them are what this program wrote under the digest.
  return state as unknown as TpmState;
}

const wrongKind = (part: string, field: string, found: unknown, expected: unknown): FormatError =>
  problem(`${part}.${field}`, `is ${kindOf(found)}, expected ${kindOf(expected)}`);

function record(field: string, value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || !isPlain(value)) throw problem(field, 'is not a structure');
  return value;
}
