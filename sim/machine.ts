/** The machine a boot runs on: what every stage may touch, and how a stage stops the boot. */
import type { Tpm2Client } from '../src/tpm2/index.ts';
import type { TpmTransport } from '../src/tpm2/transport.ts';
import type { VirtualClock } from './clock.ts';
import type { BootConsole, ConsoleSource } from './console.ts';
import type { Entropy } from './entropy.ts';
import type { BootImage } from './image.ts';
import type { Measurer } from './measure.ts';
import type { HostSpec } from './spec/schema.ts';

/** Everything one boot works with. */
export interface Machine {
  readonly spec: HostSpec;
  readonly clock: VirtualClock;
  readonly console: BootConsole;
  /** Randomness of this boot; another boot of the host has another. */
  readonly entropy: Entropy;
  /** Boot disk: system partition and boot bank. */
  readonly image: BootImage;
  /** The TPM, where the machine has one. */
  readonly tpm: MachineTpm | undefined;
}

/** The TPM as the boot stages see it. */
export interface MachineTpm {
  readonly transport: TpmTransport;
  readonly client: Tpm2Client;
  /** Firmware and OS measurements (`eventlog.bin`). */
  readonly measurer: Measurer;
}

/** Why a boot stopped. */
export interface HaltReason {
  /** Closed set of codes, for programs. */
  readonly code:
    | 'FIRMWARE_IMAGE_REFUSED'
    | 'NO_BOOTABLE_BANK'
    | 'BOOT_FILE_MISSING'
    | 'BOOT_FILE_DAMAGED'
    | 'MODULE_SIGNATURES'
    | 'MEASUREMENT_FAILED'
    | 'TXT_LAUNCH_FAILED'
    | 'CPU_PROTECTION_MISSING'
    | 'VIB_SIGNATURES'
    | 'DRIVER_SIGNATURE';
  readonly stage: ConsoleSource;
  readonly message: string;
}

/** Thrown by a stage that stops the boot; only the host catches it. Not a bug and not bad input: a thing real hosts do. */
export class BootHalt extends Error {
  readonly reason: HaltReason;

  constructor(reason: HaltReason) {
    super(reason.message);
    this.name = 'BootHalt';
    this.reason = reason;
  }
}

/** Prints the last words of a stage and stops the boot. */
export function halt(machine: Machine, stage: ConsoleSource, code: HaltReason['code'], ...lines: string[]): never {
  for (const line of lines) machine.console.print(stage, line);
  throw new BootHalt({ code, stage, message: lines[0] ?? code });
}
