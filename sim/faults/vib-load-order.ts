import { InputError } from '../../src/bytes/errors.ts';
import { splitModuleName } from '../../src/esxboot/index.ts';
import { editModules } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const DEFAULT_PAIR = 'nvmxnet3.v00,pvscsi.v00';

/** Catalogue entry 8, a control case: nothing but the order. */
export const VIB_LOAD_ORDER: Fault = {
  id: 'vib-load-order',
  title: 'Identical modules loaded in another order (benign)',
  about: 'Two modules change places in boot.cfg.',
  shows: 'The same set of digests, another final PCR value.',
  parameter: { name: 'modules', about: 'the two files, with a comma between', default: DEFAULT_PAIR },
  expect: { verdict: 'DRIFT', finding: 'EVENT_ORDER' },
  patchImage: (image, parameter) => {
    const [first = '', second = '', ...more] = (parameter ?? DEFAULT_PAIR).split(',');
    editModules(image, 'vib-load-order', (items) => {
      const at = (file: string): number =>
        items.findIndex((item) => splitModuleName(item.split(' ')[0] ?? '').base === file);
      const [a, b] = [at(first), at(second)];
      if (a < 0 || b < 0 || a === b || more.length > 0) {
        throw new InputError(
          `fault vib-load-order: ${JSON.stringify(parameter ?? DEFAULT_PAIR)} does not name two modules of boot.cfg`,
        );
      }
      return items.with(a, items[b] ?? '').with(b, items[a] ?? '');
    });
  },
};
