/** How a handler refuses a command. */

/**
 * A refusal: the response code without a place, and the name of the handle or parameter at fault. Only the dispatcher knows
 * wire positions, so it turns the name into "handle 1" or "parameter 2".
 */
export class Refusal extends Error {
  readonly rc: number;
  readonly field: string | undefined;

  constructor(rc: number, field?: string) {
    super(`TPM_RC 0x${rc.toString(16)}${field === undefined ? '' : ` for ${field}`}`);
    this.name = 'Refusal';
    this.rc = rc;
    this.field = field;
  }
}

/** The refusal to throw: `throw refuse(TPM_RC.VALUE, 'inScheme')`. */
export const refuse = (rc: number, field?: string): Refusal => new Refusal(rc, field);
