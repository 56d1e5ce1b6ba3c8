import { InputError } from '../../src/bytes/errors.ts';
import { type ImgdbVib, splitModuleName } from '../../src/esxboot/index.ts';
import { checkRelations } from '../install/checks.ts';
import { editModules, packagesOf, readDatabase, writeDatabase } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const DEFAULT_NAME = 'esx-ui';

/** What an installer says against taking a package out: what others need of it. */
function needed(vibs: readonly ImgdbVib[], gone: ImgdbVib): string | undefined {
  const known = new Set(checkRelations(vibs).map(({ message }) => message));
  const left = vibs.filter((vib) => vib !== gone);
  return checkRelations(left).find(({ message }) => !known.has(message))?.message;
}

/** Catalogue entry 7, a control case: honest, but another set of packages. */
export const VIB_SET_DRIFT: Fault = {
  id: 'vib-set-drift',
  title: 'Same build, different optional VIBs (benign)',
  about: 'An optional package is removed the way an installer does it: its modules, its entry in the image database.',
  shows:
    'Component events are missing, and the image database differs. Under a policy that takes every digest as it stands the ' +
    'changed database makes this UNTRUSTED; with imgdb.tgz among the host-unique components it is DRIFT.',
  parameter: { name: 'name', about: 'name of the VIB to remove', default: DEFAULT_NAME },
  expect: { verdict: 'UNTRUSTED', finding: 'COMPONENT_MISSING' },
  patchImage: (image, parameter) => {
    const name = parameter ?? DEFAULT_NAME;
    const database = readDatabase(image, 'vib-set-drift');
    const gone = database.vibs.find(({ descriptor }) => descriptor.name === name);
    if (gone === undefined || name === 'esx-base') {
      const known = database.vibs.map(({ descriptor }) => descriptor.name).filter((each) => each !== 'esx-base');
      throw new InputError(
        `fault vib-set-drift: no optional VIB ${JSON.stringify(name)}; there are ${known.join(' ')}`,
      );
    }
    const refusal = needed(database.vibs, gone);
    if (refusal !== undefined) {
      throw new InputError(`fault vib-set-drift: no installer removes ${JSON.stringify(name)}: ${refusal}`);
    }
    const files = new Set(gone.files.values());
    editModules(image, 'vib-set-drift', (items) =>
      items.filter((item) => !files.has(splitModuleName(item.split(' ')[0] ?? '').base)),
    );
    for (const file of files) image.bootbank.delete(file);
    const left = packagesOf(database).filter(({ vib }) => vib.descriptor !== gone.descriptor);
    writeDatabase(image, database, left);
  },
};
