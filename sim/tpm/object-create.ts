/** Making the secret and public parts of new objects (TPM 2.0 Library specification, Part 1, 27). */
import { concat, fromBigInt, toBigInt } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { isGoodTripleDesKey, withOddParity } from '../../src/crypto/des-key.ts';
import { ecKeyPair } from '../../src/crypto/ecdsa.ts';
import { HASH_BLOCK_SIZE } from '../../src/crypto/hash.ts';
import { probablePrime } from '../../src/crypto/modular.ts';
import type { CurveName, EcPrivateKey, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { type BlockCipherSizes, blockCipherOf } from '../../src/tpm2/block-cipher.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashSize, requireHash } from '../../src/tpm2/hash-alg.ts';
import { objectName } from '../../src/tpm2/names.ts';
import { curveName, RSA_DEFAULT_EXPONENT, withPublicKey } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { random, type Tpm } from './context.ts';
import { cipherKeyFault } from './object-checks.ts';
import { isStorage } from './object-kinds.ts';
import { type ByteStream, deriveEcKey, deriveRsaKey, KeyStream } from './primary-keys.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';
import { symmetricUnique } from './symmetric-unique.ts';

/** The parts of an object that do not depend on its parent. */
export type NewObject = Pick<TpmObject, 'publicArea' | 'sensitive' | 'key'>;

/** What the caller puts into a new object. */
export interface SensitiveInput {
  readonly userAuth: Uint8Array;
  readonly data: Uint8Array;
}

/** Where the secrets of a new object come from. */
interface Source {
  rsa(derive: (stream: ByteStream) => RsaPrivateKey): RsaPrivateKey;
  ec(curve: CurveName): EcPrivateKey;
  /** A symmetric key; another one each time. */
  key(size: number): Uint8Array;
  /** The seed of a parent, the obfuscation value of a symmetric object; asked for last. */
  seed(size: number): Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** A copy that does not hold the command's buffer alive. */
function detached<T extends TPMT_PUBLIC>(area: T): T {
  return { ...area, authPolicy: area.authPolicy.slice() };
}

/** Exponent of a template. Others than the default must be prime, and the specification allows them to be refused. */
function exponentOf(exponent: number): number {
  if (exponent === 0) return RSA_DEFAULT_EXPONENT;
  if (exponent < RSA_DEFAULT_EXPONENT || !probablePrime(BigInt(exponent))) throw refuse(TPM_RC.RANGE);
  return exponent;
}

/** A new key of a cipher. One for triple DES has odd parity, and is drawn again where it must not be used. */
function cipherKey(cipher: BlockCipherSizes | undefined, source: Source): Uint8Array {
  const size = cipher?.keySize ?? 0;
  if (cipher?.name !== 'tdes') return source.key(size);
  let key: Uint8Array;
  do key = withOddParity(source.key(size));
  while (!isGoodTripleDesKey(key));
  return key;
}

/** Value of a symmetric key or data: the caller's where there is one that counts, new otherwise. */
function symmetricValue(area: TPMT_PUBLIC, data: Uint8Array, source: Source): Uint8Array {
  if (area.type === TPM_ALG.SYMCIPHER) {
    const cipher = blockCipherOf(area.parameters.sym);
    if (has(area.objectAttributes, TPMA_OBJECT.sensitiveDataOrigin) || data.length === 0)
      return cipherKey(cipher, source);
    const fault = cipherKeyFault(cipher, data);
    if (fault !== undefined) throw refuse(fault);
    return data.slice();
  }
  const scheme = area.type === TPM_ALG.KEYEDHASH ? area.parameters.scheme : undefined;
  const hashAlg = scheme !== undefined && 'hashAlg' in scheme ? scheme.hashAlg : area.nameAlg;
  if (has(area.objectAttributes, TPMA_OBJECT.sensitiveDataOrigin) || data.length === 0) {
    return source.key(hashSize(hashAlg));
  }
  // A longer HMAC key would be hashed, and so have less entropy than it seems.
  const isKey = has(area.objectAttributes, TPMA_OBJECT.sign | TPMA_OBJECT.decrypt);
  if (isKey && data.length > HASH_BLOCK_SIZE[requireHash(hashAlg)]) throw refuse(TPM_RC.SIZE);
  return data.slice();
}

/** An object of a checked template. */
function make(template: TPMT_PUBLIC, { userAuth, data }: SensitiveInput, source: Source): NewObject {
  const authValue = userAuth.slice();
  const area = detached(template);
  const digest = hashSize(area.nameAlg);
  if (area.type === TPM_ALG.RSA || area.type === TPM_ALG.ECC) {
    const key = asymmetricKey(area, source);
    const seedValue = isStorage(area) ? source.seed(digest) : EMPTY;
    return { publicArea: withPublicKey(area, key), sensitive: { authValue, seedValue, data: EMPTY }, key };
  }
  const value = symmetricValue(area, data, source);
  const seedValue = source.seed(digest);
  const unique = symmetricUnique(area, seedValue, value);
  return { publicArea: { ...area, unique }, sensitive: { authValue, seedValue, data: value }, key: undefined };
}

function asymmetricKey(area: TPMT_PUBLIC, source: Source): RsaPrivateKey | EcPrivateKey {
  if (area.type === TPM_ALG.RSA) {
    const { keyBits, exponent } = area.parameters;
    const e = exponentOf(exponent);
    return source.rsa((stream) => deriveRsaKey(stream, keyBits, e));
  }
  const curve = area.type === TPM_ALG.ECC ? curveName(area.parameters.curveID) : undefined;
  if (curve === undefined) throw refuse(TPM_RC.CURVE, 'inPublic');
  return source.ec(curve);
}

/**
 * The object that a seed and a template always give. The stream depends on seed, template (its Name, so the unique field
 * counts) and caller's data; the seed value of a storage key comes from the same stream under another label.
 */
export function createPrimaryObject(
  tpm: Tpm,
  seed: Uint8Array,
  template: TPMT_PUBLIC,
  input: SensitiveInput,
): NewObject {
  const context = concat(objectName(template), input.data);
  const keys = tpm.primaryKeys;
  const symmetric = new KeyStream(seed, 'PRIMARY KEY', context);
  return make(template, input, {
    rsa: (derive) => keys.get(seed, context, 'rsa', derive),
    ec: (curve) => keys.get(seed, context, 'ec', (stream) => deriveEcKey(stream, curve)),
    key: (size) => symmetric.bytes(size),
    seed: (size) => new KeyStream(seed, 'PRIMARY SEED VALUE', context).bytes(size),
  });
}

/** Everything from one stream, in order. */
const sourceOf = (stream: ByteStream, ec: (stream: ByteStream, curve: CurveName) => EcPrivateKey): Source => ({
  rsa: (derive) => derive(stream),
  ec: (curve) => ec(stream, curve),
  key: (size) => stream.bytes(size),
  seed: (size) => stream.bytes(size),
});

/** An object with secrets of the TPM's random number generator. */
export function createOrdinaryObject(tpm: Tpm, template: TPMT_PUBLIC, input: SensitiveInput): NewObject {
  return make(template, input, sourceOf(new KeyStream(random(tpm, 32), 'ORDINARY KEY', EMPTY), deriveEcKey));
}

/** An EC key of a derived object (FIPS 186-4, B.4.1): the whole bytes of the order and 64 bits more, also on P-521. */
function derivedEcKey(stream: ByteStream, curve: CurveName): EcPrivateKey {
  const { size, order } = CURVES[curve];
  const wide = toBigInt(stream.bytes(size + 8));
  const key = ecKeyPair(curve, fromBigInt((wide % (order - 1n)) + 1n, size));
  if (key === undefined) throw new Error('unreachable: 1 ≤ d < order');
  return key;
}

/** An object derived from a parent's secret: the same on every TPM that has the parent. */
export function createDerivedObject(template: TPMT_PUBLIC, userAuth: Uint8Array, stream: ByteStream): NewObject {
  return make(template, { userAuth, data: EMPTY }, sourceOf(stream, derivedEcKey));
}
