/**
 * Bounded reader of ELF64 little-endian objects (System V ABI, chapters 4 and 5; x86-64 psABI): header, section and
 * program headers, symbols and relocations. Section data are views of the input.
 */
import { fromUtf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';

/** First four bytes of every ELF file. */
export const ELF_MAGIC = 0x464c457f;
/** e_machine of x86-64. */
export const EM_X86_64 = 62;
export const EHDR_SIZE = 64;
export const PHDR_SIZE = 56;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const RELA_SIZE = 24;

/** Limits of this reader. */
export const ELF_MAX_SECTIONS = 4096;
export const ELF_MAX_SEGMENTS = 256;
export const ELF_MAX_SYMBOLS = 1 << 16;
/** Most bytes of a loaded image that {@link loadImage} allocates. */
export const ELF_MAX_IMAGE = 256 << 20;

/** e_type. */
export const ET = { NONE: 0, REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;
/** sh_type. */
export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  DYNSYM: 11,
} as const;
/** sh_flags. */
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4, MERGE: 16, STRINGS: 32, INFO_LINK: 64 } as const;
/** p_type. */
export const PT = { NULL: 0, LOAD: 1, DYNAMIC: 2, INTERP: 3, NOTE: 4, PHDR: 6, GNU_STACK: 0x6474e551 } as const;
/** p_flags. */
export const PF = { X: 1, W: 2, R: 4 } as const;

/** One section. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly addr: bigint;
  readonly offset: number;
  /** sh_size; for NOBITS larger than `data`, which is then empty. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
  readonly data: Uint8Array;
}

/** One program header. */
export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly fileSize: number;
  readonly memSize: number;
  readonly align: bigint;
  readonly data: Uint8Array;
}

/** A parsed object. */
export interface ElfFile {
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly flags: number;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
}

/** Whether the bytes start with the ELF magic (the test that mboot makes before it wants a signature). */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Reads an ELF64 LSB object. Bytes after the last section (a signature trailer) are ignored. Throws FormatError. */
export function parseElf(bytes: Uint8Array): ElfFile {
  const r = new ByteReader(bytes, 'Elf64_Ehdr', 'little');
  if (r.u32('e_ident.magic') !== ELF_MAGIC) throw r.error('e_ident.magic', 'not an ELF file', 0);
  if (r.u8('e_ident.class') !== 2) throw r.error('e_ident.class', 'not ELFCLASS64', 4);
  if (r.u8('e_ident.data') !== 1) throw r.error('e_ident.data', 'not little-endian', 5);
  r.skip('e_ident', 10);
  const type = r.u16('e_type');
  const machine = r.u16('e_machine');
  r.skip('e_version', 4);
  const entry = r.u64('e_entry');
  const phoff = r.u64number('e_phoff', Number.MAX_SAFE_INTEGER);
  const shoff = r.u64number('e_shoff', Number.MAX_SAFE_INTEGER);
  const flags = r.u32('e_flags');
  r.skip('e_ehsize', 2);
  const phentsize = r.u16('e_phentsize');
  const phnum = r.u16('e_phnum');
  const shentsize = r.u16('e_shentsize');
  const shnum = r.u16('e_shnum');
  const shstrndx = r.u16('e_shstrndx');
  const segments = table(bytes, 'Elf64_Phdr', phoff, phnum, phentsize, PHDR_SIZE, ELF_MAX_SEGMENTS).map((h) =>
    readSegment(bytes, h),
  );
  const raw = table(bytes, 'Elf64_Shdr', shoff, shnum, shentsize, SHDR_SIZE, ELF_MAX_SECTIONS).map((h) =>
    readSection(bytes, h),
  );
  const names = raw[shstrndx]?.data ?? new Uint8Array(0);
  const sections = raw.map(({ nameOffset, ...section }) => ({ ...section, name: stringAt(names, nameOffset) }));
  return { type, machine, entry, flags, sections, segments };
}

/** Readers over the entries of a header table. */
function table(
  bytes: Uint8Array,
  structure: string,
  offset: number,
  count: number,
  entsize: number,
  expected: number,
  max: number,
): ByteReader[] {
  if (count === 0) return [];
  const fail = (problem: string) => new FormatError({ structure, field: '', offset, problem });
  if (count > max) throw fail(`${count} entries exceed the limit of ${max}`);
  if (entsize !== expected) throw fail(`entry size ${entsize}, expected ${expected}`);
  if (offset > bytes.length || count * entsize > bytes.length - offset) {
    throw fail(`${count} entries do not fit in a file of ${bytes.length} bytes`);
  }
  return Array.from({ length: count }, (_, i) => {
    const at = offset + i * entsize;
    return new ByteReader(bytes.subarray(at, at + entsize), structure, 'little', at);
  });
}

function span(bytes: Uint8Array, r: ByteReader, field: string, offset: number, size: number): Uint8Array {
  if (offset > bytes.length || size > bytes.length - offset) {
    throw r.error(field, `${size} bytes at ${offset} lie outside the file of ${bytes.length}`);
  }
  return bytes.subarray(offset, offset + size);
}

