import { dirname } from 'node:path';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { buildVib, inspectVib, readVib, renderInspect } from '../../src/vib/index.ts';
import { parseRecipe } from '../authoring/recipe.ts';
import { readFile, writeFileAtomic } from '../node/files.ts';
import { loadRecipe } from '../node/recipe-files.ts';
import { readSigners } from '../node/signers.ts';
import type { CommandInput, CommandResult, Options } from './command.ts';

/** The signers the options name. */
export const signersOf = (options: Options) =>
  readSigners({
    keys: options.list('key'),
    certificates: options.list('cert'),
    chain: options.list('chain'),
    testSigners: options.list('testSigner'),
    hash: options.text('hash') ?? 'sha512',
  });

export async function run({ options }: CommandInput): Promise<CommandResult> {
  const recipe = options.text('recipe');
  const out = options.text('out');
  if (recipe === undefined || out === undefined) {
    throw new InputError('vib build: --recipe FILE and --out FILE.vib are needed');
  }
  const signers = signersOf(options);
  const unsigned = options.on('unsigned');
  if (unsigned === signers.length > 0) {
    throw new InputError('vib build: give either a signer (--key and --cert, or --test-signer) or --unsigned');
  }
  const root = options.text('root') ?? dirname(recipe);
  const bytes = withSource(recipe, () => buildVib(loadRecipe(parseRecipe(readFile(recipe)), root), signers));
  const info = withSource(recipe, () => inspectVib(readVib(bytes)));
  writeFileAtomic(out, bytes);
  return {
    text: `${renderInspect(info).trimEnd()}\n\n${bytes.length} bytes written to ${out}`,
    json: { path: out, size: bytes.length, ...info },
    exitCode: 0,
  };
}
