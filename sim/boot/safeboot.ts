/** safeboot: chooses the boot bank by its boot.cfg and starts mboot with the bank's UUID (facts §2.1, §2.2). */
import { InputError } from '../../src/bytes/errors.ts';
import { parseBootCfg, type SafebootConfig, unbootable } from '../../src/esxboot/index.ts';
import { findFile } from '../image.ts';
import { halt, type Machine } from '../machine.ts';
import type { Firmware } from '../platform/firmware.ts';

/** Path of the loader that safeboot starts, on the system partition: fixed in safeboot. */
export const MBOOT = 'EFI/VMware/mboot64.efi';

/** What safeboot starts. */
export interface SafebootResult {
  /** Image of mboot as loaded. */
  readonly mboot: Uint8Array;
  /** Words it passes on as kernel options. */
  readonly arguments: readonly string[];
}

/** Runs safeboot. The machine has one boot bank. */
export async function runSafeboot(machine: Machine, firmware: Firmware): Promise<SafebootResult> {
  const bank = readBank(machine);
  machine.console.print('safeboot', `Boot bank: build ${bank.build}, updated ${bank.updated}, state ${bank.bootstate}`);
  const loaded = await firmware.loadImage(MBOOT, 'application');
  if (loaded.kind === 'refused') {
    machine.console.print('safeboot', `Failed to load ${MBOOT}: ${loaded.why}`);
    halt(machine, 'safeboot', 'FIRMWARE_IMAGE_REFUSED', 'Fatal error: 27 (Security violation)');
  }
  return { mboot: loaded.image, arguments: [`bootUUID=${machine.spec.boot.bootUuid}`] };
}

function readBank(machine: Machine): SafebootConfig {
  const bytes = findFile(machine.image.bootbank, '/boot.cfg');
  if (bytes === undefined) halt(machine, 'safeboot', 'NO_BOOTABLE_BANK', 'No hypervisor found.');
  try {
    const { safeboot } = parseBootCfg(bytes);
    if (unbootable(safeboot) === undefined) return safeboot;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('safeboot', error.message);
  }
  return halt(machine, 'safeboot', 'NO_BOOTABLE_BANK', 'No hypervisor found.');
}
