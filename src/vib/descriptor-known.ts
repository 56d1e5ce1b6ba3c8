/**
 * Which elements and attributes of a descriptor are understood (facts: vib-and-modules §2; public descriptors of community
 * packages). Everything else survives and is reported, so that nobody takes a descriptor for read that was only half read.
 */
import type { XmlElement } from '../xml/index.ts';
import { FIELDS, HW_PLATFORM, RELATIONS, SW_PLATFORM } from './descriptor-fields.ts';

/**
 * Attributes of `<payload>` besides name, type and size that official descriptors are known to carry: orders of boot,
 * installation and removal, sizes, and names on the boot bank. Kept and shown; none of them is measured.
 */
export const PAYLOAD_ATTRIBUTES: readonly string[] = [
  'boot-order',
  'bootorder',
  'install-order',
  'uninstall-order',
  'order',
  'install-size',
  'installsize',
  'uncompressed-size',
  'vfat-name',
];

/** Element of the time of installation, in descriptors of a host's image database only. */
export const INSTALL_DATE = 'installdate';

/** What one element may hold. `'any'` attributes are a record of their own in the typed content. */
interface Known {
  readonly attributes: readonly string[] | 'any';
  readonly children: Readonly<Record<string, Known>>;
}

const leaf = (...attributes: readonly string[]): Known => ({ attributes, children: {} });
const node = (children: Readonly<Record<string, Known>>, ...attributes: readonly string[]): Known => ({
  attributes,
  children,
});
const ANY: Known = { attributes: 'any', children: {} };
const each = (names: readonly string[], known: Known): Record<string, Known> =>
  Object.fromEntries(names.map((name) => [name, known]));

const CONSTRAINT = leaf('name', 'relation', 'version');
const RELATION = node({ constraint: CONSTRAINT });
const PAYLOAD = node(
  { checksum: leaf('checksum-type', 'verify-process') },
  'name',
  'type',
  'size',
  ...PAYLOAD_ATTRIBUTES,
);

const FIELD_CHILDREN: Readonly<Record<string, Known>> = {
  urls: node({ url: leaf('key') }),
  relationships: node({
    ...each(RELATIONS, RELATION),
    provides: node({ constraint: CONSTRAINT, provide: CONSTRAINT }),
  }),
  'software-tags': node({ tag: leaf() }),
  'system-requires': node({
    'maintenance-mode': leaf('install', 'remove', 'on-install', 'on-remove'),
    ...each(SW_PLATFORM, ANY),
    ...each(HW_PLATFORM, ANY),
  }),
  'file-list': node({ file: leaf() }),
  payloads: node({ payload: PAYLOAD }),
};

const ROOT = node(
  {
    ...Object.fromEntries(Object.values(FIELDS).map(({ element }) => [element, FIELD_CHILDREN[element] ?? leaf()])),
    // A host writes it into the descriptors of its image database.
    [INSTALL_DATE]: leaf(),
  },
  'version',
);

/** Most paths listed. */
const MAX_UNKNOWN = 100;

/** Paths of what is not understood, e.g. `novel`, `relationships/requires`, `payloads/payload@colour`; each once, in order. */
export function unknownParts(root: XmlElement): string[] {
  const found = new Set<string>();
  const walk = (element: XmlElement, known: Known, path: string): void => {
    for (const { name } of element.attributes) {
      if (known.attributes !== 'any' && !known.attributes.includes(name) && !/^xmlns(:|$)/.test(name)) {
        found.add(`${path}@${name}`);
      }
    }
    for (const child of element.children) {
      if (typeof child === 'string' || found.size >= MAX_UNKNOWN) continue;
      const inner = path === '' ? child.name : `${path}/${child.name}`;
      const next = Object.hasOwn(known.children, child.name) ? known.children[child.name] : undefined;
      if (next === undefined) found.add(inner);
      else walk(child, next, inner);
    }
  };
  walk(root, ROOT, '');
  return [...found];
}
