/** A TPM with RSA-4096, judged by OpenSSL (node:crypto). */
import { constants, createPublicKey, generateKeyPairSync, privateDecrypt, publicEncrypt, verify } from 'node:crypto';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import {
  AES192,
  EMPTY,
  FIXED,
  KeyBench,
  MADE,
  NULL_SCHEME,
  rsa4096,
  SRK192,
  STORAGE,
  USER,
} from '../support/extra-algorithms.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPMA_OBJECT: O, TPMA_SESSION: S } = T;
const MESSAGE = utf8('message');
const AES256 = { algorithm: A.AES, keyBits: 256, mode: A.CFB } as const;
const SIGNING = rsa4096(MADE | FIXED | O.sign);
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING };
/** SHA-256 of the modulus that the method of docs/tpm-keys.md makes of the seed `test`. */
const MODULUS = 'db6ed6ad88582746efc45dbe53374e0d4e64d63ce371b391298513827632f20e';

/** A key of OpenSSL. */
const pair = generateKeyPairSync('rsa', { modulusLength: 4096 });
const jwk = pair.privateKey.export({ format: 'jwk' });
const part = (name: 'n' | 'p') => new Uint8Array(Buffer.from(jwk[name] ?? '', 'base64url'));

/** A key of the TPM for OpenSSL. */
function opensslKey({ unique }: T.TPMT_PUBLIC) {
  const n = unique instanceof Uint8Array ? Buffer.from(unique).toString('base64url') : '';
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
}

let bench: KeyBench;
let counter = 0;
/** Never twice the same. */
const random = (size: number) => hash('sha512', utf8(`${counter++}`)).slice(0, size);
beforeAll(async () => {
  bench = await KeyBench.with(['aes192', 'rsa4096']);
});
beforeEach(() => bench.flushAll());

/** The key of OpenSSL in the TPM. */
async function external(): Promise<number> {
  const sensitive = { authValue: EMPTY, seedValue: EMPTY, sensitive: part('p') };
  const { objectHandle } = await bench.client.call(C.LoadExternal, {
    inPublic: { ...rsa4096(USER | O.sign | O.decrypt), unique: part('n') },
    inPrivate: { sensitiveType: A.RSA, ...sensitive },
    hierarchy: TPM_RH.NULL,
  });
  return objectHandle;
}

const bytesOf = (signature: T.TPMT_SIGNATURE): Uint8Array => ('sig' in signature ? signature.sig : EMPTY);

/** A signature that the TPM itself finds good. */
async function sign(keyHandle: number, scheme: typeof A.RSASSA | typeof A.RSAPSS): Promise<Uint8Array> {
  const digest = hash('sha512', MESSAGE);
  const validation = { tag: T.TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: EMPTY };
  const input = { keyHandle, digest, inScheme: { scheme, hashAlg: A.SHA512 }, validation };
  const { signature } = await bench.client.call(C.Sign, input);
  await bench.client.call(C.VerifySignature, { keyHandle, digest, signature });
  return bytesOf(signature);
}

it('the same seed and template give the same key, another seed another one', async () => {
  const { outPublic, name } = await bench.primary(SIGNING);
  expect(toHex(hash('sha256', outPublic.unique as Uint8Array))).toBe(MODULUS);
  const other = await KeyBench.with(['rsa4096'], 'other');
  expect((await other.primary(SIGNING)).name).not.toEqual(name);
});

it('OpenSSL verifies the signatures of keys that were created, and loaded from outside', async () => {
  const srk = await bench.primary(SRK192);
  const child = await bench.create(srk.objectHandle, SIGNING);
  const keys = [
    [await bench.load(srk.objectHandle, child), opensslKey(child.outPublic)],
    [await external(), pair.publicKey],
  ] as const;
  for (const [handle, key] of keys) {
    const [plain, pss] = [await sign(handle, A.RSASSA), await sign(handle, A.RSAPSS)];
    expect(plain).toHaveLength(512);
    expect(verify('sha512', MESSAGE, key, plain)).toBe(true);
    expect(verify('sha512', MESSAGE, { key, ...PSS }, pss)).toBe(true);
  }
});

it('what one side encrypts with OAEP or RSAES the other decrypts', async () => {
  const keyHandle = await external();
  const message = random(60);
  const encrypt = async (inScheme: T.Infer<typeof T.TPMT_RSA_DECRYPT>) =>
    (await bench.client.call(C.RSA_Encrypt, { keyHandle, message, inScheme, label: EMPTY })).outData;
  const decrypt = async (inScheme: T.Infer<typeof T.TPMT_RSA_DECRYPT>, cipherText: Uint8Array) =>
    (await bench.client.call(C.RSA_Decrypt, { keyHandle, cipherText, inScheme, label: EMPTY })).message;

  const oaep = { scheme: A.OAEP, hashAlg: A.SHA256 } as const;
  const padded = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const opened = privateDecrypt({ key: pair.privateKey, ...padded }, await encrypt(oaep));
  expect(toHex(opened)).toBe(toHex(message));
  const sealed = publicEncrypt({ key: pair.publicKey, ...padded }, message);
  expect(await decrypt(oaep, new Uint8Array(sealed))).toEqual(message);

  const rsaes = { scheme: A.RSAES } as const;
  // Node does not take the padding off itself any more: 0, 2, random bytes, 0, message.
  const raw = { key: pair.privateKey, padding: constants.RSA_NO_PADDING };
  const block = new Uint8Array(privateDecrypt(raw, await encrypt(rsaes)));
  expect([block.length, block[0], block[1], block.indexOf(0, 1)]).toEqual([512, 0, 2, 512 - 61]);
  expect(toHex(block.subarray(512 - 60))).toBe(toHex(message));
  const theirs = publicEncrypt({ key: pair.publicKey, padding: constants.RSA_PKCS1_PADDING }, message);
  expect(await decrypt(rsaes, new Uint8Array(theirs))).toEqual(message);
});

