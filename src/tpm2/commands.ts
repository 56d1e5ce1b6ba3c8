/** Every command this package knows, one row each; see `command-row.ts`. */
import type { AnyCommandRow } from './command-row.ts';
import * as attest from './commands/attest.ts';
import * as audit from './commands/audit.ts';
import * as clock from './commands/clock.ts';
import * as context from './commands/context.ts';
import * as crypto from './commands/crypto.ts';
import * as hierarchy from './commands/hierarchy.ts';
import * as key from './commands/key.ts';
import * as nv from './commands/nv.ts';
import * as object from './commands/object.ts';
import * as pcr from './commands/pcr.ts';
import * as policy from './commands/policy.ts';
import * as session from './commands/session.ts';
import * as startup from './commands/startup.ts';

/** Rows by command name. */
export const COMMANDS = {
  ...startup,
  ...session,
  ...policy,
  ...context,
  ...audit,
  ...attest,
  ...key,
  ...crypto,
  ...object,
  ...pcr,
  ...hierarchy,
  ...clock,
  ...nv,
} as const;

const BY_CODE: ReadonlyMap<number, AnyCommandRow> = new Map(
  Object.values(COMMANDS).map((row): [number, AnyCommandRow] => [row.code, row]),
);

/** The row of a command code; undefined for a command this package does not know. */
export const commandByCode = (code: number): AnyCommandRow | undefined => BY_CODE.get(code);
