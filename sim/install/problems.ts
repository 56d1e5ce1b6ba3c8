/** What an installer refuses, and which option makes it go on anyway (facts §16.2; VMware's esxcli reference). */

/** Options that switch checks off. */
export type Bypass = 'force' | 'no-sig-check';

/** Codes with the options that bypass them. A package that is damaged, or that contradicts itself, is never installed. */
export const INSTALL_PROBLEMS = {
  'duplicate-id': [],
  'package-damaged': [],
  'level-unknown': [],
  'level-below-host': ['force', 'no-sig-check'],
  signature: ['force', 'no-sig-check'],
  depends: ['force'],
  conflicts: ['force'],
  'file-conflict': ['force'],
  'hardware-platform': ['force'],
  'software-platform': ['force'],
  extensibility: ['force'],
} as const satisfies Readonly<Record<string, readonly Bypass[]>>;

/** A problem's code. */
export type InstallProblemCode = keyof typeof INSTALL_PROBLEMS;

/** One thing that speaks against an installation. */
export interface InstallProblem {
  readonly code: InstallProblemCode;
  /** Id of the VIB. */
  readonly vib: string;
  /** The whole sentence. */
  readonly message: string;
}

/** The options that would let a problem pass. */
export const bypassesOf = (code: InstallProblemCode): readonly Bypass[] => INSTALL_PROBLEMS[code];
