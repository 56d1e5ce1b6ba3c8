/** TPM2_CertifyX509 on the embedded TPM and on swtpm; OpenSSL judges the certificates. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concat, fromHex } from '../../src/bytes/bytes.ts';
import { inside, openAsn1 } from '../../src/crypto/asn1.ts';
import * as W from '../../src/crypto/asn1-write.ts';
import { hash } from '../../src/crypto/hash.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import {
  cipher,
  ECDSA,
  EMPTY,
  ecc,
  external,
  FIXED,
  HMAC,
  keyedHash,
  MADE,
  NULL_SCHEME,
  rsa,
  STORAGE,
  USER,
} from './tpm-key-samples.ts';
import { type Mode, TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const HASHES = { 'SHA-1': A.SHA1, 'SHA-256': A.SHA256, 'SHA-384': A.SHA384, 'SHA-512': A.SHA512 };
const RSASSA = { scheme: A.RSASSA, hashAlg: A.SHA256 };

let pair: TpmPair;
let both: Both;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'esxsim-x509-'));
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(async () => {
  await pair.stop();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => both.verdict());

const name = (text: string) => W.derSequence(W.derSetOf(W.derSequence(W.derOid('2.5.4.3'), W.derUtf8(text))));
const VALIDITY = W.derSequence(W.derTime(1_577_836_800_000), W.derTime(4_102_444_800_000));
const ISSUER = name('Issuing key');
const SUBJECT = name('Subject key');
const usageBits = (bits: Uint8Array) => W.derSequence(W.derOid('2.5.29.15'), W.derBoolean(true), W.derOctets(bits));
const usage = (...bits: number[]) => usageBits(W.derNamedBits(bits));
/** The attributes of a key as tcg-tpmaObject. */
const attributes = (value: number) => {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value);
  return W.derSequence(W.derOid('2.23.133.10.1.1.1'), W.derOctets(W.derBits(octets)));
};
const extensions = (...list: Uint8Array[]) => W.derContext(3, W.derSequence(...list));
const SIGNING = extensions(usage(0));
const plain = (last = SIGNING) => W.derSequence(ISSUER, VALIDITY, SUBJECT, last);

const flushAll = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    for (const tpm of [pair.ours, pair.theirs]) {
      await tpm.transmit(T.encodeCommand(C.FlushContext, { flushHandle: 0x80000000 + i }), 0);
    }
  }
};
beforeEach(flushAll);

/** Loads a key from outside with its secret, with other attributes or parameters. */
async function load(kind: string, objectAttributes = USER | O.sign, parameters: object = {}): Promise<number> {
  const sample = external[kind];
  if (sample === undefined) throw new Error(kind);
  const inPublic = {
    ...sample.inPublic,
    objectAttributes,
    parameters: { ...sample.inPublic.parameters, ...parameters },
  };
  const [made] = await both.must(`load ${kind}`, C.LoadExternal, {
    inPrivate: sample.sensitive,
    inPublic: inPublic as T.TPMT_PUBLIC,
    hierarchy: RH.NULL,
  });
  return made.objectHandle;
}

