/** What callers without a type checker hand over: told in one line at the door, not as a TypeError from deep inside. */
import { InputError } from './errors.ts';

const MOST_SHOWN = 40;

/** A value as an error shows it: `undefined`, `70000`, `the text "abc"`, `an array`, `an object (Date)`. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') {
    return `the text ${JSON.stringify(value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value)}`;
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'without a class'})`;
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : `${value}`;
}

/** Whether a value is an array of bytes. Also one of another realm, as test runners hand over, which `instanceof` does not know. */
export const isBytes = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array || (ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1);

/** InputError where an argument is no array of bytes. */
export function needBytes(what: string, value: unknown): void {
  if (!isBytes(value)) throw new InputError(`${what}: expected bytes (a Uint8Array), not ${shownValue(value)}`);
}

/**
 * InputError where an argument is no object, or lacks one of the methods it is needed for.
 * @param what  what the argument is, as the message begins
 * @param need  methods or fields, each by `name()` or `name`
 * @param hint  how one is made
 */
export function needObject(what: string, value: unknown, need: readonly string[] = [], hint = ''): void {
  const how = hint === '' ? '' : `: ${hint}`;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    throw new InputError(`${what}: expected an object, not ${shownValue(value)}${how}`);
  }
  for (const one of need) {
    const method = one.endsWith('()');
    const found: unknown = Reflect.get(value, method ? one.slice(0, -2) : one);
    if (method ? typeof found !== 'function' : found === undefined) {
      throw new InputError(`${what}: ${shownValue(value)} has no ${one}${how}`);
    }
  }
}

/** InputError where an object of settings has one that does not exist: a misspelt name would silently be the default. */
export function needKnownKeys(what: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new InputError(`${what}: no setting "${key}", expected ${known.join(', ')}`);
  }
}
