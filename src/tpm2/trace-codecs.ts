/**
 * Reading for a log: structures that name algorithms, curves or values this package does not implement, and structures
 * that travel as plain bytes. The log also shows other TPMs (through the proxy) and commands that a TPM refuses.
 */
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { TPM_CAP } from './capability-constants.ts';
import { type Codec, decode, fixedBytes, list, sized, struct, tpm2b, u8, u16, u32, variant } from './codec.ts';
import { TPM_ALG } from './constants.ts';
import * as S from './structures/index.ts';

const A = TPM_ALG;

/** The log only reads. */
const readOnly = <T>(name: string, read: (reader: ByteReader) => T): Codec<T> => ({
  name,
  read,
  write() {
    throw new TypeError(`${name} is only read`);
  },
});

/** Everything that is left. */
const REST = readOnly('BYTES', (reader) => reader.rest());
/** Bytes of one TPM2B, whatever they hold. */
const BYTES = tpm2b('TPM2B', 0xffff);

/** The same fields for each of these selectors. */
const each = <F>(selectors: readonly number[], fields: F): Record<number, F> =>
  Object.fromEntries(selectors.map((selector) => [selector, fields]));

const HASH_SIZES: readonly (readonly [number, number])[] = [
  [A.SHA1, 20],
  [A.SHA256, 32],
  [A.SHA384, 48],
  [A.SHA512, 64],
  [A.SM3_256, 32],
  [A.SHA3_256, 32],
  [A.SHA3_384, 48],
  [A.SHA3_512, 64],
];
const HA = variant(
  'TPMT_HA',
  'Part 2, 10.3.2',
  { hashAlg: u16 },
  'hashAlg',
  Object.fromEntries(HASH_SIZES.map(([hash, size]) => [hash, { digest: fixedBytes('TPMU_HA', size) }])),
);
const PCR_SELECTION = list(
  'TPML_PCR_SELECTION',
  struct('TPMS_PCR_SELECTION', 'Part 2, 10.6.2', {
    hash: u16,
    pcrSelect: readOnly('TPMS_PCR_SELECT', (reader) => reader.bytes('', u8.read(reader))),
  }),
  16,
);

const SYM_DEF = variant('TPMT_SYM_DEF', 'Part 2, 11.1.6', { algorithm: u16 }, 'algorithm', {
  ...each([A.TDES, A.AES, A.SM4, A.CAMELLIA], { keyBits: u16, mode: u16 }),
  [A.XOR]: { keyBits: u16 },
  [A.NULL]: {},
});
const HASHED_SCHEMES = [
  ...[A.HMAC, A.RSASSA, A.RSAPSS, A.OAEP, A.ECDSA, A.ECDH, A.SM2, A.ECSCHNORR, A.ECMQV],
  ...[A.MGF1, A.KDF1_SP800_56A, A.KDF2, A.KDF1_SP800_108],
];
/** Any scheme: what follows the algorithm is the same wherever it may stand. */
const SCHEMES = {
  ...each(HASHED_SCHEMES, { hashAlg: u16 }),
  [A.ECDAA]: { hashAlg: u16, count: u16 },
  [A.XOR]: { hashAlg: u16, kdf: u16 },
  [A.RSAES]: {},
  [A.NULL]: {},
};
const SCHEME = variant('TPMT_SCHEME', 'Part 2, 11.2', { scheme: u16 }, 'scheme', SCHEMES);
const RSA_SIGNATURE = { hash: u16, sig: BYTES };
const ECC_SIGNATURE = { hash: u16, signatureR: BYTES, signatureS: BYTES };
const SIGNATURE = variant('TPMT_SIGNATURE', 'Part 2, 11.3.4', { sigAlg: u16 }, 'sigAlg', {
  ...each([A.RSASSA, A.RSAPSS], RSA_SIGNATURE),
  ...each([A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR], ECC_SIGNATURE),
  [A.HMAC]: { hmac: HA },
  [A.NULL]: {},
});

