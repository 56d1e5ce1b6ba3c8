/**
 * ISO 9660 images (ECMA-119) over random access: the file tree at once, each file when it is asked for. Of the names that
 * an image offers, Rock Ridge goes before Joliet before plain ones. Directories that contain themselves are refused.
 */
import { nameInAnyCase } from '../archive/file-names.ts';
import { type ByteSource, joinedSource, readRange, sliceRange, sliceSource } from '../archive/source.ts';
import { fromLatin1 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { unsafePath } from '../vib/payload.ts';
import {
  type Continuation,
  ISO_STRUCTURE,
  type IsoExtent,
  type IsoNames,
  type IsoRecord,
  type NameForm,
  PLAIN_NAMES,
  readRecord,
  recordsOf,
  suspSkip,
} from './directory.ts';

/** Bytes of a sector; volume descriptors begin in sector 16. */
export const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MAX_DESCRIPTORS = 64;
const MAX_FILES = 200_000;
const MAX_DEPTH = 32;
const MAX_DIRECTORY = 64 << 20;
const MAX_FILE = 0x7fffffff;
/** A continuation area lies in one block, whose size is at most a sector. */
const MAX_CONTINUATION = SECTOR;

const TYPE = { boot: 0, primary: 1, supplementary: 2, terminator: 255 } as const;
/** Escape sequences of the three Joliet levels. */
const JOLIET = ['%/@', '%/C', '%/E'];
const EL_TORITO = 'EL TORITO SPECIFICATION';

const fail = (field: string, problem: string, offset?: number): FormatError =>
  new FormatError({ structure: ISO_STRUCTURE, field, offset, problem });

/** A file of the image. */
export interface IsoFile {
  readonly path: string;
  readonly size: number;
  readonly extents: readonly IsoExtent[];
}

interface Volume {
  readonly blockSize: number;
  readonly root: IsoRecord;
  readonly label: string;
  readonly joliet: boolean;
}

/** Whether the source has a volume descriptor where an ISO 9660 image has its first one. */
export function isIso(source: ByteSource): boolean {
  const at = FIRST_DESCRIPTOR * SECTOR;
  return source.size >= at + SECTOR && fromLatin1(source.read(at + 1, 5)) === 'CD001';
}

/** An ISO 9660 image, opened. */
export class IsoImage {
  readonly #source: ByteSource;
  readonly #blockSize: number;
  /** Volume label. */
  readonly label: string;
  readonly names: IsoNames;
  /** Files by path with forward slashes, in the order of the directories. */
  readonly files: ReadonlyMap<string, IsoFile>;
  /** Symbolic links (Rock Ridge): no files, as no boot loader follows them. */
  readonly links: ReadonlySet<string>;
  /** Sector of the El Torito boot catalogue; undefined where the image is not bootable. */
  readonly bootCatalogue: number | undefined;

  constructor(
    source: ByteSource,
    volume: Pick<IsoImage, 'label' | 'names' | 'files' | 'links' | 'bootCatalogue'> & { readonly blockSize: number },
  ) {
    this.#source = source;
    this.#blockSize = volume.blockSize;
    this.label = volume.label;
    this.names = volume.names;
    this.files = volume.files;
    this.links = volume.links;
    this.bootCatalogue = volume.bootCatalogue;
  }

  /** The path of a file whatever its case; undefined where there is none. */
  find(path: string): string | undefined {
    return nameInAnyCase(this.files, path);
  }

  /** The path of a symbolic link, as {@link find}. */
  findLink(path: string): string | undefined {
    return nameInAnyCase(this.links, path);
  }

  /** A file as a source of its own. An unknown path or data beyond the end of the image are a FormatError. */
  source(path: string): ByteSource {
    const file = this.files.get(path);
    if (file === undefined) throw fail(path, 'no such file in the image');
    if (file.size > MAX_FILE) throw fail(path, `${file.size} bytes, the limit is ${MAX_FILE}`);
    const parts = file.extents.map(({ block, size }) => {
      return sliceRange(this.#source, block * this.#blockSize, size, ISO_STRUCTURE, path);
    });
    return joinedSource(parts);
  }

  /** The bytes of a file; errors as those of {@link source}. */
  read(path: string): Uint8Array {
    const source = this.source(path);
    return source.read(0, source.size);
  }

  /** `size` bytes from a sector on, as a source; less where the image ends before. */
  sectors(sector: number, size: number): ByteSource {
    const offset = sector * SECTOR;
    if (offset >= this.#source.size) throw fail('sector', `sector ${sector} is beyond the end`, this.#source.size);
    return sliceSource(this.#source, offset, Math.min(size, this.#source.size - offset));
  }
}

function readVolume(bytes: Uint8Array, offset: number): Volume {
  const reader = new ByteReader(bytes, ISO_STRUCTURE, 'little', offset);
  reader.skip('volume.type', 8 + 32);
  const labelBytes = reader.bytes('volume.identifier', 32);
  reader.skip('volume.space', 8 + 8);
  const escapes = fromLatin1(reader.bytes('volume.escapes', 32));
  reader.skip('volume.set', 8);
  const blockSize = reader.u16('volume.blockSize');
  if (![512, 1024, 2048].includes(blockSize)) throw fail('volume.blockSize', `${blockSize}; 512, 1024 or 2048`, offset);
  const root = readRecord(bytes.subarray(156, 190), offset + 156, PLAIN_NAMES);
  const joliet = JOLIET.some((sequence) => escapes.startsWith(sequence));
  return { blockSize, root, joliet, label: fromLatin1(labelBytes).replace(/[\0 ]+$/, '') };
}

interface Descriptors {
  primary: Volume | undefined;
  joliet: Volume | undefined;
  bootCatalogue: number | undefined;
}

function readDescriptors(source: ByteSource): Descriptors {
  const found: Descriptors = { primary: undefined, joliet: undefined, bootCatalogue: undefined };
  for (let n = 0; n < MAX_DESCRIPTORS; n++) {
    const offset = (FIRST_DESCRIPTOR + n) * SECTOR;
    const bytes = readRange(source, offset, SECTOR, ISO_STRUCTURE, `descriptor[${n}]`);
    if (fromLatin1(bytes.subarray(1, 6)) !== 'CD001')
      throw fail(`descriptor[${n}].identifier`, 'expected CD001', offset + 1);
    const type = bytes[0];
    if (type === TYPE.terminator) return found;
    if (type === TYPE.primary) found.primary ??= readVolume(bytes, offset);
    if (type === TYPE.supplementary) {
      const volume = readVolume(bytes, offset);
      if (volume.joliet) found.joliet ??= volume;
    }
    if (type === TYPE.boot && fromLatin1(bytes.subarray(7, 39)).startsWith(EL_TORITO)) {
      found.bootCatalogue ??= new DataView(bytes.buffer, bytes.byteOffset).getUint32(0x47, true);
    }
  }
  throw fail('descriptor', `no terminator among ${MAX_DESCRIPTORS} volume descriptors`);
}

/** Walks a directory tree. Every directory is entered once: a second way to it would be a cycle. */
class Walker {
  readonly files = new Map<string, IsoFile>();
  readonly links = new Set<string>();
  readonly #seen = new Set<number>();
  readonly #source: ByteSource;
  readonly #volume: Volume;
  readonly #form: NameForm;

  constructor(source: ByteSource, volume: Volume, form: NameForm) {
    this.#source = source;
    this.#volume = volume;
    this.#form = form;
  }

  walk(directory: IsoExtent, path: string, depth: number): void {
    const { block, size } = directory;
    const offset = block * this.#volume.blockSize;
    if (this.#seen.has(block)) throw fail(path || '/', 'directory appears twice in the tree (a cycle)', offset);
    if (depth > MAX_DEPTH) throw fail(path, `directories nested deeper than ${MAX_DEPTH}`, offset);
    if (size > MAX_DIRECTORY) throw fail(path, `directory of ${size} bytes, the limit is ${MAX_DIRECTORY}`, offset);
    this.#seen.add(block);
    const data = readRange(this.#source, offset, size, ISO_STRUCTURE, path || '/');
    let open: { path: string; extents: IsoExtent[] } | undefined;
    for (const { bytes, at } of recordsOf(data, SECTOR)) {
      const record = readRecord(bytes, offset + at, this.#form);
      if (record.name === '') continue;
      const full = path === '' ? record.name : `${path}/${record.name}`;
      const unsafe = /^\.$|\//.test(record.name) ? 'has a slash or is a dot' : unsafePath(full);
      if (unsafe !== undefined)
        throw fail('directory.name', `${JSON.stringify(full.slice(0, 80))} ${unsafe}`, offset + at);
      if (record.symlink) {
        this.#count(offset + at);
        this.links.add(full);
        continue;
      }
      if (record.directory) {
        this.walk(record, full, depth + 1);
        continue;
      }
      if (open !== undefined && open.path !== full) throw fail(open.path, 'its last part is missing', offset + at);
      open ??= { path: full, extents: [] };
      open.extents.push({ block: record.block, size: record.size });
      if (record.more) continue;
      this.#add(open.path, open.extents, offset + at);
      open = undefined;
    }
    if (open !== undefined) throw fail(open.path, 'its last part is missing', offset);
  }

  /** Refuses another file or link where there are too many. */
  #count(offset: number): void {
    if (this.files.size + this.links.size >= MAX_FILES) {
      throw fail('directory', `more than ${MAX_FILES} files`, offset);
    }
  }

  #add(path: string, extents: readonly IsoExtent[], offset: number): void {
    if (this.files.has(path)) throw fail('directory.name', `${path} appears twice`, offset);
    this.#count(offset);
    this.files.set(path, { path, extents, size: extents.reduce((sum, { size }) => sum + size, 0) });
  }
}

/** Opens an image: reads its volume descriptors and the tree of directories. Anything wrong is a FormatError. */
export function openIso(source: ByteSource): IsoImage {
  const { primary, joliet, bootCatalogue } = readDescriptors(source);
  if (primary === undefined) throw fail('descriptor', 'no primary volume descriptor');
  const rootAt = primary.root.block * primary.blockSize;
  const head = readRange(source, rootAt, Math.min(SECTOR, primary.root.size), ISO_STRUCTURE, '/');
  const [first] = recordsOf(head, SECTOR);
  const skip = first === undefined ? undefined : suspSkip(first.bytes);
  const names: IsoNames = skip !== undefined ? 'rock-ridge' : joliet !== undefined ? 'joliet' : 'plain';
  const volume = names === 'joliet' ? (joliet ?? primary) : primary;
  const continuation = ({ block, offset, size }: Continuation): Uint8Array => {
    if (offset + size > MAX_CONTINUATION)
      throw fail('directory.systemUse', `continuation area of ${offset + size} bytes`);
    return readRange(source, block * volume.blockSize + offset, size, ISO_STRUCTURE, 'directory.systemUse');
  };
  const walker = new Walker(source, volume, { names, skip: skip ?? 0, continuation });
  walker.walk(volume.root, '', 0);
  const { blockSize } = volume;
  const { files, links } = walker;
  return new IsoImage(source, { label: primary.label, names, files, links, bootCatalogue, blockSize });
}
