/** The host's console: what every boot stage prints, stamped with virtual time. */
import { type Clock, isoTime } from './clock.ts';

/** Which component speaks. */
export type ConsoleSource = 'firmware' | 'safeboot' | 'mboot' | 'tboot' | 'sinit' | 'vmkernel' | 'psod';

/** One console line. */
export interface ConsoleLine {
  /** Milliseconds since 1970 on the virtual clock. */
  readonly time: number;
  readonly source: ConsoleSource;
  readonly text: string;
}

// Console text carries names from untrusted files: control characters must not reach a person's terminal.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** A line as it stands in `boot.log`. */
export function formatConsoleLine(line: ConsoleLine): string {
  return `${isoTime(line.time)} ${line.source}: ${line.text}`;
}

/** Collects console lines and passes each on as it is printed. */
export class BootConsole {
  readonly lines: ConsoleLine[] = [];
  readonly #clock: Clock;
  readonly #listener: ((line: ConsoleLine) => void) | undefined;

  constructor(clock: Clock, listener?: (line: ConsoleLine) => void) {
    this.#clock = clock;
    this.#listener = listener;
  }

  print(source: ConsoleSource, text: string): void {
    const clean = text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
    const line = { time: this.#clock.now(), source, text: clean };
    this.lines.push(line);
    this.#listener?.(line);
  }

  /** All lines as the text of `boot.log`. */
  text(): string {
    return this.lines.map((line) => `${formatConsoleLine(line)}\n`).join('');
  }
}
