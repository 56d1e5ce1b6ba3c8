/** JSON documents from untrusted bytes: size bound, UTF-8, schema; every fault is a FormatError that names the path. */
import type { z } from 'zod';
import { FormatError, tryFromUtf8 } from '../bytes/index.ts';

/** Longest JSON document read: 16 MiB. */
export const MAX_JSON = 16 * 1024 * 1024;

/** Reads a document by its schema. `structure` names it in errors. */
export function parseJson<T>(structure: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const refuse = (problem: string, field = ''): FormatError => new FormatError({ structure, field, problem });
  if (bytes.length > MAX_JSON) throw refuse(`longer than ${MAX_JSON} bytes`);
  const text = tryFromUtf8(bytes);
  if (text === undefined) throw refuse('not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // SyntaxError, or RangeError where the nesting is too deep for the parser.
    throw refuse(`not JSON: ${error instanceof Error ? error.message.slice(0, 120) : 'unreadable'}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw refuse(issue?.message ?? 'not valid', issue?.path.map(String).join('.') ?? '');
}
