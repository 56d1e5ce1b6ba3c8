/**
 * Saved contexts (TPM 2.0 Library specification, Part 1, 30). A blob is the integrity HMAC (TPM2B) and, encrypted, the sequence
 * number and the session or object as context-content.ts writes it. Keys come from the proof of the hierarchy; what makes a
 * context stale (a TPM Reset, a restart for objects that do not survive one) goes into the HMAC.
 */

import { primitives } from '#primitives';
import { concat, equalBytes, u64Bytes } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { HASH_SIZE, hmac } from '../../src/crypto/hash.ts';
import { type Codec, decode, encode, type Infer } from '../../src/tpm2/codec.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { TPM2B_DIGEST, type TPMS_CONTEXT } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { hierarchyOf } from './state.ts';
import { CONTEXT_HASH } from './tickets.ts';

/** savedHandle of an object: an ordinary one, a sequence, one that does not survive TPM2_Startup(CLEAR). */
export const SAVED_OBJECT = { ORDINARY: 0x8000_0000, SEQUENCE: 0x8000_0001, ST_CLEAR: 0x8000_0002 } as const;

/** What a context says in the clear. */
export type ContextHeader = Omit<Infer<typeof TPMS_CONTEXT>, 'contextBlob'>;

const EMPTY = new Uint8Array(0);
const SEQUENCE_SIZE = 8;
const KEY_SIZE = 32;
const IV_SIZE = 16;

const proofOf = (tpm: Tpm, hierarchy: number): Uint8Array => hierarchyOf(tpm.state, hierarchy)?.proof ?? EMPTY;

function crypt(tpm: Tpm, direction: 'encrypt' | 'decrypt', header: ContextHeader, data: Uint8Array): Uint8Array {
  const { sequence, savedHandle, hierarchy } = header;
  const bits = (KEY_SIZE + IV_SIZE) * 8;
  const name = handleName(savedHandle);
  const key = kdfa(CONTEXT_HASH, proofOf(tpm, hierarchy), 'CONTEXT', u64Bytes(sequence), name, bits);
  return primitives.cipher('aes', 'cfb', direction, key.subarray(0, KEY_SIZE), key.subarray(KEY_SIZE), data);
}

function integrity(tpm: Tpm, { sequence, savedHandle, hierarchy }: ContextHeader, encrypted: Uint8Array): Uint8Array {
  const { totalResetCount, clearCount } = tpm.state.access;
  const life = [u64Bytes(totalResetCount)];
  if (savedHandle === SAVED_OBJECT.ST_CLEAR) life.push(u64Bytes(clearCount));
  const data = concat(...life, u64Bytes(sequence), handleName(savedHandle), encrypted);
  return hmac(CONTEXT_HASH, proofOf(tpm, hierarchy), data);
}

/** The context of a session or object. */
export function sealContext<T>(
  tpm: Tpm,
  header: ContextHeader,
  content: Codec<T>,
  value: T,
): Infer<typeof TPMS_CONTEXT> {
  const writer = new ByteWriter('big', 1024).u64(header.sequence);
  content.write(writer, value);
  const encrypted = crypt(tpm, 'encrypt', header, writer.finish());
  return { ...header, contextBlob: concat(encode(TPM2B_DIGEST, integrity(tpm, header, encrypted)), encrypted) };
}

/** What {@link sealContext} was given, or why the context is not accepted. */
export function openContext<T>(
  tpm: Tpm,
  context: Infer<typeof TPMS_CONTEXT>,
  content: Codec<T>,
): { value: T } | 'short' | 'oversize' | 'size' | 'integrity' {
  const reader = new ByteReader(context.contextBlob, 'contextBlob');
  // A size that no digest has is refused before what follows is looked at.
  const [high = 0, low] = context.contextBlob;
  if (low !== undefined && ((high << 8) | low) > HASH_SIZE.sha512) return 'oversize';
  try {
    const digest = TPM2B_DIGEST.read(reader);
    if (digest.length !== HASH_SIZE[CONTEXT_HASH]) return 'size';
    const encrypted = reader.rest();
    if (!equalBytes(digest, integrity(tpm, context, encrypted))) return 'integrity';
    const plain = crypt(tpm, 'decrypt', context, encrypted);
    return { value: decode(content, plain.subarray(SEQUENCE_SIZE)) };
  } catch (error) {
    if (error instanceof FormatError) return 'short';
    throw error;
  }
}
