/** VMkernel modules (drivers), user-world executables and microcode containers. */
import { utf8 } from '../../src/bytes/bytes.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import {
  buildModInfo,
  buildRequiredNamespaces,
  type SectionInput,
  SHF,
  SHT,
  SYM_SIZE,
  writeElf,
} from '../../src/esxboot/index.ts';
import { filler } from './filler.ts';
import { VMKERNEL_API } from './kernel.ts';

const code = SHF.ALLOC | SHF.EXECINSTR;
const data = SHF.ALLOC | SHF.WRITE;
const R_X86_64_64 = 1;
const R_X86_64_PLT32 = 4;

/** A VMkernel module. */
export interface ModuleRecipe {
  readonly name: string;
  readonly version: string;
  /** Bytes of `.text`. */
  readonly size: number;
  /** `vmkapi_2_9_0_0` style namespace version: `v2_9_0_0`. */
  readonly vmkapi: string;
  readonly license: string;
}

/** Relocatable ELF64 object with VMware's sections, entry points and undefined VMkernel functions. Not signed. */
export function kernelModule({ name, version, size, vmkapi, license }: ModuleRecipe): Uint8Array {
  const label = `module ${name} ${version}`;
  // Each module imports its own part of the API, so that modules differ in more than their filling.
  const first = [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 7;
  const imports = VMKERNEL_API.filter((_, i) => i < 3 || i % 7 === first || i % 3 === first % 3);
  const namespace = `com.vmware.vmkapi#${vmkapi}`;
  const sections: SectionInput[] = [
    { name: '.text', flags: code, data: filler(`${label} .text`, size) },
    { name: '.data', flags: data, data: filler(`${label} .data`, 1024) },
    { name: '.bss', type: SHT.NOBITS, flags: data, size: 4096 },
    { name: '.rodata', flags: SHF.ALLOC, data: filler(`${label} .rodata`, 768) },
    {
      name: '.rodata.str1.8',
      flags: SHF.ALLOC | SHF.MERGE | SHF.STRINGS,
      data: utf8(`${name}\0%s: driver %s registered\0`),
      align: 8,
      entsize: 1,
    },
    {
      name: '.vmkmodinfo',
      flags: SHF.ALLOC,
      data: buildModInfo([
        ['nsRequired', namespace],
        ['version', version],
        ['buildType', 'release'],
        ['license', license],
      ]),
      align: 8,
    },
    {
      name: '.vmkrequiredns',
      flags: SHF.ALLOC | SHF.STRINGS,
      data: buildRequiredNamespaces([namespace]),
      align: 1,
      entsize: 1,
    },
    { name: '.comment', data: utf8('esxsim sample module\0') },
  ];
  return writeElf({
    type: 'rel',
    sections,
    symbols: [
      { name: `${name.replaceAll('-', '_')}_state`, section: '.data', binding: 'local', type: 'object', size: 64 },
      { name: 'init_module', section: '.text', value: 0, size: 256, type: 'func' },
      { name: 'cleanup_module', section: '.text', value: 256, size: 128, type: 'func' },
      ...imports.map((symbol) => ({ name: symbol })),
    ],
    relocations: [
      ...imports.map((symbol, i) => ({
        section: '.text',
        offset: 0x10 + 0x20 * i,
        symbol,
        type: R_X86_64_PLT32,
        addend: -4,
      })),
      { section: '.data', offset: 0x40, symbol: 'init_module', type: R_X86_64_64 },
    ],
  });
}

/** A user-world executable. */
export interface UserWorldRecipe {
  readonly name: string;
  readonly version: string;
  readonly size: number;
  readonly libraries?: readonly string[];
}

const DT = { NULL: 0, NEEDED: 1, STRTAB: 5, SYMTAB: 6, STRSZ: 10, SYMENT: 11, FLAGS_1: 0x6ffffffb } as const;
const DF_1_PIE = 0x08000000;

/** Position-independent ELF64 executable with an interpreter and a dynamic section. Not signed. */
export function userWorld({ name, version, size, libraries = ['libc.so.6'] }: UserWorldRecipe): Uint8Array {
  const label = `user world ${name} ${version}`;
  const strings = `\0${libraries.join('\0')}\0`;
  const dynamic = (addressOf: (section: string) => bigint): Uint8Array => {
    const w = new ByteWriter('little');
    let at = 1;
    for (const library of libraries) {
      w.u64(DT.NEEDED).u64(at);
      at += library.length + 1;
    }
    w.u64(DT.STRTAB).u64(addressOf('.dynstr')).u64(DT.STRSZ).u64(strings.length);
    w.u64(DT.SYMTAB).u64(addressOf('.dynsym')).u64(DT.SYMENT).u64(SYM_SIZE);
    w.u64(DT.FLAGS_1).u64(DF_1_PIE).u64(DT.NULL).u64(0);
    return w.finish();
  };
  return writeElf({
    type: 'dyn',
    entry: { section: '.text', offset: 64 },
    sections: [
      { name: '.interp', flags: SHF.ALLOC, data: utf8('/lib64/ld-linux-x86-64.so.2\0'), align: 1 },
      {
        name: '.dynsym',
        type: SHT.DYNSYM,
        flags: SHF.ALLOC,
        data: new Uint8Array(SYM_SIZE),
        align: 8,
        entsize: SYM_SIZE,
        link: '.dynstr',
        info: 1,
      },
      { name: '.dynstr', type: SHT.STRTAB, flags: SHF.ALLOC, data: utf8(strings), align: 1 },
      { name: '.rodata', flags: SHF.ALLOC, data: filler(`${label} .rodata`, 600) },
      { name: '.text', flags: code, data: filler(`${label} .text`, size) },
      {
        name: '.dynamic',
        type: SHT.DYNAMIC,
        flags: data,
        data: dynamic,
        size: 16 * (libraries.length + 6),
        align: 8,
        entsize: 16,
        link: '.dynstr',
      },
      { name: '.data', flags: data, data: filler(`${label} .data`, 512) },
      { name: '.bss', type: SHT.NOBITS, flags: data, size: 8192 },
      { name: '.comment', data: utf8('esxsim sample executable\0') },
    ],
  });
}

/** Intel microcode update: 48-byte header with a sum of zero over all words, then opaque data. */
export function intelMicrocode(label: string, signature: number): Uint8Array {
  const size = 2000;
  const w = new ByteWriter('little', 48 + size);
  w.u32(1).u32(0x2b0005c0).u32(0x02012024).u32(signature).u32(0).u32(1).u32(0x87);
  w.u32(size)
    .u32(48 + size)
    .fill(12)
    .bytes(filler(`microcode ${label}`, size));
  const out = w.finish();
  const view = new DataView(out.buffer);
  let sum = 0;
  for (let at = 0; at < out.length; at += 4) sum = (sum + view.getUint32(at, true)) >>> 0;
  view.setUint32(16, -sum >>> 0, true);
  return out;
}

/** AMD microcode container: magic, one equivalence table, one patch of opaque data. */
export function amdMicrocode(label: string, equivalent: number): Uint8Array {
  const patch = filler(`microcode ${label}`, 1984);
  const w = new ByteWriter('little', 4096);
  w.u32(0x00414d44).u32(0).u32(32);
  w.u32(0x00a00f11).u32(0).u32(0).u16(equivalent).u16(0).fill(16);
  return w.u32(1).u32(patch.length).bytes(patch).finish();
}
