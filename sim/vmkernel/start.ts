/**
 * The VMkernel from its first instruction to the running host: CPU protections, measurements after a TXT launch, image
 * database and VIB signatures, memory layout, drivers, user worlds, and the last measurements.
 */

import { InputError } from '../../src/bytes/errors.ts';
import { findSection, KEY_TABLE_SECTION, type ModuleKey, parseElf, parseKeyTable } from '../../src/esxboot/index.ts';
import type { RunningSystem } from '../boot/chain.ts';
import type { MbootResult } from '../boot/mboot.ts';
import { MBOOT_PCR } from '../boot/mboot-measure.ts';
import { halt, type Machine } from '../machine.ts';
import { AddressSpace, WINDOWS } from './address-space.ts';
import { loadDrivers } from './drivers.ts';
import { imageSegments } from './elf-segments.ts';
import { checkInstalledVibs } from './installed-vibs.ts';
import { kernelImage, NO_KERNEL } from './kernel-image.ts';
import { measureAfterLaunch, measureBootComplete, measureSecurityOptions, TXT_PCR } from './measure.ts';
import { mountTardisks } from './tardisks.ts';
import { startUserWorlds } from './user-worlds.ts';

/** Heaps and stacks of the kernel itself. */
const KERNEL_HEAP = 64 << 20;
const KERNEL_STACK = 64 << 10;

/** Starts the VMkernel. Throws BootHalt where it refuses to go on. */
export async function startVmkernel(machine: Machine, system: RunningSystem, boot: MbootResult): Promise<void> {
  const { console, spec, clock } = machine;
  const { product, version, build } = spec.release;
  console.print('vmkernel', `${product} ${version} [Releasebuild-${build} x86_64]`);
  console.print('vmkernel', `Command line: ${boot.commandLine}`);
  checkCpu(machine);

  const txt = spec.hardware.txt.enabled;
  const measurer = boot.measured || txt ? machine.tpm?.measurer : undefined;
  if (txt && measurer !== undefined) {
    measurer.locality = 2;
    await measureAfterLaunch(measurer, boot.commandLine, boot.modules);
    console.print('vmkernel', 'TPM: hypervisor modules measured at locality 2');
  }

  const tardisks = await mountTardisks(machine, boot.modules);
  await checkInstalledVibs(machine, system, { modules: boot.modules, tardisks, secureBoot: boot.secureBoot });
  const execInstalledOnly = bootOption(boot.commandLine, 'execInstalledOnly') ?? spec.boot.execInstalledOnly;

  const space = new AddressSpace(spec.vmkernel.randomizeLayout ? machine.entropy.stream('address space') : undefined);
  const keys = await startKernelImage(machine, space, boot);
  await loadDrivers(machine, space, { tardisks, keys, secureBoot: boot.secureBoot });
  await startUserWorlds(machine, space, { tardisks, execInstalledOnly, owners: system.owners });
  system.layout = space.regions;

  if (measurer !== undefined) {
    const pcr = txt ? TXT_PCR.configuration : MBOOT_PCR.configuration;
    await measureSecurityOptions(measurer, pcr, { execInstalledOnly, uefiSecureBootEnabled: boot.secureBoot });
    // The API knows this event since 8.0.1; design A hosts end with the security options.
    if (!txt) await measureBootComplete(measurer, pcr);
  }
  clock.advance(12_000);
  console.print('vmkernel', 'Boot Successful');
  console.print(
    'vmkernel',
    `${spec.identity.name}: the management interface is up; acceptance level ${spec.acceptanceLevel}`,
  );
}

/** Value of a boolean boot option on the command line; the last one counts. */
function bootOption(commandLine: string, name: string): boolean | undefined {
  const values = commandLine.split(' ').filter((word) => word.startsWith(`${name}=`));
  const value = values
    .at(-1)
    ?.slice(name.length + 1)
    .toUpperCase();
  return value === 'TRUE' || value === '1' ? true : value === 'FALSE' || value === '0' ? false : undefined;
}

/** Memory hardening needs the CPU's help; without it the kernel does not start. */
function checkCpu(machine: Machine): void {
  const { features } = machine.spec.hardware.cpu;
  if (!features.includes('nx')) {
    halt(
      machine,
      'psod',
      'CPU_PROTECTION_MISSING',
      'The system has found a problem on your machine and cannot continue.',
      'CPU does not support NX/XD page protection.',
    );
  }
  const list = features.map((f) => f.toUpperCase()).join(' ');
  machine.console.print('vmkernel', `CPU: ${machine.spec.hardware.cpu.model}; features in use: ${list}`);
}

/** Places the kernel image and its memory, and takes the keys for modules out of it. */
async function startKernelImage(
  machine: Machine,
  space: AddressSpace,
  boot: MbootResult,
): Promise<readonly ModuleKey[]> {
  const kernel = kernelImage(boot.modules);
  if (kernel === undefined) return halt(machine, 'vmkernel', 'BOOT_FILE_DAMAGED', NO_KERNEL);
  try {
    const elf = parseElf(await kernel.content());
    const base = space.placeKernel(imageSegments(elf));
    space.place('vmkernel', WINDOWS.heap, [{ name: 'heap', size: KERNEL_HEAP, permissions: 'rw-' }]);
    for (let cpu = 0; cpu < 4; cpu++) {
      space.place(`pcpu${cpu}`, WINDOWS.stack, [{ name: 'stack', size: KERNEL_STACK, permissions: 'rw-' }]);
    }
    machine.console.print('vmkernel', `Code start: 0x${base.toString(16)}`);
    const section = findSection(elf, KEY_TABLE_SECTION);
    return section === undefined ? [] : parseKeyTable(section.data);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return halt(machine, 'vmkernel', 'BOOT_FILE_DAMAGED', `The VMkernel image (k) is damaged: ${error.message}`);
  }
}
