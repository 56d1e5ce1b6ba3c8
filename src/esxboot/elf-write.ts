/**
 * Writes valid ELF64 little-endian x86-64 objects from a list of sections: EXEC and DYN with one PT_LOAD per run of
 * sections of equal permission (never writable and executable), REL with symbols and relocations and no segments.
 */
import { concat, utf8 } from '../bytes/bytes.ts';
import { ByteWriter } from '../bytes/writer.ts';
import {
  EHDR_SIZE,
  ELF_MAGIC,
  EM_X86_64,
  ET,
  PF,
  PHDR_SIZE,
  PT,
  RELA_SIZE,
  SHDR_SIZE,
  SHF,
  SHT,
  SYM_SIZE,
} from './elf.ts';

/** A section to write. */
export interface SectionInput {
  readonly name: string;
  /** Default PROGBITS. */
  readonly type?: number;
  readonly flags?: number;
  /** Contents; a function gets the address of a named section (EXEC, DYN) and must return `size` bytes. */
  readonly data?: Uint8Array | ((addressOf: (section: string) => bigint) => Uint8Array);
  /** Size where `data` is a function or the section is NOBITS. */
  readonly size?: number;
  /** Default 16 for allocated sections, 1 otherwise. A power of two. */
  readonly align?: number;
  readonly entsize?: number;
  /** Name of the section that sh_link refers to. */
  readonly link?: string;
  readonly info?: number;
}

/** A symbol to write. `section` undefined = undefined symbol. */
export interface SymbolInput {
  readonly name: string;
  readonly section?: string;
  readonly value?: number;
  readonly size?: number;
  readonly binding?: 'local' | 'global' | 'weak';
  readonly type?: 'none' | 'object' | 'func';
}

/** A relocation with addend against a named section. Type numbers: x86-64 psABI (1 R_X86_64_64, 2 PC32, 4 PLT32). */
export interface RelocationInput {
  readonly section: string;
  readonly offset: number;
  readonly symbol: string;
  readonly type: number;
  readonly addend?: number;
}

/** A whole object. */
export interface ElfInput {
  readonly type: 'exec' | 'rel' | 'dyn';
  readonly sections: readonly SectionInput[];
  readonly symbols?: readonly SymbolInput[];
  readonly relocations?: readonly RelocationInput[];
  /** Address of the first page (EXEC; default 0x400000; DYN starts at 0, REL has no addresses). */
  readonly base?: bigint;
  /** Entry point: a section and an offset in it. */
  readonly entry?: { readonly section: string; readonly offset: number };
}

const PAGE = 4096;
const BINDING = { local: 0, global: 1, weak: 2 } as const;
const SYMBOL_TYPE = { none: 0, object: 1, func: 2 } as const;

interface Placed {
  readonly input: SectionInput;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly size: number;
  addr: bigint;
  offset: number;
}

/** A string table under construction. */
class Strings {
  #bytes: Uint8Array = new Uint8Array(1);
  readonly #seen = new Map<string, number>([['', 0]]);

