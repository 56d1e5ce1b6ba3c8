/** Boot images from files: the sample VIBs of the package, VIBs of the user, or a boot bank folder. */
import { join } from 'node:path';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { readVib, type Vib } from '../../src/vib/index.ts';
import type { BootImage } from '../image.ts';
import { installImage } from '../install.ts';
import type { HostSpec } from '../spec/schema.ts';
import { isFolder, listFolder, packageRoot, readFile } from './files.ts';

/** Folder of the system partition inside a boot bank folder. */
const ESP_FOLDER = 'esp';

/** The boot disk of a spec: its paths where it names any, else its sample image. */
export function loadImage(spec: HostSpec): BootImage {
  const { paths, sample } = spec.image;
  if (paths !== undefined && paths.length > 0) return fromPaths(spec, paths);
  if (sample === undefined) throw new InputError('host spec: image: name a sample or paths');
  return fromPaths(spec, [join(packageRoot(), 'vib-samples', sample)]);
}

function fromPaths(spec: HostSpec, paths: readonly string[]): BootImage {
  const [first] = paths;
  if (first !== undefined && paths.length === 1 && isFolder(first) && listFolder(first).includes('boot.cfg')) {
    return readBootbank(first);
  }
  const vibs = paths.flatMap(vibFiles).map(openVib);
  if (vibs.length === 0) throw new InputError(`${paths.join(', ')}: no .vib files and no boot.cfg`);
  return installImage(spec, vibs);
}

/** The .vib files of a path, sorted by name. */
function vibFiles(path: string): string[] {
  if (!isFolder(path)) return [path];
  return listFolder(path)
    .filter((name) => name.endsWith('.vib'))
    .map((name) => join(path, name));
}

function openVib(path: string): Vib {
  return withSource(path, () => readVib(readFile(path)));
}

/** A boot bank folder: its files, and the system partition in the subfolder `esp`. */
function readBootbank(folder: string): BootImage {
  const bootbank = new Map<string, Uint8Array>();
  for (const name of listFolder(folder)) {
    if (!isFolder(join(folder, name))) bootbank.set(name, readFile(join(folder, name)));
  }
  const esp = new Map<string, Uint8Array>();
  const walk = (path: string): void => {
    for (const name of listFolder(join(folder, ESP_FOLDER, path))) {
      const inner = path === '' ? name : `${path}/${name}`;
      if (isFolder(join(folder, ESP_FOLDER, inner))) walk(inner);
      else esp.set(inner, readFile(join(folder, ESP_FOLDER, inner)));
    }
  };
  if (listFolder(folder).includes(ESP_FOLDER)) walk('');
  return { bootbank, esp };
}
