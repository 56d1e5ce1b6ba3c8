/**
 * The children of `<vib>` in their order, declared once: how each is read, written, and what stands for a missing one.
 * Reading, writing, editing and the TypeScript type of a descriptor all derive from {@link FIELDS}.
 */
import { FormatError } from '../bytes/errors.ts';
import { attributeOf, childElement, childElements, textOf, type XmlElement, xmlElement } from '../xml/index.ts';

/** Name of the document in errors. */
export const STRUCTURE = 'descriptor.xml';

/** How one element is read and written. */
export interface FieldCodec<T> {
  readonly element: string;
  /** Value of a descriptor without this element; a required element has none. */
  readonly missing?: () => T;
  read(element: XmlElement): T;
  write(value: T): XmlElement;
}

/** The error for a bad value of an element. */
export function fieldError(field: string, problem: string): FormatError {
  return new FormatError({ structure: STRUCTURE, field, problem });
}

/** Values in messages are cut: they come from the input. */
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** A relation to other packages: `name` alone, or with a comparison and a version. */
export interface VibConstraint {
  readonly name: string;
  /** `<`, `<<`, `<=`, `=`, `>=`, `>>`, `>` as found. */
  readonly relation?: string;
  readonly version?: string;
}

/** Kinds of relations, in their order. */
export const RELATIONS = ['depends', 'conflicts', 'replaces', 'provides', 'compatibleWith'] as const;

/** Relations of a VIB to others. */
export type VibRelationships = Readonly<Record<(typeof RELATIONS)[number], readonly VibConstraint[]>>;

/** What the host must be or do for an installation. */
export interface VibSystemRequires {
  /** Whether the host must be in maintenance mode for a live removal (and installation, unless told apart). */
  readonly maintenanceMode: boolean;
  /** The same for a live installation, where the descriptor tells them apart. */
  readonly maintenanceModeInstall?: boolean;
  /** Attributes of each `swPlatform` (or `softwarePlatform`, as some authors write), e.g. `productLineID` and `version`. */
  readonly swPlatforms: readonly Readonly<Record<string, string>>[];
  /** Attributes of each `hwplatform` (or `hardwarePlatform`), e.g. `vendor`. */
  readonly hwPlatforms: readonly Readonly<Record<string, string>>[];
}

/** One checksum of a payload. */
export interface VibChecksum {
  /** `sha-256`, `sha-1`; others are kept and reported by verification. */
  readonly type: string;
  /** `gunzip`: of the decompressed data; absent: of the member as it is. */
  readonly verifyProcess?: string;
  /** Lower-case hexadecimal. */
  readonly value: string;
}