it('quotes and certifies', async () => {
  const scheme = { scheme: A.RSAPSS, hashAlg: A.SHA384 };
  const area = rsa4096(MADE | FIXED | O.restricted | O.sign, { scheme });
  const { objectHandle, outPublic } = await bench.primary(area);
  const shared = { signHandle: objectHandle, qualifyingData: utf8('nonce'), inScheme: NULL_SCHEME };
  const PCRselect = [T.pcrSelection(A.SHA256, [0])];
  const quote = await bench.client.call(C.Quote, { ...shared, PCRselect });
  const certificate = await bench.client.call(C.Certify, { objectHandle, ...shared }, { auth: [EMPTY, EMPTY] });
  const key = { key: opensslKey(outPublic), ...PSS };
  expect(verify('sha384', quote.quoted, key, bytesOf(quote.signature))).toBe(true);
  expect(verify('sha384', certificate.certifyInfo, key, bytesOf(certificate.signature))).toBe(true);
  expect(T.verifyAttestSignature(quote.quoted, quote.signature, outPublic)).toBe(true);
});

it('is a parent: salts, credentials, children that move', async () => {
  const parent = await bench.primary(rsa4096(MADE | FIXED | STORAGE, { symmetric: AES192 }));
  const { objectHandle, outPublic, name } = parent;
  const salt = { handle: objectHandle, publicArea: outPublic };
  const salted = await T.ClientSession.start(bench.client, { symmetric: AES256, salt, random });
  const auth = [{ with: salted, attributes: S.encrypt }];
  expect((await bench.client.call(C.GetRandom, { bytesRequested: 8 }, { auth })).randomBytes).toHaveLength(8);

  const credential = utf8('credential');
  const made = [
    await bench.client.call(C.MakeCredential, { handle: objectHandle, credential, objectName: name }),
    T.makeCredential(outPublic, name, credential, { kind: 'rsa', seed: random(32), oaepSeed: random(32) }),
  ];
  for (const { credentialBlob, secret } of made) {
    expect(secret).toHaveLength(512);
    const input = { activateHandle: objectHandle, keyHandle: objectHandle, credentialBlob, secret };
    const { certInfo } = await bench.client.call(C.ActivateCredential, input, { auth: [EMPTY, EMPTY] });
    expect(certInfo).toEqual(credential);
  }

  const { session, policy } = await bench.duplicationPolicy(random);
  const child = await bench.create(objectHandle, { ...rsa4096(MADE | O.sign), authPolicy: policy });
  const moved = await bench.move(await bench.load(objectHandle, child), child, session, parent);
  const imported = await bench.load(objectHandle, moved);
  expect(verify('sha512', MESSAGE, opensslKey(child.outPublic), await sign(imported, A.RSASSA))).toBe(true);
});

it('its context is no longer than the TPM tells, and it comes back', async () => {
  const area = rsa4096(MADE | FIXED | STORAGE, { symmetric: AES256 });
  const digest = hash('sha512', EMPTY);
  const { objectHandle, outPublic } = await bench.primary({ ...area, nameAlg: A.SHA512, authPolicy: digest });
  const { context } = await bench.client.call(C.ContextSave, { saveHandle: objectHandle });
  const max = await bench.property(T.TPM_PT.MAX_OBJECT_CONTEXT);
  // What libtpms' own object grew by from 2,048 to 3,072 bits, once more.
  expect(max).toBe(2692 + 704);
  expect(context.contextBlob.length).toBeGreaterThan(2400);
  expect(context.contextBlob.length).toBeLessThanOrEqual(max);
  await bench.flush(objectHandle);
  const { loadedHandle } = await bench.client.call(C.ContextLoad, { context });
  expect((await bench.client.call(C.ReadPublic, { objectHandle: loadedHandle })).outPublic).toEqual(outPublic);
});

it('is imported from outside', async () => {
  const parent = await bench.primary(rsa4096(MADE | FIXED | STORAGE, { symmetric: AES256 }));
  const objectPublic = { ...rsa4096(USER | O.sign), unique: part('n') };
  const seed = { authValue: EMPTY, seedValue: EMPTY };
  const { outPrivate } = await bench.client.call(C.Import, {
    parentHandle: parent.objectHandle,
    encryptionKey: EMPTY,
    objectPublic,
    duplicate: T.encode(T.TPM2B_SENSITIVE, { sensitiveType: A.RSA, ...seed, sensitive: part('p') }),
    inSymSeed: EMPTY,
    symmetricAlg: { algorithm: A.NULL },
  });
  const handle = await bench.load(parent.objectHandle, { outPrivate, outPublic: objectPublic });
  expect(verify('sha512', MESSAGE, pair.publicKey, await sign(handle, A.RSASSA))).toBe(true);
});
