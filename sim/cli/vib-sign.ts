import { InputError } from '../../src/bytes/errors.ts';
import { inspectVib, readVib, signVib } from '../../src/vib/index.ts';
import { writeFileAtomic } from '../node/files.ts';
import { openVibs } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { signersOf } from './vib-build.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('vib sign: --out FILE.vib is needed');
  const signers = signersOf(options);
  if (signers.length === 0) throw new InputError('vib sign: give a signer: --key and --cert, or --test-signer');
  const [file] = openVibs(args);
  if (file === undefined) throw new InputError('vib sign: name a VIB');
  const bytes = signVib(file.vib, signers);
  writeFileAtomic(out, bytes);
  const { id, signature } = inspectVib(readVib(bytes));
  return {
    text: `${id} signed by ${signature.signers.join('; ')}; written to ${out}`,
    json: { path: out, size: bytes.length, id, signers: signature.signers },
    exitCode: 0,
  };
}
