/**
 * Changed commands that the embedded TPM answers otherwise than swtpm on purpose. Each row is explained in docs/tpm.md, under
 * "Changed commands".
 */

/** Whether a 16-bit number for which `test` holds is in a command at any place. */
function holds(command: Uint8Array, test: (value: number) => boolean): boolean {
  for (let at = 10; at + 1 < command.length; at++) {
    if (test(((command[at] ?? 0) << 8) | (command[at + 1] ?? 0))) return true;
  }
  return false;
}

const holdsOneOf = (...values: readonly number[]) => {
  const set = new Set(values);
  return (command: Uint8Array) => holds(command, (value) => set.has(value));
};

interface KnownDifference {
  readonly why: string;
  /** Response codes in words. */
  readonly ours: RegExp;
  readonly theirs: RegExp;
  readonly command: (bytes: Uint8Array) => boolean;
}

const KNOWN: readonly KnownDifference[] = [
  { why: 'no triple DES, SM4 or Camellia', ours: /SYMMETRIC/, theirs: /./, command: holdsOneOf(0x03, 0x13, 0x26) },
  { why: 'no CMAC', ours: /MODE|SYMMETRIC/, theirs: /./, command: holdsOneOf(0x3f) },
  { why: 'time goes on for swtpm only', ours: /./, theirs: /EXPIRED/, command: () => true },
];

/** Whether these answers to a command are known to differ. */
export const isKnown = (command: Uint8Array, ours: string, theirs: string): boolean =>
  KNOWN.some((row) => row.ours.test(ours) && row.theirs.test(theirs) && row.command(command));
