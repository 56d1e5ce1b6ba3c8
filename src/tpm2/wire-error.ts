/** Errors of codecs: values that a structure does not allow, with the place inside it and the code a TPM answers. */
import { shownValue } from '../bytes/arguments.ts';
import { FormatError, type FormatProblem } from '../bytes/errors.ts';
import type { ByteReader } from '../bytes/reader.ts';
import { TPM_RC } from './response-code.ts';

/** A value that the structure does not allow; `rc` is the code a TPM answers (without a place). */
export class WireError extends FormatError {
  readonly rc: number;

  constructor(at: FormatProblem, rc: number) {
    super(at);
    this.name = 'WireError';
    this.rc = rc;
  }
}

/** The response code for an error thrown by a codec. Codecs give their own; a short input is TPM_RC_INSUFFICIENT. */
export function responseCodeOf(error: FormatError): number {
  return error instanceof WireError ? error.rc : TPM_RC.INSUFFICIENT;
}

/** The error for the value just read. */
export function refuse(reader: ByteReader, rc: number, problem: string, offset = reader.offset): WireError {
  return new WireError({ structure: reader.structure, field: '', offset, problem }, rc);
}

/** Puts a structure's name and a field in front of the path of an error from inside that field; other errors pass unchanged. */
export function inside(error: unknown, structure: string, field: string): unknown {
  if (!(error instanceof FormatError)) return error;
  const joint = error.field === '' || error.field.startsWith('[') ? '' : '.';
  const { offset, problem } = error;
  return new WireError({ structure, field: `${field}${joint}${error.field}`, offset, problem }, responseCodeOf(error));
}

/** The error for a value that cannot be written. */
export const unwritable = (structure: string, problem: string): WireError =>
  new WireError({ structure, field: '', problem }, TPM_RC.VALUE);

/** {@link unwritable} where bytes are needed. */
export const noBytes = (structure: string, value: unknown): WireError =>
  unwritable(structure, `expected bytes (a Uint8Array), not ${shownValue(value)}`);
