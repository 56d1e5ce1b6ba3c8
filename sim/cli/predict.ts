import { utf8 } from '../../src/bytes/bytes.ts';
import { checkFileTarget, writeFileAtomic } from '../node/files.ts';
import { openImage } from '../node/image-files.ts';
import { predictReference } from '../predict.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readSpec } from './spec-options.ts';

export async function run({ options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out !== undefined) checkFileTarget(out);
  const spec = readSpec(options);
  const reference = await predictReference(spec, await openImage(spec));
  const text = JSON.stringify(reference, null, 2);
  if (out === undefined) return { text, json: reference, exitCode: 0 };
  writeFileAtomic(out, utf8(`${text}\n`));
  return { text: `reference values of ${spec.profile} written to ${out}`, json: reference, exitCode: 0 };
}
