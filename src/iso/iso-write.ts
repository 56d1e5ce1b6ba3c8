/**
 * Writing ISO 9660 discs (ECMA-119, names of level 2) with an El Torito boot image for EFI: as much as an installer disc needs.
 * Piece by piece, so that a disc can be larger than memory; the same files give the same bytes.
 */
import { type ByteSource, piecesOf } from '../archive/source.ts';
import { concat, latin1 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { SECTOR } from './iso9660.ts';

/** A file of the disc. */
export interface IsoInput {
  /** Path with forward slashes; names are written in upper case. */
  readonly path: string;
  readonly data: ByteSource;
}

/** What a disc is made of. */
export interface IsoWriteOptions {
  /** Volume label: at most 32 of `A`–`Z`, digits, `_` and `-`. */
  readonly label: string;
  readonly files: readonly IsoInput[];
  /** Path of the file that EFI firmware starts from: a FAT volume. Absent for a disc that does not boot. */
  readonly efiBootImage?: string;
}

const NAME = /^[A-Z0-9_-]{1,27}(\.[A-Z0-9_-]{1,27})?$/;
const MAX_NAME = 31;
/** Directories of one level below the root and more: the standard has eight levels. */
const MAX_DEPTH = 7;
const MAX_FILE = 0xffffffff;
const FIRST_DESCRIPTOR = 16;
const RECORD_BASE = 33;
const DIRECTORY_FLAG = 2;
/** A date that is not stated: seventeen bytes of the descriptor; and 1980-01-01 in the seven bytes of a record. */
const NO_DATE = new Uint8Array([...latin1('0'.repeat(16)), 0]);
const RECORD_DATE = new Uint8Array([80, 1, 1, 0, 0, 0, 0]);
const EFI_PLATFORM = 0xef;

interface Folder {
  /** Empty for the root. */
  readonly name: string;
  readonly parent: Folder | undefined;
  readonly folders: Folder[];
  readonly files: PlacedFile[];
  sector: number;
  /** Bytes, a multiple of the sector. */
  size: number;
}

interface PlacedFile {
  readonly name: string;
  readonly input: IsoInput;
  sector: number;
}

const sectors = (size: number): number => Math.ceil(size / SECTOR);
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

function newFolder(name: string, parent: Folder | undefined): Folder {
  return { name, parent, folders: [], files: [], sector: 0, size: 0 };
}

function place(root: Folder, input: IsoInput): void {
  const parts = input.path.toUpperCase().split('/');
  const fail = (problem: string): InputError => new InputError(`ISO 9660: ${JSON.stringify(input.path)} ${problem}`);
  const bad = parts.find((part) => !NAME.test(part) || part.length > MAX_NAME - 1);
  if (bad !== undefined) throw fail('is no name of ISO 9660: letters, digits, _ and -, one dot, at most 30 characters');
  if (parts.length > MAX_DEPTH + 1) throw fail(`lies deeper than ${MAX_DEPTH} folders`);
  if (input.data.size > MAX_FILE) throw fail(`has ${input.data.size} bytes, the limit is ${MAX_FILE}`);
  let folder = root;
  for (const part of parts.slice(0, -1)) {
    const known = folder.folders.find(({ name }) => name === part);
    const next = known ?? newFolder(part, folder);
    if (known === undefined) folder.folders.push(next);
    folder = next;
  }
  const name = parts.at(-1) ?? '';
  if (folder.files.some((file) => file.name === name)) throw fail('appears twice');
  folder.files.push({ name, input, sector: 0 });
}

/** Folders in the order of the path table: level by level, each level by parent and name (ECMA-119, 6.9.1). */
function inOrder(root: Folder): Folder[] {
  const out = [root];
  for (const folder of out) out.push(...folder.folders.toSorted(byName));
  return out;
}

const both16 = (w: ByteWriter, n: number): ByteWriter => w.u16(n).bytes(new Uint8Array([(n >> 8) & 255, n & 255]));

function both32(w: ByteWriter, n: number): ByteWriter {
  return w.u32(n).bytes(new Uint8Array([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]));
}

function record(identifier: Uint8Array, sector: number, size: number, directory: boolean): Uint8Array {
  const length = RECORD_BASE + identifier.length + (identifier.length % 2 === 0 ? 1 : 0);
  const w = new ByteWriter('little', length).u8(length).u8(0);
  both32(w, sector);
  both32(w, size);
  w.bytes(RECORD_DATE)
    .u8(directory ? DIRECTORY_FLAG : 0)
    .u8(0)
    .u8(0);
  both16(w, 1).u8(identifier.length).bytes(identifier);
  return identifier.length % 2 === 0 ? w.u8(0).finish() : w.finish();
}

const SELF = new Uint8Array([0]);
const PARENT = new Uint8Array([1]);
const fileIdentifier = (name: string): Uint8Array => latin1(`${name.includes('.') ? name : `${name}.`};1`);

/** Records of a folder, none of them across the end of a sector. */
function directory(folder: Folder): Uint8Array {
  const up = folder.parent ?? folder;
  const children = [
    ...folder.folders.map(({ name, sector, size }) => ({ name, bytes: record(latin1(name), sector, size, true) })),
    ...folder.files.map(({ name, sector, input }) => ({
      name,
      bytes: record(fileIdentifier(name), sector, input.data.size, false),
    })),
  ].toSorted(byName);
  const records = [
    record(SELF, folder.sector, folder.size, true),
    record(PARENT, up.sector, up.size, true),
    ...children.map(({ bytes }) => bytes),
  ];
  const w = new ByteWriter('little', SECTOR);
  for (const bytes of records) {
    const left = SECTOR - (w.length % SECTOR);
    if (bytes.length > left) w.bytes(new Uint8Array(left));
    w.bytes(bytes);
  }
  return w.bytes(new Uint8Array((SECTOR - (w.length % SECTOR)) % SECTOR)).finish();
}

function pathTable(folders: readonly Folder[], endian: 'big' | 'little'): Uint8Array {
  const w = new ByteWriter(endian, SECTOR);
  for (const folder of folders) {
    const identifier = folder.name === '' ? SELF : latin1(folder.name);
    const parent = folder.parent === undefined ? 1 : folders.indexOf(folder.parent) + 1;
    w.u8(identifier.length).u8(0).u32(folder.sector).u16(parent).bytes(identifier);
    if (identifier.length % 2 === 1) w.u8(0);
  }
  return w.finish();
}

const padded = (bytes: Uint8Array): Uint8Array =>
  bytes.length % SECTOR === 0 ? bytes : concat(bytes, new Uint8Array(SECTOR - (bytes.length % SECTOR)));

interface Layout {
  readonly root: Folder;
  readonly total: number;
  readonly pathTableSize: number;
  readonly littleTable: number;
  readonly bigTable: number;
}

function primaryDescriptor(label: string, layout: Layout): Uint8Array {
  const text = (value: string, length: number): Uint8Array => latin1(value.padEnd(length));
  const w = new ByteWriter('little', SECTOR).u8(1).bytes(latin1('CD001')).u8(1).u8(0);
  w.bytes(text('', 32)).bytes(text(label, 32)).bytes(new Uint8Array(8));
  both32(w, layout.total).bytes(new Uint8Array(32));
  both16(w, 1);
  both16(w, 1);
  both16(w, SECTOR);
  both32(w, layout.pathTableSize).u32(layout.littleTable).u32(0);
  const big = new DataView(new ArrayBuffer(8));
  big.setUint32(0, layout.bigTable);
  w.bytes(new Uint8Array(big.buffer)).bytes(record(SELF, layout.root.sector, layout.root.size, true));
  w.bytes(text('', 128)).bytes(text('', 128)).bytes(text('', 128)).bytes(text('ESXSIM', 128));
  w.bytes(text('', 37)).bytes(text('', 37)).bytes(text('', 37));
  w.bytes(NO_DATE).bytes(NO_DATE).bytes(NO_DATE).bytes(NO_DATE).u8(1);
  return padded(w.finish());
}

/** The El Torito descriptor (specification 1.0, 2.0) that points to the catalogue. */
function bootDescriptor(catalogue: number): Uint8Array {
  const w = new ByteWriter('little', SECTOR).u8(0).bytes(latin1('CD001')).u8(1);
  w.bytes(latin1('EL TORITO SPECIFICATION'.padEnd(32, '\0')))
    .bytes(new Uint8Array(32))
    .u32(catalogue);
  return padded(w.finish());
}

/** Validation entry and one entry without emulation (specification 1.0, 2.1 and 2.2; platform EFI by the UEFI specification). */
function bootCatalogue(image: PlacedFile): Uint8Array {
  const validation = new Uint8Array(32);
  validation.set([1, EFI_PLATFORM]);
  validation.set([0x55, 0xaa], 30);
  const view = new DataView(validation.buffer);
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum += view.getUint16(i, true);
  view.setUint16(28, (0x10000 - (sum & 0xffff)) & 0xffff, true);
  const count = Math.min(Math.ceil(image.input.data.size / 512), 0xffff);
  const w = new ByteWriter('little', 32).u8(0x88).u8(0).u16(0).u8(0).u8(0).u16(count).u32(image.sector);
  return padded(concat(validation, w.finish()));
}

/**
 * The disc piece by piece, each only until the next is asked for. Names that ISO 9660 cannot have and a boot image that is no
 * file of the disc are an InputError.
 */
export function* isoParts({ label, files, efiBootImage }: IsoWriteOptions): Generator<Uint8Array> {
  if (!/^[A-Z0-9_-]{1,32}$/.test(label)) {
    throw new InputError(`ISO 9660: ${JSON.stringify(label)} is no volume label: at most 32 of A–Z, 0–9, _ and -`);
  }
  const root = newFolder('', undefined);
  for (const file of files) place(root, file);
  const folders = inOrder(root);
  const all = folders.flatMap((folder) => folder.files.toSorted(byName));
  const image = all.find(({ input }) => input.path === efiBootImage);
  if (efiBootImage !== undefined && image === undefined) {
    throw new InputError(`ISO 9660: no file ${efiBootImage} to boot from`);
  }
  // Sectors in order: descriptors, catalogue, both path tables, folders, files.
  for (const folder of folders) folder.size = directory(folder).length;
  let next = FIRST_DESCRIPTOR + (image === undefined ? 2 : 3);
  const catalogue = next;
  if (image !== undefined) next++;
  const pathTableSize = pathTable(folders, 'little').length;
  const littleTable = next;
  const bigTable = littleTable + sectors(pathTableSize);
  next = bigTable + sectors(pathTableSize);
  for (const folder of folders) {
    folder.sector = next;
    next += sectors(folder.size);
  }
  for (const file of all) {
    file.sector = next;
    next += sectors(file.input.data.size);
  }
  yield new Uint8Array(FIRST_DESCRIPTOR * SECTOR);
  yield primaryDescriptor(label, { root, total: next, pathTableSize, littleTable, bigTable });
  if (image !== undefined) yield bootDescriptor(catalogue);
  yield padded(concat(new Uint8Array([255]), latin1('CD001'), new Uint8Array([1]), new Uint8Array(SECTOR - 7)));
  if (image !== undefined) yield bootCatalogue(image);
  yield padded(pathTable(folders, 'little'));
  yield padded(pathTable(folders, 'big'));
  for (const folder of folders) yield directory(folder);
  for (const { input } of all) {
    yield* piecesOf(input.data);
    yield new Uint8Array((SECTOR - (input.data.size % SECTOR)) % SECTOR);
  }
}
