/**
 * Values of a descriptor that no installer could make sense of. They are kept as they are, and none of them is measured; who
 * reads the report must know that a comparison of versions, say, means nothing for them.
 */

import type { VibConstraint, VibDescriptor, VibPayloadInfo } from './descriptor.ts';
import { RELATIONS } from './descriptor-fields.ts';
import { isKnownRelation } from './version.ts';

/** Types of VIBs that ESXi's tools know (facts: vib-and-modules §2; `meta` from general knowledge). */
const TYPES: readonly string[] = ['bootbank', 'locker', 'meta'];
/** Names, vendors and versions end up in ids, which are file names. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/;
const SCHEMA = /^\d+(\.\d+)*$/;
/** ISO 8601 with or without a time; of the time, the forms that XML Schema allows (dateTime). */
const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** A value in a message: quoted, on one line and cut. */
const shown = (value: string): string => JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);

/** What is odd about one constraint; undefined where nothing is. What is provided has its version, and stands in no relation. */
function oddConstraint({ name, relation, version }: VibConstraint, provided: boolean): string | undefined {
  const what = `constraint on ${shown(name)}`;
  if (relation === undefined) {
    if (provided) return undefined;
    return version === undefined ? undefined : `${what} has a version without a relation: any version will do`;
  }
  if (!isKnownRelation(relation)) return `${what} has an unknown relation ${shown(relation)}: no version will do`;
  return version === undefined ? `${what} has a relation without a version: any version will do` : undefined;
}

/** Single values, and what each should be. Empty prose (the schema version, the date) is only left out. */
function* oddWords(descriptor: VibDescriptor): Generator<string> {
  const { name, vendor, version, type, schemaVersion, releaseDate } = descriptor;
  for (const [element, value] of Object.entries({ name, vendor, version })) {
    if (!WORD.test(value)) yield `${element} ${shown(value)} has other characters than letters, digits and ._+~-`;
  }
  if (!TYPES.includes(type)) yield `type ${shown(type)} is none of ${TYPES.join(', ')}`;
  if (schemaVersion !== '' && !SCHEMA.test(schemaVersion)) {
    yield `schema version ${shown(schemaVersion)} is no version, expected one as "5.0"`;
  }
  if (releaseDate.trim() !== '' && !DATE.test(releaseDate.trim())) {
    yield `release-date ${shown(releaseDate)} is no date as "2026-11-30T00:00:00+00:00"`;
  }
}

/** Whether a file name is one of FAT, as descriptors give it (`vfat-name`): eight characters and three, in lower case. */
export const isFatName = (name: string): boolean => /^[a-z0-9_]{1,8}\.[a-z0-9]{1,3}$/.test(name);

/** The place in the order of booting that a payload's attributes state (`boot-order`); undefined where they state no number. */
export function statedBootOrder(attributes: VibPayloadInfo['attributes']): number | undefined {
  const text = attributes?.['boot-order'] ?? attributes?.bootorder;
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
}

/** Names and places of modules that no boot bank can have; empty ones are only left out. */
function* oddModules({ payloads }: VibDescriptor): Generator<string> {
  for (const { name, attributes } of payloads) {
    const file = attributes?.['vfat-name'] ?? '';
    if (file !== '' && !isFatName(file.toLowerCase()))
      yield `payload ${shown(name)}: vfat-name ${shown(file)} is no name of eight characters and three: not used`;
    const order = attributes?.['boot-order'] ?? attributes?.bootorder ?? '';
    if (order.trim() !== '' && statedBootOrder(attributes) === undefined)
      yield `payload ${shown(name)}: boot-order ${shown(order)} is no number: not used`;
  }
}

/** Most values reported one by one. */
const MAX_ODD = 100;

/** A sentence for each value that means nothing, in the order of the descriptor. */
export function oddValues(descriptor: VibDescriptor): string[] {
  const constraints = RELATIONS.flatMap((kind) =>
    descriptor.relationships[kind].flatMap((each) => {
      const odd = oddConstraint(each, kind === 'provides');
      return odd === undefined ? [] : [`${kind}: ${odd}`];
    }),
  );
  return [...oddWords(descriptor), ...constraints, ...oddModules(descriptor)].slice(0, MAX_ODD);
}
