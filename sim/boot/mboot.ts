/**
 * mboot: reads boot.cfg, unpacks the modules, measures them where the kernel asks for it, checks the early modules'
 * signatures, measures command line and asset tag, and hands over (facts §3). Its trusted keys are in its own image.
 */
import { InputError } from '../../src/bytes/errors.ts';
import {
  asksForMeasurement,
  assembleKernelOptions,
  commandLine,
  findEsxBootInfo,
  isElf,
  lowestSegment,
  type ModuleItem,
  parseBootCfg,
  parseElf,
  resolveModulePath,
} from '../../src/esxboot/index.ts';
import { NV_INDEX_ASSET_TAG } from '../asset-tag.ts';
import { findFile, findName, findSource } from '../image.ts';
import { halt, type Machine } from '../machine.ts';
import type { Measurer } from '../measure.ts';
import type { Firmware } from '../platform/firmware.ts';
import { readNv } from '../tpm/identity.ts';
import { measureEsxi } from './esxi-measurer.ts';
import { duplicateModules, MBOOT_PCR, measureModule } from './mboot-measure.ts';
import { checkModuleSignatures } from './mboot-signatures.ts';
import { type BootModule, ModuleReader } from './modules.ts';
import type { SafebootResult } from './safeboot.ts';

/** What mboot hands to the kernel. */
export interface MbootResult {
  readonly modules: readonly BootModule[];
  readonly commandLine: string;
  /** Whether mboot measured (the kernel's header asked for it and a usable TPM was there). */
  readonly measured: boolean;
  readonly secureBoot: boolean;
}

/** Where the crypto driver is looked for, in order (prefix `/`). */
const CRYPTO_PATHS = ['EFI/VMware/crypto64.efi', 'crypto64.efi', 'efi/boot/crypto64.efi'];

/** Milliseconds to read and unpack a module: a fixed part and its size at 200 MB/s. */
const loadTime = (bytes: number): number => 4 + Math.round(bytes / 200_000);

/** Runs mboot, as safeboot started it. */
export async function runMboot(machine: Machine, firmware: Firmware, start: SafebootResult): Promise<MbootResult> {
  const { console } = machine;
  const measurer = usableMeasurer(machine);
  const config = readConfig(machine);
  const options = assembleKernelOptions({ kernelopt: config.kernelopt, loaderArguments: start.arguments });

  const secureBoot = firmware.secureBoot;
  console.print('mboot', secureBoot ? 'UEFI Secure Boot in progress' : 'UEFI Secure Boot is not enabled');
  await loadCryptoDriver(machine, firmware);

  const { modules, measured } = await loadModules(machine, config.items, measurer);
  const signing = { mboot: start.mboot, secureBoot, measurer: measured ? measurer : undefined };
  await checkModuleSignatures(machine, signing, modules);

  const line = kernelCommandLine(machine, modules[0]?.path ?? '', options);
  if (measured && measurer !== undefined) await measureConfiguration(machine, measurer, line);
  console.print('mboot', `Relocating modules and starting up the kernel... (${modules.length} modules)`);
  return { modules, commandLine: line, measured, secureBoot };
}

