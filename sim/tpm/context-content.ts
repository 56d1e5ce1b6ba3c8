/**
 * What a saved context holds, encrypted: a session or an object, each as a structure of its own. The layout is the vendor's
 * affair (TPM 2.0 Library specification, Part 1, 30.3); this one keeps within the room that the TPM's properties tell
 * (TPM_PT_MAX_OBJECT_CONTEXT, TPM_PT_MAX_SESSION_CONTEXT).
 */
import { float64At, float64Bytes } from '../../src/bytes/bytes.ts';
import type { ByteReader } from '../../src/bytes/reader.ts';
import type { ByteWriter } from '../../src/bytes/writer.ts';
import type { CmacState } from '../../src/crypto/cmac.ts';
import type { BlockCipherName, CurveName, EcPrivateKey, HashName, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import type { HashState } from '../../src/crypto/resumable-hash.ts';
import { type Codec, shortBytes, struct, tpm2b, u8, u16, u32 } from '../../src/tpm2/codec.ts';
import { TPMT_PUBLIC, TPMT_SYM_DEF } from '../../src/tpm2/structures/index.ts';
import type { LimitKind, Session } from './sessions.ts';
import type { Sensitive, Sequence, TpmObject } from './state.ts';

const HERE = 'this file';

const flag: Codec<boolean> = {
  name: 'flag',
  read: (reader) => reader.u8('') !== 0,
  write: (writer, value) => void writer.u8(value ? 1 : 0),
};

const i32: Codec<number> = {
  name: 'INT32',
  read: (reader) => reader.u32('') | 0,
  write: (writer, value) => void writer.u32(value >>> 0),
};

/** Any number there is: times, and counts beyond 32 bits. */
const float64: Codec<number> = {
  name: 'float64',
  read: (reader) => float64At(reader.bytes('', 8), 0),
  write: (writer, value) => void writer.bytes(float64Bytes(value)),
};

/** One of a few words. */
function word<const T extends string>(name: string, words: readonly T[]): Codec<T> {
  return {
    name,
    read(reader) {
      const found = words[reader.u8('')];
      if (found === undefined) throw reader.error(name, 'is none of its values', reader.offset - 1);
      return found;
    },
    write: (writer, value) => void writer.u8(words.indexOf(value)),
  };
}

function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    name: inner.name,
    read: (reader) => (flag.read(reader) ? inner.read(reader) : undefined),
    write(writer, value) {
      flag.write(writer, value !== undefined);
      if (value !== undefined) inner.write(writer, value);
    },
  };
}

/** At most 255 of something. */
function few<T>(inner: Codec<T>): Codec<T[]> {
  return {
    name: inner.name,
    read: (reader) => Array.from({ length: reader.u8('count') }, () => inner.read(reader)),
    write(writer, values) {
      u8.write(writer, values.length);
      for (const value of values) inner.write(writer, value);
    },
  };
}

/** Digests, names, secrets and parts of keys: of their own, where codecs give views of what they read. */
function own(inner: Codec<Uint8Array>): Codec<Uint8Array> {
  return { ...inner, read: (reader) => inner.read(reader).slice() };
}
const short = own(shortBytes('bytes', HERE));
const long = own(tpm2b('bytes', 0xffff));

const HASH_NAME = word<HashName>('hash', ['sha1', 'sha256', 'sha384', 'sha512']);

/** A session. */
export const SESSION_CONTENT: Codec<Session> = struct('Session', HERE, {
  handle: u32,
  type: u8,
  authHash: u16,
  symmetric: TPMT_SYM_DEF,
  sessionKey: short,
  nonceTPM: short,
  bound: optional(struct('bound', HERE, { name: short, authValue: short })),
  guards: word<Session['guards']>('guards', ['nothing', 'entity', 'lockout']),
  auditDigest: optional(short),
  policyDigest: short,
  authValueNeeded: flag,
  passwordNeeded: flag,
  commandCode: u32,
  pcrCounter: u32,
  locality: u8,
  physicalPresence: flag,
  limit: optional(
    struct('limit', HERE, { kind: word<LimitKind>('kind', ['cpHash', 'nameHash', 'templateHash']), digest: short }),
  ),
  nvWritten: optional(flag),
  timeout: float64,
  startTime: float64,
  epoch: float64,
});

