/**
 * Changed commands that the embedded TPM answers otherwise than swtpm on purpose. Each row is explained in docs/tpm.md, under
 * "Changed commands".
 */

interface KnownDifference {
  readonly why: string;
  /** Response codes in words. */
  readonly ours: RegExp;
  readonly theirs: RegExp;
}

const KNOWN: readonly KnownDifference[] = [{ why: 'time goes on for swtpm only', ours: /./, theirs: /EXPIRED/ }];

/** Whether these answers to a command are known to differ. */
export const isKnown = (ours: string, theirs: string): boolean =>
  KNOWN.some((row) => row.ours.test(ours) && row.theirs.test(theirs));
