/**
 * Saved contexts (TPM 2.0 Library specification, Part 1, 30). A blob is the integrity HMAC (TPM2B) and, encrypted, the sequence
 * number and the session or object as state-value.ts writes it, deflated: callers keep as much room as the TPM's properties
 * tell (TPM_PT_MAX_OBJECT_CONTEXT, TPM_PT_MAX_SESSION_CONTEXT). Keys come from the proof of the hierarchy; what makes a
 * context stale (a TPM Reset, a restart for objects that do not survive one) goes into the HMAC.
 */
import { deflateSync, inflateSync } from 'fflate';
import { primitives } from '#primitives';
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { HASH_SIZE, hmac } from '../../src/crypto/hash.ts';
import { encode, type Infer } from '../../src/tpm2/codec.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { TPM2B_DIGEST, type TPMS_CONTEXT } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { hierarchyOf } from './state.ts';
import { readValue, writeValue } from './state-value.ts';
import { CONTEXT_HASH } from './tickets.ts';

/** savedHandle of an object: an ordinary one, a sequence, one that does not survive TPM2_Startup(CLEAR). */
export const SAVED_OBJECT = { ORDINARY: 0x8000_0000, SEQUENCE: 0x8000_0001, ST_CLEAR: 0x8000_0002 } as const;

const EMPTY = new Uint8Array(0);
const AREA = { authPolicy: EMPTY, nameAlg: 0xb, objectAttributes: 0x30072 };
const RSA_KEY = { d: EMPTY, dp: EMPTY, dq: EMPTY, e: EMPTY, kind: 'rsa', n: EMPTY, p: EMPTY, q: EMPTY, qi: EMPTY };
const EC_KEY = { curve: 'P-256', d: EMPTY, kind: 'ec', x: EMPTY, y: EMPTY };
const OBJECT = {
  hierarchy: 0x40000001,
  name: EMPTY,
  qualifiedName: EMPTY,
  sensitive: { authValue: EMPTY, data: EMPTY, seedValue: EMPTY },
  stClear: false,
};
const SESSION = {
  auditDigest: undefined,
  authHash: 0xb,
  authValueNeeded: false,
  bound: { authValue: EMPTY, name: EMPTY },
  commandCode: 0,
  epoch: 1,
  guards: 'nothing',
  handle: 0x0300_0000,
  limit: { digest: EMPTY, kind: 'cpHash' },
  locality: 0,
  nonceTPM: EMPTY,
  nvWritten: undefined,
  passwordNeeded: false,
  pcrCounter: 0,
  physicalPresence: false,
  policyDigest: EMPTY,
  sessionKey: EMPTY,
  startTime: 0,
  symmetric: { algorithm: 0x10 },
  timeout: 0,
  type: 1,
};

/** What a context says in the clear. */
export type ContextHeader = Omit<Infer<typeof TPMS_CONTEXT>, 'contextBlob'>;

/** Field names and their order in sessions and objects, as they are written: what every context has need not be in it. */
const TYPICAL = typical();

function typical(): Uint8Array {
  const writer = new ByteWriter('big', 2048);
  const parameters = {
    curveID: 3,
    exponent: 0,
    kdf: { scheme: 0x10 },
    keyBits: 2048,
    scheme: { hashAlg: 0xb, scheme: 0x10 },
    symmetric: { algorithm: 6, keyBits: 128, mode: 0x43 },
  };
  writeValue(writer, { ...OBJECT, key: RSA_KEY, publicArea: { ...AREA, parameters, type: 1, unique: EMPTY } });
  writeValue(writer, {
    ...OBJECT,
    key: EC_KEY,
    publicArea: { ...AREA, parameters, type: 0x23, unique: { x: EMPTY, y: EMPTY } },
  });
  writeValue(writer, { ...OBJECT, sequence: { hashes: [], hmacKey: EMPTY, kind: 'hmac', safe: true, started: true } });
  writeValue(writer, SESSION);
  return writer.finish();
}

const KEY_SIZE = 32;
const IV_SIZE = 16;

function u64(value: bigint): Uint8Array {
  return new ByteWriter('big', 8).u64(value).finish();
}

const proofOf = (tpm: Tpm, hierarchy: number): Uint8Array => hierarchyOf(tpm.state, hierarchy)?.proof ?? EMPTY;

function crypt(tpm: Tpm, direction: 'encrypt' | 'decrypt', header: ContextHeader, data: Uint8Array): Uint8Array {
  const { sequence, savedHandle, hierarchy } = header;
  const bits = (KEY_SIZE + IV_SIZE) * 8;
  const name = handleName(savedHandle);
  const key = kdfa(CONTEXT_HASH, proofOf(tpm, hierarchy), 'CONTEXT', u64(sequence), name, bits);
  return primitives.aes('cfb', direction, key.subarray(0, KEY_SIZE), key.subarray(KEY_SIZE), data);
}

function integrity(tpm: Tpm, { sequence, savedHandle, hierarchy }: ContextHeader, encrypted: Uint8Array): Uint8Array {
  const { totalResetCount, clearCount } = tpm.state.access;
  const life = [u64(BigInt(totalResetCount))];
  if (savedHandle === SAVED_OBJECT.ST_CLEAR) life.push(u64(BigInt(clearCount)));
  const data = concat(...life, u64(sequence), handleName(savedHandle), encrypted);
  return hmac(CONTEXT_HASH, proofOf(tpm, hierarchy), data);
}

/** The context of a session or object. */
export function sealContext(tpm: Tpm, header: ContextHeader, value: object): Infer<typeof TPMS_CONTEXT> {
  const writer = new ByteWriter('big', 1024);
  writeValue(writer, value);
  const packed = deflateSync(writer.finish(), { dictionary: TYPICAL });
  const encrypted = crypt(tpm, 'encrypt', header, concat(u64(header.sequence), packed));
  return { ...header, contextBlob: concat(encode(TPM2B_DIGEST, integrity(tpm, header, encrypted)), encrypted) };
}

/** What was deflated; FormatError where it was not. */
function unpacked(bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { dictionary: TYPICAL });
  } catch {
    throw new FormatError({ structure: 'contextBlob', field: '', problem: 'cannot be inflated' });
  }
}

/** What {@link sealContext} was given, or why the context is not accepted. */
export function openContext(
  tpm: Tpm,
  context: Infer<typeof TPMS_CONTEXT>,
): { value: unknown } | 'short' | 'oversize' | 'size' | 'integrity' {
  const reader = new ByteReader(context.contextBlob, 'contextBlob');
  // A size that no digest has is refused before what follows is looked at.
  const [high = 0, low] = context.contextBlob;
  if (low !== undefined && ((high << 8) | low) > HASH_SIZE.sha512) return 'oversize';
  try {
    const digest = TPM2B_DIGEST.read(reader);
    if (digest.length !== HASH_SIZE[CONTEXT_HASH]) return 'size';
    const encrypted = reader.rest();
    if (!equalBytes(digest, integrity(tpm, context, encrypted))) return 'integrity';
    const plain = new ByteReader(crypt(tpm, 'decrypt', context, encrypted), 'contextBlob');
    plain.skip('sequence', 8);
    return { value: readValue(new ByteReader(unpacked(plain.rest()), 'contextBlob')) };
  } catch (error) {
    if (error instanceof FormatError) return 'short';
    throw error;
  }
}
