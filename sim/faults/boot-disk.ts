/** Changing a boot disk the way somebody with root does: files, the module list of boot.cfg, the image database. */
import { concat, fromLatin1, latin1, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { withDirectories } from '../../src/esxboot/archive-tree.ts';
import {
  bootbankName,
  bootOrder,
  bootOrderRelease,
  buildImgdb,
  IMGDB_FILE,
  type Imgdb,
  type ImgdbInput,
  namedPayload,
  type OrderedPayload,
  readImgdb,
  splitModuleName,
  UNOWNED_TAIL,
} from '../../src/esxboot/index.ts';
import { buildVib, type DescriptorInput, readVib, type Vib, vibId } from '../../src/vib/index.ts';
import { findFile } from '../image.ts';
import { installLog } from '../install/log.ts';
import type { Bypass, InstallProblem } from '../install/problems.ts';
import type { MutableImage } from './fault.ts';

/** Between the modules of boot.cfg. */
const SEPARATOR = ' --- ';

const baseOf = (item: string): string => splitModuleName(item.split(' ')[0] ?? '').base;

/** Rewrites the list of modules behind the kernel; items are paths with their options. */
export function editModules(image: MutableImage, fault: string, edit: (items: string[]) => string[]): void {
  const config = findFile(image.bootbank, 'boot.cfg');
  const lines = config === undefined ? [] : fromLatin1(config).split('\n');
  const at = lines.findIndex((line) => line.startsWith('modules='));
  if (at < 0) throw new InputError(`fault ${fault}: the boot bank has no boot.cfg with a list of modules`);
  const items = (lines[at] ?? '').slice('modules='.length).trim().split(SEPARATOR.trim());
  const changed = edit(items.map((item) => item.trim()).filter((item) => item !== ''));
  image.bootbank.set('boot.cfg', latin1(lines.with(at, `modules=${changed.join(SEPARATOR)}`).join('\n')));
}

/** The image database of the disk. */
export function readDatabase(image: MutableImage, fault: string): Imgdb {
  const bytes = findFile(image.bootbank, IMGDB_FILE);
  if (bytes === undefined) throw new InputError(`fault ${fault}: the boot bank has no ${IMGDB_FILE}`);
  return readImgdb(bytes);
}

/** Writes a database anew with these packages, as an installer does. */
export function writeDatabase(
  image: MutableImage,
  { profile, others }: Pick<Imgdb, 'profile' | 'others'>,
  packages: readonly ImgdbInput[],
): void {
  image.bootbank.set(IMGDB_FILE, buildImgdb(profile?.name ?? '', packages, others));
}

/** The packages of a database in the form it is written from. */
export const packagesOf = (database: Imgdb): ImgdbInput[] => database.vibs.map(({ files, ...vib }) => ({ vib, files }));

/** A package with one small archive that stands for foreign code; it is not signed. */
export function foreignPackage(head: Pick<DescriptorInput, 'name' | 'vendor' | 'version' | 'acceptanceLevel'>): Vib {
  const script = '#!/bin/sh\n# stands for foreign code; does nothing\nexit 0\n';
  const files = withDirectories([{ name: `usr/lib/vmware/${head.name}/bin/agent`, mode: 0o755, data: utf8(script) }]);
  const descriptor = { ...head, type: 'bootbank', summary: 'Agent', statelessReady: true };
  return readVib(buildVib({ descriptor, payloads: [{ name: head.name, type: 'vgz', files }] }));
}

/** Installs a package on the disk without asking anybody: files, database, and the place in boot.cfg an installer would choose. */
export function addPackage(image: MutableImage, fault: string, vib: Vib): void {
  const database = readDatabase(image, fault);
  const used = new Set([...image.bootbank.keys()].map((name) => name.toLowerCase()));
  const descriptors = new Map(database.vibs.map(({ id, descriptor }) => [id, descriptor]));
  const owned = new Map<string, OrderedPayload>(
    [...database.owners].map(([file, { vibId: id, vibName, payloadName }]) => {
      const descriptor = descriptors.get(id);
      const payload = namedPayload(descriptor ?? { payloads: [] }, payloadName);
      return [file, { vibId: id, vibName, overlay: descriptor?.overlay === true, payload }];
    }),
  );
  const names = new Map<string, string>();
  for (const payload of vib.payloads) {
    const named = namedPayload(vib.descriptor, payload.name);
    const file = bootbankName(named, used);
    names.set(payload.name, file);
    image.bootbank.set(file, payload.data);
    const { name: vibName, overlay } = vib.descriptor;
    const own = { vibId: vibId(vib.descriptor), vibName, overlay, payload: named };
    const release = database.vibs.find(({ descriptor }) => descriptor.name === 'esx-base')?.descriptor.version ?? '';
    editModules(image, fault, (items) => {
      const others = items.flatMap((item) => owned.get(baseOf(item)) ?? []);
      const order = bootOrder([...others, own], bootOrderRelease(release));
      const next = order[order.indexOf(own) + 1];
      const at = items.findIndex((item) => {
        const base = baseOf(item);
        return next === undefined ? UNOWNED_TAIL.includes(base) : owned.get(base) === next;
      });
      return items.toSpliced(at < 0 ? items.length : at, 0, `/${file}`);
    });
    owned.set(file, own);
  }
  writeDatabase(image, database, [...packagesOf(database), { vib, files: names }]);
}

/** Adds to the installer's log that a VIB was installed with an option. @param time milliseconds since 1970 */
export function logInstall(
  image: MutableImage,
  time: number,
  vib: string | undefined,
  option: Bypass,
  bypassed: readonly InstallProblem[] = [],
): void {
  const changes = vib === undefined ? [] : [{ vib, action: 'install' as const }];
  const lines = installLog({ bypass: [option], bypassed, skipped: [], changes, rebootRequired: true }, time);
  image.installLog = concat(image.installLog ?? new Uint8Array(0), utf8(lines));
}

/** Puts a module file on the disk and into boot.cfg, before the files at the end that belong to no VIB. */
export function addModule(image: MutableImage, fault: string, file: string, data: Uint8Array): void {
  image.bootbank.set(file, data);
  editModules(image, fault, (items) => {
    const at = items.findIndex((item) => UNOWNED_TAIL.includes(baseOf(item)));
    return items.toSpliced(at < 0 ? items.length : at, 0, `/${file}`);
  });
}

/** Names of the modules behind the kernel. */
export function moduleNames(image: MutableImage, fault: string): string[] {
  let names: string[] = [];
  editModules(image, fault, (items) => {
    names = items.map(baseOf);
    return items;
  });
  return names;
}

/** Refuses a parameter that cannot be a package or file name. */
export function checkName(fault: string, what: string, text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text;
  throw new InputError(`fault ${fault}: ${JSON.stringify(text)} is no ${what}`);
}
