/** VIB files: reading them without judging, building them, signing them. */
import { type ByteSource, bytesSource } from '../archive/source.ts';
import { toHex } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { type CmsSignerInput, createSignedData } from '../crypto/cms.ts';
import { hash } from '../crypto/hash.ts';
import type { Certificate } from '../crypto/x509.ts';
import { type ArMember, memberSource, readAr, writeAr } from './ar.ts';
import {
  createDescriptor,
  type DescriptorInput,
  MAX_DESCRIPTOR,
  parseDescriptor,
  type VibChecksum,
  type VibDescriptor,
  type VibPayloadInfo,
  writeDescriptor,
} from './descriptor.ts';
import { gunzip, gzip, isGzip } from './gzip.ts';
import { openPayload } from './payload.ts';
import type { ArchiveInput } from './tar-header.ts';
import { writeUstar } from './ustar.ts';
import { writeVmtar } from './vmtar.ts';

/** Names of the two members that precede the payloads. */
export const DESCRIPTOR_MEMBER = 'descriptor.xml';
export const SIGNATURE_MEMBER = 'sig.pkcs7';
/** Whether a member of every VIB has this name, so that no payload can. */
export const isOwnMember = (name: string): boolean => name === DESCRIPTOR_MEMBER || name === SIGNATURE_MEMBER;

/** A payload that the descriptor names and the archive holds. */
export interface VibPayload {
  readonly name: string;
  /** As the descriptor states it: `vgz`, `tgz`, `boot`, … */
  readonly type: string;
  readonly data: Uint8Array;
}

/** Where payloads lie that stay in their file. Beside the objects, so that a copy with other data has no old place. */
const sources = new WeakMap<VibPayload, ByteSource>();

/** A payload as it is read piece by piece. */
export const payloadSource = (payload: VibPayload): ByteSource => sources.get(payload) ?? bytesSource(payload.data);

/** A VIB as read. Nothing in it is checked against anything else: that is `verifyVib`. */
export interface Vib {
  readonly descriptor: VibDescriptor;
  /** The member's bytes: what the signature covers. */
  readonly descriptorBytes: Uint8Array;
  /** Empty for an unsigned VIB; undefined where the member is missing. */
  readonly signature: Uint8Array | undefined;
  /** In the descriptor's order. */
  readonly payloads: readonly VibPayload[];
  /** Every member in the archive's order. */
  readonly members: readonly ArMember[];
}

/** A VIB of the members of an archive. A repeated member, a missing or unreadable descriptor are a `FormatError`. */
export function vibOfMembers(members: readonly ArMember[], options: { readonly maxDescriptor?: number } = {}): Vib {
  const byName = new Map<string, ArMember>();
  for (const member of members) {
    if (byName.has(member.name)) {
      const problem = `member ${member.name} appears twice`;
      throw new FormatError({ structure: 'VIB', field: '', offset: member.offset, problem });
    }
    byName.set(member.name, member);
  }
  const descriptorBytes = byName.get(DESCRIPTOR_MEMBER)?.data;
  if (descriptorBytes === undefined) {
    throw new FormatError({ structure: 'VIB', field: DESCRIPTOR_MEMBER, problem: 'member is missing' });
  }
  const descriptor = parseDescriptor(descriptorBytes, options.maxDescriptor ?? MAX_DESCRIPTOR);
  const payloads = descriptor.payloads.flatMap(({ name, type }): VibPayload[] => {
    const member = byName.get(name);
    if (member === undefined) return [];
    // The member decides when its bytes are read.
    const payload: VibPayload = {
      name,
      type,
      get data() {
        return member.data;
      },
    };
    sources.set(payload, memberSource(member));
    return [payload];
  });
  return { descriptor, descriptorBytes, signature: byName.get(SIGNATURE_MEMBER)?.data, payloads, members };
}

/** Reads a VIB. Not an archive, a repeated member, a missing or unreadable descriptor are a `FormatError`. */
export const readVib = (bytes: Uint8Array, options: { readonly maxDescriptor?: number } = {}): Vib =>
  vibOfMembers(readAr(bytes), options);

/** A payload to be built: from files, from the decompressed bytes, or from the member's bytes as they shall be. */
export type PayloadRecipe = Pick<VibPayloadInfo, 'name' | 'type' | 'attributes'> &
  ({ readonly files: readonly ArchiveInput[] } | { readonly content: Uint8Array } | { readonly data: Uint8Array });

/** What a VIB is built from. Sizes, checksums and, unless given, the file list are computed. */
export interface VibRecipe {
  readonly descriptor: Omit<DescriptorInput, 'payloads'>;
  readonly payloads: readonly PayloadRecipe[];
}

