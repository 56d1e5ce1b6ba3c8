import { describe, expect, it } from 'vitest';
import { allBytes, concat, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { COMMANDS as C, type Locality, pcrSelection, TPM_ALG } from '../../src/tpm2/index.ts';
import { testTpm } from '../../test/support/tpm.ts';

const { SHA1, SHA256 } = TPM_ALG;
const digest = hash('sha256', utf8('abc'));
const digests = [{ hashAlg: SHA256, digest }];

describe('PCR values', () => {
  it('start as zeros, the dynamic ones as ones', async () => {
    const tpm = await testTpm();
    for (let pcr = 0; pcr < 24; pcr++) {
      const dynamic = pcr >= 17 && pcr <= 22;
      expect(allBytes(await tpm.pcr(SHA256, pcr), dynamic ? 0xff : 0)).toBe(true);
    }
  });

  // esxi-measured-boot facts §20: synthetic design B, module "abc" into PCR 12.
  it('extend by hashing old value and digest', async () => {
    const tpm = await testTpm();
    await tpm.client.call(C.PCR_Extend, { pcrHandle: 12, digests });
    expect(toHex(await tpm.pcr(SHA256, 12))).toBe('589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d');
    expect(allBytes(await tpm.pcr(SHA1, 12), 0)).toBe(true);
  });

  it('PCR_Event hashes the data into every bank and answers every digest it can make', async () => {
    const tpm = await testTpm();
    const { digests: made } = await tpm.client.call(C.PCR_Event, { pcrHandle: 12, eventData: utf8('abc') });
    expect(made).toEqual([
      { hashAlg: SHA1, digest: hash('sha1', utf8('abc')) },
      { hashAlg: SHA256, digest },
      { hashAlg: TPM_ALG.SHA384, digest: hash('sha384', utf8('abc')) },
      { hashAlg: TPM_ALG.SHA512, digest: hash('sha512', utf8('abc')) },
    ]);
    expect(toHex(await tpm.pcr(SHA256, 12))).toBe('589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d');
  });

  it('PCR_Read answers at most eight values and says which', async () => {
    const { client } = await testTpm();
    const selection = [pcrSelection(SHA1, [0, 1, 2, 3, 4]), pcrSelection(SHA256, [0, 1, 2, 3, 4])];
    const { pcrSelectionOut, pcrValues } = await client.call(C.PCR_Read, { pcrSelectionIn: selection });
    expect(pcrValues.length).toBe(8);
    expect(pcrSelectionOut).toEqual([pcrSelection(SHA1, [0, 1, 2, 3, 4]), pcrSelection(SHA256, [0, 1, 2])]);
  });
});

describe('localities (facts §9)', () => {
  const extendAt: Record<number, Locality[]> = {
    0: [0, 1, 2, 3, 4],
    15: [0, 1, 2, 3, 4],
    16: [0, 1, 2, 3, 4],
    17: [2, 3, 4],
    18: [2, 3, 4],
    19: [2, 3],
    20: [1, 2, 3],
    21: [2],
    22: [2],
    23: [0, 1, 2, 3, 4],
  };
  const resetAt: Record<number, Locality[]> = {
    0: [],
    15: [],
    16: [0, 1, 2, 3],
    17: [],
    18: [],
    19: [],
    20: [2],
    21: [2],
    22: [2],
    23: [0, 1, 2, 3],
  };
  const accepted = async (run: (locality: Locality) => Promise<unknown>): Promise<Locality[]> => {
    const out: Locality[] = [];
    for (const locality of [0, 1, 2, 3, 4] as const) {
      await run(locality).then(
        () => out.push(locality),
        (error) => expect(error).toMatchObject({ rc: 'LOCALITY', code: 0x907 }),
      );
    }
    return out;
  };

  it.each(Object.keys(extendAt).map(Number))('PCR %i', async (pcrHandle) => {
    const { client } = await testTpm();
    expect(await accepted((locality) => client.call(C.PCR_Extend, { pcrHandle, digests }, { locality }))).toEqual(
      extendAt[pcrHandle],
    );
    expect(await accepted((locality) => client.call(C.PCR_Reset, { pcrHandle }, { locality }))).toEqual(
      resetAt[pcrHandle],
    );
  });
});

describe('hash sequences and start-up', () => {
  it('a dynamic launch zeroes PCR 17 to 22 and extends 17', async () => {
    const tpm = await testTpm();
    await tpm.transport.hashStart();
    await tpm.transport.hashData(utf8('a'));
    await tpm.transport.hashData(utf8('bc'));
    await tpm.transport.hashEnd();
    expect(toHex(await tpm.pcr(SHA256, 17))).toBe(toHex(hash('sha256', concat(new Uint8Array(32), digest))));
    for (let pcr = 18; pcr <= 22; pcr++) expect(allBytes(await tpm.pcr(SHA1, pcr), 0)).toBe(true);
  });

  it('before TPM2_Startup it is an H-CRTM: PCR 0 starts with locality 4', async () => {
    const tpm = await testTpm({ start: false });
    await tpm.transport.hashStart();
    await tpm.transport.hashData(utf8('abc'));
    await tpm.transport.hashEnd();
    await tpm.client.call(C.Startup, { startupType: 0 });
    const start = new Uint8Array(32);
    start[31] = 4;
    expect(toHex(await tpm.pcr(SHA256, 0))).toBe(toHex(hash('sha256', concat(start, digest))));
    expect(allBytes(await tpm.pcr(SHA256, 17), 0xff)).toBe(true);
  });

  it('TPM2_Startup at locality 3 shows in PCR 0', async () => {
    const tpm = await testTpm({ start: false });
    await tpm.client.call(C.Startup, { startupType: 0 }, { locality: 3 });
    expect(toHex(await tpm.pcr(SHA1, 0))).toBe(`${'00'.repeat(19)}03`);
  });

  it('a resume brings back PCR 0 to 15 only, and counts', async () => {
    const tpm = await testTpm();
    for (const pcrHandle of [5, 23]) await tpm.client.call(C.PCR_Extend, { pcrHandle, digests });
    const before = await tpm.pcr(SHA256, 5);
    await tpm.client.call(C.Shutdown, { shutdownType: 1 });
    tpm.clock.advance(1000);
    await tpm.transport.powerOn();
    await tpm.client.call(C.Startup, { startupType: 1 });
    expect(await tpm.pcr(SHA256, 5)).toEqual(before);
    expect(allBytes(await tpm.pcr(SHA256, 23), 0)).toBe(true);
    tpm.clock.advance(50);
    const { currentTime } = await tpm.client.call(C.ReadClock, {});
    expect(currentTime).toEqual({ time: 50n, clockInfo: { clock: 1050n, resetCount: 1, restartCount: 1, safe: 1 } });
  });

  it('a start without shutdown is not orderly', async () => {
    const tpm = await testTpm();
    await tpm.client.call(C.PCR_Reset, { pcrHandle: 16 });
    await tpm.transport.powerOn();
    await expect(tpm.client.call(C.Startup, { startupType: 1 })).rejects.toMatchObject({ code: 0x1c4 });
    await tpm.client.call(C.Startup, { startupType: 0 });
    const { currentTime } = await tpm.client.call(C.ReadClock, {});
    expect(currentTime.clockInfo).toMatchObject({ resetCount: 2, restartCount: 0, safe: 0 });
  });
});