const RSA: Codec<Omit<RsaPrivateKey, 'kind'>> = struct('RsaPrivateKey', HERE, {
  n: long,
  e: u32,
  d: long,
  p: long,
  q: long,
  dp: long,
  dq: long,
  qi: long,
});

const EC: Codec<Omit<EcPrivateKey, 'kind'>> = struct('EcPrivateKey', HERE, {
  // In this order: a context may be as old as the first version that had only the first three.
  curve: word<CurveName>('curve', [
    ...(['P-256', 'P-384', 'P-521'] as const),
    ...(['P-192', 'P-224', 'BN P-256', 'BN P-638', 'SM2 P-256'] as const),
  ]),
  x: short,
  y: short,
  d: short,
});

type PrivateKey = RsaPrivateKey | EcPrivateKey;

const KEY_KIND = word<PrivateKey['kind']>('kind', ['rsa', 'ec']);

const KEY: Codec<PrivateKey> = {
  name: 'key',
  read(reader) {
    const kind = KEY_KIND.read(reader);
    return kind === 'rsa' ? { kind, ...RSA.read(reader) } : { kind, ...EC.read(reader) };
  },
  write(writer, key) {
    KEY_KIND.write(writer, key.kind);
    if (key.kind === 'rsa') RSA.write(writer, key);
    else EC.write(writer, key);
  },
};

const SENSITIVE: Codec<Sensitive> = struct('Sensitive', HERE, { authValue: short, seedValue: short, data: long });

const HASH_STATE: Codec<HashState> = struct('HashState', HERE, {
  name: HASH_NAME,
  registers: few(i32),
  tail: short,
  length: float64,
});

const CMAC_STATE: Codec<CmacState> = struct('CmacState', HERE, {
  cipher: word<BlockCipherName>('cipher', ['aes', 'camellia', 'tdes']),
  key: short,
  chain: short,
  tail: short,
});

const SEQUENCE_PARTS: Codec<Omit<Sequence, 'cmac'>> = struct('Sequence', HERE, {
  kind: word<Sequence['kind']>('kind', ['hash', 'hmac', 'event', 'cmac']),
  hashes: few(HASH_STATE),
  hmacKey: short,
  started: flag,
  safe: flag,
});

const SEQUENCE: Codec<Sequence> = {
  name: 'Sequence',
  read(reader) {
    const parts = SEQUENCE_PARTS.read(reader);
    return parts.kind === 'cmac' ? { ...parts, cmac: CMAC_STATE.read(reader) } : parts;
  },
  write(writer, sequence) {
    SEQUENCE_PARTS.write(writer, sequence);
    if (sequence.cmac !== undefined) CMAC_STATE.write(writer, sequence.cmac);
  },
};

const PARTS = struct('TpmObject', HERE, {
  publicArea: TPMT_PUBLIC,
  name: short,
  qualifiedName: short,
  hierarchy: u32,
  sensitive: SENSITIVE,
  key: optional(KEY),
  sequence: optional(SEQUENCE),
  marks: u8,
});

/** Properties of an object that are there where they are true. */
const MARKS = { publicOnly: 1, external: 2, stClear: 4 } as const;

/** An object or a sequence. */
export const OBJECT_CONTENT: Codec<TpmObject> = {
  name: 'TpmObject',
  read(reader: ByteReader): TpmObject {
    const { marks, sequence, ...parts } = PARTS.read(reader);
    return {
      ...parts,
      ...(sequence !== undefined && { sequence }),
      ...(marks & MARKS.publicOnly && { publicOnly: true }),
      ...(marks & MARKS.external && { external: true }),
      ...(marks & MARKS.stClear && { stClear: true }),
    };
  },
  write(writer: ByteWriter, object: TpmObject): void {
    const { sequence, publicOnly = false, external = false, stClear = false } = object;
    const marks = (publicOnly ? MARKS.publicOnly : 0) | (external ? MARKS.external : 0) | (stClear ? MARKS.stClear : 0);
    PARTS.write(writer, { ...object, sequence, marks });
  },
};
