/**
 * Catalogues: whole images of about 60 and about 150 components. They are the sample set `esxi-8.0` plus rows of
 * recipes/catalogue.ts; at real scale payloads have the sizes of a real image (about 350 MB together).
 */
import { createCipheriv } from 'node:crypto';
import { gzipSync } from 'fflate';
import { utf8 } from '../src/bytes/bytes.ts';
import { hash } from '../src/crypto/hash.ts';
import { withDirectories } from '../src/esxboot/archive-tree.ts';
import { signModule } from '../src/esxboot/index.ts';
import {
  type ArchiveInput,
  acceptanceCode,
  buildVib,
  type PayloadRecipe,
  vibId,
  writeVmtar,
} from '../src/vib/index.ts';
import { kernelModule, userWorld } from './content/modules.ts';
import { makeSet, type Sample } from './make.ts';
import type { SamplePki } from './pki.ts';
import { type CatalogueRow, type CatalogueSize, catalogueRows } from './recipes/catalogue.ts';
import { ESXI_80 } from './recipes/sets.ts';

/** Payloads of a few kilobytes, or of the sizes they have in a real image. */
export type CatalogueScale = 'small' | 'real';

/** Bytes that look random: AES in counter mode under a key from the label. Fast, and the same everywhere. */
function noise(label: string, size: number): Uint8Array {
  const key = hash('sha256', utf8(`esxsim catalogue ${label}`));
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  return new Uint8Array(cipher.update(new Uint8Array(size)));
}

/** Text that compresses to next to nothing. */
const TEXT = utf8('esxsim sample content: stands for code and data that compress well. '.repeat(64)).subarray(0, 4096);

/** Content of about `size` compressed bytes: of every eight kilobytes five that do not compress and three that do. */
function mixed(label: string, size: number): Uint8Array {
  const random = noise(label, size);
  const out = new Uint8Array(Math.ceil(size / 5120) * 8192);
  for (let from = 0, to = 0; from < size; from += 5120, to += 8192) {
    out.set(random.subarray(from, from + 5120), to);
    out.set(TEXT.subarray(0, 3072), to + 5120);
  }
  return out;
}

/** Fast compression: at real scale the best would take minutes. The same bytes everywhere, as fflate is JavaScript. */
const compress = (content: Uint8Array): Uint8Array => gzipSync(content, { mtime: 0, level: 1 });

const SMALL_CODE = 3000;
/** Bytes for one KiB of a row: makes 350 MB of the large catalogue. */
const REAL_KIB = 1105;

function payload(row: CatalogueRow, scale: CatalogueScale, pki: SamplePki): PayloadRecipe {
  const { name, version, kind, kib } = row;
  const { release } = ESXI_80;
  const signed = (elf: Uint8Array): Uint8Array => signModule(elf, pki.moduleSigner, release.schema);
  const driver = { name, version, size: SMALL_CODE, vmkapi: release.vmkapi, license: 'ThirdParty:esxsim sample' };
  const elf =
    kind === 'driver'
      ? ({ name: `usr/lib/vmware/vmkmod/${name}`, type: 'shared', data: signed(kernelModule(driver)) } as const)
      : { name: `opt/${name}/bin/${name}d`, mode: 0o755, data: signed(userWorld({ name, version, size: SMALL_CODE })) };
  const opaque = {
    name: `usr/share/${name}/data.bin`,
    data: mixed(`${name} ${version}`, scale === 'real' ? kib * REAL_KIB : 512),
  };
  const files = withDirectories<ArchiveInput>([elf, opaque]);
  // The names of ar members have 16 bytes.
  const short = name.slice(0, 16);
  return { name: short, type: 'vgz', data: compress(writeVmtar(files)) };
}

function component(row: CatalogueRow, scale: CatalogueScale, pki: SamplePki): Sample {
  const { name, vendor, version, level, kind } = row;
  const signer = pki.vibSigners.get(level);
  const descriptor = {
    type: 'bootbank',
    name,
    version,
    vendor,
    summary: `${name} ${kind}`,
    description: `${name}: a sample of esxsim, no VMware or partner code inside.`,
    releaseDate: ESXI_80.release.releaseDate,
    softwareTags: kind === 'driver' ? ['module', 'driver'] : [],
    systemRequires: { maintenanceMode: true, swPlatforms: [], hwPlatforms: [] },
    acceptanceLevel: acceptanceCode(level),
    statelessReady: true,
  };
  const signers = signer === undefined ? [] : [{ ...signer, hash: 'sha512' as const }];
  return {
    path: `${vibId(descriptor)}.vib`,
    bytes: buildVib({ descriptor, payloads: [payload(row, scale, pki)] }, signers),
  };
}

/** The VIBs of a catalogue one after the other, by file name. The same size and scale give the same bytes. */
export function* makeCatalogue(size: CatalogueSize, scale: CatalogueScale, pki: SamplePki): Generator<Sample> {
  for (const { path, bytes } of makeSet(ESXI_80, pki)) yield { path: path.slice(path.lastIndexOf('/') + 1), bytes };
  for (const row of catalogueRows(size)) yield component(row, scale, pki);
}
