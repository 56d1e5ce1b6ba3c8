/**
 * UEFI firmware of the simulated machine: starts the TPM, measures itself and its configuration into PCR 0–7, checks and
 * measures the images it loads (facts §7; order as in real logs).
 */
import { concat, toHex, utf8, utf16le } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { EV, encodeFirmwareBlob, encodeImageLoad, encodeVariable } from '../../src/eventlog/index.ts';
import { COMMANDS, TPM_SU } from '../../src/tpm2/index.ts';
import {
  type Gpt,
  gptEvent,
  guidText,
  IMAGE_SECURITY_GUID,
  type PeImage,
  parsePe,
  parseSignatureDatabase,
  peImageHash,
  type SignatureEntry,
  verifyImage,
  writePe,
} from '../../src/uefi/index.ts';
import { Entropy } from '../entropy.ts';
import { findFile } from '../image.ts';
import type { Machine } from '../machine.ts';
import type { Measurer } from '../measure.ts';
import { bootDisk, filePath, optionRomPath } from './disk.ts';
import { type UefiVariable, type UefiVariables, uefiVariables } from './variables.ts';

/** An image load: the bytes, or why the firmware would not. */
export type ImageLoad =
  | { readonly kind: 'loaded'; readonly image: Uint8Array }
  | { readonly kind: 'refused'; readonly why: string };

/** How an image runs: decides the PCR that it is measured into (PFP 2.3.4). */
export type ImageKind = 'application' | 'driver';

const IMAGE_EVENT = {
  application: { pcr: 4, type: EV.EFI_BOOT_SERVICES_APPLICATION },
  driver: { pcr: 2, type: EV.EFI_BOOT_SERVICES_DRIVER },
} as const;

/** Size of the simulated firmware volume, its address below 4 GiB, and where images are loaded. */
const VOLUME_SIZE = 256 * 1024;
const VOLUME_BASE = 0x1_0000_0000n - BigInt(VOLUME_SIZE);
const IMAGE_BASE = 0x7000_0000n;

/** Texts of EV_EFI_ACTION events (PFP 10.4.4), measured without a terminator. */
const ACTION = {
  boot: 'Calling EFI Application from Boot Option',
  exitInvoked: 'Exit Boot Services Invocation',
  exitDone: 'Exit Boot Services Returned with Success',
} as const;

const SEPARATOR = new Uint8Array(4);

