/** Native drivers: ELF modules in mounted archives, loaded only with a good signature where Secure Boot is on. */
import { InputError } from '../../src/bytes/errors.ts';
import { isElf, type ModuleKey, parseElf, verifyModule } from '../../src/esxboot/index.ts';
import type { Machine } from '../machine.ts';
import type { AddressSpace } from './address-space.ts';
import { moduleSegments } from './elf-segments.ts';
import { eachTardiskFile, type Tardisk } from './tardisks.ts';

/** Folder of loadable kernel modules. */
const DRIVER_FOLDER = 'usr/lib/vmware/vmkmod/';

/** What the loader needs to know. */
export interface DriverContext {
  readonly tardisks: readonly Tardisk[];
  /** Keys that may sign modules, from the kernel image. */
  readonly keys: readonly ModuleKey[];
  readonly secureBoot: boolean;
}

/** Loads every driver of every archive, in mounting order, and places it above the kernel. */
export async function loadDrivers(machine: Machine, space: AddressSpace, context: DriverContext): Promise<void> {
  for (const tardisk of context.tardisks) {
    await eachTardiskFile(
      tardisk,
      (path) => path.startsWith(DRIVER_FOLDER),
      (path, data) => {
        if (isElf(data)) loadDriver(machine, space, context, path.slice(DRIVER_FOLDER.length), data);
      },
    );
  }
}

function loadDriver(
  machine: Machine,
  space: AddressSpace,
  context: DriverContext,
  name: string,
  data: Uint8Array,
): void {
  const { console, clock } = machine;
  const signature = verifyModule(data, context.keys);
  if (!signature.ok) {
    console.print('vmkernel', `Module ${name}: signature check failed: ${signature.detail}`);
    // A signature that does not match is never accepted; a missing one only where nothing enforces signatures.
    if (context.secureBoot || signature.code !== 'unsigned') {
      console.print('vmkernel', `Module ${name}: not loaded (Invalid signature)`);
      return;
    }
    console.print('vmkernel', `Module ${name}: loaded without a signature, the kernel is tainted`);
  }
  try {
    space.placeModule(name, moduleSegments(parseElf(data)));
    clock.advance(15);
    console.print('vmkernel', `Loaded module ${name}`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.print('vmkernel', `Module ${name}: not loaded (${error.message})`);
  }
}