function readSegment(bytes: Uint8Array, r: ByteReader): ElfSegment {
  const type = r.u32('p_type');
  const flags = r.u32('p_flags');
  const offset = r.u64number('p_offset', Number.MAX_SAFE_INTEGER);
  const vaddr = r.u64('p_vaddr');
  const paddr = r.u64('p_paddr');
  const fileSize = r.u64number('p_filesz', Number.MAX_SAFE_INTEGER);
  const memSize = r.u64number('p_memsz', Number.MAX_SAFE_INTEGER);
  const align = r.u64('p_align');
  if (type === PT.LOAD && memSize < fileSize) throw r.error('p_memsz', `${memSize} is less than p_filesz ${fileSize}`);
  return {
    type,
    flags,
    offset,
    vaddr,
    paddr,
    fileSize,
    memSize,
    align,
    data: span(bytes, r, 'p_filesz', offset, fileSize),
  };
}

function readSection(bytes: Uint8Array, r: ByteReader): Omit<ElfSection, 'name'> & { nameOffset: number } {
  const nameOffset = r.u32('sh_name');
  const type = r.u32('sh_type');
  const flags = Number(r.u64('sh_flags') & 0xffffffffn);
  const addr = r.u64('sh_addr');
  const offset = r.u64number('sh_offset', Number.MAX_SAFE_INTEGER);
  const size = r.u64number('sh_size', Number.MAX_SAFE_INTEGER);
  const link = r.u32('sh_link');
  const info = r.u32('sh_info');
  const align = r.u64number('sh_addralign', Number.MAX_SAFE_INTEGER);
  const entsize = r.u64number('sh_entsize', Number.MAX_SAFE_INTEGER);
  const stored = type === SHT.NULL || type === SHT.NOBITS ? 0 : size;
  const data = span(bytes, r, 'sh_size', stored === 0 ? 0 : offset, stored);
  return { nameOffset, type, flags, addr, offset, size, link, info, align, entsize, data };
}

/** NUL-terminated text of a string table; empty where the offset lies outside. */
function stringAt(table: Uint8Array, offset: number): string {
  if (offset >= table.length) return '';
  const end = table.indexOf(0, offset);
  return fromUtf8(table.subarray(offset, end < 0 ? table.length : end));
}

/** The first section of that name. */
export function findSection(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** A symbol of `.symtab`. */
export interface ElfSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: number;
  readonly binding: number;
  readonly type: number;
  /** Section index; 0 = undefined. */
  readonly section: number;
}

/** Symbols of the first symbol table (none where there is no table). Throws FormatError. */
export function readSymbols(elf: ElfFile): ElfSymbol[] {
  const symtab = elf.sections.find((section) => section.type === SHT.SYMTAB);
  if (symtab === undefined) return [];
  const r = new ByteReader(symtab.data, 'Elf64_Sym', 'little', symtab.offset);
  const count = Math.floor(symtab.data.length / SYM_SIZE);
  if (count > ELF_MAX_SYMBOLS) throw r.error('', `${count} symbols exceed the limit of ${ELF_MAX_SYMBOLS}`);
  const names = elf.sections[symtab.link]?.data ?? new Uint8Array(0);
  return Array.from({ length: count }, () => {
    const name = stringAt(names, r.u32('st_name'));
    const info = r.u8('st_info');
    r.skip('st_other', 1);
    const section = r.u16('st_shndx');
    const value = r.u64('st_value');
    const size = r.u64number('st_size', Number.MAX_SAFE_INTEGER);
    return { name, value, size, binding: info >> 4, type: info & 15, section };
  });
}

/** The memory image of the loadable segments. */
export interface ElfImage {
  /** Address of the first byte: the lowest segment's address rounded down to a 4 KiB page. */
  readonly base: bigint;
  readonly bytes: Uint8Array;
}

const PAGE = 4096;

/** Lays out the PT_LOAD segments as a loader does (rest of each segment zero). Throws FormatError beyond {@link ELF_MAX_IMAGE}. */
export function loadImage(elf: ElfFile): ElfImage {
  const loads = elf.segments.filter((segment) => segment.type === PT.LOAD);
  const fail = (field: string, problem: string) => new FormatError({ structure: 'ELF image', field, problem });
  const first = lowestSegment(elf);
  if (first === undefined) throw fail('PT_LOAD', 'no loadable segment');
  const base = first.vaddr - (first.vaddr % BigInt(PAGE));
  let end = 0;
  for (const { vaddr, memSize } of loads) {
    const at = vaddr - base;
    if (at > BigInt(ELF_MAX_IMAGE) || memSize > ELF_MAX_IMAGE - Number(at)) {
      throw fail('PT_LOAD', `segment at 0x${vaddr.toString(16)} needs an image of more than ${ELF_MAX_IMAGE} bytes`);
    }
    end = Math.max(end, Number(at) + memSize);
  }
  const bytes = new Uint8Array(Math.ceil(end / PAGE) * PAGE);
  for (const { vaddr, data } of loads) bytes.set(data, Number(vaddr - base));
  return { base, bytes };
}

/** The loadable segment with the lowest address. */
export function lowestSegment(elf: ElfFile): ElfSegment | undefined {
  let lowest: ElfSegment | undefined;
  for (const segment of elf.segments) {
    if (segment.type === PT.LOAD && (lowest === undefined || segment.vaddr < lowest.vaddr)) lowest = segment;
  }
  return lowest;
}
