/** The two kernels of a boot image: `b`, the trusted boot loader (MLE), and `k`, the VMkernel. */
import { concat } from '../../src/bytes/bytes.ts';
import {
  buildEsxBootInfo,
  buildKeyTable,
  buildMleHeader,
  buildVersionRecord,
  ESXBOOTINFO_FLAG_TPM_MEASURE,
  ESXBOOTINFO_SIZE,
  KEY_TABLE_SECTION,
  MLE_CAPABILITY,
  MLE_HEADER_SIZE,
  type ModuleKey,
  type SectionInput,
  SHF,
  SHT,
  type SymbolInput,
  TPM_MEASURE_V1,
  writeElf,
} from '../../src/esxboot/index.ts';
import { filler } from './filler.ts';

/** What differs between releases. */
export interface KernelRelease {
  /** `8.0.3`. */
  readonly release: string;
  readonly build: number;
  /** Whether the kernel asks the bootloader to measure (`tpm_measure`). */
  readonly measuredByBootloader: boolean;
}

const PAGE = 4096;
const LOADER_BASE = 0x1000000n;
/** Where the VMkernel is linked; a boot places it elsewhere in the window (facts: esxi-measured-boot §19.2). */
const VMKERNEL_BASE = 0x418000000000n;
/** Start of code in `b`: both headers lie before it. */
const LOADER_ENTRY = 256;
const MLE_HEADER_OFFSET = 128;

const code = SHF.ALLOC | SHF.EXECINSTR;
const data = SHF.ALLOC | SHF.WRITE;

function versionSection(name: string, { release, build }: KernelRelease): SectionInput {
  const record = buildVersionRecord({
    componentName: name,
    productName: 'VMware ESXi',
    productVersion: `${release} build-${build}`,
  });
  return { name: '.version', flags: SHF.ALLOC, data: record, align: 8 };
}

/** Puts `part` into `bytes` at `at`. */
function patch(bytes: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  const out = bytes.slice();
  out.set(part, at);
  return out;
}

/** `b`: ELF64 EXEC with ESXBootInfo header, MLE header and version record. Not signed. */
export function trustedBootLoader(release: KernelRelease): Uint8Array {
  const label = `b ${release.release}-${release.build}`;
  const dataSize = 6000;
  const bootInfo = buildEsxBootInfo({
    flags: release.measuredByBootloader ? ESXBOOTINFO_FLAG_TPM_MEASURE : 0,
    tpmMeasure: release.measuredByBootloader ? TPM_MEASURE_V1 : 0,
  });
  const body = patch(filler(`${label} .text`, 40_000), 0, new Uint8Array(LOADER_ENTRY));
  const text = (addressOf: (section: string) => bigint): Uint8Array => {
    const end = Number(addressOf('.data') - LOADER_BASE) + dataSize;
    const mle = buildMleHeader({
      entryPoint: LOADER_ENTRY,
      firstValidPage: 0,
      mleStart: 0,
      mleEnd: Math.ceil(end / PAGE) * PAGE,
      capabilities: MLE_CAPABILITY.RLP_WAKE_GETSEC | MLE_CAPABILITY.PCR_MAP_DA | MLE_CAPABILITY.TCG_EVENT_LOG,
      cmdlineStart: 0,
      cmdlineEnd: 0,
    });
    return patch(patch(body, 0, bootInfo), MLE_HEADER_OFFSET, mle);
  };
  return writeElf({
    type: 'exec',
    base: LOADER_BASE,
    entry: { section: '.text', offset: LOADER_ENTRY },
    sections: [
      { name: '.text', flags: code, data: text, size: body.length, align: 64 },
      { name: '.rodata', flags: SHF.ALLOC, data: filler(`${label} .rodata`, 7000) },
      versionSection('b', release),
      { name: '.data', flags: data, data: filler(`${label} .data`, dataSize) },
      { name: '.bss', type: SHT.NOBITS, flags: data, size: 0x20000 },
    ],
    symbols: [
      { name: 'esxBootInfoHeader', section: '.text', value: 0, size: ESXBOOTINFO_SIZE, type: 'object' },
      { name: 'mleHeader', section: '.text', value: MLE_HEADER_OFFSET, size: MLE_HEADER_SIZE, type: 'object' },
      { name: '_start', section: '.text', value: LOADER_ENTRY, type: 'func' },
    ],
  });
}

/** VMkernel API functions that `k` exports and modules import. */
export const VMKERNEL_API: readonly string[] = [
  '_vmk_Log',
  '_vmk_Warning',
  'vmk_AcquireSpinlock',
  'vmk_DeviceRegister',
  'vmk_DMAEngineCreate',
  'vmk_DriverRegister',
  'vmk_DriverUnregister',
  'vmk_HeapAlloc',
  'vmk_HeapCreate',
  'vmk_HeapDestroy',
  'vmk_HeapFree',
  'vmk_IntrCookieAlloc',
  'vmk_IntrRegister',
  'vmk_LogRegister',
  'vmk_MapPCIBar',
  'vmk_ModuleRegister',
  'vmk_NetPollCreate',
  'vmk_PCIReadConfig',
  'vmk_ScsiRegisterAdapter',
  'vmk_SemaphoreCreate',
  'vmk_SpinlockCreate',
  'vmk_TimerSchedule',
  'vmk_UplinkRegister',
  'vmk_WorldCreate',
];

/** `k`: ELF64 EXEC with version record and the keys whose modules it loads. Not signed. */
export function vmkernel(release: KernelRelease, keys: readonly ModuleKey[]): Uint8Array {
  const label = `k ${release.release}-${release.build}`;
  const symbols: SymbolInput[] = [
    { name: 'Init', section: '.text', value: 0, size: 512, type: 'func' },
    { name: 'Panic_Panic', section: '.text', value: 0x200, size: 256, type: 'func' },
    { name: 'World_Schedule', section: '.text', value: 0x400, size: 1024, type: 'func' },
    ...VMKERNEL_API.map(
      (name, i): SymbolInput => ({ name, section: '.text', value: 0x2000 + 0x100 * i, size: 0x100, type: 'func' }),
    ),
  ];
  return writeElf({
    type: 'exec',
    base: VMKERNEL_BASE,
    entry: { section: '.text', offset: 0 },
    sections: [
      { name: '.text', flags: code, data: filler(`${label} .text`, 90_000), align: 64 },
      { name: '.rodata', flags: SHF.ALLOC, data: filler(`${label} .rodata`, 24_000) },
      versionSection('k', release),
      { name: KEY_TABLE_SECTION, flags: SHF.ALLOC, data: buildKeyTable(keys), align: 8 },
      { name: '.data', flags: data, data: filler(`${label} .data`, 16_000) },
      { name: '.bss', type: SHT.NOBITS, flags: data, size: 0x180000 },
      { name: '.comment', data: concat(new TextEncoder().encode('esxsim sample kernel\0')) },
    ],
    symbols,
  });
}
