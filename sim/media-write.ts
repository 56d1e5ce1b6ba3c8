/** Boot disks as installer discs: the counterpart of `media.ts`. */
import { bytesSource } from '../src/archive/index.ts';
import { InputError } from '../src/bytes/errors.ts';
import {
  BOOT_CFG_FILE,
  BOOT_STATE,
  parseBootCfg,
  resolveModulePath,
  STATE_FILE,
  writeBootCfg,
} from '../src/esxboot/index.ts';
import { type IsoInput, isoParts, writeFat } from '../src/iso/index.ts';
import { gzip } from '../src/vib/gzip.ts';
import { type BootImage, findFile, findName, findSource } from './image.ts';
import { EFI_CONFIG } from './media.ts';

/** `installer`: media from which a host is installed; `bootbank`: the boot bank as it is, which boots from the disc. */
export const DISC_KINDS = ['installer', 'bootbank'] as const;
/** Kind of a disc. */
export type DiscKind = (typeof DISC_KINDS)[number];

const EFI_IMAGE = 'EFIBOOT.IMG';
/** The loader that firmware starts; it must be in the EFI boot image. */
const FIRST_LOADER = 'EFI/BOOT/BOOTX64.EFI';
/** The archive that only installation media carry: what a setup unpacks first. Ours holds no file. */
const MEDIA_ONLY = 'imgpayld.tgz';
/** A tar archive's end: two blocks of zeros (POSIX, ustar). */
const EMPTY_TAR = new Uint8Array(1024);
/** Kernel options of installation media: start the installer, from a disc. */
const INSTALLER_OPTIONS = 'runweasel cdromBoot';

/** boot.cfg of installation media: the modules of the bank without saved state, and the archive that only media carry. */
function mediaConfig(image: BootImage): { readonly bytes: Uint8Array; readonly modules: readonly string[] } {
  const config = findFile(image.bootbank, BOOT_CFG_FILE);
  if (config === undefined) throw new InputError('no boot.cfg: not a boot bank');
  const { mboot, safeboot } = parseBootCfg(config);
  if (mboot.kernel === undefined) throw new InputError('boot.cfg names no kernel');
  const base = (file: string): string => resolveModulePath(file, mboot.prefix).replace(/^.*\//, '');
  const kept = mboot.modules.filter(({ file }) => base(file).toLowerCase() !== STATE_FILE);
  const modules = [...kept, { file: MEDIA_ONLY, options: '' }].map(({ file, options }) => ({
    file: `/${base(file)}`,
    options,
  }));
  const bytes = writeBootCfg({
    bootstate: BOOT_STATE.VALID,
    title: 'Loading ESXi installer',
    timeout: 5,
    prefix: '',
    kernel: `/${base(mboot.kernel)}`,
    kernelopt: INSTALLER_OPTIONS,
    modules,
    build: safeboot.build,
    updated: 0,
  });
  return { bytes, modules: [mboot.kernel, ...kept.map(({ file }) => file)].map(base) };
}

function files(all: ReadonlyMap<string, Uint8Array>, names: Iterable<string>): IsoInput[] {
  return [...names].flatMap((path) => {
    const data = findSource(all, path);
    return data === undefined ? [] : [{ path, data }];
  });
}

function bankFiles(image: BootImage, kind: DiscKind): IsoInput[] {
  if (kind === 'bootbank') return files(image.bootbank, image.bootbank.keys());
  const { bytes, modules } = mediaConfig(image);
  const present = modules.flatMap((name) => findName(image.bootbank, name) ?? []);
  return [
    { path: BOOT_CFG_FILE, data: bytesSource(bytes) },
    { path: EFI_CONFIG, data: bytesSource(bytes) },
    ...files(image.bootbank, present),
    { path: MEDIA_ONLY, data: bytesSource(gzip(EMPTY_TAR)) },
  ];
}

/**
 * The disc of a boot disk, piece by piece. A disk without boot.cfg or without the loader that firmware starts, and file names
 * that ISO 9660 cannot have, are an InputError.
 */
export function discParts(image: BootImage, kind: DiscKind, label: string): Generator<Uint8Array> {
  const loader = findFile(image.esp, FIRST_LOADER);
  if (loader === undefined) throw new InputError(`the image has no ${FIRST_LOADER} to boot from`);
  const fat = writeFat([[FIRST_LOADER, loader]]);
  const esp = files(
    image.esp,
    [...image.esp.keys()].filter((path) => kind === 'bootbank' || path.toUpperCase() !== EFI_CONFIG),
  );
  const boot = { path: EFI_IMAGE, data: bytesSource(fat) };
  return isoParts({ label, efiBootImage: EFI_IMAGE, files: [...bankFiles(image, kind), ...esp, boot] });
}
