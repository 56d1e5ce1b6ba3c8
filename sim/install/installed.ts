/** The VIBs of a boot bank, for an update: as its image database and its modules have them. */
import type { ByteSource } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import {
  BOOT_CFG_FILE,
  IMGDB_FILE,
  installedAsVib,
  MAX_BOOT_CFG_INT,
  parseBootCfg,
  readImgdb,
  STATE_FILE,
  splitModuleName,
  UNOWNED_TAIL,
} from '../../src/esxboot/index.ts';
import type { Vib } from '../../src/vib/index.ts';
import { type BootImage, findFile, findSource } from '../image.ts';
import type { OldBank } from '../install.ts';

/** What is on a disk. */
export interface InstalledImage {
  readonly vibs: readonly Vib[];
  /** Saved state and update serial number, for the bank that follows. */
  readonly old: OldBank;
  /** The installer's log so far. */
  readonly log: Uint8Array | undefined;
  /** Modules of boot.cfg that no VIB owns and that no host has by itself: an update leaves them behind. */
  readonly strangers: readonly string[];
}

/** Reads a boot bank. One without boot.cfg or image database, or that lacks modules of its VIBs, is an InputError. */
export function installedImage({ bootbank, installLog }: BootImage): InstalledImage {
  const file = (name: string): Uint8Array => {
    const bytes = findFile(bootbank, name);
    if (bytes === undefined) throw new InputError(`no ${name} in the boot bank`);
    return bytes;
  };
  const { mboot, safeboot } = parseBootCfg(file(BOOT_CFG_FILE));
  if (findFile(bootbank, IMGDB_FILE) === undefined) {
    throw new InputError(`no ${IMGDB_FILE} in the boot bank: nothing tells which VIBs are installed`);
  }
  const { vibs, findings, owners, others } = readImgdb(file(IMGDB_FILE));
  const [finding] = findings;
  if (finding !== undefined) throw new InputError(`${IMGDB_FILE}: ${finding.where}: ${finding.message}`);
  const state = findFile(bootbank, STATE_FILE);
  const unowned = new Map<string, ByteSource>();
  const strangers: string[] = [];
  for (const { file: path } of mboot.modules) {
    const { base } = splitModuleName(path);
    const source = findSource(bootbank, base);
    if (owners.has(base)) continue;
    if (!UNOWNED_TAIL.includes(base)) strangers.push(base);
    else if (source !== undefined) unowned.set(base, source);
  }
  return {
    vibs: vibs.map((vib) => installedAsVib(vib, bootbank)),
    log: installLog,
    strangers,
    old: {
      unowned,
      databaseOthers: others,
      keptFiles: new Map(vibs.map(({ id, files }) => [id, files])),
      updated: Math.min(safeboot.updated + 1, MAX_BOOT_CFG_INT),
      kernelOptions: mboot.kernelopt ?? '',
      ...(state === undefined ? {} : { state }),
    },
  };
}