function kernelCommandLine(machine: Machine, kernel: string, options: string): string {
  try {
    return commandLine(kernel, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return halt(
      machine,
      'mboot',
      'BOOT_FILE_DAMAGED',
      `Fatal error: 6 (Buffer too small): /boot.cfg: ${error.message}`,
    );
  }
}

/** mboot uses the TPM only with a SHA-256 bank; otherwise it goes on silently (facts §3, step 2). */
function usableMeasurer(machine: Machine): Measurer | undefined {
  const measurer = machine.tpm?.measurer;
  return measurer?.banks.includes('sha256') ? measurer : undefined;
}

interface Configuration {
  readonly kernelopt: string;
  readonly items: readonly ModuleItem[];
}

function readConfig(machine: Machine): Configuration {
  const bytes = findFile(machine.image.bootbank, '/boot.cfg');
  if (bytes === undefined) halt(machine, 'mboot', 'BOOT_FILE_MISSING', 'Fatal error: 15 (Not found): /boot.cfg');
  try {
    const { mboot } = parseBootCfg(bytes);
    if (mboot.kernel === undefined)
      halt(machine, 'mboot', 'BOOT_FILE_DAMAGED', 'Fatal error: 32 (Syntax): no kernel in /boot.cfg');
    const items = [{ file: mboot.kernel, options: '' }, ...mboot.modules].map((item) => ({
      ...item,
      file: resolveModulePath(item.file, mboot.prefix),
    }));
    return { kernelopt: mboot.kernelopt ?? '', items };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return halt(machine, 'mboot', 'BOOT_FILE_DAMAGED', `Fatal error: 32 (Syntax): ${error.message}`);
  }
}

async function loadCryptoDriver(machine: Machine, firmware: Firmware): Promise<void> {
  const path = CRYPTO_PATHS.find((candidate) => findFile(machine.image.esp, candidate) !== undefined);
  if (path === undefined) {
    machine.console.print('mboot', 'crypto64.efi not found; using the built-in crypto module');
    return;
  }
  const loaded = await firmware.loadImage(path, 'driver');
  if (loaded.kind === 'loaded') return;
  machine.console.print('mboot', `Failed to load ${path}: ${loaded.why}`);
  if (firmware.secureBoot) halt(machine, 'mboot', 'FIRMWARE_IMAGE_REFUSED', 'Fatal error: 27 (Security violation)');
}

async function loadModules(
  machine: Machine,
  items: readonly ModuleItem[],
  measurer: Measurer | undefined,
): Promise<{ modules: BootModule[]; measured: boolean }> {
  const modules: BootModule[] = [];
  const files = items.map(({ file, options }, index) => {
    const source = findSource(machine.image.bootbank, file);
    return source && { index, path: file, options, source };
  });
  // The VMkernel compares SHA-256 with the signed checksums, whatever banks the TPM has.
  const reader = new ModuleReader(files, [...new Set([...(measurer?.banks ?? []), 'sha256' as const])]);
  let measuring = false;
  const duplicates = new Set(duplicateModules(items.map(({ file }) => file)).map(({ index }) => index));
  try {
    for (const [index, item] of items.entries()) {
      const module = await loadModule(machine, reader, index, item);
      if (index === 0) measuring = measurer !== undefined && (await kernelAsksForMeasurement(machine, module));
      modules.push(module);
      if (!measuring || measurer === undefined) continue;
      if (duplicates.has(index)) machine.console.print('mboot', `Duplicate module ${module.stem}: ${module.path}`);
      try {
        await measureModule(measurer, module);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        machine.console.print('mboot', error.message);
        halt(machine, 'mboot', 'MEASUREMENT_FAILED', `Fatal error: 8 (Device error): cannot measure ${module.path}`);
      }
    }
  } finally {
    reader.stop();
  }
  return { modules, measured: measuring };
}

async function loadModule(
  machine: Machine,
  reader: ModuleReader,
  index: number,
  item: ModuleItem,
): Promise<BootModule> {
  if (findName(machine.image.bootbank, item.file) === undefined) {
    halt(machine, 'mboot', 'BOOT_FILE_MISSING', `Fatal error: 15 (Not found): ${item.file}`);
  }
  machine.console.print('mboot', `Loading ${item.file}${item.options === '' ? '' : ` ${item.options}`}`);
  try {
    const module = await reader.take(index);
    if (!module.compressed) machine.console.print('mboot', `Warning: ${item.file} is not compressed`);
    machine.clock.advance(loadTime(module.size));
    return module;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return halt(machine, 'mboot', 'BOOT_FILE_DAMAGED', `Fatal error: 33 (Inconsistent data): ${item.file}: ${why}`);
  }
}

/** Reads the ESXBootInfo header of module 0; without one the kernel cannot be started. */
async function kernelAsksForMeasurement(machine: Machine, module: BootModule): Promise<boolean> {
  try {
    const segment = isElf(module.head) ? lowestSegment(parseElf(await module.content())) : undefined;
    const found = segment === undefined ? undefined : findEsxBootInfo(segment.data);
    if (found !== undefined) return asksForMeasurement(found.header);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('mboot', error.message);
  }
  return halt(
    machine,
    'mboot',
    'BOOT_FILE_DAMAGED',
    `Fatal error: 2 (Load error): ${module.path} is not an ESXBootInfo kernel`,
  );
}

/** Command line and asset tag; a failure only warns (catalogue entry `cmdline-event-missing`). */
async function measureConfiguration(machine: Machine, measurer: Measurer, line: string): Promise<void> {
  const attempt = async (what: string, run: () => Promise<unknown>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      machine.console.print('mboot', `Failed to measure ${what} into TPM: ${error.message}`);
    }
  };
  await attempt('command line', () =>
    measureEsxi(measurer, MBOOT_PCR.configuration, { kind: 'commandLine', text: line }),
  );
  await attempt('asset tag', async () => {
    const tag = machine.tpm === undefined ? undefined : await readNv(machine.tpm.client, NV_INDEX_ASSET_TAG);
    if (tag !== undefined) await measureEsxi(measurer, MBOOT_PCR.configuration, { kind: 'assetTag', tag });
  });
}
