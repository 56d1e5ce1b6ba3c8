/** The boot chain of a host, stage after stage (design §1). */
import type { ImgdbVib } from '../../src/esxboot/index.ts';
import type { Machine } from '../machine.ts';
import { halt } from '../machine.ts';
import { Firmware } from '../platform/firmware.ts';
import type { ModuleOwner } from '../report.ts';
import type { Region } from '../vmkernel/address-space.ts';
import { startVmkernel } from '../vmkernel/start.ts';
import { runMboot } from './mboot.ts';
import type { BootModule } from './modules.ts';
import { runSafeboot } from './safeboot.ts';
import { launchTxt } from './txt-launch.ts';

/** What the stages have found out; filled as the boot goes on, so that a halted boot leaves what there was. */
export interface RunningSystem {
  commandLine: string;
  modules: readonly BootModule[];
  vibs: readonly ImgdbVib[];
  /** Owner of a module by its file name. */
  owners: ReadonlyMap<string, ModuleOwner>;
  /** Whether the record of measured modules is complete (tpmLogReliable). */
  reliable: boolean;
  layout: readonly Region[];
  /** TXT event log, where a launch took place. */
  txtLog: Uint8Array | undefined;
}

/** Boots from firmware to the running hypervisor. Throws BootHalt where a stage stops. */
export async function bootHypervisor(machine: Machine, system: RunningSystem): Promise<void> {
  const firmware = new Firmware(machine);
  await firmware.start();
  const application = await firmware.loadImage('EFI/BOOT/BOOTX64.EFI', 'application');
  if (application.kind === 'refused') {
    halt(machine, 'firmware', 'FIRMWARE_IMAGE_REFUSED', `Unable to boot "VMware ESXi": ${application.why}`);
  }
  const start = await runSafeboot(machine, firmware);
  const handover = await runMboot(machine, firmware, start);
  system.commandLine = handover.commandLine;
  system.modules = handover.modules;
  await firmware.exitBootServices();
  if (machine.spec.hardware.txt.enabled) {
    system.txtLog = (await launchTxt(machine, handover.modules)).logBytes();
  }
  await startVmkernel(machine, system, handover);
}