/** A primary key of each side under the handle that both gave it. */
async function primary(inPublic: T.TPMT_PUBLIC): Promise<number> {
  const [made] = await both.must('primary', C.CreatePrimary, {
    primaryHandle: RH.OWNER,
    inSensitive: { userAuth: EMPTY, data: EMPTY },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  return made.objectHandle;
}

interface Request {
  readonly objectHandle: number;
  readonly signHandle: number;
  readonly inScheme?: object;
  readonly partialCertificate?: Uint8Array;
  readonly reserved?: Uint8Array;
}

/** Certifies on both. With keys of their own even the sizes differ: a serial number is an INTEGER of a digest. */
async function certify(label: string, request: Request, mode: Mode = 'code') {
  const { inScheme = NULL_SCHEME, partialCertificate = plain(), reserved = EMPTY, ...handles } = request;
  const input = { ...handles, reserved, inScheme: inScheme as T.TPMT_SIG_SCHEME, partialCertificate };
  return both.run(label, C.CertifyX509, input, { mode });
}

describe('what is made with the same keys', () => {
  const schemes = Object.entries(HASHES).flatMap(([hashName, hashAlg]) => [
    [`RSASSA ${hashName}`, 'RSA', { scheme: A.RSASSA, hashAlg }] as const,
    [`RSAPSS ${hashName}`, 'RSA', { scheme: A.RSAPSS, hashAlg }] as const,
    [`ECDSA ${hashName}`, 'ECC', { scheme: A.ECDSA, hashAlg }] as const,
    [`ECSCHNORR ${hashName}`, 'ECC', { scheme: A.ECSCHNORR, hashAlg }] as const,
    [`HMAC ${hashName}`, 'HMAC', { scheme: A.HMAC, hashAlg }] as const,
  ]);
  const given = W.derSequence(W.derOid('1.2.3.4'), W.derNull());

  it.each(schemes)('%s', async (scheme, kind, inScheme) => {
    const parameters = kind === 'HMAC' ? { scheme: inScheme } : {};
    const signHandle = await load(kind, USER | O.sign, parameters);
    for (const subjectKind of ['RSA', 'ECC']) {
      const objectHandle = await load(subjectKind);
      for (const own of [false, true]) {
        const partialCertificate = W.derSequence(...(own ? [given] : []), ISSUER, VALIDITY, SUBJECT, SIGNING);
        const label = `${scheme} of ${subjectKind}${own ? ', identifier given' : ''}`;
        const deterministic = ['RSASSA', 'HMAC'].includes(scheme.split(' ')[0] ?? '');
        const request = { objectHandle, signHandle, inScheme, partialCertificate };
        const made = await certify(label, request, deterministic ? 'bytes' : 'code');
        if (made === undefined) continue;
        pair.equal(label, made[0].addedToCertificate, made[1].addedToCertificate);
        pair.equal(label, made[0].tbsDigest, made[1].tbsDigest);
      }
      await both.flush([objectHandle, objectHandle]);
    }
  });

  it('depends on every part, and on nothing else', async () => {
    const handle = await load('RSA');
    const request = { objectHandle: handle, signHandle: handle, inScheme: RSASSA };
    for (let i = 0; i < 24; i++) {
      // Serial numbers that begin with a set bit or with zeros need another size.
      const partialCertificate = W.derSequence(ISSUER, VALIDITY, name(`key ${i}`), SIGNING);
      await certify(`subject ${i}`, { ...request, partialCertificate }, 'bytes');
    }
    for (const size of [0, 50, 127, 128, 200, 255, 256, 700, 800, 900]) {
      const partialCertificate = W.derSequence(ISSUER, VALIDITY, name('x'.repeat(size)), SIGNING);
      await certify(`subject of ${size} bytes`, { ...request, partialCertificate }, 'bytes');
    }
    await certify(
      'extensions first',
      { ...request, partialCertificate: W.derSequence(SIGNING, ISSUER, VALIDITY, SUBJECT) },
      'bytes',
    );
  });
});

describe('what is refused', () => {
  const parts: Record<string, Uint8Array> = {
    empty: EMPTY,
    'one byte': fromHex('30'),
    'two bytes': fromHex('3000'),
    'three bytes': fromHex('300000'),
    'a SET': W.der(0x31, ISSUER, VALIDITY, SUBJECT, SIGNING),
    'a byte after it': concat(plain(), EMPTY, new Uint8Array(1)),
    'a byte too few': plain().subarray(0, -1),
    'indefinite length': concat(fromHex('3080'), ISSUER, VALIDITY, SUBJECT, SIGNING, fromHex('0000')),
    'long length': concat(fromHex('308200'), plain().subarray(1)),
    'longer length': concat(fromHex('308300'), plain().subarray(1)),
    'too long a length': concat(fromHex('3082ffff'), ISSUER),
    'length cut off': fromHex('3082'),
    'half a length': fromHex('308201'),
    'high tag': fromHex('3f00'),
    'no extensions': W.derSequence(ISSUER, VALIDITY, SUBJECT),
    'two sequences': W.derSequence(ISSUER, VALIDITY, SIGNING),
    'five sequences': W.derSequence(ISSUER, ISSUER, ISSUER, VALIDITY, SUBJECT, SIGNING),
    'six sequences': W.derSequence(ISSUER, ISSUER, ISSUER, ISSUER, VALIDITY, SUBJECT, SIGNING),
    'extensions twice': W.derSequence(ISSUER, VALIDITY, SUBJECT, SIGNING, SIGNING),
    'an INTEGER': W.derSequence(W.derInteger(1), ISSUER, VALIDITY, SUBJECT, SIGNING),
    'unique identifiers': W.derSequence(ISSUER, VALIDITY, SUBJECT, W.derContext(1, W.derNull()), SIGNING),
    'empty sequences': W.derSequence(W.derSequence(), W.derSequence(), W.derSequence(), SIGNING),
    'bad element': W.derSequence(ISSUER, VALIDITY, SUBJECT, fromHex('a305')),
    'empty extensions': plain(W.derContext(3)),
    'empty list': plain(extensions()),
    'SET of extensions': plain(W.derContext(3, W.der(0x31, usage(0)))),
    'two lists': plain(W.derContext(3, W.derSequence(), W.derSequence(usage(0)))),
    'usage after the list': plain(W.derContext(3, W.derSequence(), usage(0))),
    'list too short': plain(W.derContext(3, fromHex('3001'), usage(0))),
    'extension that is a SET': plain(extensions(W.der(0x31), usage(0))),
    'SET after the usage': plain(extensions(usage(0), W.der(0x31))),
    'empty extension': plain(extensions(W.derSequence(), usage(0))),
    'other extension': plain(extensions(W.derSequence(W.derOid('1.2.3'), W.derOctets(EMPTY)), usage(0))),
    'only another': plain(extensions(W.derSequence(W.derOid('1.2.3'), W.derOctets(EMPTY)))),
    'usage without a value': plain(extensions(W.derSequence(W.derOid('2.5.29.15')))),
    'usage not critical': plain(extensions(W.derSequence(W.derOid('2.5.29.15'), W.derOctets(W.derNamedBits([0]))))),
    'usage twice': plain(extensions(usage(0), usage(2))),
    'usage twice, bad first': plain(extensions(usage(2), usage(0))),
    'usage in two strings': plain(
      extensions(W.derSequence(W.derOid('2.5.29.15'), W.derOctets(EMPTY), W.derOctets(W.derNamedBits([0])))),
    ),
    'usage an INTEGER': plain(extensions(usageBits(W.derInteger(1)))),
    'usage empty': plain(extensions(usageBits(EMPTY))),
    'usage of no bytes': plain(extensions(usageBits(fromHex('0300')))),
    'usage of no bits': plain(extensions(usageBits(fromHex('030100')))),
    'usage of less than no bits': plain(extensions(usageBits(fromHex('030101')))),
    'usage of 1 bit': plain(extensions(usageBits(fromHex('03020780')))),
    'usage of 0 bits of 8': plain(extensions(usageBits(fromHex('03020880')))),
    'usage of 8 bits': plain(extensions(usageBits(fromHex('03020080')))),
    'usage with unused bits set': plain(extensions(usageBits(fromHex('030207ff')))),
    'usage of 32 bits': plain(extensions(usageBits(fromHex('03050080000000')))),
    'usage of 32 bits, last set': plain(extensions(usageBits(fromHex('03050080000001')))),
    'usage cut off': plain(extensions(usageBits(fromHex('03050080')))),
    'usage longer than its string': plain(
      extensions(W.derSequence(W.derOid('2.5.29.15'), fromHex('04020302'), fromHex('0780'))),
    ),
    'usage in the string of the next': plain(
      extensions(W.derSequence(W.derOid('2.5.29.15'), fromHex('0500')), usage(0)),
    ),
    'attributes an INTEGER': plain(
      extensions(W.derSequence(W.derOid('2.23.133.10.1.1.1'), W.derOctets(W.derInteger(1))), usage(0)),
    ),
    'attributes without a value': plain(extensions(W.derSequence(W.derOid('2.23.133.10.1.1.1')), usage(0))),
    'attributes as they are': plain(extensions(attributes(USER | O.sign), usage(0))),
    'attributes after the usage': plain(extensions(usage(0), attributes(USER | O.sign))),
    'other attributes': plain(extensions(attributes(USER | O.sign | O.decrypt), usage(0))),
    'other attributes, no usage': plain(extensions(attributes(USER))),
    'attributes, no usage': plain(extensions(attributes(USER | O.sign))),
  };

  it.each(Object.entries(parts))('partial certificate: %s', async (label, partialCertificate) => {
    const handle = await load('RSA');
    await certify(label, { objectHandle: handle, signHandle: handle, inScheme: RSASSA, partialCertificate }, 'bytes');
  });

  it('every truncation of a good one, and every byte of it changed', async () => {
    const handle = await load('RSA');
    const request = { objectHandle: handle, signHandle: handle, inScheme: RSASSA };
    const good = plain(extensions(usage(0), attributes(USER | O.sign)));
    for (let size = 0; size < good.length; size++) {
      await certify(`cut to ${size}`, { ...request, partialCertificate: good.subarray(0, size) }, 'bytes');
    }
    for (let at = 0; at < good.length; at++) {
      for (const mask of [0x01, 0x02, 0x20, 0x80]) {
        const partialCertificate = good.slice();
        partialCertificate[at] = (partialCertificate[at] ?? 0) ^ mask;
        await certify(`byte ${at} ^ ${mask}`, { ...request, partialCertificate }, 'bytes');
      }
    }
  });

  it('uses of a key that its attributes do not allow', async () => {
    const kinds: Record<string, T.TPMT_PUBLIC> = {
      signing: ecc(MADE | O.sign, ECDSA),
      decryption: ecc(MADE | O.decrypt),
      both: ecc(MADE | O.sign | O.decrypt),
      'fixed signing': ecc(MADE | FIXED | O.sign, ECDSA),
      'restricted signing': ecc(MADE | FIXED | O.sign | O.restricted, ECDSA),
      storage: ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: { algorithm: A.AES, keyBits: 128, mode: A.CFB } }),
    };
    for (const [kind, inPublic] of Object.entries(kinds)) {
      await flushAll();
      const signHandle = await load('RSA');
      const objectHandle = await primary(inPublic);
      for (const bits of [[], [0], [1], [2], [3], [4], [5], [6], [7], [8], [9], [15], [31], [0, 2], [5, 6], [1, 4]]) {
        const partialCertificate = plain(extensions(usage(...bits)));
        await certify(`${kind} for ${bits}`, { objectHandle, signHandle, inScheme: RSASSA, partialCertificate });
      }
    }
  });

  it('keys, schemes and handles that do not fit', async () => {
    const no = new Uint8Array(1);
    const keys: Record<string, () => Promise<number>> = {
      RSA: () => load('RSA'),
      'RSA with x509sign': () => load('RSA', USER | O.sign | O.x509sign),
      'RSA for decryption': () => load('RSA', USER | O.decrypt),
      'RSA with RSAPSS': () => load('RSA', USER | O.sign, { scheme: { scheme: A.RSAPSS, hashAlg: A.SHA256 } }),
      ECC: () => load('ECC'),
      'ECC with x509sign': () => load('ECC', USER | O.sign | O.x509sign, { scheme: ECDSA }),
      'ECC with policy only': () => load('ECC', O.noDA | O.sign, { scheme: ECDSA }),
      'ECC with adminWithPolicy': () => load('ECC', USER | O.sign | O.adminWithPolicy, { scheme: ECDSA }),
      ECDAA: () => load('ECC', USER | O.sign, { scheme: { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 } }),
      HMAC: () => load('HMAC'),
      AES: () => load('AES', USER | O.sign | O.decrypt),
      'restricted RSA': () => primary(rsa(MADE | FIXED | O.sign | O.restricted, RSASSA)),
      'restricted ECC with x509sign': () => primary(ecc(MADE | FIXED | O.sign | O.restricted | O.x509sign, ECDSA)),
      'primary cipher': () => primary(cipher(MADE | O.decrypt)),
      'primary HMAC': () => primary(keyedHash(MADE | O.sign, HMAC)),
    };
    const schemes: Record<string, object> = {
      none: NULL_SCHEME,
      RSASSA,
      RSAPSS: { scheme: A.RSAPSS, hashAlg: A.SHA256 },
      ECDSA,
      'ECDSA SHA-384': { scheme: A.ECDSA, hashAlg: A.SHA384 },
      ECDAA: { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 },
      HMAC,
    };
    const given = W.derSequence(W.derSequence(W.derOid('1.2.3')), ISSUER, VALIDITY, SUBJECT, SIGNING);
    for (const [kind, make] of Object.entries(keys)) {
      await flushAll();
      const other = await load('RSA', USER | O.sign, { scheme: RSASSA });
      const handle = await make();
      await certify(`object ${kind}`, { objectHandle: handle, signHandle: other });
      await certify(`object ${kind}, reserved`, { objectHandle: handle, signHandle: other, reserved: no });
      await certify(`object ${kind}, bad`, { objectHandle: handle, signHandle: other, partialCertificate: no });
      for (const [which, inScheme] of Object.entries(schemes)) {
        const request = { objectHandle: other, signHandle: handle, inScheme };
        await certify(`${kind} ${which}`, request);
        await certify(`${kind} ${which}, identifier given`, { ...request, partialCertificate: given });
        await certify(`${kind} ${which}, reserved`, { ...request, reserved: no });
        await certify(`${kind} ${which}, no certificate`, { ...request, partialCertificate: EMPTY });
        await certify(`${kind} ${which}, no key usage`, { ...request, partialCertificate: plain(extensions()) });
        await certify(`${kind} ${which}, itself`, { ...request, objectHandle: handle });
      }
    }
    for (const objectHandle of [RH.NULL, RH.OWNER, 0x80000002, 0x81000000]) {
      const signHandle = await load('RSA');
      await certify(`object ${objectHandle}`, { objectHandle, signHandle, inScheme: RSASSA });
      await both.flush([signHandle, signHandle]);
    }
  });

  it('does not end the orderly state', async () => {
    await both.must('shutdown', C.Shutdown, { shutdownType: T.TPM_SU.STATE });
    const handle = await load('RSA');
    await certify('after shutdown', { objectHandle: handle, signHandle: handle, inScheme: RSASSA });
    await pair.both((tpm) => tpm.powerOn());
    await pair.sameResume('after a certificate');
  });
});

