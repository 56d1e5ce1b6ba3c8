/** Waiting for the next command without sleeping. */
import { availableParallelism } from 'node:os';

/** Turns of the event loop after the last command: together some 0.1 ms. */
const TURNS = 50;

/**
 * Keeps the event loop turning for a moment after each command. A client sends its next command some microseconds after an
 * answer; a thread that went to sleep in between takes longer to wake than most commands take to perform. Where there is
 * only one processor the client needs it, and nothing is kept awake.
 */
export class EagerLoop {
  readonly #alone = availableParallelism() < 2;
  #left = 0;
  readonly #turn = (): void => {
    if (--this.#left > 0) setImmediate(this.#turn);
  };

  /** A command was answered. */
  stir(): void {
    if (this.#alone) return;
    const turning = this.#left > 0;
    this.#left = TURNS;
    if (!turning) setImmediate(this.#turn);
  }
}