/** One payload as the descriptor states it. */
export interface VibPayloadInfo {
  readonly name: string;
  /** `vgz`, `tgz`, `boot`, … */
  readonly type: string;
  /** Bytes of the archive member; undefined where the descriptor does not say. */
  readonly size: number | undefined;
  readonly checksums: readonly VibChecksum[];
  /** Attributes besides name, type and size, e.g. an order or an install size. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A link. */
export interface VibUrl {
  readonly key: string;
  readonly url: string;
}

const MAX_PAYLOADS = 1024;
const MAX_CHECKSUMS = 16;

const text = (element: string, missing?: string): FieldCodec<string> => ({
  element,
  ...(missing === undefined ? {} : { missing: () => missing }),
  read: (node) => {
    const value = textOf(node);
    if (missing === undefined && value.trim() === '') throw fieldError(element, 'is empty');
    // Pretty-printed descriptors have line feeds around names and versions; prose keeps its own.
    return missing === undefined ? value.trim() : value;
  },
  write: (value) => xmlElement(element, {}, [value]),
});

function readFlag(value: string, field: string): boolean {
  const plain = value.trim().toLowerCase();
  if (plain === 'true' || plain === '1') return true;
  if (plain === 'false' || plain === '0' || plain === '') return false;
  throw fieldError(field, `${shown(value)} is neither true nor false`);
}

const flag = (element: string): FieldCodec<boolean> => ({
  element,
  missing: () => false,
  read: (node) => readFlag(textOf(node), element),
  write: (value) => xmlElement(element, {}, [String(value)]),
});

const textList = (element: string, item: string): FieldCodec<readonly string[]> => ({
  element,
  missing: () => [],
  read: (node) =>
    childElements(node, item)
      .map((child) => textOf(child).trim())
      .filter((value) => value !== ''),
  write: (values) =>
    xmlElement(
      element,
      {},
      values.map((value) => xmlElement(item, {}, [value])),
    ),
});

const attributesOf = (node: XmlElement): Record<string, string> =>
  Object.fromEntries(node.attributes.map(({ name, value }) => [name, value]));

function required(node: XmlElement, attribute: string, field: string): string {
  const value = attributeOf(node, attribute);
  if (value === undefined || value === '') throw fieldError(`${field}@${attribute}`, 'is missing');
  return value;
}

const urls: FieldCodec<readonly VibUrl[]> = {
  element: 'urls',
  missing: () => [],
  read: (node) => childElements(node, 'url').map((url) => ({ key: attributeOf(url, 'key') ?? '', url: textOf(url) })),
  write: (values) =>
    xmlElement(
      'urls',
      {},
      values.map(({ key, url }) => xmlElement('url', { key }, [url])),
    ),
};

function readConstraint(node: XmlElement, field: string): VibConstraint {
  const name = required(node, 'name', field);
  const relation = attributeOf(node, 'relation');
  const version = attributeOf(node, 'version');
  return { name, ...(relation === undefined ? {} : { relation }), ...(version === undefined ? {} : { version }) };
}

function writeConstraint(element: string, { name, relation, version }: VibConstraint): XmlElement {
  const rest = { ...(relation === undefined ? {} : { relation }), ...(version === undefined ? {} : { version }) };
  return xmlElement(element, { name, ...rest });
}

/** One value per relation kind. */
const perRelation = <T>(make: (kind: (typeof RELATIONS)[number]) => T) => ({
  depends: make('depends'),
  conflicts: make('conflicts'),
  replaces: make('replaces'),
  provides: make('provides'),
  compatibleWith: make('compatibleWith'),
});

const CONSTRAINT = ['constraint'] as const;

/** Elements of each list. VMware's own packages say `<provide>` of what they provide, others `<constraint>` there too. */
const ITEMS: Readonly<Record<(typeof RELATIONS)[number], readonly string[]>> = {
  depends: CONSTRAINT,
  conflicts: CONSTRAINT,
  replaces: CONSTRAINT,
  provides: ['provide', 'constraint'],
  compatibleWith: CONSTRAINT,
};

const relationships: FieldCodec<VibRelationships> = {
  element: 'relationships',
  missing: () => perRelation(() => []),
  read: (node) =>
    perRelation((kind) => {
      const list = childElement(node, kind);
      const items = list === undefined ? [] : childElements(list).filter(({ local }) => ITEMS[kind].includes(local));
      return items.map((item, i) => readConstraint(item, `relationships.${kind}[${i}]`));
    }),
  write: (value) =>
    xmlElement(
      'relationships',
      {},
      RELATIONS.map((kind) =>
        xmlElement(
          kind,
          {},
          value[kind].map((each) => writeConstraint(ITEMS[kind][0] ?? 'constraint', each)),
        ),
      ),
    ),
};

/** Both names that authors use for either element. */
export const SW_PLATFORM = ['swPlatform', 'softwarePlatform'] as const;
export const HW_PLATFORM = ['hwplatform', 'hardwarePlatform'] as const;

const platforms = (node: XmlElement, names: readonly string[]): Record<string, string>[] =>
  childElements(node)
    .filter(({ local }) => names.includes(local))
    .map(attributesOf);

const systemRequires: FieldCodec<VibSystemRequires> = {
  element: 'system-requires',
  missing: () => ({ maintenanceMode: false, swPlatforms: [], hwPlatforms: [] }),
  read: (node) => {
    const mode = childElement(node, 'maintenance-mode');
    const field = 'system-requires.maintenance-mode';
    const when = (...names: readonly string[]): boolean | undefined =>
      names
        .map((name) => {
          const value = mode && attributeOf(mode, name);
          return value === undefined ? undefined : readFlag(value, `${field}@${name}`);
        })
        .find((value) => value !== undefined);
    const install = when('on-install', 'install');
    return {
      // Newer descriptors say it with attributes alone, older ones with the text.
      maintenanceMode: when('on-remove', 'remove') ?? (mode !== undefined && readFlag(textOf(mode), field)),
      ...(install === undefined ? {} : { maintenanceModeInstall: install }),
      swPlatforms: platforms(node, SW_PLATFORM),
      hwPlatforms: platforms(node, HW_PLATFORM),
    };
  },
  write: ({ maintenanceMode, maintenanceModeInstall: install, swPlatforms, hwPlatforms }) =>
    xmlElement('system-requires', {}, [
      xmlElement('maintenance-mode', install === undefined ? {} : { install: String(install) }, [
        String(maintenanceMode),
      ]),
      ...swPlatforms.map((attributes) => xmlElement('swPlatform', attributes)),
      ...hwPlatforms.map((attributes) => xmlElement('hwplatform', attributes)),
    ]),
};

function readChecksum(node: XmlElement, field: string): VibChecksum {
  const type = required(node, 'checksum-type', field);
  const process = attributeOf(node, 'verify-process');
  const value = textOf(node).trim().toLowerCase();
  if (!/^[0-9a-f]{2,256}$/.test(value)) throw fieldError(field, `${shown(value)} is not hexadecimal`);
  return { type, ...(process === undefined || process === '' ? {} : { verifyProcess: process }), value };
}

function writeChecksum({ type, verifyProcess, value }: VibChecksum): XmlElement {
  const process = verifyProcess === undefined ? {} : { 'verify-process': verifyProcess };
  return xmlElement('checksum', { 'checksum-type': type, ...process }, [value]);
}

function readPayload(node: XmlElement, i: number): VibPayloadInfo {
  const field = `payloads.payload[${i}]`;
  const { name: _name, type: _type, size: _size, ...attributes } = attributesOf(node);
  const sizeText = attributeOf(node, 'size')?.trim();
  if (sizeText !== undefined && !/^\d{1,15}$/.test(sizeText))
    throw fieldError(`${field}@size`, `${shown(sizeText)} is not a number of bytes`);
  const sums = childElements(node, 'checksum');
  if (sums.length > MAX_CHECKSUMS) throw fieldError(field, `more than ${MAX_CHECKSUMS} checksums`);
  return {
    name: required(node, 'name', field),
    type: required(node, 'type', field),
    size: sizeText === undefined ? undefined : Number(sizeText),
    checksums: sums.map((sum, k) => readChecksum(sum, `${field}.checksum[${k}]`)),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
  };
}

const payloads: FieldCodec<readonly VibPayloadInfo[]> = {
  element: 'payloads',
  missing: () => [],
  read: (node) => {
    const list = childElements(node, 'payload');
    if (list.length > MAX_PAYLOADS) throw fieldError('payloads', `more than ${MAX_PAYLOADS} payloads`);
    const found = list.map(readPayload);
    const repeated = found.find((payload, i) => found.findIndex((other) => other.name === payload.name) !== i);
    if (repeated !== undefined) throw fieldError('payloads', `payload ${shown(repeated.name)} appears twice`);
    return found;
  },
  write: (values) =>
    xmlElement(
      'payloads',
      {},
      values.map(({ name, type, size, checksums, attributes = {} }) =>
        xmlElement(
          'payload',
          { name, type, ...(size === undefined ? {} : { size: String(size) }), ...attributes },
          checksums.map(writeChecksum),
        ),
      ),
    ),
};

/** Every child of `<vib>` in its order (facts: vib-and-modules §2). Elements without `missing` are required. */
export const FIELDS = {
  type: text('type'),
  name: text('name'),
  version: text('version'),
  vendor: text('vendor'),
  summary: text('summary', ''),
  description: text('description', ''),
  /** ISO 8601 with microseconds and `+00:00`. */
  releaseDate: text('release-date', ''),
  urls,
  relationships,
  softwareTags: textList('software-tags', 'tag'),
  systemRequires,
  /** Every file of the payloads, without a leading slash. */
  fileList: textList('file-list', 'file'),
  /** `certified`, `accepted`, `partner` or `community`; see `parseAcceptance`. */
  acceptanceLevel: text('acceptance-level'),
  liveInstallAllowed: flag('live-install-allowed'),
  liveRemoveAllowed: flag('live-remove-allowed'),
  cimomRestart: flag('cimom-restart'),
  statelessReady: flag('stateless-ready'),
  overlay: flag('overlay'),
  payloads,
};

/** The typed content of a descriptor. */
export type DescriptorFields = {
  readonly [K in keyof typeof FIELDS]: (typeof FIELDS)[K] extends FieldCodec<infer T> ? T : never;
};
