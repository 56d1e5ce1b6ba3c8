import { InputError } from '../../src/bytes/errors.ts';
import { bundleParts } from '../../src/depot/index.ts';
import { type Vib, vibId } from '../../src/vib/index.ts';
import { sourceOfVib } from '../../src/vib/vib-source.ts';
import { isoTime } from '../clock.ts';
import { selectVibs } from '../install/select.ts';
import { writePiecesAtomic } from '../node/files.ts';
import { loadVibs } from '../node/image-files.ts';
import { resolveSpec } from '../spec/resolve.ts';
import type { CommandInput, CommandResult, Options } from './command.ts';
import { readLimits } from './limits.ts';
import { count } from './text.ts';
import { readTime } from './verify.ts';

/** A name that can be a file of the metadata. */
const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._()+-]{0,127}$/;

/** One name, or `NAME=ID,ID` for a profile of some of the VIBs (ids, or names of VIBs). */
function readProfile(text: string, vibs: readonly Vib[]): { name: string; vibIds: string[] } {
  const [name = '', list] = text.split(/=(.*)/s);
  if (!PROFILE_NAME.test(name)) throw new InputError(`--name: ${JSON.stringify(name)} is no name of an image profile`);
  if (list === undefined) {
    // A profile is a whole image: of several versions it has the newest, as an installer would take.
    const { vibs: chosen, problems } = selectVibs(vibs);
    const [problem] = problems;
    if (problem !== undefined) throw new InputError(problem.message);
    return { name, vibIds: chosen.map(({ descriptor }) => vibId(descriptor)) };
  }
  const vibIds = list.split(',').map((wanted) => {
    const found = vibs.filter(({ descriptor }) => vibId(descriptor) === wanted || descriptor.name === wanted);
    if (found.length !== 1) {
      throw new InputError(`--name ${name}: ${found.length === 0 ? 'no VIB' : 'more than one VIB'} ${wanted}`);
    }
    return found.map(({ descriptor }) => vibId(descriptor))[0] ?? wanted;
  });
  const twice = vibIds.find((id, i) => vibIds.indexOf(id) !== i);
  if (twice !== undefined) throw new InputError(`--name ${name}: names ${twice} twice`);
  return { name, vibIds };
}

/** Each VIB once; two different ones of one id are refused by the writer. */
function distinct(vibs: readonly Vib[]): Vib[] {
  const { skipped } = selectVibs(vibs);
  const twice = new Set(skipped.filter(({ why }) => why === 'given twice').map(({ vib }) => vib));
  const seen = new Set<string>();
  return vibs.filter(({ descriptor }) => {
    const id = vibId(descriptor);
    const drop = twice.has(id) && seen.has(id);
    seen.add(id);
    return !drop;
  });
}

function timestamp(options: Options): string {
  const time = readTime(options.text('time')) ?? 0;
  return isoTime(time).replace(/(\.\d{3})Z$/, '$1000+00:00');
}

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('image bundle: --out FILE.zip is needed');
  const release = options.text('release') ?? resolveSpec({ profile: options.text('profile') }).release.version;
  const vibs = distinct(await loadVibs(args, readLimits(options)));
  const profiles = options.list('name').map((text) => readProfile(text, vibs));
  const again = profiles.find(({ name }, i) => profiles.findIndex((other) => other.name === name) !== i);
  if (again !== undefined) throw new InputError(`--name ${again.name}: is given twice`);
  const parts = bundleParts({
    release,
    vendor: { name: options.text('vendor') ?? 'esxsim', code: options.text('code') ?? 'ESX' },
    timestamp: timestamp(options),
    profiles,
    vibs: vibs.map((vib) => () => sourceOfVib(vib)),
  });
  const size = writePiecesAtomic(out, parts);
  const names = profiles.map(({ name, vibIds }) => `  image profile ${name}: ${count(vibIds.length, 'VIB')}`);
  const only = profiles.length === 1 ? '' : profiles.length === 0 ? '' : `#${profiles[0]?.name}`;
  return {
    text: [
      `${count(vibs.length, 'VIB')} in ${size} bytes written to ${out}`,
      ...names,
      `look into it: esxsim image inspect ${out}`,
      ...(profiles.length === 0 ? [] : [`boot it: esxsim boot --image '${out}${only}'`]),
    ].join('\n'),
    json: { path: out, size, release, profiles, vibs: vibs.map(({ descriptor }) => vibId(descriptor)) },
    exitCode: 0,
  };
}