describe('certificates that OpenSSL accepts', () => {
  const run = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', cwd: directory, stdio: 'pipe' });
  /** Values inside the SEQUENCE that some bytes are. */
  const fields = (bytes: Uint8Array) =>
    inside(openAsn1(bytes, 'x', 4096).any('x'), 'x')
      .list('x', 8)
      .map(({ raw }) => raw);

  /** The certificate: what the caller and the TPM have, in the order of TBSCertificate. */
  function assemble(
    partial: Uint8Array,
    added: Uint8Array,
    signature: T.TPMT_SIGNATURE,
  ): { certificate: Uint8Array; tbs: Uint8Array } {
    const [issuer = EMPTY, validity = EMPTY, subject = EMPTY, last = EMPTY] = fields(partial);
    const [version = EMPTY, serial = EMPTY, algorithm = EMPTY, publicKey = EMPTY] = fields(added);
    const tbs = W.derSequence(version, serial, algorithm, issuer, validity, subject, publicKey, last);
    const bits =
      'signatureR' in signature
        ? W.derSequence(W.derInteger(signature.signatureR), W.derInteger(signature.signatureS))
        : 'sig' in signature
          ? signature.sig
          : EMPTY;
    return { certificate: W.derSequence(tbs, algorithm, W.derBits(bits)), tbs };
  }

  it.each([
    ['RSASSA', rsa(MADE | FIXED | O.sign | O.x509sign, RSASSA), 'sha256WithRSAEncryption', 'sha256'],
    ['RSAPSS', rsa(MADE | FIXED | O.sign | O.x509sign, { scheme: A.RSAPSS, hashAlg: A.SHA384 }), 'rsassaPss', 'sha384'],
    // RSAPSS with SHA-1 is not among these: OpenSSL does not read the identifier that swtpm writes, with NULL.
    ['ECDSA on P-256', ecc(MADE | FIXED | O.sign | O.x509sign, ECDSA), 'ecdsa-with-SHA256', 'sha256'],
    [
      'ECDSA on P-384',
      ecc(MADE | FIXED | O.sign | O.x509sign, { scheme: A.ECDSA, hashAlg: A.SHA384 }, { curveID: 4 }),
      'ecdsa-with-SHA384',
      'sha384',
    ],
  ] as const)('%s', async (_, inPublic, algorithm, digestName) => {
    const signHandle = await primary(inPublic);
    const subjectPublic = ecc(MADE | FIXED | O.sign, ECDSA);
    const subjectHandle = await primary(subjectPublic);
    const caExtensions = extensions(
      W.derSequence(W.derOid('2.5.29.19'), W.derBoolean(true), W.derOctets(W.derSequence(W.derBoolean(true)))),
      usage(5, 6),
      attributes(inPublic.objectAttributes),
    );
    const ca = W.derSequence(ISSUER, VALIDITY, ISSUER, caExtensions);
    const leaf = plain(extensions(usage(0), attributes(subjectPublic.objectAttributes)));
    const selfSigned = await certify('CA', { objectHandle: signHandle, signHandle, partialCertificate: ca });
    const signed = await certify('leaf', { objectHandle: subjectHandle, signHandle, partialCertificate: leaf });
    both.verdict();
    if (selfSigned === undefined || signed === undefined) throw new Error('refused');
    for (const side of [0, 1] as const) {
      for (const [file, partial, made] of [
        ['ca', ca, selfSigned[side]],
        ['leaf', leaf, signed[side]],
      ] as const) {
        const { certificate, tbs } = assemble(partial, made.addedToCertificate, made.signature);
        // The last byte of the extensions: in the leaf a bit of tcg-tpmaObject.
        const changed = assemble(partial.with(partial.length - 1, 0x55), made.addedToCertificate, made.signature);
        writeFileSync(join(directory, `changed-${file}.pem`), encodePem('CERTIFICATE', changed.certificate));
        expect(hash(digestName, tbs)).toEqual(made.tbsDigest);
        writeFileSync(join(directory, `${file}.pem`), encodePem('CERTIFICATE', certificate));
      }
      // Security level 0 lets the SHA-1 signature be judged too.
      const verify = ['verify', '-auth_level', '0', '-attime', '1700000000'];
      expect(run(...verify, '-partial_chain', '-check_ss_sig', '-trusted', 'ca.pem', 'ca.pem')).toContain('ca.pem: OK');
      expect(run(...verify, '-partial_chain', '-trusted', 'ca.pem', 'leaf.pem')).toContain('leaf.pem: OK');
      expect(() => run(...verify, '-partial_chain', '-trusted', 'ca.pem', 'changed-leaf.pem')).toThrow(
        /certificate signature failure/,
      );
      const text = run('x509', '-in', 'leaf.pem', '-noout', '-text');
      expect(text).toContain(`Signature Algorithm: ${algorithm}`);
      expect(text).toContain('Issuer: CN = Issuing key');
      expect(text).toContain('Subject: CN = Subject key');
      expect(text).toContain('Digital Signature');
      expect(text).toContain('Version: 3 (0x2)');
    }
  });
});
