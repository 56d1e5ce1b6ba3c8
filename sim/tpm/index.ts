/**
 * `esxsim/tpm`: the TPM 2.0 by itself, in Node and in a browser. Commands as bytes or through the typed client of `esxsim/tpm2`;
 * snapshots, what a command changed, and going back; and its command log.
 */
export { FormatError, InputError } from '../../src/bytes/errors.ts';
export type { Clock } from '../clock.ts';
export { VirtualClock } from '../clock.ts';
export { Entropy, type RandomStream } from '../entropy.ts';
export { DEFAULT_TPM_CONFIG, type TpmConfig } from './config.ts';
export { EmbeddedTransport, embeddedTransport } from './embedded.ts';
export { createTpm2, Tpm2Engine, type Tpm2Options } from './engine.ts';
export { TpmHistory } from './history.ts';
export { PrimaryKeys } from './primary-keys.ts';
export { decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSION, type Snapshot } from './snapshot.ts';
export type { TpmState } from './state.ts';
export { changeText, diffStates, type StateChange } from './state-diff.ts';
export {
  readTrace,
  readTraceLine,
  type TraceEntry,
  traceEntryText,
  traceObserver,
} from './trace-log.ts';
export { TracedTransport } from './traced.ts';
