/** A simulated host: a spec and a boot disk in; power it on; evidence out. Runs in Node and in a browser. */
import { fromHex } from '../src/bytes/bytes.ts';
import { InputError } from '../src/bytes/errors.ts';
import { EventLogWriter } from '../src/eventlog/index.ts';
import {
  COMMANDS,
  type Credential,
  PLATFORM_CERTIFICATE_INDEX,
  pcrSelection,
  Tpm2Client,
  TpmError,
} from '../src/tpm2/index.ts';
import type { TpmTransport } from '../src/tpm2/transport.ts';
import type { HostTpmAttestationReport } from '../src/vim/index.ts';
import { writeAssetTag } from './asset-tag.ts';
import { bootHypervisor, type RunningSystem } from './boot/chain.ts';
import type { BootModule } from './boot/modules.ts';
import { VirtualClock } from './clock.ts';
import { BootConsole, type ConsoleLine } from './console.ts';
import { Entropy } from './entropy.ts';
import { applyImageFaults, applySpecFaults } from './faults/index.ts';
import type { BootImage } from './image.ts';
import { BootHalt, type HaltReason, type Machine, type MachineTpm } from './machine.ts';
import { BANK_ALGORITHM, Measurer } from './measure.ts';
import { PCR_NUMBERS, type PcrBanks, readPcrs } from './pcrs.ts';
import { requireUntouched } from './platform/running-tpm.ts';
import { buildReport } from './report.ts';
import type { HostSpec } from './spec/schema.ts';
import { tpmConfigOf } from './spec/tpm-config.ts';
import { EmbeddedTransport, embeddedTransport } from './tpm/embedded.ts';
import type { Tpm2Engine } from './tpm/engine.ts';
import {
  activateCredential,
  type ProvisionedKeys,
  provisionKeys,
  type QuoteBytes,
  quote,
  readCertificate,
} from './tpm/identity.ts';
import type { PrimaryKeys } from './tpm/primary-keys.ts';
import { TracedTransport } from './tpm/traced.ts';
import type { Region } from './vmkernel/address-space.ts';

/** How a boot ended. */
export type BootState = 'running' | 'halted';

/** Everything one boot left behind, before it is turned into files (evidence.ts). */
export interface BootResult {
  readonly spec: HostSpec;
  readonly state: BootState;
  /** Why the boot stopped; undefined where the host runs. */
  readonly halted: HaltReason | undefined;
  readonly console: readonly ConsoleLine[];
  readonly consoleText: string;
  readonly layout: readonly Region[];
  /** Virtual time of power-on and of the end of the boot, milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly commandLine: string;
  /** Installed VIBs as the VMkernel found them. */
  readonly system: RunningSystem;
  /** The installer's log on the boot disk, if it was kept. */
  readonly installLog: Uint8Array | undefined;
  /** What the TPM tells; undefined without a TPM. */
  readonly tpm: BootTpmEvidence | undefined;
}

/** Evidence of the TPM after a boot. */
export interface BootTpmEvidence {
  readonly pcrs: PcrBanks;
  readonly eventLog: Uint8Array;
  readonly txtEventLog: Uint8Array | undefined;
  readonly report: HostTpmAttestationReport;
  readonly keys: ProvisionedKeys;
  /** DER attribute certificate from NV; undefined where the spec asks for none or the TPM has none. */
  readonly platformCertificate: Uint8Array | undefined;
  readonly nonce: Uint8Array;
  readonly quote: QuoteBytes;
}

/** Choices that are not part of the spec. */
export interface HostOptions {
  /** The TPM to use; the embedded engine where absent. */
  readonly tpm?: TpmTransport | undefined;
  /** Where the embedded TPM's primary keys are made: shared by hosts of one seed, they are made once. */
  readonly primaryKeys?: PrimaryKeys | undefined;
  /** Called with every console line as it is printed. */
  readonly onConsole?: ((line: ConsoleLine) => void) | undefined;
  /** Called with every line of the TPM's command log (docs/tpm.md). */
  readonly onTpmTrace?: ((line: string) => void) | undefined;
}

/** TPM errors and unusable input end in the same way: what was asked of the host cannot be done. */
function asInputError(error: unknown): unknown {
  return error instanceof TpmError ? new InputError(error.message, { cause: error }) : error;
}

/** What the report tells of option files besides their digest. */
async function optionFiles(modules: readonly BootModule[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const module of modules) if (module.extension === 'gz') files.set(module.name, await module.content());
  return files;
}

/** A host that can be powered on any number of times. */
export class Host {
  readonly spec: HostSpec;
  readonly entropy: Entropy;
  readonly #image: BootImage;
  readonly #clock: VirtualClock;
  readonly #options: HostOptions;
  readonly #transport: TpmTransport | undefined;
  /** The TPM engine inside this host; undefined where it has none or another TPM was plugged in. */
  readonly tpmEngine: Tpm2Engine | undefined;
  #boots = 0;
  #keys: ProvisionedKeys | undefined;