  add(text: string): number {
    const known = this.#seen.get(text);
    if (known !== undefined) return known;
    const at = this.#bytes.length;
    this.#bytes = concat(this.#bytes, utf8(`${text}\0`));
    this.#seen.set(text, at);
    return at;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Bytes of the object. Deterministic. Mistakes in the input (unknown names, data of another size) are RangeErrors. */
export function writeElf(input: ElfInput): Uint8Array {
  const inputs = [...input.sections, ...linkingSections(input)];
  const names = new Strings();
  const shstrtab = buildNames(inputs, names);
  const all: SectionInput[] = [{ name: '', type: SHT.NULL }, ...inputs, shstrtab];
  const sections = all.map(prepare);
  const runs = input.type === 'rel' ? [] : permissionRuns(sections);
  const special = sections.filter((s) => input.type !== 'rel' && SEGMENT_OF[s.input.name] !== undefined);
  const phnum = input.type === 'rel' ? 0 : runs.length + special.length + 1;
  const end = place(sections, runs, input, EHDR_SIZE + phnum * PHDR_SIZE);
  const shoff = alignUp(end, 8);
  const find = (name: string): Placed => {
    const found = sections.find((s) => s.input.name === name);
    if (found === undefined) throw new RangeError(`no ELF section ${name}`);
    return found;
  };
  const index = (name: string | undefined): number => (name === undefined ? 0 : sections.indexOf(find(name)));

  const out = new Uint8Array(shoff + sections.length * SHDR_SIZE);
  const entry = input.entry === undefined ? 0n : find(input.entry.section).addr + BigInt(input.entry.offset);
  out.set(fileHeader(input.type, entry, phnum, shoff, sections.length), 0);
  if (phnum > 0) out.set(programHeaders(runs, special), EHDR_SIZE);
  for (const s of sections) {
    if (s.type === SHT.NULL || s.type === SHT.NOBITS) continue;
    const data = typeof s.input.data === 'function' ? s.input.data((name) => find(name).addr) : s.input.data;
    if (data === undefined || data.length !== s.size) throw new RangeError(`ELF section ${s.input.name}: wrong size`);
    out.set(data, s.offset);
  }
  const headers = new ByteWriter('little', sections.length * SHDR_SIZE);
  for (const s of sections) {
    headers.u32(names.add(s.input.name)).u32(s.type).u64(s.flags).u64(s.addr).u64(s.offset).u64(s.size);
    headers
      .u32(index(s.input.link))
      .u32(sectionInfo(s, find, index))
      .u64(s.align)
      .u64(s.input.entsize ?? 0);
  }
  out.set(headers.finish(), shoff);
  return out;
}

/** Sections whose address a program header of its own announces. */
const SEGMENT_OF: Readonly<Record<string, number>> = { '.interp': PT.INTERP, '.dynamic': PT.DYNAMIC };

function prepare(input: SectionInput): Placed {
  const type = input.type ?? SHT.PROGBITS;
  const flags = input.flags ?? 0;
  const size = input.size ?? (input.data instanceof Uint8Array ? input.data.length : 0);
  const align = input.align ?? (type === SHT.NULL ? 0 : (flags & SHF.ALLOC) !== 0 ? 16 : 1);
  return { input, type, flags, align, size, addr: 0n, offset: 0 };
}

function sectionInfo(s: Placed, find: (name: string) => Placed, index: (name: string) => number): number {
  // A relocation section names the section it applies to, which is found by its own name.
  if (s.type === SHT.RELA) return index(find(s.input.name.slice('.rela'.length)).input.name);
  return s.input.info ?? 0;
}

const permission = (flags: number): number =>
  PF.R | ((flags & SHF.WRITE) !== 0 ? PF.W : 0) | ((flags & SHF.EXECINSTR) !== 0 ? PF.X : 0);

/** Consecutive allocated sections of one permission: one PT_LOAD each. */
function permissionRuns(sections: readonly Placed[]): Placed[][] {
  const runs: Placed[][] = [];
  for (const s of sections) {
    if ((s.flags & SHF.ALLOC) === 0) continue;
    const last = runs.at(-1);
    if (last?.[0] !== undefined && permission(last[0].flags) === permission(s.flags)) last.push(s);
    else runs.push([s]);
  }
  return runs;
}

/** Gives every section its offset and address; returns the end of the file's contents. */
function place(sections: readonly Placed[], runs: readonly Placed[][], input: ElfInput, start: number): number {
  const base = input.type === 'exec' ? (input.base ?? 0x400000n) : 0n;
  let at = start;
  let memory = 0;
  const done = new Set<Placed>();
  for (const [n, run] of runs.entries()) {
    // The first page of an executable's first segment starts with the segment's own data, so a loader that searches the
    // start of the lowest segment (ESXBootInfo, MLE header) finds it there; the ELF header stays outside of memory.
    at = alignUp(at, PAGE);
    memory = n === 0 && input.type === 'dyn' ? PAGE : alignUp(memory, PAGE);
    for (const s of run) {
      const step = alignUp(memory, s.align) - memory;
      memory += step;
      if (s.type !== SHT.NOBITS) at += step;
      s.addr = base + BigInt(memory);
      s.offset = at;
      memory += s.size;
      if (s.type !== SHT.NOBITS) at += s.size;
      done.add(s);
    }
  }
  for (const s of sections) {
    if (done.has(s) || s.type === SHT.NULL) continue;
    at = alignUp(at, s.align);
    s.offset = at;
    if (s.type !== SHT.NOBITS) at += s.size;
  }
  return at;
}

function fileHeader(type: ElfInput['type'], entry: bigint, phnum: number, shoff: number, shnum: number): Uint8Array {
  const w = new ByteWriter('little', EHDR_SIZE);
  w.u32(ELF_MAGIC).u8(2).u8(1).u8(1).fill(9);
  w.u16({ exec: ET.EXEC, rel: ET.REL, dyn: ET.DYN }[type]).u16(EM_X86_64).u32(1);
  w.u64(entry)
    .u64(phnum > 0 ? EHDR_SIZE : 0)
    .u64(shoff)
    .u32(0);
  w.u16(EHDR_SIZE)
    .u16(phnum > 0 ? PHDR_SIZE : 0)
    .u16(phnum);
  w.u16(SHDR_SIZE)
    .u16(shnum)
    .u16(shnum - 1);
  return w.finish();
}

function programHeaders(runs: readonly Placed[][], special: readonly Placed[]): Uint8Array {
  const w = new ByteWriter('little', 512);
  const header = (type: number, flags: number, sections: readonly Placed[], align: number) => {
    const first = sections[0];
    const last = sections.at(-1);
    if (first === undefined || last === undefined) return;
    const stored = sections.filter((s) => s.type !== SHT.NOBITS).at(-1);
    const fileSize = stored === undefined ? 0 : stored.offset + stored.size - first.offset;
    const memSize = Number(last.addr - first.addr) + last.size;
    w.u32(type).u32(flags).u64(first.offset).u64(first.addr).u64(first.addr).u64(fileSize).u64(memSize).u64(align);
  };
  // PT_INTERP must come before any loadable entry (System V ABI, chapter 5).
  for (const s of special.filter((x) => x.input.name === '.interp')) header(PT.INTERP, PF.R, [s], s.align);
  for (const run of runs) header(PT.LOAD, permission(run[0]?.flags ?? 0), run, PAGE);
  for (const s of special.filter((x) => x.input.name === '.dynamic')) header(PT.DYNAMIC, PF.R | PF.W, [s], s.align);
  w.u32(PT.GNU_STACK)
    .u32(PF.R | PF.W)
    .fill(40)
    .u64(16);
  return w.finish();
}

/** `.symtab`, `.strtab` and one `.rela` section per relocated section. */
function linkingSections(input: ElfInput): SectionInput[] {
  const symbols = input.symbols ?? [];
  const relocations = input.relocations ?? [];
  if (symbols.length === 0 && relocations.length === 0) return [];
  // Local symbols first: sh_info of the table is the index of the first other one.
  const ordered = [...symbols.filter((s) => s.binding === 'local'), ...symbols.filter((s) => s.binding !== 'local')];
  const strings = new Strings();
  const targets = [...new Set(relocations.map((r) => r.section))];
  const order = [...input.sections.map((s) => s.name)];
  const sectionIndex = (name: string | undefined): number => (name === undefined ? 0 : order.indexOf(name) + 1);
  const offsets = ordered.map((s) => strings.add(s.name));
  const table = (addressOf: (name: string) => bigint): Uint8Array => {
    const w = new ByteWriter('little').fill(SYM_SIZE);
    for (const [i, s] of ordered.entries()) {
      const base = s.section === undefined ? 0n : addressOf(s.section);
      w.u32(offsets[i] ?? 0).u8((BINDING[s.binding ?? 'global'] << 4) | SYMBOL_TYPE[s.type ?? 'none']);
      w.u8(0).u16(sectionIndex(s.section));
      w.u64(base + BigInt(s.value ?? 0)).u64(s.size ?? 0);
    }
    return w.finish();
  };
  const symbolIndex = (name: string): number => {
    const found = ordered.findIndex((s) => s.name === name);
    if (found < 0) throw new RangeError(`no ELF symbol ${name}`);
    return found + 1;
  };
  const relas = targets.map((target): SectionInput => {
    const w = new ByteWriter('little');
    for (const r of relocations.filter((x) => x.section === target)) {
      w.u64(r.offset).u64((BigInt(symbolIndex(r.symbol)) << 32n) | BigInt(r.type));
      w.u64(BigInt.asUintN(64, BigInt(r.addend ?? 0)));
    }
    const name = `.rela${target}`;
    return {
      name,
      type: SHT.RELA,
      flags: SHF.INFO_LINK,
      data: w.finish(),
      align: 8,
      entsize: RELA_SIZE,
      link: '.symtab',
    };
  });
  const locals = ordered.filter((s) => s.binding === 'local').length;
  const size = (ordered.length + 1) * SYM_SIZE;
  return [
    ...relas,
    {
      name: '.symtab',
      type: SHT.SYMTAB,
      data: table,
      size,
      align: 8,
      entsize: SYM_SIZE,
      link: '.strtab',
      info: locals + 1,
    },
    { name: '.strtab', type: SHT.STRTAB, data: strings.bytes },
  ];
}

function buildNames(inputs: readonly SectionInput[], names: Strings): SectionInput {
  for (const s of inputs) names.add(s.name);
  names.add('.shstrtab');
  return { name: '.shstrtab', type: SHT.STRTAB, data: names.bytes };
}
