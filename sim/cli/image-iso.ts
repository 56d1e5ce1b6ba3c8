import { InputError } from '../../src/bytes/errors.ts';
import { DISC_KINDS, discParts } from '../media-write.ts';
import { writePiecesAtomic } from '../node/files.ts';
import { openImage } from '../node/image-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readSpec } from './spec-options.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('image iso: --out FILE.iso is needed');
  const text = options.text('kind') ?? 'installer';
  const kind = DISC_KINDS.find((each) => each === text);
  if (kind === undefined) throw new InputError(`--kind: ${JSON.stringify(text)} is none of ${DISC_KINDS.join(', ')}`);
  // What may be put on a disc is not limited by any host's level.
  const paths = args.length > 0 ? { image: { paths: [...args] } } : {};
  const image = await openImage(readSpec(options, { ...paths, acceptanceLevel: 'CommunitySupported' }));
  const size = writePiecesAtomic(out, discParts(image, kind, options.text('label') ?? 'ESXSIM'));
  const { leftOut = [] } = image;
  const lines = [
    `${kind} disc of ${size} bytes written to ${out}`,
    ...leftOut.map(({ vib, why }) => `  not on it: ${vib} (${why})`),
    `boot it: esxsim boot --image ${out}`,
  ];
  return {
    text: lines.join('\n'),
    json: { path: out, kind, size, leftOut },
    exitCode: 0,
  };
}