/** Who signs a VIB; `chain` are the intermediates to carry. */
export interface VibSigner extends CmsSignerInput {
  readonly chain?: readonly Certificate[];
}

function payloadData(recipe: PayloadRecipe): Uint8Array {
  if ('data' in recipe) return recipe.data;
  if ('content' in recipe) return gzip(recipe.content);
  if (recipe.type === 'vgz') return gzip(writeVmtar(recipe.files));
  if (recipe.type === 'tgz') return gzip(writeUstar(recipe.files));
  throw new InputError(`payload ${recipe.name}: type ${recipe.type} cannot be made from files, only vgz and tgz can`);
}

/** What a recipe holds is no bomb, however well it compresses: deflate cannot do better than 1032 to 1. */
const OWN_CONTENT = { maxRatio: 1100 } as const;

/** The checksums in their order: sha-256 of the decompressed data, sha-256 of the member, sha-1 of the decompressed data. */
export function payloadChecksums(name: string, data: Uint8Array): VibChecksum[] {
  const whole: VibChecksum = { type: 'sha-256', value: toHex(hash('sha256', data)) };
  if (!isGzip(data)) return [whole];
  const content = gunzip(data, name, OWN_CONTENT);
  const ofContent = (type: string, digest: Uint8Array): VibChecksum => ({
    type,
    verifyProcess: 'gunzip',
    value: toHex(digest),
  });
  return [ofContent('sha-256', hash('sha256', content)), whole, ofContent('sha-1', hash('sha1', content))];
}

/** Files of archive payloads in order, directories left out. */
function filesOf(payload: VibPayload): string[] {
  const { entries } = openPayload(payload, OWN_CONTENT);
  return entries.filter((entry) => entry.type !== 'directory').map((entry) => entry.name);
}

/** Detached signature over the descriptor's bytes (DER of CMS SignedData); no signers give the empty signature. */
export function signDescriptor(descriptorBytes: Uint8Array, signers: readonly VibSigner[]): Uint8Array {
  if (signers.length === 0) return new Uint8Array(0);
  const certificates = signers.flatMap((signer) => signer.chain ?? []);
  return createSignedData({ content: descriptorBytes, signers, certificates });
}

/** The bytes of a VIB with members in the order descriptor, signature, payloads. */
export function writeVib(vib: Pick<Vib, 'descriptorBytes' | 'signature' | 'payloads'>): Uint8Array {
  return writeAr([
    { name: DESCRIPTOR_MEMBER, data: vib.descriptorBytes },
    { name: SIGNATURE_MEMBER, data: vib.signature ?? new Uint8Array(0) },
    ...vib.payloads.map(({ name, data }) => ({ name, data })),
  ]);
}

/** Builds a VIB; without signers its signature is empty. The same recipe and keys give the same bytes. */
export function buildVib(recipe: VibRecipe, signers: VibSigner | readonly VibSigner[] = []): Uint8Array {
  for (const { name } of recipe.payloads) {
    if (!isOwnMember(name)) continue;
    throw new InputError(`payload ${name}: the archive has a member of its own with this name`);
  }
  const payloads = recipe.payloads.map((each) => ({ name: each.name, type: each.type, data: payloadData(each) }));
  const infos = payloads.map(({ name, type, data }, i): VibPayloadInfo => {
    const attributes = recipe.payloads[i]?.attributes;
    const info = { name, type, size: data.length, checksums: payloadChecksums(name, data) };
    return attributes === undefined ? info : { ...info, attributes };
  });
  const fileList = recipe.descriptor.fileList ?? payloads.flatMap(filesOf);
  const descriptorBytes = writeDescriptor(createDescriptor({ ...recipe.descriptor, fileList, payloads: infos }));
  // Reading what was written refuses a recipe that no reader would accept, e.g. two payloads of one name.
  parseDescriptor(descriptorBytes);
  const list = 'certificate' in signers ? [signers] : signers;
  return writeVib({ descriptorBytes, signature: signDescriptor(descriptorBytes, list), payloads });
}

/** The VIB with its signature replaced; every other member keeps its bytes and place. */
export function signVib(vib: Vib, signers: VibSigner | readonly VibSigner[]): Uint8Array {
  const list = 'certificate' in signers ? [signers] : signers;
  const data = signDescriptor(vib.descriptorBytes, list);
  const at = vib.members.findIndex((member) => member.name === SIGNATURE_MEMBER);
  if (at >= 0) return writeAr(vib.members.map((member, i) => (i === at ? { ...member, data } : member)));
  const [first, ...rest] = vib.members;
  return writeAr([...(first === undefined ? [] : [first]), { name: SIGNATURE_MEMBER, data }, ...rest]);
}

/** The archive's bytes; of a VIB that was read every byte as it was. */
export const rewriteVib = (vib: Vib): Uint8Array => writeAr(vib.members);
