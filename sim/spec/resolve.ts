import { InputError } from '../../src/bytes/errors.ts';
import { randomSeed } from '../entropy.ts';
import { DEFAULT_PROFILE, PROFILES } from '../profiles/index.ts';
import { type HostSpec, type HostSpecInput, hostSpecSchema } from './schema.ts';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` on top of `base`: objects merge key by key, everything else (arrays too) replaces. */
function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isRecord(base) || !isRecord(over)) return over;
  const keys = [...Object.keys(base), ...Object.keys(over).filter((key) => !Object.hasOwn(base, key))];
  return Object.fromEntries(keys.map((key) => [key, merge(base[key], over[key])]));
}

/** Path of a problem in the user's document, e.g. `hardware.tpm.banks[1]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/**
 * The complete spec of a host: the profile named by the document (or `profile`), with the document's parts over it.
 * `seed: "random"` draws a real random seed, which the result then carries.
 * @throws InputError naming the path in the document, on one line
 */
export function resolveSpec(document: unknown = {}, overrides: HostSpecInput = {}): HostSpec {
  if (!isRecord(document))
    throw new InputError('host spec: the document must be an object with keys such as `profile`');
  const named = overrides.profile ?? document.profile ?? DEFAULT_PROFILE;
  const profile = typeof named === 'string' && Object.hasOwn(PROFILES, named) ? PROFILES[named] : undefined;
  if (profile === undefined) {
    throw new InputError(`unknown profile ${JSON.stringify(named)}; known: ${Object.keys(PROFILES).join(', ')}`);
  }
  const merged = merge(merge(profile, document), overrides);
  const result = hostSpecSchema.safeParse(merged);
  if (!result.success) {
    const [first] = result.error.issues;
    const place = first === undefined || first.path.length === 0 ? '' : `${pathText(first.path)}: `;
    throw new InputError(`host spec: ${place}${first?.message ?? 'not a valid spec'}`);
  }
  const spec = result.data;
  return spec.seed === 'random' ? { ...spec, seed: randomSeed() } : spec;
}
