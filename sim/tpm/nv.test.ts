import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';

const { COMMANDS: C, TPM_NT: NT, TPM_RH: RH, TPMA_NV: NV } = T;
const EMPTY = new Uint8Array(0);
const INDEX = 0x01500000;
const OPEN = (NV.ownerRead | NV.ownerWrite | NV.authRead | NV.noDA) >>> 0;
const OWNER = { authHandle: RH.OWNER, nvIndex: INDEX };
const eight = (n: number) => new Uint8Array([0, 0, 0, 0, 0, 0, 0, n]);

async function define({ client }: TestTpm, attributes: number, dataSize = 8, auth = EMPTY): Promise<void> {
  const publicInfo = {
    nvIndex: INDEX,
    nameAlg: T.TPM_ALG.SHA256,
    attributes: attributes >>> 0,
    authPolicy: EMPTY,
    dataSize,
  };
  await client.call(C.NV_DefineSpace, { authHandle: RH.OWNER, auth, publicInfo });
}
const read = async ({ client }: TestTpm, size = 8) =>
  (await client.call(C.NV_Read, { ...OWNER, size, offset: 0 })).data;
const attributes = async ({ client }: TestTpm) =>
  (await client.call(C.NV_ReadPublic, { nvIndex: INDEX })).nvPublic.attributes;
async function restart(tpm: TestTpm, shutdownType: number | undefined, startupType = 0): Promise<void> {
  if (shutdownType !== undefined) await tpm.client.call(C.Shutdown, { shutdownType });
  await tpm.transport.powerOn();
  await tpm.client.call(C.Startup, { startupType });
}

describe('types of NV indices (Part 1, 37.2)', () => {
  it('a counter starts above every counter there was', async () => {
    const tpm = await testTpm();
    for (const expected of [3, 6]) {
      await define(tpm, OPEN | (NT.COUNTER << 4));
      await expect(read(tpm)).rejects.toMatchObject({ rc: 'NV_UNINITIALIZED' });
      for (let i = 0; i < 3; i++) await tpm.client.call(C.NV_Increment, OWNER);
      expect(await read(tpm)).toEqual(eight(expected));
      await tpm.client.call(C.NV_UndefineSpace, OWNER);
    }
  });

  it('bits only get set, an extend index is a PCR', async () => {
    const tpm = await testTpm();
    await define(tpm, OPEN | (NT.BITS << 4));
    for (const bits of [1n, 4n]) await tpm.client.call(C.NV_SetBits, { ...OWNER, bits });
    expect(await read(tpm)).toEqual(eight(5));
    await expect(tpm.client.call(C.NV_Increment, OWNER)).rejects.toMatchObject({
      rc: 'ATTRIBUTES',
      place: { kind: 'handle', number: 2 },
    });
    await tpm.client.call(C.NV_UndefineSpace, OWNER);
    await define(tpm, OPEN | (NT.EXTEND << 4), 32);
    await tpm.client.call(C.NV_Extend, { ...OWNER, data: eight(1) });
    expect(await read(tpm, 32)).toEqual(hash('sha256', concat(new Uint8Array(32), eight(1))));
    await expect(tpm.client.call(C.NV_Write, { ...OWNER, data: eight(1), offset: 0 })).rejects.toMatchObject({
      rc: 'ATTRIBUTES',
    });
  });

  it('an orderly counter jumps ahead when power is lost, and not after a shutdown', async () => {
    const tpm = await testTpm();
    await define(tpm, OPEN | NV.orderly | (NT.COUNTER << 4));
    for (let i = 0; i < 3; i++) await tpm.client.call(C.NV_Increment, OWNER);
    await restart(tpm, 0);
    expect(await read(tpm)).toEqual(eight(3));
    await restart(tpm, undefined);
    expect(await read(tpm)).toEqual(eight(0xff));
    await tpm.client.call(C.NV_Increment, OWNER);
    await restart(tpm, undefined);
    expect((await read(tpm)).subarray(6)).toEqual(new Uint8Array([1, 0xff]));
  });

  it('orderly data and data with CLEAR_STCLEAR go when they should', async () => {
    for (const [extra, gone] of [
      [0, [false, false, false]],
      [NV.orderly, [false, false, true]],
      [NV.clearStClear, [false, true, true]],
    ] as const) {
      for (const [i, [down, up]] of [[1, 1] as const, [1, 0] as const, [0, 0] as const].entries()) {
        const tpm = await testTpm();
        await define(tpm, OPEN | extra);
        await tpm.client.call(C.NV_Write, { ...OWNER, data: eight(7), offset: 0 });
        await restart(tpm, down, up);
        expect(((await attributes(tpm)) & NV.written) === 0).toBe(gone[i]);
      }
    }
  });

  it('a PIN index counts what was tried', async () => {
    const tpm = await testTpm();
    const self = { authHandle: INDEX, nvIndex: INDEX, size: 8, offset: 0 };
    const pin = new Uint8Array([1, 2, 3]);
    await define(tpm, OPEN | (NT.PIN_FAIL << 4), 8, pin);
    await tpm.client.call(C.NV_Write, { ...OWNER, data: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 2]), offset: 0 });
    await expect(tpm.client.call(C.NV_Read, self, { auth: [EMPTY] })).rejects.toMatchObject({ rc: 'BAD_AUTH' });
    expect((await read(tpm))[3]).toBe(1);
    await tpm.client.call(C.NV_Read, self, { auth: [pin] });
    expect((await read(tpm))[3]).toBe(0);
    for (let i = 0; i < 2; i++) await expect(tpm.client.call(C.NV_Read, self, { auth: [EMPTY] })).rejects.toThrow();
    await expect(tpm.client.call(C.NV_Read, self, { auth: [pin] })).rejects.toMatchObject({ rc: 'AUTH_UNAVAILABLE' });
  });
});

