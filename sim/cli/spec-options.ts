/** The options by which several commands describe a host. */
import { parse as parseYaml } from 'yaml';
import { tryFromUtf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { findFault } from '../faults/index.ts';
import { readFile } from '../node/files.ts';
import { resolveSpec } from '../spec/resolve.ts';
import type { HostSpec, HostSpecInput } from '../spec/schema.ts';
import type { Options } from './command.ts';

const MAX_SPEC = 4 * 1024 * 1024;

/** The document of a spec file: YAML, of which JSON is a part. */
export function readSpecDocument(path: string): unknown {
  const bytes = readFile(path);
  const text = bytes.length > MAX_SPEC ? undefined : tryFromUtf8(bytes);
  if (text === undefined) throw new InputError(`${path}: a host spec is UTF-8 text of at most ${MAX_SPEC} bytes`);
  try {
    // Aliases can blow a small file up to a huge document; a spec needs none.
    return parseYaml(text, { maxAliasCount: 0 });
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new InputError(`${path}: not JSON or YAML: ${line}`);
  }
}

/** The spec that `--profile`, `--spec`, `--image`, `--seed`, `--fault` and `--nonce` describe together. */
export function readSpec(options: Options, extra: HostSpecInput = {}): HostSpec {
  const file = options.text('spec');
  const faults = extra.faults ?? options.list('fault');
  for (const text of faults) findFault(text);
  const images = options.list('image');
  const overrides: HostSpecInput = {
    profile: options.text('profile'),
    seed: options.text('seed'),
    nonce: options.text('nonce')?.toLowerCase(),
    ...(images.length > 0 ? { image: { paths: [...images] } } : {}),
    ...(faults.length > 0 ? { faults: [...faults] } : {}),
    ...extra,
  };
  // Its own errors name the file already.
  const document = file === undefined ? {} : readSpecDocument(file);
  try {
    return resolveSpec(document, overrides);
  } catch (error) {
    if (!(error instanceof InputError) || file === undefined) throw error;
    throw new InputError(`${file}: ${error.message}`, { cause: error });
  }
}