const RSA = struct('TPMS_RSA_PARMS', 'Part 2, 12.2.3.5', {
  symmetric: SYM_DEF,
  scheme: SCHEME,
  keyBits: u16,
  exponent: u32,
});
const ECC = struct('TPMS_ECC_PARMS', 'Part 2, 12.2.3.6', {
  symmetric: SYM_DEF,
  scheme: SCHEME,
  curveID: u16,
  kdf: SCHEME,
});
const KEYEDHASH = struct('TPMS_KEYEDHASH_PARMS', 'Part 2, 12.2.3.3', { scheme: SCHEME });
const SYMCIPHER = struct('TPMS_SYMCIPHER_PARMS', 'Part 2, 11.1.9', { sym: SYM_DEF });
const PUBLIC_PARMS = variant('TPMT_PUBLIC_PARMS', 'Part 2, 12.2.3.8', { type: u16 }, 'type', {
  [A.RSA]: { parameters: RSA },
  [A.ECC]: { parameters: ECC },
  [A.KEYEDHASH]: { parameters: KEYEDHASH },
  [A.SYMCIPHER]: { parameters: SYMCIPHER },
});
const PUBLIC_HEAD = { type: u16, nameAlg: u16, objectAttributes: u32, authPolicy: BYTES };
const PUBLIC = variant('TPMT_PUBLIC', 'Part 2, 12.2.4', PUBLIC_HEAD, 'type', {
  [A.RSA]: { parameters: RSA, unique: BYTES },
  [A.ECC]: { parameters: ECC, unique: struct('TPMS_ECC_POINT', 'Part 2, 11.2.5.2', { x: BYTES, y: BYTES }) },
  [A.KEYEDHASH]: { parameters: KEYEDHASH, unique: BYTES },
  [A.SYMCIPHER]: { parameters: SYMCIPHER, unique: BYTES },
});
const SIZED_PUBLIC = sized('TPM2B_PUBLIC', PUBLIC);
const CREATION_DATA = struct('TPMS_CREATION_DATA', 'Part 2, 15.1', {
  pcrSelect: PCR_SELECTION,
  pcrDigest: BYTES,
  locality: u8,
  parentNameAlg: u16,
  parentName: BYTES,
  parentQualifiedName: BYTES,
  outsideInfo: BYTES,
});
const NV_PUBLIC = struct('TPMS_NV_PUBLIC', 'Part 2, 13.5', {
  nvIndex: u32,
  nameAlg: u16,
  attributes: u32,
  authPolicy: BYTES,
  dataSize: u16,
});
const DETAIL_ECC = struct('TPMS_ALGORITHM_DETAIL_ECC', 'Part 2, 11.2.6', {
  curveID: u16,
  keySize: u16,
  kdf: SCHEME,
  sign: SCHEME,
  p: BYTES,
  a: BYTES,
  b: BYTES,
  gX: BYTES,
  gY: BYTES,
  n: BYTES,
  h: BYTES,
});
const CAPABILITY_DATA = variant('TPMS_CAPABILITY_DATA', 'Part 2, 10.10.2', { capability: u32 }, 'capability', {
  [TPM_CAP.PCRS]: { data: PCR_SELECTION },
});