  /** @param image boot disk as installed; the spec's faults are applied to it */
  constructor(spec: HostSpec, image: BootImage, options: HostOptions = {}) {
    this.spec = applySpecFaults(spec);
    this.entropy = new Entropy(spec.seed);
    this.#image = applyImageFaults(image, spec);
    this.#clock = new VirtualClock(Date.parse(spec.time));
    this.#options = options;
    const transport = spec.hardware.tpm.present ? (options.tpm ?? this.#embeddedTpm()) : undefined;
    this.tpmEngine = transport instanceof EmbeddedTransport ? transport.engine : undefined;
    const { onTpmTrace } = options;
    this.#transport = transport && onTpmTrace ? new TracedTransport(transport, onTpmTrace) : transport;
  }

  #embeddedTpm(): TpmTransport {
    const config = tpmConfigOf(this.spec);
    const { primaryKeys } = this.#options;
    return embeddedTransport({ entropy: this.entropy.stream('tpm'), clock: this.#clock, config, primaryKeys });
  }

  /** Boots once. The result says whether the host runs; unusable input and an unreachable TPM throw an InputError. */
  async powerOn(): Promise<BootResult> {
    this.#boots++;
    const startedAt = this.#clock.now();
    const machine = this.#machine();
    try {
      if (machine.tpm?.transport.running) await requireUntouched(machine.spec, machine.tpm);
      if (this.#boots === 1) await this.#writeAssetTag();
      let halted: HaltReason | undefined;
      const system: RunningSystem = {
        commandLine: '',
        modules: [],
        vibs: [],
        owners: new Map(),
        reliable: false,
        layout: [],
        txtLog: undefined,
      };
      try {
        await bootHypervisor(machine, system);
      } catch (error) {
        if (!(error instanceof BootHalt)) throw error;
        halted = error.reason;
      }
      return {
        spec: this.spec,
        state: halted === undefined ? 'running' : 'halted',
        halted,
        console: machine.console.lines,
        consoleText: machine.console.text(),
        layout: system.layout,
        startedAt,
        endedAt: this.#clock.now(),
        commandLine: system.commandLine,
        system,
        installLog: this.#image.installLog,
        tpm: machine.tpm === undefined ? undefined : await this.#collect(machine.tpm, system),
      };
    } catch (error) {
      throw asInputError(error);
    }
  }

  #machine(): Machine {
    const transport = this.#transport;
    const { banks } = this.spec.hardware.tpm;
    const clock = this.#clock;
    let tpm: MachineTpm | undefined;
    if (transport !== undefined) {
      const client = new Tpm2Client(transport);
      const log = new EventLogWriter({ algorithms: banks, platformClass: 1 });
      tpm = { transport, client, measurer: new Measurer(client, log, banks) };
    }
    return {
      spec: this.spec,
      clock,
      console: new BootConsole(clock, this.#options.onConsole),
      entropy: this.entropy.child(`boot ${this.#boots}`),
      image: this.#image,
      tpm,
    };
  }

  /** An asset tag is written once, in an earlier power cycle, as an administrator does with esxcli. */
  async #writeAssetTag(): Promise<void> {
    const tag = this.spec.hardware.tpm.assetTag;
    const transport = this.#transport;
    if (tag === undefined || transport === undefined) return;
    await writeAssetTag(transport, tag);
  }

  /**
   * Answers a verifier's credential challenge with the keys of the last boot; undefined where the TPM refuses it.
   * A host that was not booted or has no TPM is an InputError.
   */
  async activateCredential(credential: Credential): Promise<Uint8Array | undefined> {
    const keys = this.#keys;
    if (keys === undefined || this.#transport === undefined) {
      throw new InputError('credential activation needs a booted host with a TPM');
    }
    return activateCredential(new Tpm2Client(this.#transport), keys, credential);
  }

  /** Takes the keys of the last boot out of the TPM, so that somebody else finds its room for objects free. */
  async releaseKeys(): Promise<void> {
    const keys = this.#keys;
    if (keys === undefined || this.#transport === undefined) return;
    const client = new Tpm2Client(this.#transport);
    this.#keys = undefined;
    for (const flushHandle of [keys.akHandle, keys.ekHandle]) await client.call(COMMANDS.FlushContext, { flushHandle });
  }

  async #collect(tpm: MachineTpm, system: RunningSystem): Promise<BootTpmEvidence> {
    const { banks, ekAlgorithm, akAlgorithm, platformCertificate } = this.spec.hardware.tpm;
    const pcrs = await readPcrs(tpm.client, banks);
    const eventLog = tpm.measurer.logBytes();
    const keys = await provisionKeys(tpm.client, { ekAlgorithm, akAlgorithm });
    this.#keys = keys;
    const nonce = this.spec.nonce === undefined ? this.entropy.bytes('nonce', 32) : fromHex(this.spec.nonce);
    const bank = banks.includes('sha256') ? 'sha256' : (banks[0] ?? 'sha256');
    return {
      pcrs,
      eventLog,
      txtEventLog: system.txtLog,
      report: buildReport({
        banks: this.spec.report.banks.filter((b) => banks.includes(b)),
        pcrs,
        log: eventLog,
        txtLog: system.txtLog,
        kernel: system.modules[0]?.name ?? '',
        optionFiles: await optionFiles(system.modules),
        owners: system.owners,
        reliable: system.reliable,
      }),
      keys,
      platformCertificate: platformCertificate
        ? await readCertificate(tpm.client, PLATFORM_CERTIFICATE_INDEX)
        : undefined,
      nonce,
      quote: await quote(tpm.client, keys.akHandle, nonce, [pcrSelection(BANK_ALGORITHM[bank], PCR_NUMBERS)]),
    };
  }
}
