/**
 * The only source of time in the simulator. A host lives on a virtual clock that moves when a stage takes its time, so logs
 * and certificates are the same on every run. The wall clock is only for servers that must expire idle sessions.
 */

/** A source of time in milliseconds since 1970-01-01T00:00:00Z. */
export interface Clock {
  now(): number;
}

/** Start of simulated time unless the spec says otherwise: 2026-01-01T00:00:00Z. */
export const DEFAULT_EPOCH = 1_767_225_600_000;

/** A clock that moves only when told to. */
export class VirtualClock implements Clock {
  #now: number;
  readonly start: number;

  constructor(start: number = DEFAULT_EPOCH) {
    this.start = start;
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** Milliseconds since the clock was made. */
  elapsed(): number {
    return this.#now - this.start;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Another clock, read when told to: between two ticks time stands still. */
export class HeldClock implements Clock {
  readonly #clock: Clock;
  #now: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#now = clock.now();
  }

  now(): number {
    return this.#now;
  }

  tick(): void {
    this.#now = this.#clock.now();
  }
}

/** The computer's own time as the program began, going on evenly from there: setting the computer's clock turns no TPM back. */
export const wallClock: Clock = { now: () => Math.floor(performance.timeOrigin + performance.now()) };

/** ISO 8601 in UTC with milliseconds, e.g. `2026-01-01T00:00:00.000Z`. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