/** The firmware of one machine during one boot. */
export class Firmware {
  readonly #machine: Machine;
  readonly #disk: Gpt;
  readonly #variables: UefiVariables;
  readonly #db: readonly SignatureEntry[];
  readonly #dbx: readonly SignatureEntry[];
  readonly #measuredAuthorities = new Set<string>();
  #imageBase = IMAGE_BASE;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#disk = bootDisk(machine.spec);
    this.#variables = uefiVariables(machine.spec, this.#disk);
    this.#db = parseSignatureDatabase(this.#variables.db);
    this.#dbx = parseSignatureDatabase(this.#variables.dbx);
  }

  /** Whether Secure Boot is in force. */
  get secureBoot(): boolean {
    return this.#variables.secureBoot;
  }

  get #measurer(): Measurer | undefined {
    return this.#machine.tpm?.measurer;
  }

  async #measure(
    pcr: number,
    type: number,
    event: Uint8Array,
    measured: Uint8Array | ((bank: HashName) => Uint8Array) = event,
  ) {
    await this.#measurer?.measure({ pcr, type, event, measured });
  }

  #action(pcr: number, text: string): Promise<void> {
    return this.#measure(pcr, EV.EFI_ACTION, utf8(text));
  }

  /** Power-on to the moment before the first boot application. */
  async start(): Promise<void> {
    const { spec, console, clock, tpm } = this.#machine;
    const { bios, model } = spec.identity;
    console.print('firmware', `${bios.vendor} BIOS ${bios.version} (${bios.releaseDate}) on ${model}`);
    if (tpm !== undefined) await this.#startTpm();
    clock.advance(6200);
    await this.#measureCode();
    for (const variable of this.#variables.policy)
      await this.#measureVariable(7, EV.EFI_VARIABLE_DRIVER_CONFIG, variable);
    await this.#measure(7, EV.SEPARATOR, SEPARATOR);
    await this.#measureConfiguration();
    await this.#action(4, ACTION.boot);
    for (let pcr = 0; pcr < 7; pcr++) await this.#measure(pcr, EV.SEPARATOR, SEPARATOR);
    await this.#measure(5, EV.EFI_GPT_EVENT, gptEvent(this.#disk));
    console.print('firmware', `Secure Boot is ${this.secureBoot ? 'on' : 'off'}; booting from "VMware ESXi"`);
  }

  async #startTpm(): Promise<void> {
    const { tpm, spec, console } = this.#machine;
    if (tpm === undefined) return;
    const locality = spec.hardware.firmware.startupLocality;
    if (!tpm.transport.running) {
      await tpm.transport.powerOn();
      await tpm.client.call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR }, { locality });
    }
    if (locality !== 0) tpm.measurer.recordStartupLocality(locality);
    console.print('firmware', `TPM 2.0 started; banks ${tpm.measurer.banks.join(', ')}`);
  }

  /** PCR 0: version and firmware volume; PCR 2: drivers of add-in cards. */
  async #measureCode(): Promise<void> {
    const { bios } = this.#machine.spec.identity;
    await this.#measure(0, EV.S_CRTM_VERSION, concat(utf16le(`${bios.vendor} ${bios.version}`), new Uint8Array(2)));
    const volume = new Entropy(`firmware ${bios.vendor} ${bios.version}`).bytes('volume', VOLUME_SIZE);
    const blob = encodeFirmwareBlob({ base: VOLUME_BASE, length: BigInt(VOLUME_SIZE) });
    await this.#measure(0, EV.EFI_PLATFORM_FIRMWARE_BLOB, blob, volume);
    for (const [slot, name] of this.#machine.spec.hardware.firmware.optionRoms.entries()) {
      const code = new Entropy(`option rom ${name}`).bytes('code', 16 * 1024);
      const image = writePe({
        subsystem: 'bootServiceDriver',
        sections: [{ name: '.text', data: code, kind: 'code' }],
      });
      await this.#measureImage('driver', parsePe(image), optionRomPath(slot));
    }
  }

  /** PCR 1: settings that a person can change, and the boot order. */
  async #measureConfiguration(): Promise<void> {
    const { tpm, txt } = this.#machine.spec.hardware;
    const settings = `TPM=${tpm.present ? 'on' : 'off'};TXT=${txt.enabled ? 'on' : 'off'};SecureBoot=${this.secureBoot ? 'on' : 'off'}`;
    await this.#measure(1, EV.PLATFORM_CONFIG_FLAGS, utf8(settings));
    // Of the two ways in the field, the digest of the variable's data alone (facts §7, row 8).
    for (const variable of this.#variables.boot) {
      await this.#measure(1, EV.EFI_VARIABLE_BOOT, encodeVariable(variable), variable.data);
    }
  }

  #measureVariable(pcr: number, type: number, variable: UefiVariable): Promise<void> {
    return this.#measure(pcr, type, encodeVariable(variable));
  }

  #measureImage(kind: ImageKind, image: PeImage, devicePath: Uint8Array): Promise<void> {
    const { pcr, type } = IMAGE_EVENT[kind];
    const length = BigInt(image.sizeOfImage);
    const location = this.#imageBase;
    this.#imageBase += (length + 0xffffn) & ~0xffffn;
    const event = encodeImageLoad({ location, length, linkTimeAddress: image.imageBase, devicePath });
    return this.#measure(pcr, type, event, (bank) => peImageHash(image, bank));
  }

  /**
   * LoadImage: checks the image against db and dbx where Secure Boot is on, measures the authority once, then the image.
   * Nothing is measured of an image that is refused.
   */
  async loadImage(path: string, kind: ImageKind): Promise<ImageLoad> {
    const { image: disk, console, clock } = this.#machine;
    const bytes = findFile(disk.esp, path);
    if (bytes === undefined) return { kind: 'refused', why: 'Not found' };
    const image = this.#parseImage(path, bytes);
    if (image === undefined) return { kind: 'refused', why: 'Load error' };
    if (this.secureBoot) {
      const verdict = verifyImage(image, this.#db, this.#dbx);
      if (!verdict.ok) {
        console.print('firmware', `${path}: refused by the Secure Boot policy: ${verdict.message}`);
        return { kind: 'refused', why: 'Security violation' };
      }
      await this.#measureAuthority(verdict.authority);
    }
    await this.#measureImage(kind, image, filePath(this.#disk, path));
    clock.advance(40);
    return { kind: 'loaded', image: bytes };
  }

  #parseImage(path: string, bytes: Uint8Array): PeImage | undefined {
    try {
      return parsePe(bytes);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#machine.console.print('firmware', `${path}: ${error.message}`);
      return undefined;
    }
  }

  /** The db entry that allowed an image: an event for the variable db whose data is that one entry, once (facts §7, row 11). */
  async #measureAuthority({ raw }: SignatureEntry): Promise<void> {
    const key = toHex(raw);
    if (this.#measuredAuthorities.has(key)) return;
    this.#measuredAuthorities.add(key);
    await this.#measureVariable(7, EV.EFI_VARIABLE_AUTHORITY, {
      guid: guidText(IMAGE_SECURITY_GUID),
      name: 'db',
      data: raw,
    });
  }

  /** ExitBootServices: the last firmware measurements. */
  async exitBootServices(): Promise<void> {
    await this.#action(5, ACTION.exitInvoked);
    await this.#action(5, ACTION.exitDone);
  }
}
