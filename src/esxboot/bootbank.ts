/**
 * From VIBs to what lies on a boot disk: the bootbank (boot.cfg, one file per payload with the payload's own bytes, image
 * database, saved state) and the boot loaders of the EFI system partition.
 */

import { LazyFiles } from '../archive/lazy-files.ts';
import { type ByteSource, bytesSource } from '../archive/source.ts';
import { utf8 } from '../bytes/bytes.ts';
import { InputError, withPart } from '../bytes/errors.ts';
import { isFatName } from '../vib/descriptor-values.ts';
import {
  gzip,
  isArchiveType,
  isFile,
  openPayload,
  payloadSource,
  type Vib,
  type VibPayload,
  vibId,
  writeUstar,
} from '../vib/index.ts';
import { withDirectories } from './archive-tree.ts';
import { BOOT_STATE, writeBootCfg } from './boot-cfg.ts';
import { buildImgdb, IMGDB_FILE } from './imgdb.ts';
import {
  bootbankName,
  bootOrder,
  bootOrderRelease,
  isModuleType,
  namedPayload,
  type OrderedPayload,
  UNOWNED_TAIL,
} from './module-names.ts';

/** Files that belong to the bank itself. */
export const BOOT_CFG_FILE = 'boot.cfg';
export const STATE_FILE = 'state.tgz';

/** Options of {@link buildBootbank}. */
export interface BootbankOptions {
  /** `build` of boot.cfg, e.g. `8.0.3-0.0.24022510`. */
  readonly build: string;
  /** Release, e.g. `8.0.3`: decides the order of the early modules. */
  readonly release: string;
  /** `kernelopt` of boot.cfg; empty for none. */
  readonly kernelOptions: string;
  /** UUID of the boot bank volume, 32 hex digits; recorded in the saved configuration. */
  readonly bootUuid: string;
  /** Saved configuration, a complete state.tgz; by default a small fixed one. */
  readonly state?: Uint8Array;
  /** Update serial number of the bank (default 1). */
  readonly updated?: number;
  /** Files of an older bank that belong to no VIB and stay ({@link UNOWNED_TAIL}), by name. */
  readonly unowned?: ReadonlyMap<string, ByteSource>;
  /** Files of VIBs that stay, by VIB id and payload: they keep their names. */
  readonly keptFiles?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** What the older image database holds besides VIBs and image profiles. */
  readonly databaseOthers?: ReadonlyMap<string, Uint8Array>;
}

/** What lies on the disk. */
export interface Bootbank {
  /** Files by name, in boot order after boot.cfg. Payload data are taken from their VIBs when they are asked for. */
  readonly bootbank: ReadonlyMap<string, Uint8Array>;
  /** Files of the EFI system partition by path. */
  readonly esp: ReadonlyMap<string, Uint8Array>;
}

/** Where each boot loader of the `btldr` payload goes (facts: esxi-measured-boot §2.1). */
const ESP_PLACES: Readonly<Record<string, readonly string[]>> = {
  'safeboot64.efi': ['EFI/BOOT/BOOTX64.EFI', 'EFI/VMware/safeboot64.efi'],
  'mboot64.efi': ['EFI/VMware/mboot64.efi'],
  'crypto64.efi': ['EFI/VMware/crypto64.efi'],
};

/** A small saved configuration: state.tgz holds local.tgz, which holds the changed files of /etc. */
export function defaultState({ build, bootUuid }: Pick<BootbankOptions, 'build' | 'bootUuid'>): Uint8Array {
  const conf = `/system/uuid = "${bootUuid}"\n/system/build = "${build}"\n`;
  const local = gzip(writeUstar(withDirectories([{ name: 'etc/vmware/esx.conf', data: utf8(conf) }])));
  return gzip(writeUstar([{ name: 'local.tgz', data: local }]));
}

/**
 * Builds the boot disk of a host from its VIBs; payloads that only an installer uses are left out ({@link isModuleType}).
 * Deterministic. Throws InputError where two VIBs have one name, a VIB lacks a module that its descriptor names, no VIB brings the
 * kernel `b`, or a boot loader archive is damaged.
 */
