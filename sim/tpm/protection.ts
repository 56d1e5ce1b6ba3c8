/** Protection of an object's secret outside the TPM (TPM 2.0 Library specification, Part 1, chapters 22 and 23). */
import { primitives } from '#primitives';
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { hmac } from '../../src/crypto/hash.ts';
import { type BlockCipherSizes, blockCipherOf, cryptCfb } from '../../src/tpm2/block-cipher.ts';
import { decode, encode, responseCodeOf } from '../../src/tpm2/codec.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashSize, hashWith, requireHash } from '../../src/tpm2/hash-alg.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { curveName, givenKeyOf } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { recoverSecret, type SecretLabel, type SecretRandom, shareSecret } from '../../src/tpm2/shared-secret.ts';
import {
  TPM2B_DIGEST,
  TPM2B_IV,
  TPM2B_SENSITIVE,
  type TPMT_PUBLIC,
  type TPMT_SENSITIVE,
} from '../../src/tpm2/structures/index.ts';
import { random, type Tpm } from './context.ts';
import { deriveEcKey, KeyStream } from './primary-keys.ts';
import { Refusal, refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

const EMPTY = new Uint8Array(0);

/** Runs `part`; a refusal without a place, or bytes that cannot be read, are the fault of `field`. */
export function blaming<T>(field: string, part: () => T): T {
  try {
    return part();
  } catch (error) {
    if (error instanceof FormatError) throw refuse(responseCodeOf(error), field);
    if (error instanceof Refusal && error.field === undefined) throw refuse(error.rc, field);
    throw error;
  }
}

/** The cipher a parent protects its children with. */
function cipherOf(parent: TPMT_PUBLIC): BlockCipherSizes {
  const symmetric =
    parent.type === TPM_ALG.SYMCIPHER
      ? parent.parameters.sym
      : parent.type === TPM_ALG.KEYEDHASH
        ? undefined
        : parent.parameters.symmetric;
  const cipher = symmetric && blockCipherOf(symmetric);
  if (cipher === undefined) throw refuse(TPM_RC.SYMMETRIC);
  return cipher;
}

function keys(parent: TPMT_PUBLIC, seed: Uint8Array, name: Uint8Array) {
  const cipher = cipherOf(parent);
  // libtpms derives nothing without a hash, and encrypts all the same.
  if (parent.nameAlg === TPM_ALG.NULL)
    return { cipher, cipherKey: new Uint8Array(cipher.keySize), integrity: () => EMPTY };
  const alg = requireHash(parent.nameAlg);
  const hmacKey = kdfa(alg, seed, 'INTEGRITY', EMPTY, EMPTY, hashSize(parent.nameAlg) * 8);
  return {
    cipher,
    cipherKey: kdfa(alg, seed, 'STORAGE', name, EMPTY, cipher.keySize * 8),
    /** Of what lies in the outer wrapper, with the object's Name. */
    integrity: (body: Uint8Array) => hmac(alg, hmacKey, concat(body, name)),
  };
}

/** Integrity HMAC, IV where there is one, encrypted content (Part 1, 22.4 and 23.3.2.3). `seed` is the parent's or a shared one. */
export function wrapOuter(
  parent: TPMT_PUBLIC,
  seed: Uint8Array,
  name: Uint8Array,
  content: Uint8Array,
  iv?: Uint8Array,
): Uint8Array {
  const { cipher, cipherKey, integrity } = keys(parent, seed, name);
  const encrypted = cryptCfb(cipher, 'encrypt', cipherKey, content, iv);
  const body = iv === undefined ? encrypted : concat(encode(TPM2B_IV, iv), encrypted);
  return concat(encode(TPM2B_DIGEST, integrity(body)), body);
}

/** The content of {@link wrapOuter}; refuses with TPM_RC_INTEGRITY and others without a place. */
export function unwrapOuter(
  parent: TPMT_PUBLIC,
  seed: Uint8Array,
  name: Uint8Array,
  blob: Uint8Array,
  withIv: boolean,
): Uint8Array {
  const { cipher, cipherKey, integrity } = keys(parent, seed, name);
  const reader = new ByteReader(blob, 'TPM2B_PRIVATE');
  const stated = TPM2B_DIGEST.read(reader);
  const body = reader.rest();
  if (!equalBytes(stated, integrity(body))) throw refuse(TPM_RC.INTEGRITY);
  if (!withIv) return cryptCfb(cipher, 'decrypt', cipherKey, body);
  const inner = new ByteReader(body, 'TPM2B_PRIVATE');
  const iv = TPM2B_IV.read(inner);
  if (iv.length !== cipher.blockSize) throw refuse(TPM_RC.VALUE);
  return cryptCfb(cipher, 'decrypt', cipherKey, inner.rest(), iv);
}

/** The secret part as a structure; the authorisation value is as long as the name digest, as everything that leaves the TPM. */
export function sensitiveArea({ publicArea, sensitive, key }: TpmObject | UnnamedObject): TPMT_SENSITIVE {
  const size = publicArea.nameAlg === TPM_ALG.NULL ? sensitive.authValue.length : hashSize(publicArea.nameAlg);
  const authValue = new Uint8Array(Math.max(size, sensitive.authValue.length));
  authValue.set(sensitive.authValue);
  const secret = key === undefined ? sensitive.data : key.kind === 'rsa' ? key.p : key.d;
  return { sensitiveType: publicArea.type, authValue, seedValue: sensitive.seedValue, sensitive: secret };
}

/** The parts of an object that {@link sensitiveArea} needs. */
type UnnamedObject = Pick<TpmObject, 'publicArea' | 'sensitive' | 'key'>;

/** A child's secret under its parent (Part 1, 22.4): TPM2B_PRIVATE. */
export function wrapPrivate(tpm: Tpm, parent: TpmObject, name: Uint8Array, sensitive: TPMT_SENSITIVE): Uint8Array {
  const content = encode(TPM2B_SENSITIVE, sensitive);
  const { publicArea, sensitive: own } = parent;
  return wrapOuter(publicArea, own.seedValue, name, content, random(tpm, cipherOf(publicArea).blockSize));
}

/** The secret of {@link wrapPrivate}. */
export function unwrapPrivate(parent: TpmObject, name: Uint8Array, blob: Uint8Array): TPMT_SENSITIVE {
  return readSensitive(unwrapOuter(parent.publicArea, parent.sensitive.seedValue, name, blob, true));
}

/** A TPM2B_SENSITIVE and nothing else. */
export function readSensitive(content: Uint8Array): TPMT_SENSITIVE {
  const size = new ByteReader(content, 'TPM2B_SENSITIVE').u16('size');
  if (size !== content.length - 2) throw refuse(TPM_RC.SIZE);
  const sensitive = decode(TPM2B_SENSITIVE, content);
  if (sensitive === undefined) throw refuse(TPM_RC.SIZE);
  return sensitive;
}

/** The inner wrapper of a duplicate (Part 1, 23.3.2.2): digest of content and Name, encrypted with the caller's key. */
export function wrapInner(
  nameAlg: number,
  name: Uint8Array,
  content: Uint8Array,
  cipher: BlockCipherSizes,
  key: Uint8Array,
): Uint8Array {
  const digest = encode(TPM2B_DIGEST, hashWith(nameAlg, concat(content, name)));
  return cryptCfb(cipher, 'encrypt', key, concat(digest, content));
}

/** The content of {@link wrapInner}. */
export function unwrapInner(
  nameAlg: number,
  name: Uint8Array,
  blob: Uint8Array,
  cipher: BlockCipherSizes,
  key: Uint8Array,
): Uint8Array {
  const reader = new ByteReader(cryptCfb(cipher, 'decrypt', key, blob), 'TPM2B_PRIVATE');
  const digest = TPM2B_DIGEST.read(reader);
  const content = reader.rest();
  if (!equalBytes(digest, hashWith(nameAlg, concat(content, name)))) throw refuse(TPM_RC.INTEGRITY);
  return content;
}

/** A new seed and its form for the holder of a key; refuses without a place. */
export function shareSeed(tpm: Tpm, area: TPMT_PUBLIC, label: SecretLabel): { seed: Uint8Array; secret: Uint8Array } {
  const key = givenKeyOf(area);
  if (key.kind === 'rsa' && area.nameAlg === TPM_ALG.NULL) throw refuse(TPM_RC.VALUE);
  if (key.kind === 'ec' && !primitives.ecOnCurve(key.curve, key)) throw refuse(TPM_RC.KEY);
  return shareSecret(area, label, secretRandom(tpm, area));
}

/** Random values to share a secret with the holder of a key, from this TPM's generator. */
function secretRandom(tpm: Tpm, area: TPMT_PUBLIC): SecretRandom {
  const curve = 'curveID' in area.parameters ? curveName(area.parameters.curveID) : undefined;
  if (curve !== undefined) return { kind: 'ec', ephemeral: deriveEcKey(ephemeralStream(tpm), curve).d };
  const size = hashSize(area.nameAlg);
  return { kind: 'rsa', seed: random(tpm, size), oaepSeed: random(tpm, size) };
}

/** A stream for one ephemeral key. */
export const ephemeralStream = (tpm: Tpm): KeyStream => new KeyStream(random(tpm, 32), 'EPHEMERAL', EMPTY);

/** The seed that was shared with the private key of `object`; refuses without a place. */
export function sharedSeed(object: TpmObject, label: SecretLabel, secret: Uint8Array): Uint8Array {
  const { publicArea, key } = object;
  if (key === undefined) throw refuse(TPM_RC.KEY);
  const seed = recoverSecret(publicArea, key, label, secret);
  if (typeof seed === 'number') throw refuse(seed);
  return seed;
}
