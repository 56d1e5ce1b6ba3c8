/** Responses as flat lists of named values, and which of them no two TPMs have in common. */
import { equalBytes, toHex } from '../../src/bytes/bytes.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import * as T from '../../src/tpm2/index.ts';

/** A value at a path such as `outPublic.unique.x`; list elements are all called `[]`. */
export type Leaf = readonly [path: string, value: unknown];

/** All values of a structure in order; attestations are opened. */
export function leaves(path: string, value: unknown): Leaf[] {
  if (value instanceof Uint8Array) {
    const attest = /(^|\.)(quoted|certifyInfo|timeInfo|auditInfo)$/.test(path) ? openAttest(value) : undefined;
    return attest === undefined ? [[path, value]] : leaves(path, attest);
  }
  if (Array.isArray(value)) {
    return [[`${path}.length`, value.length], ...value.flatMap((one: unknown) => leaves(`${path}[]`, one))];
  }
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, part]) => leaves(path === '' ? name : `${path}.${name}`, part));
}

function openAttest(bytes: Uint8Array): T.TPMS_ATTEST | undefined {
  try {
    return T.decode(T.TPMS_ATTEST, bytes);
  } catch {
    return undefined;
  }
}

/** Parameters of a response, read by the command table. */
export function responseLeaves(row: AnyCommandRow, parameters: Uint8Array): Leaf[] {
  const reader = new ByteReader(parameters, `TPM2_${row.name} response`);
  const out: Leaf[] = [];
  for (const { name, codec } of row.response) out.push(...leaves(name, codec.read(reader)));
  reader.end();
  return out;
}

/**
 * Values that depend on secrets, random numbers, real time or who made the TPM: only their kind and size are compared. All
 * other values must be equal.
 */
const OWN: readonly (readonly [command: RegExp, path: RegExp, why: string])[] = [
  [/^GetRandom$/, /^randomBytes$/, 'random'],
  [/^StartAuthSession$/, /^nonceTPM$/, 'random'],
  [/./, /(^|\.)(outPrivate|privateOut|duplicate|outSymSeed|encryptionKeyOut|outDuplicate)$/, 'encrypted by keys'],
  [/./, /^outPublic\.unique(\.[xy])?$/, 'a key'],
  [/./, /^outPublic\.authPolicy$/, 'may name a key'],
  [/./, /(^|\.)(name|qualifiedName|objectName|parentName|parentQualifiedName|qualifiedSigner)$/, 'names a key'],
  [/./, /(^|\.)creationHash$/, 'names a key'],
  [/./, /^(creationTicket|validation|policyTicket|ticket)\.digest$/, 'a ticket'],
  [/./, /^(signature\.(sig|signatureR|signatureS|hmac\.digest))$/, 'signed by a key'],
  [/./, /(^|\.)(clock|time|resetCount|restartCount|safe|firmwareVersion)$/, 'time, blinded by the key, or a version'],
  [/^MakeCredential$/, /^(credentialBlob|secret)$/, 'encrypted'],
  [/^RSA_Encrypt$/, /^outData$/, 'encrypted'],
  [/^EncryptDecrypt2?$/, /^(outData|ivOut)$/, 'encrypted by a key'],
  [/^HMAC$/, /^outHMAC$/, 'made by a key'],
  [/^SequenceComplete$/, /^result$/, 'made by a key, or a digest of what was'],
  [/^(ECDH_KeyGen|ECDH_ZGen|ZGen_2Phase|Commit|EC_Ephemeral)$/, /\.[xy]$/, 'an ephemeral or secret point'],
  [/^PolicyGetDigest$/, /^policyDigest$/, 'may name a key'],
  [/^(GetSessionAuditDigest|GetCommandAuditDigest)$/, /\.(sessionDigest|auditDigest)$/, 'covers random values'],
  [/^CertifyX509$/, /^(addedToCertificate|tbsDigest)$/, 'holds a key and a signature'],
  [/^PolicySigned|PolicySecret$/, /^timeout$/, 'time'],
];

/** Encoding and size are the TPM's own affair (docs/tpm.md). */
const OPAQUE = /^context\.contextBlob$/;

const isOwn = (command: string, path: string): boolean =>
  OWN.some(([commands, paths]) => commands.test(command) && paths.test(path));

/** TPM properties that tell who made the TPM (docs/tpm.md). */
const OWN_PROPERTIES: ReadonlySet<number> = new Set([0x105, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c]);

const shown = (value: unknown): string => (value instanceof Uint8Array ? toHex(value) : String(value));

function equalValues(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : a === b;
}

const sameKind = (a: unknown, b: unknown): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? a.length === b.length : typeof a === typeof b;

/** Where two answers to one command differ although they should not. */
export function compareLeaves(command: string, ours: readonly Leaf[], theirs: readonly Leaf[]): string[] {
  // With a restored state swtpm forgets what it has tested; tpm-differential-capability.test.ts compares these lists.
  if (command === 'IncrementalSelfTest') return [];
  if (ours.length !== theirs.length) return [`${ours.length} values, swtpm ${theirs.length}`];
  const out: string[] = [];
  let property: unknown;
  for (const [i, [path, a]] of ours.entries()) {
    const [other, b] = theirs[i] ?? ['', undefined];
    if (path.endsWith('[].property')) property = a;
    const own =
      isOwn(command, path) ||
      (path.endsWith('[].value') && OWN_PROPERTIES.has(typeof property === 'number' ? property : -1));
    if (path === other && OPAQUE.test(path)) continue;
    if (path !== other || !(own ? sameKind(a, b) : equalValues(a, b))) {
      out.push(`${path}: ${shown(a)}, swtpm ${other}: ${shown(b)}`);
    }
  }
  return out;
}
