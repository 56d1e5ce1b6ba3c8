/** User worlds: management applications started at random addresses; with execInstalledOnly only files of installed VIBs. */
import { InputError } from '../../src/bytes/errors.ts';
import { ET, isElf, parseElf } from '../../src/esxboot/index.ts';
import type { Machine } from '../machine.ts';
import type { ModuleOwner } from '../report.ts';
import { type AddressSpace, WINDOWS } from './address-space.ts';
import { imageSegments } from './elf-segments.ts';
import { eachTardiskFile, type Tardisk } from './tardisks.ts';

const STACK = 1 << 20;
const HEAP = 4 << 20;

/** Position-independent executables in these folders are started at boot; libraries elsewhere are not. */
const EXECUTABLE = /^(usr\/lib\/vmware\/.*\/bin\/|usr\/lib\/vmware\/bin\/|bin\/|sbin\/|usr\/bin\/|usr\/sbin\/)/;

/** What starting an application needs to know. */
export interface UserWorldContext {
  readonly tardisks: readonly Tardisk[];
  readonly execInstalledOnly: boolean;
  /** Owner of each module file. */
  readonly owners: ReadonlyMap<string, ModuleOwner>;
}

/** Starts every application of the mounted archives. */
export async function startUserWorlds(machine: Machine, space: AddressSpace, context: UserWorldContext): Promise<void> {
  for (const tardisk of context.tardisks) {
    const file = tardisk.module.name;
    const refused = context.execInstalledOnly && !context.owners.has(file);
    await eachTardiskFile(
      tardisk,
      (path) => EXECUTABLE.test(path),
      (path, data) => {
        if (!isElf(data)) return;
        const name = path.slice(path.lastIndexOf('/') + 1);
        if (!refused) return startWorld(machine, space, name, data);
        const why = `execInstalledOnly: ${file} belongs to no VIB`;
        machine.console.print('vmkernel', `User world ${name}: not started (${why})`);
      },
    );
  }
}

function startWorld(machine: Machine, space: AddressSpace, name: string, data: Uint8Array): void {
  try {
    const elf = parseElf(data);
    if (elf.type !== ET.DYN) return;
    space.place(name, WINDOWS.userImage, imageSegments(elf));
    space.place(name, WINDOWS.userLibrary, [{ name: 'heap', size: HEAP, permissions: 'rw-' }]);
    space.place(name, WINDOWS.userStack, [{ name: 'stack', size: STACK, permissions: 'rw-' }]);
    machine.clock.advance(60);
    machine.console.print('vmkernel', `Started user world ${name}`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('vmkernel', `User world ${name}: not started (${error.message})`);
  }
}
