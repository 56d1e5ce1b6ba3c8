/** Single commands of the kinds in which changed commands (`tpm-differential-recorded.test.ts`) found the two TPMs to differ. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { concat } from '../../src/bytes/bytes.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPM_ST } = T;
const EMPTY = new Uint8Array(0);
const PERSISTENT = 0x81000001;
/** An RSA storage key that needs no policy. */
const SRK_RSA: T.RsaPublicArea = {
  ...T.EK_RSA2048,
  objectAttributes: T.SRK_ECC_P256.objectAttributes,
  authPolicy: EMPTY,
};

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(() => pair.stop());

const primary = async (inPublic: T.TPMT_PUBLIC): Promise<readonly [number, number]> => {
  const [a, b] = await both.must('primary', C.CreatePrimary, {
    primaryHandle: RH.OWNER,
    inSensitive: { userAuth: EMPTY, data: EMPTY },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  both.expect(`handle ${a.objectHandle}, swtpm ${b.objectHandle}`, a.objectHandle === b.objectHandle);
  return [a.objectHandle, b.objectHandle];
};

/** A command of these parts; `passwords` empty ones authorise it. */
function raw(code: number, handles: readonly number[], parameters: Uint8Array, passwords = 0): Uint8Array {
  const writer = new ByteWriter()
    .u16(passwords > 0 ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
    .u32(0)
    .u32(code);
  for (const handle of handles) writer.u32(handle);
  if (passwords > 0) writer.u32(9 * passwords);
  for (let i = 0; i < passwords; i++) writer.u32(RH.PW).u16(0).u8(1).u16(0);
  writer.bytes(parameters);
  writer.setU32(2, writer.length);
  return writer.finish();
}

const u16 = (value: number) => new ByteWriter().u16(value).finish();
const u32 = (value: number) => new ByteWriter().u32(value).finish();
const sized = (bytes: Uint8Array) => concat(u16(bytes.length), bytes);

describe('persistent objects', () => {
  it('take the first free room while a command uses them', async () => {
    const [handle] = await primary(T.SRK_ECC_P256);
    await both.must('keep', C.EvictControl, { auth: RH.OWNER, objectHandle: handle, persistentHandle: PERSISTENT });
    await both.flush([handle, handle]);
    const child = { parentHandle: PERSISTENT, outsideInfo: EMPTY, creationPCR: [] };
    const inPublic = { ...T.SRK_ECC_P256 };
    const made = await both.must('create', C.Create, {
      ...child,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic,
    });
    const load = (label: string) =>
      both.run(label, C.Load, (side) => ({
        parentHandle: PERSISTENT,
        inPrivate: made[side].outPrivate,
        inPublic: made[side].outPublic,
      }));
    const loaded: number[] = [];
    for (const label of ['first', 'second', 'third', 'fourth']) {
      const out = await load(label);
      if (out === undefined) continue;
      both.expect(
        `${label}: ${out[0].objectHandle}, ${out[1].objectHandle}`,
        out[0].objectHandle === out[1].objectHandle,
      );
      loaded.push(out[0].objectHandle);
      await both.run(label, C.ReadPublic, { objectHandle: PERSISTENT }, { mode: 'code' });
      await both.run(
        label,
        C.Create,
        { ...child, inSensitive: { userAuth: EMPTY, data: EMPTY }, inPublic },
        { mode: 'code' },
      );
    }
    for (const one of loaded) await both.flush([one, one]);
    const [again] = await primary(T.SRK_ECC_P256);
    await both.flush([again, again]);
    await both.must('drop', C.EvictControl, { auth: RH.OWNER, objectHandle: PERSISTENT, persistentHandle: PERSISTENT });
    both.verdict();
  });
});

describe('secrets', () => {
  it.each([
    [
      'RSA',
      SRK_RSA,
      [EMPTY, new Uint8Array(1), new Uint8Array(256).fill(1), new Uint8Array(256).fill(0xff), new Uint8Array(384)],
    ],
    [
      'EC',
      T.SRK_ECC_P256,
      [
        EMPTY,
        sized(new Uint8Array(32).fill(1)),
        concat(sized(new Uint8Array(32).fill(1)), sized(new Uint8Array(29).fill(1)), new Uint8Array(3)),
        concat(sized(new Uint8Array(8)), sized(new Uint8Array(60))),
        concat(sized(new Uint8Array(32)), sized(new Uint8Array(32))),
      ],
    ],
  ] as const)('that do not open with the %s key', async (_kind, area, secrets) => {
    const handles = await primary(area);
    const [handle] = handles;
    for (const [i, secret] of secrets.entries()) {
      const credentialBlob = concat(sized(new Uint8Array(32)), new Uint8Array(10));
      await both.run(
        `secret ${i}`,
        C.ActivateCredential,
        { activateHandle: handle, keyHandle: handle, credentialBlob, secret },
        { auth: [EMPTY, EMPTY] },
      );
      await both.run(`secret ${i}`, C.StartAuthSession, {
        tpmKey: handle,
        bind: RH.NULL,
        nonceCaller: new Uint8Array(16),
        encryptedSalt: secret,
        sessionType: 0,
        symmetric: { algorithm: A.NULL },
        authHash: A.SHA256,
      });
      const objectPublic = { ...T.SRK_ECC_P256, objectAttributes: 0x20040 };
      await both.run(`secret ${i}`, C.Import, {
        parentHandle: handle,
        encryptionKey: EMPTY,
        objectPublic,
        duplicate: concat(sized(new Uint8Array(32)), new Uint8Array(10)),
        inSymSeed: secret,
        symmetricAlg: { algorithm: A.NULL },
      });
    }
    await both.flush(handles);
    both.verdict();
  });
});

describe('numbers on the wire', () => {
  const TAGS = [
    0, 0x00c4, 0x8000, 0x8001, 0x8002, 0x8014, 0x801b, 0x8021, 0x8022, 0x8023, 0x8024, 0x8025, 0x8029, 0xffff,
  ];
  it('tags of tickets', async () => {
    const handles = await primary(T.AK_ECC_P256);
    for (const tag of TAGS) {
      const ticket = concat(u16(tag), u32(RH.NULL), u16(0));
      const digest = sized(new Uint8Array(32));
      await pair.same(`sign ${tag}`, raw(T.TPM_CC.Sign, [handles[0]], concat(digest, u16(A.NULL), ticket), 1));
      const creation = concat(u16(0), digest, u16(A.NULL), ticket);
      await pair.same(`certify creation ${tag}`, raw(T.TPM_CC.CertifyCreation, [RH.NULL, handles[0]], creation, 1));
    }
    await both.flush(handles);
  });

  it('what is no hash for an HMAC', async () => {
    const [a, b] = await both.must('key', C.CreatePrimary, {
      primaryHandle: RH.OWNER,
      inSensitive: { userAuth: EMPTY, data: new Uint8Array([1]) },
      inPublic: {
        type: A.KEYEDHASH,
        nameAlg: A.SHA256,
        objectAttributes: T.TPMA_OBJECT.userWithAuth | T.TPMA_OBJECT.sign,
        authPolicy: EMPTY,
        parameters: { scheme: { scheme: A.HMAC, hashAlg: A.SHA256 } },
        unique: EMPTY,
      },
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    for (const alg of Object.values(A)) {
      for (const code of [T.TPM_CC.HMAC, T.TPM_CC.HMAC_Start]) {
        await pair.same(`${code} ${alg}`, raw(code, [a.objectHandle], concat(u16(0), u16(alg)), 1), 'code');
        await both.run('flush', C.FlushContext, { flushHandle: 0x80000001 });
      }
    }
    await both.flush([a.objectHandle, b.objectHandle]);
    both.verdict();
  });

  it('sizes of AES keys, ciphers of symmetric keys', async () => {
    for (const bits of [0, 64, 128, 192, 256, 512]) {
      const parameters = concat(u16(A.SYMCIPHER), u16(A.AES), u16(bits), u16(A.CFB));
      await pair.same(`${bits}`, raw(T.TPM_CC.TestParms, [], parameters));
    }
    await pair.same('none', raw(T.TPM_CC.TestParms, [], concat(u16(A.SYMCIPHER), u16(A.NULL))));
    await pair.same('none and more', raw(T.TPM_CC.TestParms, [], concat(u16(A.SYMCIPHER), u16(A.NULL), u32(0))));
  });

  it('sizes of private areas', async () => {
    const handles = await primary(T.SRK_ECC_P256);
    for (const size of [0, 1, 1229, 1230, 1231, 2047, 2048, 0xffff]) {
      await pair.same(`${size}`, raw(T.TPM_CC.Load, [handles[0]], u16(size), 1));
    }
    await both.flush(handles);
  });

  it('lists of command codes', async () => {
    for (const count of [0, 1, 253, 254, 255, 256, 257]) {
      const list = concat(u32(count), new Uint8Array(4 * count));
      await pair.same(
        `${count}`,
        raw(T.TPM_CC.SetCommandCodeAuditStatus, [RH.OWNER], concat(u16(A.NULL), list, u32(0)), 1),
      );
    }
  });

  it('capabilities, also where the command ends after them', async () => {
    for (const capability of [0, 9, 10, 11, 0xff, 0x100, 0x101, 0x8000_0000, 0xffff_ffff]) {
      await pair.same(`${capability}`, raw(T.TPM_CC.GetCapability, [], u32(capability)));
      await pair.same(
        `${capability}`,
        raw(T.TPM_CC.GetCapability, [], concat(u32(capability), u32(0), u32(0))),
        'code',
      );
    }
  });
});