/** Codecs of this package by name, and what reads the same structure with any algorithm or value in it. */
const WIDER: Readonly<Record<string, Codec<unknown>>> = {
  TPM_SU: u16,
  TPM_SE: u8,
  TPM_EO: u16,
  TPM_CAP: u32,
  TPMI_YES_NO: u8,
  TPMI_ALG_HASH: u16,
  'TPMI_ALG_HASH+': u16,
  'TPMI_ALG_MAC_SCHEME+': u16,
  'TPMI_ALG_CIPHER_MODE+': u16,
  TPMI_ECC_KEY_EXCHANGE: u16,
  TPMI_ECC_CURVE: u16,
  TPMT_SYM_DEF: SYM_DEF,
  TPMT_SYM_DEF_OBJECT: SYM_DEF,
  TPMT_SIG_SCHEME: SCHEME,
  TPMT_RSA_DECRYPT: SCHEME,
  TPMT_SIGNATURE: SIGNATURE,
  TPMT_PUBLIC_PARMS: PUBLIC_PARMS,
  TPM2B_PUBLIC: SIZED_PUBLIC,
  'TPM2B_PUBLIC+': SIZED_PUBLIC,
  TPM2B_CREATION_DATA: sized('TPM2B_CREATION_DATA', CREATION_DATA),
  TPM2B_NV_PUBLIC: sized('TPM2B_NV_PUBLIC', NV_PUBLIC),
  TPML_PCR_SELECTION: PCR_SELECTION,
  TPML_DIGEST_VALUES: list('TPML_DIGEST_VALUES', HA, 16),
  TPMS_ALGORITHM_DETAIL_ECC: DETAIL_ECC,
  TPMS_CAPABILITY_DATA: CAPABILITY_DATA,
};
const HANDLE_TYPE = /^TPMI_[DRS]H_/;

const PUBLIC_START = struct('TPMT_PUBLIC', 'Part 2, 12.2.4', { ...PUBLIC_HEAD, undecoded: REST });
/** What can be said about the contents of a TPM2B that cannot be read. */
const STARTS: Readonly<Record<string, Codec<unknown>>> = { TPM2B_PUBLIC: PUBLIC_START, 'TPM2B_PUBLIC+': PUBLIC_START };

/** Structures that travel as plain bytes, by the codec of the bytes: the first that fits is shown. */
const INSIDE: Readonly<Record<string, readonly Codec<unknown>[]>> = {
  TPM2B_ATTEST: [S.TPMS_ATTEST],
  // Template of a key with a parent that derives: its `unique` is a TPMS_DERIVE (Part 2, 12.2.6).
  TPM2B_TEMPLATE: [S.TPMT_PUBLIC, S.DERIVED_TEMPLATE, PUBLIC],
  TPM2B_ID_OBJECT: [struct('TPMS_ID_OBJECT', 'Part 2, 12.4.2', { integrityHMAC: BYTES, encIdentity: REST })],
};

/** Runs a reader; undefined where the bytes are none of this. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** The structure inside bytes that this codec reads as bytes; undefined where there is none. */
export function insideOf(codec: Codec<unknown>, bytes: Uint8Array): unknown {
  for (const inner of INSIDE[codec.name] ?? []) {
    const value = attempt(() => decode(inner, bytes));
    if (value !== undefined) return value;
  }
  return undefined;
}

/** What a parameter's bytes say. */
export interface ParameterRead {
  readonly value: unknown;
  /** Bytes it takes. */
  readonly size: number;
  /** Why a part of it could not be read. */
  readonly problem?: string;
}

/**
 * Reads a parameter at the start of `bytes`, which are at `offset` of the message. A TPM2B that holds something unknown
 * is passed over by its size. FormatError where not even its end is known.
 */
export function readParameter(
  codec: Codec<unknown>,
  bytes: Uint8Array,
  structure: string,
  offset: number,
): ParameterRead {
  const by = (reads: Codec<unknown>): ParameterRead => {
    const reader = new ByteReader(bytes, structure, 'big', offset);
    const value = reads.read(reader);
    return { value, size: bytes.length - reader.remaining };
  };
  try {
    return by(codec);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const wider = WIDER[codec.name] ?? (HANDLE_TYPE.test(codec.name) ? u32 : undefined);
    const wide = wider && attempt(() => by(wider));
    if (wide !== undefined) return wide;
    const whole = codec.name.startsWith('TPM2B_') ? attempt(() => decodeStart(codec.name, by(BYTES))) : undefined;
    if (whole !== undefined) return { ...whole, problem: error.message };
    throw error;
  }
}

function decodeStart(name: string, { value, size }: ParameterRead): ParameterRead | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const start = STARTS[name];
  const shown = start && attempt(() => decode(start, value));
  return { value: shown ?? { undecoded: toHex(value) }, size };
}
