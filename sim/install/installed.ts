/** The VIBs of a boot bank, for an update: as its image database and its modules have them. */
import { type ByteSource, bytesSource, joinedSource } from '../../src/archive/index.ts';
import { latin1 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import {
  BOOT_CFG_FILE,
  IMGDB_FILE,
  type ImgdbVib,
  parseBootCfg,
  readImgdb,
  STATE_FILE,
} from '../../src/esxboot/index.ts';
import { AR_HEADER_END, AR_MAGIC } from '../../src/vib/ar-scan.ts';
import { DESCRIPTOR_MEMBER, SIGNATURE_MEMBER, type Vib, writeAr } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { type BootImage, findFile, findSource } from '../image.ts';
import type { OldBank } from '../install.ts';

/** What is on a disk. */
export interface InstalledImage {
  readonly vibs: readonly Vib[];
  /** Saved state and update serial number, for the bank that follows. */
  readonly old: OldBank;
}

/** Digits of a size in the header of an archive member: the last field. */
const SIZE_WIDTH = 10;

/** A member of an archive whose data stay where they are. */
function memberOf(name: string, data: ByteSource): ByteSource[] {
  const empty = writeAr([{ name, data: new Uint8Array(0) }]).subarray(AR_MAGIC.length);
  const head = empty.slice();
  head.set(latin1(String(data.size).padEnd(SIZE_WIDTH)), head.length - AR_HEADER_END.length - SIZE_WIDTH);
  return [bytesSource(head), data, bytesSource(latin1(data.size % 2 === 1 ? '\n' : ''))];
}

/** `installedAsVib` for banks of any size: payloads stay in the bank until they are read. */
function vibInBank({ descriptor, descriptorBytes, signature, files }: ImgdbVib, bank: BootImage['bootbank']): Vib {
  const members = [
    bytesSource(latin1(AR_MAGIC)),
    ...memberOf(DESCRIPTOR_MEMBER, bytesSource(descriptorBytes)),
    ...memberOf(SIGNATURE_MEMBER, bytesSource(signature ?? new Uint8Array(0))),
  ];
  for (const { name } of descriptor.payloads) {
    const data = findSource(bank, files.get(name) ?? '');
    if (data !== undefined) members.push(...memberOf(name, data));
  }
  return vibFromSource(joinedSource(members));
}

/** Reads a boot bank. One without boot.cfg or image database, or that lacks modules of its VIBs, is an InputError. */
export function installedImage({ bootbank }: BootImage): InstalledImage {
  const file = (name: string): Uint8Array => {
    const bytes = findFile(bootbank, name);
    if (bytes === undefined) throw new InputError(`no ${name} in the boot bank`);
    return bytes;
  };
  const { safeboot } = parseBootCfg(file(BOOT_CFG_FILE));
  const { vibs, findings } = readImgdb(file(IMGDB_FILE));
  const [finding] = findings;
  if (finding !== undefined) throw new InputError(`${IMGDB_FILE}: ${finding.where}: ${finding.message}`);
  const state = findFile(bootbank, STATE_FILE);
  return {
    vibs: vibs.map((vib) => vibInBank(vib, bootbank)),
    old: { updated: safeboot.updated + 1, ...(state === undefined ? {} : { state }) },
  };
}
