/** Time travel: the states of a TPM before each of its last commands. */
import { needObject, shownValue } from '../../src/bytes/arguments.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { Locality } from '../../src/tpm2/transport.ts';
import type { Tpm2Engine } from './engine.ts';
import type { Snapshot } from './snapshot.ts';
import { diffStates, type StateChange } from './state-diff.ts';

/** Commands that can be taken back, unless said otherwise. */
const DEFAULT_DEPTH = 256;

/** One command of the past. */
interface Moment {
  readonly number: number;
  readonly before: Snapshot;
}

/**
 * Runs commands on an engine and can take them back. Memory is bounded: only the last `depth` commands are kept, 256 unless said
 * otherwise; older ones can neither be taken back nor asked for what they changed ({@link TpmHistory.oldest} tells how far it goes).
 */
export class TpmHistory {
  readonly #engine: Tpm2Engine;
  readonly #depth: number;
  #moments: Moment[] = [];
  #next = 1;

  /** @param depth how many commands are kept, each with a copy of the whole state before it */
  constructor(engine: Tpm2Engine, depth = DEFAULT_DEPTH) {
    needObject('TpmHistory', engine, ['execute()', 'snapshot()', 'restore()'], 'createTpm2(options) gives a TPM');
    if (!Number.isSafeInteger(depth) || depth < 1) {
      throw new InputError(`TpmHistory: depth: expected a number of commands from 1, not ${shownValue(depth)}`);
    }
    this.#engine = engine;
    this.#depth = depth;
  }

  /** Number of the next command; the first is 1. */
  get next(): number {
    return this.#next;
  }

  /** Oldest command that {@link goBack} still reaches; {@link next} where there is none. */
  get oldest(): number {
    return this.#moments[0]?.number ?? this.#next;
  }

  /** Performs a command and remembers the state before it. */
  execute(command: Uint8Array, locality: Locality = 0): Uint8Array {
    this.#moments.push({ number: this.#next++, before: this.#engine.snapshot() });
    if (this.#moments.length > this.#depth) this.#moments.shift();
    return this.#engine.execute(command, locality);
  }

  #moment(number: number): Moment {
    const moment = this.#moments.find((one) => one.number === number);
    if (moment === undefined) {
      throw new RangeError(`command ${number} is not among ${this.oldest} to ${this.#next - 1}, which are remembered`);
    }
    return moment;
  }

  /** What command `number` changed. RangeError where it is not remembered. */
  changes(number: number): StateChange[] {
    const after = this.#moments.find((one) => one.number === number + 1)?.before.state ?? this.#engine.state;
    return diffStates(this.#moment(number).before.state, after);
  }

  /** The TPM is again as before command `number`, which is the next one now. RangeError where it is not remembered. */
  goBack(number: number): void {
    const { before } = this.#moment(number);
    this.#engine.restore(before);
    this.#moments = this.#moments.filter((one) => one.number < number);
    this.#next = number;
  }
}
