/** Writes minimal valid PE32+ EFI images for x86-64: headers, the given sections and an empty relocation block. */
import { latin1 } from '../bytes/bytes.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { COFF_HEADER_SIZE, DOS_HEADER_SIZE, MACHINE_X64, SECTION_HEADER_SIZE, SUBSYSTEM } from './pe.ts';

/** Characteristics of the usual sections. */
export const PE_SECTION = { code: 0x60000020, data: 0xc0000040, readOnly: 0x40000040, reloc: 0x42000040 } as const;

/** A section to write; names have at most eight characters. */
export interface PeSectionInput {
  readonly name: string;
  readonly data: Uint8Array;
  readonly kind: keyof typeof PE_SECTION;
}

/** An image to write. Execution starts at the first section of kind `code`. */
export interface PeInput {
  readonly subsystem: keyof typeof SUBSYSTEM;
  readonly sections: readonly PeSectionInput[];
}

const FILE_ALIGNMENT = 512;
const SECTION_ALIGNMENT = 4096;
const OPTIONAL_HEADER_SIZE = 240;
const PE_OFFSET = 128;
const RELOCATION_DIRECTORY = 5;
/** EXECUTABLE_IMAGE, LINE_NUMS_STRIPPED, LARGE_ADDRESS_AWARE. */
const CHARACTERISTICS = 0x0026;
/** DLL characteristics: NX_COMPAT. */
const NX_COMPAT = 0x0100;

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Bytes of the image, not signed. Deterministic: no time stamp. */
export function writePe(input: PeInput): Uint8Array {
  // One relocation block for page 0x1000 with two padding entries: the image runs at any address.
  const relocations = new ByteWriter('little').u32(SECTION_ALIGNMENT).u32(12).u32(0).finish();
  const inputs: PeSectionInput[] = [...input.sections, { name: '.reloc', data: relocations, kind: 'reloc' }];
  const headersEnd = PE_OFFSET + 4 + COFF_HEADER_SIZE + OPTIONAL_HEADER_SIZE + inputs.length * SECTION_HEADER_SIZE;
  const headersSize = alignUp(headersEnd, FILE_ALIGNMENT);
  let rva = alignUp(headersSize, SECTION_ALIGNMENT);
  let raw = headersSize;
  const sections = inputs.map((section) => {
    const placed = { ...section, rva, raw, rawSize: alignUp(section.data.length, FILE_ALIGNMENT) };
    rva += alignUp(Math.max(section.data.length, 1), SECTION_ALIGNMENT);
    raw += placed.rawSize;
    return placed;
  });
  const sizeOfKind = (kind: PeSectionInput['kind']): number =>
    sections.filter((s) => s.kind === kind).reduce((sum, s) => sum + s.rawSize, 0);
  const entry = sections.find((s) => s.kind === 'code')?.rva ?? 0;

  const w = new ByteWriter('little', raw);
  w.u16(0x5a4d)
    .fill(DOS_HEADER_SIZE - 6)
    .u32(PE_OFFSET)
    .fill(PE_OFFSET - DOS_HEADER_SIZE);
  w.u32(0x4550).u16(MACHINE_X64).u16(sections.length).fill(12).u16(OPTIONAL_HEADER_SIZE).u16(CHARACTERISTICS);
  const optional = w.length;
  w.u16(0x20b).u16(0).u32(sizeOfKind('code')).u32(sizeOfKind('data')).u32(0).u32(entry).u32(entry);
  w.u64(0).u32(SECTION_ALIGNMENT).u32(FILE_ALIGNMENT).fill(16).u32(rva).u32(headersSize);
  w.u32(0).u16(SUBSYSTEM[input.subsystem]).u16(NX_COMPAT).fill(32).u32(0).u32(16);
  for (let i = 0; i < 16; i++) {
    const reloc = i === RELOCATION_DIRECTORY ? sections.at(-1) : undefined;
    w.u32(reloc?.rva ?? 0).u32(reloc?.data.length ?? 0);
  }
  if (w.length - optional !== OPTIONAL_HEADER_SIZE) throw new RangeError('PE optional header of another size');
  for (const s of sections) {
    const name = latin1(s.name);
    w.bytes(name).fill(8 - name.length);
    w.u32(s.data.length).u32(s.rva).u32(s.rawSize).u32(s.raw).fill(12).u32(PE_SECTION[s.kind]);
  }
  w.align(FILE_ALIGNMENT);
  for (const s of sections) w.bytes(s.data).align(FILE_ALIGNMENT);
  return w.finish();
}
