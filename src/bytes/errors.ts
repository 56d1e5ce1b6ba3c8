/**
 * Errors for untrusted bytes. A parser throws only these, so a caller can tell "the input is bad" from "we have a bug",
 * and a person can see which structure, which field, where, and what was expected.
 */

/** The input (a file, a document, an option) cannot be used. The message is one line meant for a person. */
export class InputError extends Error {
  /** The file or document the input came from, once known. */
  readonly source: string | undefined;

  constructor(message: string, options?: { source?: string | undefined; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'InputError';
    this.source = options?.source;
  }
}

/** Where and why a binary or text structure could not be read. */
export interface FormatProblem {
  /** Structure in its specification's name, e.g. `TCG_PCR_EVENT2`. */
  structure: string;
  /** Field path inside the structure, e.g. `digests[1].hashAlg`. */
  field: string;
  /** Byte offset from the start of the input, where one makes sense. */
  offset?: number | undefined;
  /** What was found or expected, e.g. `needs 32 bytes, 7 left`. */
  problem: string;
}

/** Bytes do not follow the structure they claim to be. */
export class FormatError extends InputError {
  readonly structure: string;
  readonly field: string;
  readonly offset: number | undefined;
  readonly problem: string;

  constructor(at: FormatProblem, options?: { source?: string | undefined; cause?: unknown }) {
    const place = at.offset === undefined ? '' : ` at offset ${at.offset}`;
    super(`${at.structure}${at.field ? `.${at.field}` : ''}${place}: ${at.problem}`, options);
    this.name = 'FormatError';
    this.structure = at.structure;
    this.field = at.field;
    this.offset = at.offset;
    this.problem = at.problem;
  }
}

/** Adds the name of the file an {@link InputError} came from; other errors pass through unchanged. */
export function withSource<T>(source: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw named(source, error);
  }
}

/** {@link withSource} for work that takes its time. */
export async function withSourceAsync<T>(source: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw named(source, error);
  }
}

/** Names the part of a file that an {@link InputError} came from; {@link withSource} may still put the file in front. */
export function withPart<T>(part: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { structure, field, offset } = error;
    throw new FormatError(
      { structure: `${part}: ${structure}`, field, offset, problem: error.problem },
      { cause: error },
    );
  }
}

function named(source: string, error: unknown): unknown {
  if (!(error instanceof InputError) || error.source !== undefined) return error;
  return new InputError(`${source}: ${error.message}`, { source, cause: error });
}
