/**
 * Installer discs as boot disks: what the installer puts on a host from this disc (docs/images.md). A disc that was made
 * from a boot bank keeps its boot.cfg; that of installation media becomes the one of an installed host.
 */
import { type ByteSource, bytesSource, deferredSource, LazyFiles } from '../src/archive/index.ts';
import { FormatError, InputError } from '../src/bytes/errors.ts';
import {
  BOOT_CFG_FILE,
  BOOT_STATE,
  bootLoaders,
  defaultState,
  IMGDB_FILE,
  type ModuleItem,
  parseBootCfg,
  resolveModulePath,
  STATE_FILE,
  withoutLocker,
  writeBootCfg,
} from '../src/esxboot/index.ts';
import { efiBootImage, FatVolume, type IsoImage } from '../src/iso/index.ts';
import type { BootImage } from './image.ts';
import type { HostSpec } from './spec/schema.ts';

/** Installation media: a disc, or a folder or USB stick that its files were copied to. Paths are found in any case. */
export interface Media {
  readonly files: ReadonlyMap<string, unknown>;
  find(path: string): string | undefined;
  findLink(path: string): string | undefined;
  source(path: string): ByteSource;
  /** The image that firmware finds on a disc in place of its files. */
  efiImage(): ByteSource | undefined;
}

/** A disc as media. */
export const discMedia = (iso: IsoImage): Media => ({
  files: iso.files,
  find: (path) => iso.find(path),
  findLink: (path) => iso.findLink(path),
  source: (path) => iso.source(path),
  efiImage: () => efiBootImage(iso),
});

/** Kernel options that start an installer. */
const STARTS_INSTALLER = /(^|\s)(runweasel|cdromBoot|ks=\S+)(\s|$)/;

/** Whether a boot.cfg is that of installation media: it starts the installer, and no bank was ever updated with it. */
export function isMediaConfig(config: Uint8Array): boolean {
  const { mboot, safeboot } = parseBootCfg(config);
  return safeboot.updated <= 0 && STARTS_INSTALLER.test(mboot.kernelopt ?? '');
}

/** The archive that only installation media carry. */
const MEDIA_ONLY = 'imgpayld.tgz';
/** The loader that safeboot starts: without it the disc has no loaders of an installed host. */
const MBOOT = /^efi\/vmware\/mboot64\.efi$/i;
const BOOT_LOADERS = /^btldr\.[tv]\d\d$/i;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1).toLowerCase();

/** The boot.cfg that EFI firmware's loader reads from installation media; an installed host has it in its banks alone. */
export const EFI_CONFIG = 'EFI/BOOT/BOOT.CFG';

