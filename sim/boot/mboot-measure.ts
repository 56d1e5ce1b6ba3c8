/** What mboot measures of a module, and where (facts §4; VMware's bootloader). Design B only. */

import { InputError } from '../../src/bytes/errors.ts';
import { appendModulePath, findSection, isElf, parseElf, splitModuleName } from '../../src/esxboot/index.ts';
import { decodeVersionRecord } from '../../src/eventlog/data/index.ts';
import { type EsxiEvent, esxiTaggedData } from '../../src/eventlog/index.ts';
import type { Measurer } from '../measure.ts';
import { contentDigest, measureEsxi } from './esxi-measurer.ts';
import type { BootModule } from './modules.ts';

/** PCRs of mboot (facts §1, design B). */
export const MBOOT_PCR = { update: 11, core: 12, module: 13, configuration: 14 } as const;

/** Stems that have a PCR of their own; everything else goes by extension. */
const STEM_PCR: ReadonlyMap<string, number> = new Map([
  ['b', MBOOT_PCR.core],
  ['k', MBOOT_PCR.core],
  ['s', MBOOT_PCR.core],
  ['sb', MBOOT_PCR.core],
  ['esxupdt', MBOOT_PCR.update],
]);

/** A module that shares the stem of one before it. */
export interface DuplicateModule {
  /** Its place among the modules. */
  readonly index: number;
  readonly stem: string;
  readonly file: string;
  /** The first of that stem. */
  readonly first: string;
}

/** Modules whose stem has a PCR of its own and is that of another before them: mboot says so, and measures them like the first (facts §4.2). */
export function duplicateModules(files: readonly string[]): DuplicateModule[] {
  const firsts = new Map<string, string>();
  return files.flatMap((file, index) => {
    const { stem } = splitModuleName(file);
    const first = firsts.get(stem);
    if (!STEM_PCR.has(stem)) return [];
    if (first === undefined) firsts.set(stem, file);
    return first === undefined ? [] : [{ index, stem, file, first }];
  });
}

/** What a person is told of one, before any boot. */
export const duplicateText = ({ stem, file, first }: DuplicateModule): string =>
  `${file} and ${first} are both module ${stem}: mboot says "Duplicate module"`;

/** Modules whose version record is measured before them. */
const VERSIONED = new Set(['b', 'k']);

/** PCR and event of a module: decided by its file name alone, in this order (facts §4.2). */
export function moduleTarget(module: Pick<BootModule, 'name' | 'stem' | 'extension'>): {
  pcr: number;
  event: EsxiEvent;
} {
  const pcr = STEM_PCR.get(module.stem);
  if (pcr !== undefined) return { pcr, event: { kind: 'module', name: module.name } };
  return module.extension === 'gz'
    ? { pcr: MBOOT_PCR.configuration, event: { kind: 'bootOptions', name: module.name } }
    : { pcr: MBOOT_PCR.module, event: { kind: 'module', name: module.name } };
}

/** The version record of a kernel module with its path appended; undefined where it has none that can be read. */
export async function versionRecord(module: BootModule): Promise<Uint8Array | undefined> {
  if (!isElf(module.head)) return undefined;
  try {
    const section = findSection(parseElf(await module.content()), '.version');
    return section === undefined ? undefined : appendModulePath(section.data, module.path);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Measures a module, after its version record where it has one. */
export async function measureModule(measurer: Measurer, module: BootModule): Promise<void> {
  const { pcr, event } = moduleTarget(module);
  const version = VERSIONED.has(module.stem) ? await versionRecord(module) : undefined;
  if (version !== undefined) {
    const record: EsxiEvent = { kind: 'version', record: decodeVersionRecord(version), bytes: version };
    await measureEsxi(measurer, MBOOT_PCR.module, record, esxiTaggedData(record));
  }
  // Some firmware refuses to hash nothing, so mboot measures one zero byte for an empty module.
  await measureEsxi(measurer, pcr, event, module.size === 0 ? new Uint8Array(1) : contentDigest(module));
}