export function buildBootbank(vibs: readonly Vib[], options: BootbankOptions): Bootbank {
  checkVibs(vibs);
  const payloads = vibs.flatMap((vib) =>
    vib.payloads
      .filter(({ type }) => isModuleType(type))
      .map((payload) => ({
        vib,
        data: payload,
        vibId: vibId(vib.descriptor),
        vibName: vib.descriptor.name,
        overlay: vib.descriptor.overlay,
        payload: namedPayload(vib.descriptor, payload.name),
      })),
  );
  const ordered = bootOrder(payloads, bootOrderRelease(options.release));
  const [kernel] = ordered;
  if (kernel === undefined || kernel.vibName !== 'esx-base' || kernel.payload.name !== 'b') {
    throw new InputError('bootbank: no VIB esx-base with the kernel payload b');
  }
  const names = fileNames(payloads, options.keptFiles);
  const files = new LazyFiles();
  const namesOf = new Map<Vib, Map<string, string>>(vibs.map((vib) => [vib, new Map()]));
  for (const one of ordered) {
    const name = names.get(one) ?? '';
    files.add(name, payloadSource(one.data));
    namesOf.get(one.vib)?.set(one.payload.name, name);
  }
  const recorded = [...namesOf].map(([vib, names]) => ({ vib, files: names }));
  const imgdb = buildImgdb(`ESXi-${options.build}-standard`, recorded, options.databaseOthers);
  const tail = new Map(options.unowned);
  tail.set(IMGDB_FILE, bytesSource(imgdb)).set(STATE_FILE, bytesSource(options.state ?? defaultState(options)));
  for (const name of UNOWNED_TAIL) {
    const source = tail.get(name);
    if (source !== undefined) files.add(name, source);
  }
  const [kernelFile, ...modules] = [...files.keys()].map((name) => `/${name}`);
  const bootCfg = writeBootCfg({
    bootstate: BOOT_STATE.VALID,
    title: 'Loading VMware ESXi',
    timeout: 5,
    prefix: '',
    kernel: kernelFile,
    kernelopt: options.kernelOptions,
    modules: modules.map((file) => ({ file, options: '' })),
    build: options.build,
    updated: options.updated ?? 1,
  });
  const bootbank = new LazyFiles([[BOOT_CFG_FILE, bytesSource(bootCfg)], ...files.sources()]);
  const esp = vibs.map((vib) => withPart(`VIB ${vibId(vib.descriptor)}`, () => bootLoaders(vib.payloads)));
  return { bootbank, esp: new Map(esp.flatMap((files) => [...files])) };
}

/** File names of payloads: those that stay, then new ones by the order of VIB ids and payload names, whatever boots first. */
function fileNames<T extends OrderedPayload>(
  payloads: readonly T[],
  kept: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(),
): ReadonlyMap<T, string> {
  const names = new Map<T, string>();
  const used = new Set([BOOT_CFG_FILE, ...UNOWNED_TAIL]);
  for (const one of payloads) {
    const name = kept.get(one.vibId)?.get(one.payload.name);
    // A database may say anything.
    if (name === undefined || !isFatName(name) || used.has(name)) continue;
    used.add(name);
    names.set(one, name);
  }
  for (const one of payloads.toSorted(byId)) if (!names.has(one)) names.set(one, bootbankName(one.payload, used));
  return names;
}

function byId(a: OrderedPayload, b: OrderedPayload): number {
  const [one, other] = [`${a.vibId} ${a.payload.name}`, `${b.vibId} ${b.payload.name}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

function checkVibs(vibs: readonly Vib[]): void {
  const names = new Set<string>();
  for (const { descriptor, payloads } of vibs) {
    if (names.has(descriptor.name)) throw new InputError(`bootbank: two VIBs named ${descriptor.name}`);
    names.add(descriptor.name);
    const modules = descriptor.payloads.filter(({ type }) => isModuleType(type));
    const missing = modules.find(({ name }) => !payloads.some((payload) => payload.name === name));
    if (missing !== undefined) throw new InputError(`VIB ${vibId(descriptor)}: payload ${missing.name} is missing`);
  }
}

/** The EFI images of every `btldr` payload, by their place on the system partition. */
export function bootLoaders(payloads: readonly VibPayload[]): Map<string, Uint8Array> {
  const esp = new Map<string, Uint8Array>();
  for (const payload of payloads.filter(({ name, type }) => name === 'btldr' && isArchiveType(type))) {
    for (const entry of openPayload(payload).entries.filter(isFile)) {
      const base = entry.name.slice(entry.name.lastIndexOf('/') + 1).toLowerCase();
      for (const path of ESP_PLACES[base] ?? []) esp.set(path, entry.data);
    }
  }
  return esp;
}