describe('locks (Part 3, 31.11 to 31.14)', () => {
  it.each([
    ['WRITEDEFINE for good', NV.writeDefine, true],
    ['WRITE_STCLEAR until the next start', NV.writeStClear, false],
  ])('%s', async (_, lock, kept) => {
    const tpm = await testTpm();
    await define(tpm, OPEN | lock);
    const write = () => tpm.client.call(C.NV_Write, { ...OWNER, data: eight(1), offset: 0 });
    await write();
    await tpm.client.call(C.NV_WriteLock, OWNER);
    await expect(write()).rejects.toMatchObject({ rc: 'NV_LOCKED' });
    await restart(tpm, 1, 1);
    await expect(write()).rejects.toMatchObject({ rc: 'NV_LOCKED' });
    await restart(tpm, 0);
    await (kept ? expect(write()).rejects.toMatchObject({ rc: 'NV_LOCKED' }) : write());
  });

  it('the global lock and the read lock', async () => {
    const tpm = await testTpm();
    await define(tpm, OPEN | NV.globalLock | NV.readStClear);
    await tpm.client.call(C.NV_Write, { ...OWNER, data: eight(1), offset: 0 });
    await tpm.client.call(C.NV_GlobalWriteLock, { authHandle: RH.OWNER });
    await tpm.client.call(C.NV_ReadLock, OWNER);
    await expect(read(tpm)).rejects.toMatchObject({ rc: 'NV_LOCKED' });
    expect((await attributes(tpm)) & (NV.readLocked | NV.writeLocked)).toBe(NV.readLocked | NV.writeLocked);
  });
});

describe('room', () => {
  it('ends, but never for the persistent objects and counters a TPM promises', async () => {
    const tpm = await testTpm();
    const property = async (wanted: number) => {
      const input = { capability: 6, property: wanted, propertyCount: 1 };
      const { capabilityData } = await tpm.client.call(C.GetCapability, input);
      return capabilityData.capability === 6 ? capabilityData.data[0]?.value : undefined;
    };
    const publicInfo = { nameAlg: T.TPM_ALG.SHA256, attributes: OPEN, authPolicy: EMPTY, dataSize: 2048 };
    const fill = async () => {
      for (let nvIndex = INDEX; ; nvIndex++) {
        await tpm.client.call(C.NV_DefineSpace, {
          authHandle: RH.OWNER,
          auth: EMPTY,
          publicInfo: { ...publicInfo, nvIndex },
        });
      }
    };
    await expect(fill()).rejects.toMatchObject({ rc: 'NV_SPACE' });
    expect(await property(T.TPM_PT.HR_PERSISTENT_AVAIL)).toBeGreaterThanOrEqual(7);
    expect(await property(T.TPM_PT.NV_COUNTERS_AVAIL)).toBeGreaterThanOrEqual(8);
  });
});

describe('NV_Certify', () => {
  it('signs the contents, or a digest of them', async () => {
    const tpm = await testTpm();
    await define(tpm, OPEN);
    await tpm.client.call(C.NV_Write, { ...OWNER, data: eight(9), offset: 0 });
    const { objectHandle, outPublic } = await tpm.client.call(C.CreatePrimary, {
      primaryHandle: RH.ENDORSEMENT,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic: T.AK_ECC_P256,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    expect(outPublic.type).toBe(T.TPM_ALG.ECC);
    const certify = async (size: number) => {
      const { certifyInfo } = await tpm.client.call(C.NV_Certify, {
        signHandle: objectHandle,
        ...OWNER,
        qualifyingData: eight(1),
        inScheme: { scheme: T.TPM_ALG.NULL },
        size,
        offset: 0,
      });
      return T.decode(T.TPMS_ATTEST, certifyInfo);
    };
    const { nvName } = await tpm.client.call(C.NV_ReadPublic, { nvIndex: INDEX });
    expect(await certify(8)).toMatchObject({
      type: T.TPM_ST.ATTEST_NV,
      extraData: eight(1),
      attested: { indexName: nvName, offset: 0, nvContents: eight(9) },
    });
    expect(await certify(0)).toMatchObject({
      type: T.TPM_ST.ATTEST_NV_DIGEST,
      attested: { indexName: nvName, nvDigest: hash('sha256', eight(9)) },
    });
  });
});
