/** A TPM with AES-192, judged by published vectors. */
import { beforeEach, describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import {
  AES192,
  cipher,
  EMPTY,
  FIXED,
  KeyBench,
  MADE,
  NO_SYMMETRIC,
  NULL_SCHEME,
  SRK192,
  STORAGE,
  USER,
} from '../../test/support/extra-algorithms.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPMA_OBJECT: O, TPMA_SESSION: S } = T;

/** NIST SP 800-38A, appendix F: the key, the plaintext and the AES-192 examples of five modes. */
const KEY = fromHex('8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b');
const PLAIN = fromHex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
const IV = fromHex('000102030405060708090a0b0c0d0e0f');
const VECTORS = {
  /** F.1.3 and F.1.4 */
  ECB: {
    iv: EMPTY,
    cipherText: fromHex(
      'bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef' +
        'ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e',
    ),
  },
  /** F.2.3 and F.2.4 */
  CBC: {
    iv: IV,
    cipherText: fromHex(
      '4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a' +
        '571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd',
    ),
  },
  /** F.3.15 and F.3.16 (CFB128) */
  CFB: {
    iv: IV,
    cipherText: fromHex(
      'cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a' +
        '2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff',
    ),
  },
  /** F.4.3 and F.4.4 */
  OFB: {
    iv: IV,
    cipherText: fromHex(
      'cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c1100401' +
        '8d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9cac524bd9acc92a',
    ),
  },
  /** F.5.3 and F.5.4 */
  CTR: {
    iv: fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
    cipherText: fromHex(
      '1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94' +
        '1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050',
    ),
  },
} as const;
type Mode = keyof typeof VECTORS;
const MODES = Object.keys(VECTORS) as Mode[];

let bench: KeyBench;
let counter = 0;
/** Never twice the same. */
const random = (size: number) => hash('sha512', utf8(`${counter++}`)).slice(0, size);
beforeEach(async () => {
  bench = await KeyBench.with(['aes192']);
});

/** TPM2_EncryptDecrypt2 of a key in its own mode or the one given. */
const crypt = (keyHandle: number, decrypt: number, inData: Uint8Array, ivIn: Uint8Array, mode: number = A.NULL) =>
  bench.client.call(C.EncryptDecrypt2, { keyHandle, inData, decrypt, mode, ivIn });

describe.each(MODES)('%s gives the vectors of SP 800-38A', (name) => {
  const mode = A[name];
  const { iv, cipherText } = VECTORS[name];
  const seedValue = new Uint8Array(32).fill(5);
  const inPublic = {
    ...cipher(USER | O.sign | O.decrypt, { ...AES192, mode: A.NULL }),
    unique: hash('sha256', concat(seedValue, KEY)),
  } as T.TPMT_PUBLIC;
  const inPrivate = { sensitiveType: A.SYMCIPHER, authValue: EMPTY, seedValue, sensitive: KEY } as const;

  async function check(keyHandle: number): Promise<void> {
    for (const [decrypt, from, to] of [
      [0, PLAIN, cipherText],
      [1, cipherText, PLAIN],
    ] as const) {
      expect(toHex((await crypt(keyHandle, decrypt, from, iv, mode)).outData)).toBe(toHex(to));
      const old = { keyHandle, decrypt, mode, ivIn: iv, inData: from };
      expect(toHex((await bench.client.call(C.EncryptDecrypt, old)).outData)).toBe(toHex(to));
      // Block after block, each with the vector that the one before left.
      let vector: Uint8Array = iv;
      for (let at = 0; at < from.length; at += 16) {
        const { outData, ivOut } = await crypt(keyHandle, decrypt, from.subarray(at, at + 16), vector, mode);
        expect(toHex(outData)).toBe(toHex(to.subarray(at, at + 16)));
        vector = ivOut;
      }
    }
  }

  it('with a key that is loaded from outside', async () => {
    const input = { inPrivate, inPublic, hierarchy: TPM_RH.NULL };
    await check((await bench.client.call(C.LoadExternal, input)).objectHandle);
  });

  it('with a key that is imported under an AES-192 parent', async () => {
    const { objectHandle: parentHandle } = await bench.primary(SRK192);
    const { outPrivate } = await bench.client.call(C.Import, {
      parentHandle,
      encryptionKey: EMPTY,
      objectPublic: inPublic,
      duplicate: T.encode(T.TPM2B_SENSITIVE, inPrivate),
      inSymSeed: EMPTY,
      symmetricAlg: NO_SYMMETRIC,
    });
    await check(await bench.load(parentHandle, { outPrivate, outPublic: inPublic }));
  });
});

describe('AES-192 protects', () => {
  it('children: a tree of parents, each with the cipher of its own', async () => {
    const { objectHandle: root } = await bench.primary(cipher(MADE | FIXED | STORAGE, AES192));
    const storage = await bench.load(root, await bench.create(root, SRK192));
    await bench.flush(root);
    const key = cipher(USER | FIXED | O.sign | O.decrypt, { ...AES192, mode: A.CTR });
    const leaf = await bench.load(storage, await bench.create(storage, key, KEY));
    const { iv, cipherText } = VECTORS.CTR;
    expect(toHex((await crypt(leaf, 0, PLAIN, iv)).outData)).toBe(toHex(cipherText));
    await expect(bench.create(storage, T.SRK_ECC_P256)).rejects.toMatchObject({ rc: 'SYMMETRIC' });
    await expect(bench.create(storage, key, KEY.subarray(8))).rejects.toMatchObject({ rc: 'KEY_SIZE' });
  });

  it('duplicates twice: inner wrapper, and the outer one of a new parent', async () => {
    const { objectHandle: parent } = await bench.primary(SRK192);
    const { session, policy } = await bench.duplicationPolicy(random);
    const area = cipher(USER | O.sign | O.decrypt | O.encryptedDuplication, { ...AES192, mode: A.CBC });
    // The parent may not be left unless the object says so of both.
    const loose = { ...SRK192, objectAttributes: MADE | STORAGE | O.encryptedDuplication };
    const middle = await bench.load(parent, await bench.create(parent, loose));
    await bench.flush(parent);
    const made = await bench.create(middle, { ...area, authPolicy: policy }, KEY);
    const object = await bench.load(middle, made);
    const other = await bench.primary({ ...SRK192, nameAlg: A.SHA384 });
    const moved = await bench.move(object, made, session, other);
    await bench.flush(object, middle);
    const { iv, cipherText } = VECTORS.CBC;
    const keyHandle = await bench.load(other.objectHandle, moved);
    expect(toHex((await crypt(keyHandle, 1, cipherText, iv)).outData)).toBe(toHex(PLAIN));
  });

  it('parameters of sessions in both directions', async () => {
    const { objectHandle, outPublic, name } = await bench.primary(SRK192);
    const salt = { handle: objectHandle, publicArea: outPublic };
    const symmetric: T.TPMT_SYM_DEF = { algorithm: A.AES, keyBits: 192, mode: A.CFB };
    const session = await T.ClientSession.start(bench.client, { symmetric, salt, random });
    const inPublic = {
      type: A.KEYEDHASH,
      nameAlg: A.SHA256,
      objectAttributes: USER,
      authPolicy: EMPTY,
      parameters: { scheme: NULL_SCHEME },
      unique: EMPTY,
    } as const;
    const inSensitive = { userAuth: EMPTY, data: utf8('a secret') };
    const sealed = await bench.client.call(
      C.Create,
      { parentHandle: objectHandle, inSensitive, inPublic, outsideInfo: EMPTY, creationPCR: [] },
      {
        auth: [{ with: session, attributes: S.continueSession | S.decrypt | S.encrypt }],
        names: { parentHandle: name },
      },
    );
    const itemHandle = await bench.load(objectHandle, sealed);
    const { outData } = await bench.client.call(
      C.Unseal,
      { itemHandle },
      { auth: [{ with: session, attributes: S.encrypt }], names: { itemHandle: T.objectName(sealed.outPublic) } },
    );
    expect(outData).toEqual(utf8('a secret'));
  });

  it('credentials, whoever makes them', async () => {
    const { objectHandle: keyHandle, outPublic, name } = await bench.primary(SRK192);
    const credential = utf8('sixteen bytes...');
    const made = [
      await bench.client.call(C.MakeCredential, { handle: keyHandle, credential, objectName: name }),
      T.makeCredential(outPublic, name, credential, { kind: 'ec', ephemeral: new Uint8Array(32).fill(1) }),
    ];
    for (const { credentialBlob, secret } of made) {
      const input = { activateHandle: keyHandle, keyHandle, credentialBlob, secret };
      const { certInfo } = await bench.client.call(C.ActivateCredential, input, { auth: [EMPTY, EMPTY] });
      expect(certInfo).toEqual(credential);
    }
  });
});

it('an AES-192 key is derived from a parent, the same each time', async () => {
  const { objectHandle: parentHandle } = await bench.primary({
    type: A.KEYEDHASH,
    nameAlg: A.SHA256,
    objectAttributes: MADE | FIXED | STORAGE,
    authPolicy: EMPTY,
    parameters: { scheme: { scheme: A.XOR, hashAlg: A.SHA256, kdf: A.KDF1_SP800_108 } },
    unique: EMPTY,
  });
  const area = cipher(USER | FIXED | O.sign, { ...AES192, mode: A.ECB });
  const template = { ...area, unique: { label: utf8('label'), context: utf8('context') } };
  const inPublic = T.encode(T.DERIVED_TEMPLATE, template as T.Infer<typeof T.DERIVED_TEMPLATE>);
  const inSensitive = { userAuth: EMPTY, data: EMPTY };
  const derive = () => bench.client.call(C.CreateLoaded, { parentHandle, inSensitive, inPublic });
  const [first, second] = [await derive(), await derive()];
  expect(second.name).toEqual(first.name);
  expect((await crypt(first.objectHandle, 0, PLAIN, EMPTY)).outData).toHaveLength(PLAIN.length);
});

it('changes no size that the TPM tells', async () => {
  expect(await bench.property(T.TPM_PT.CONTEXT_SYM_SIZE)).toBe(256);
  expect(await bench.property(T.TPM_PT.MAX_OBJECT_CONTEXT)).toBe(2692);
});
