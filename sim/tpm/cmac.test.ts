/** TPM2_MAC and its sequences with CMAC, judged by NIST SP 800-38B, D.1; swtpm ends where such a sequence was saved and goes on. */
import { beforeEach, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { cipher, EMPTY, KeyBench, USER } from '../../test/support/extra-algorithms.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPMA_OBJECT: O } = T;
const KEY = fromHex('2b7e151628aed2a6abf7158809cf4f3c');
const MESSAGE = fromHex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
/** Of the first 40 bytes. */
const MAC_40 = 'dfa66747de9ae63030ca32611497c827';

let bench: KeyBench;
let handle: number;
beforeEach(async () => {
  bench = await KeyBench.with([]);
  const seedValue = new Uint8Array(32).fill(5);
  const inPublic = {
    ...cipher(USER | O.sign, { algorithm: A.AES, keyBits: 128, mode: A.CMAC }),
    unique: hash('sha256', concat(seedValue, KEY)),
  } as T.TPMT_PUBLIC;
  const inPrivate = { sensitiveType: A.SYMCIPHER, authValue: EMPTY, seedValue, sensitive: KEY } as const;
  const loaded = await bench.client.call(C.LoadExternal, { inPrivate, inPublic, hierarchy: TPM_RH.NULL });
  handle = loaded.objectHandle;
});

/** A sequence that got the first 20 bytes. */
async function begun(): Promise<number> {
  const { sequenceHandle } = await bench.client.call(C.HMAC_Start, { handle, auth: EMPTY, hashAlg: A.CMAC });
  await bench.client.call(C.SequenceUpdate, { sequenceHandle, buffer: MESSAGE.subarray(0, 20) });
  return sequenceHandle;
}

/** The MAC once the next 20 have come. */
async function completed(sequenceHandle: number): Promise<string> {
  const input = { sequenceHandle, buffer: MESSAGE.subarray(20, 40), hierarchy: TPM_RH.NULL };
  return toHex((await bench.client.call(C.SequenceComplete, input)).result);
}

it('at once and as a sequence', async () => {
  const { outHMAC } = await bench.client.call(C.HMAC, { handle, buffer: MESSAGE.subarray(0, 40), hashAlg: A.NULL });
  expect(toHex(outHMAC)).toBe(MAC_40);
  expect(await completed(await begun())).toBe(MAC_40);
});

it('goes on from a saved context, and twice from one', async () => {
  const saveHandle = await begun();
  const { context } = await bench.client.call(C.ContextSave, { saveHandle });
  await bench.flushAll();
  for (let i = 0; i < 2; i++) {
    const { loadedHandle } = await bench.client.call(C.ContextLoad, { context });
    expect(await completed(loadedHandle)).toBe(MAC_40);
  }
});

it('goes on in a snapshot, independent of the TPM that it was taken of', async () => {
  const sequenceHandle = await begun();
  const file = encodeSnapshot(bench.engine.snapshot());
  await bench.client.call(C.SequenceUpdate, { sequenceHandle, buffer: MESSAGE });
  bench.engine.restore(decodeSnapshot(file));
  expect(await completed(sequenceHandle)).toBe(MAC_40);
});
