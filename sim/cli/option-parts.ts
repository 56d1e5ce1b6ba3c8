/** Option values of several parts, as swtpm and QEMU write them: `key=value` with commas between; a part without `=` is a switch. */
import { InputError } from '../../src/bytes/errors.ts';

/** The parts of one option's value. */
export class Parts {
  readonly #option: string;
  readonly #values = new Map<string, string>();
  readonly #used = new Set<string>();

  constructor(option: string, text: string) {
    this.#option = option;
    for (const part of text.split(',').filter((one) => one !== '')) {
      const at = part.indexOf('=');
      this.#values.set(at < 0 ? part : part.slice(0, at), at < 0 ? '' : part.slice(at + 1));
    }
  }

  /** What stands after `key=`; empty for a switch, undefined where the part is not given. */
  value(key: string): string | undefined {
    this.#used.add(key);
    return this.#values.get(key);
  }

  /** Whether the part is given. */
  on(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /** A number in [0, max]; `octal` as file permissions are written. */
  number(key: string, max: number, octal = false): number | undefined {
    const text = this.value(key);
    if (text === undefined) return undefined;
    const value = (octal ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, octal ? 8 : 10) : Number.NaN;
    if (!(value <= max)) {
      throw this.error(
        `${key}=${text}: expected ${octal ? 'an octal' : 'a'} number up to ${max.toString(octal ? 8 : 10)}`,
      );
    }
    return value;
  }

  /** An error that names the option. */
  error(problem: string): InputError {
    return new InputError(`--${this.#option}: ${problem}`);
  }

  /** Nothing may be left that nobody asked for: an option without its effect would be worse than none. */
  done(): void {
    for (const key of this.#values.keys()) {
      if (!this.#used.has(key)) throw this.error(`${JSON.stringify(key)} is not supported here`);
    }
  }
}