/** Files below EFI: of the disc itself, and of its EFI boot image where the disc has no such file. */
function efiFiles(media: Media): LazyFiles {
  const files = new LazyFiles();
  const known = new Set<string>([EFI_CONFIG.toLowerCase()]);
  const add = (path: string, source: () => ByteSource): void => {
    if (!/^efi\//i.test(path) || known.has(path.toLowerCase())) return;
    known.add(path.toLowerCase());
    files.add(path, source());
  };
  for (const path of media.files.keys()) add(path, () => media.source(path));
  const image = media.efiImage();
  const volume = image && new FatVolume(image);
  for (const path of volume?.paths ?? []) {
    add(path, () => deferredSource(() => volume?.read(path) ?? new Uint8Array(0)));
  }
  return files;
}

/** A file of the disc. A link in its place is an InputError: what the firmware shows a loader there is an empty file. */
function findPlain(media: Media, wanted: string): string | undefined {
  const path = media.find(wanted);
  const link = path === undefined ? media.findLink(wanted) : undefined;
  if (link === undefined) return path;
  throw new InputError(`${link} is a symbolic link on the disc, which no loader follows: put the file itself there`);
}

/** The modules of a disc by the names they have in a bank: lower case, without folders. Missing ones stay missing. */
function moduleFiles(media: Media, items: readonly ModuleItem[], prefix: string | undefined): Map<string, ByteSource> {
  const files = new Map<string, ByteSource>();
  for (const { file } of items) {
    const path = findPlain(media, resolveModulePath(file, prefix).replace(/^\/+/, ''));
    if (path !== undefined) files.set(baseName(file), media.source(path));
  }
  return files;
}

/** Takes the VIBs for the locker out of the image database; gives their modules. */
function leaveLocker(files: Map<string, ByteSource>): readonly string[] {
  const source = files.get(IMGDB_FILE);
  const without = source && withoutLocker(source.read(0, source.size));
  if (without === undefined) return [];
  files.set(IMGDB_FILE, bytesSource(without.database));
  return without.files.map((file) => file.toLowerCase());
}

/** The boot disk that a disc stands for. A disc without boot.cfg, or one that names no kernel, is an InputError. */
export function imageFromMedia(media: Media, spec: Pick<HostSpec, 'release' | 'boot'>): BootImage {
  const configPath = findPlain(media, BOOT_CFG_FILE);
  if (configPath === undefined) throw new InputError('the disc has no boot.cfg: not an ESXi installer');
  const source = media.source(configPath);
  const config = source.read(0, source.size);
  const { mboot, safeboot } = parseBootCfg(config);
  if (mboot.kernel === undefined) throw new InputError('boot.cfg of the disc names no kernel');
  const items = [{ file: mboot.kernel, options: '' }, ...mboot.modules];
  const files = moduleFiles(media, items, mboot.prefix);
  const bank = safeboot.build !== undefined && safeboot.updated > 0 && safeboot.bootstate === BOOT_STATE.VALID;

  const bootbank = new LazyFiles();
  if (bank) {
    bootbank.set(BOOT_CFG_FILE, config);
    for (const [name, source] of files) bootbank.add(name, source);
  } else {
    const build = safeboot.build ?? `${spec.release.version}-0.0.${spec.release.build}`;
    const left = new Set([MEDIA_ONLY, ...leaveLocker(files)]);
    for (const name of left) files.delete(name);
    const state = defaultState({ build, bootUuid: spec.boot.bootUuid });
    if (!files.has(STATE_FILE)) files.set(STATE_FILE, bytesSource(state));
    const kept = items.filter(({ file }) => !left.has(baseName(file)));
    if (!kept.some(({ file }) => baseName(file) === STATE_FILE)) kept.push({ file: STATE_FILE, options: '' });
    const [kernel, ...modules] = kept.map(({ file, options }) => ({ file: `/${baseName(file)}`, options }));
    const installed = writeBootCfg({
      bootstate: BOOT_STATE.VALID,
      title: 'Loading VMware ESXi',
      timeout: 5,
      prefix: '',
      kernel: kernel?.file,
      kernelopt: spec.boot.kernelOptions,
      modules,
      build,
      updated: 1,
    });
    bootbank.set(BOOT_CFG_FILE, installed);
    for (const [name, source] of files) bootbank.add(name, source);
  }
  return { bootbank, esp: systemPartition(media, files) };
}

/** The loaders that an image brings along (btldr), for a system partition that is not there; undefined where it brings none. */
export function broughtLoaders(files: ReadonlyMap<string, ByteSource>): ReadonlyMap<string, Uint8Array> | undefined {
  const name = [...files.keys()].find((file) => BOOT_LOADERS.test(file));
  const source = name === undefined ? undefined : files.get(name);
  return source && bootLoaders([{ name: 'btldr', type: 'tgz', data: source.read(0, source.size) }]);
}

/** Loaders of the disc where they are those of an installed host, else those that the image brings along. */
function systemPartition(media: Media, files: ReadonlyMap<string, ByteSource>): ReadonlyMap<string, Uint8Array> {
  const disc = efiFiles(media);
  if ([...disc.keys()].some((path) => MBOOT.test(path))) return disc;
  const brought = broughtLoaders(files);
  if (brought !== undefined) return brought;
  const problem = 'the disc has neither EFI/VMware/mboot64.efi nor the boot loader archive btldr';
  throw new FormatError({ structure: 'installer disc', field: 'EFI', problem });
}
