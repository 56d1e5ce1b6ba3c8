/** Differences between two kernel command lines, option by option. */
import { quoteText } from '../eventlog/index.ts';

/** One word of a command line that differs. */
export interface OptionChange {
  /** Name before `=`, or the whole word. */
  readonly key: string;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
}

/** Words of a command line; words beyond this number are compared as one. */
const MAX_WORDS = 512;

function words(text: string): string[] {
  return text.split(/ +/).filter((word) => word !== '');
}

const keyOf = (word: string): string => word.split('=', 1)[0] ?? word;

/** Words of `a` that `b` does not have, counting repeats. */
function without(a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1);
  return a.filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count <= 0;
  });
}

/** Changed, removed and added options; empty where only order or spacing differs. */
export function compareCommandLines(expected: string, actual: string): OptionChange[] {
  const before = words(expected).slice(0, MAX_WORDS);
  const after = words(actual).slice(0, MAX_WORDS);
  const removed = without(before, after);
  const added = without(after, before);
  const changes: OptionChange[] = [];
  for (const word of removed) {
    const key = keyOf(word);
    const at = added.findIndex((other) => keyOf(other) === key);
    const [partner] = at < 0 ? [] : added.splice(at, 1);
    changes.push({ key, expected: word, actual: partner });
  }
  for (const word of added) changes.push({ key: keyOf(word), expected: undefined, actual: word });
  return changes;
}

/** One change in words, escaped. */
export function describeOptionChange(change: OptionChange): string {
  if (change.expected === undefined) return `added ${quoteText(change.actual ?? '')}`;
  if (change.actual === undefined) return `removed ${quoteText(change.expected)}`;
  return `changed ${quoteText(change.expected)} to ${quoteText(change.actual)}`;
}
