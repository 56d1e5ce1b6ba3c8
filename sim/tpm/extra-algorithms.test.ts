/** Algorithms that a TPM has or lacks: what one without them answers, and where the choice is kept. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as T from '../../src/tpm2/index.ts';
import {
  AES192,
  cipher,
  EMPTY,
  FIXED,
  KeyBench,
  MADE,
  NO_SYMMETRIC,
  rsa4096,
  SRK192,
} from '../../test/support/extra-algorithms.ts';
import { type TpmConfig, tpmConfig } from './config.ts';
import { tpmInfo } from './servers/swtpm-info.ts';
import { bufferLimits } from './sizes.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPMA_OBJECT: O } = T;

describe('a TPM that lacks them', () => {
  let bench: KeyBench;
  beforeAll(async () => {
    bench = await KeyBench.with([]);
  });
  const at = (number: number) => ({ rc: 'VALUE', place: { kind: 'parameter', number } });

  it.each<[string, T.TPMT_PUBLIC]>([
    ['AES-192 storage key', SRK192],
    ['AES-192 key', cipher(MADE | FIXED | O.sign, AES192)],
    ['RSA-4096 key', rsa4096(MADE | FIXED | O.sign)],
    ['RSA-4096 key with a modulus', { ...rsa4096(MADE | FIXED | O.sign), unique: new Uint8Array(512).fill(0xff) }],
  ])('refuses an %s with TPM_RC_VALUE where it is read', async (_, inPublic) => {
    await expect(bench.primary(inPublic)).rejects.toMatchObject(at(2));
    const external = { inPrivate: undefined, inPublic, hierarchy: TPM_RH.OWNER };
    await expect(bench.client.call(C.LoadExternal, external)).rejects.toMatchObject(at(2));
    const inSensitive = { userAuth: EMPTY, data: EMPTY };
    const template = T.encode(T.NAMED_TEMPLATE, inPublic);
    const loaded = { parentHandle: TPM_RH.OWNER, inSensitive, inPublic: template };
    // With a modulus of 512 bytes it is longer than any public area such a TPM knows (swtpm: the same).
    const long = template.length > 484 ? { rc: 'SIZE' } : {};
    await expect(bench.client.call(C.CreateLoaded, loaded)).rejects.toMatchObject({ ...at(2), ...long });
    const parameters = { type: inPublic.type, parameters: inPublic.parameters };
    const test = { parameters: parameters as T.Infer<typeof T.TPMT_PUBLIC_PARMS> };
    await expect(bench.client.call(C.TestParms, test)).rejects.toMatchObject(at(1));
  });

  it('refuses AES-192 for sessions and inner wrappers', async () => {
    const symmetric: T.TPMT_SYM_DEF = { algorithm: A.AES, keyBits: 192, mode: A.CFB };
    const random = (size: number) => new Uint8Array(size);
    await expect(T.ClientSession.start(bench.client, { symmetric, random })).rejects.toMatchObject(at(4));
    const { objectHandle: parentHandle, outPublic } = await bench.primary(T.SRK_ECC_P256);
    const input = {
      parentHandle,
      encryptionKey: new Uint8Array(24),
      objectPublic: outPublic,
      duplicate: EMPTY,
      inSymSeed: EMPTY,
      symmetricAlg: AES192,
    };
    await expect(bench.client.call(C.Import, input)).rejects.toMatchObject(at(5));
    const lacking = { ...input, objectPublic: cipher(O.sign, AES192), symmetricAlg: NO_SYMMETRIC };
    await expect(bench.client.call(C.Import, lacking)).rejects.toMatchObject(at(2));
    const one = await KeyBench.with(['rsa4096']);
    await expect(one.primary(SRK192)).rejects.toMatchObject(at(2));
  });

  it('tells the sizes of swtpm', async () => {
    expect(await bench.property(T.TPM_PT.MAX_OBJECT_CONTEXT)).toBe(2692);
  });
});

describe('what a TPM was made with', () => {
  it('stays in its snapshots: a TPM that goes on from one has the same algorithms', async () => {
    const made = await KeyBench.with(['aes192', 'rsa4096']);
    const other = await KeyBench.with([]);
    other.engine.restore(decodeSnapshot(encodeSnapshot(made.engine.snapshot())));
    expect(other.engine.config.extraAlgorithms).toEqual(['aes192', 'rsa4096']);
    expect((await other.primary(SRK192)).name).toEqual((await made.primary(SRK192)).name);
  });

  it('is nothing where an older snapshot does not say', async () => {
    const { extraAlgorithms, ...older } = tpmConfig();
    const { engine } = await KeyBench.with([]);
    const bytes = encodeSnapshot({ ...engine.snapshot(), config: older as TpmConfig });
    expect(decodeSnapshot(bytes).config?.extraAlgorithms).toEqual(extraAlgorithms);
  });

  it('shows in what callers of swtpm ask it for', async () => {
    for (const [extra, sizes, min] of [
      [[], [1024, 2048, 3072], 2808],
      [['aes192'], [1024, 2048, 3072], 2808],
      [['rsa4096'], [1024, 2048, 3072, 4096], 3512],
    ] as const) {
      const config = tpmConfig({ extraAlgorithms: extra });
      expect(JSON.parse(tpmInfo(config, 4n))).toEqual({ TPMFeatures: { RSAKeySizes: sizes } });
      expect(bufferLimits(config)).toEqual({ min, max: 4096 });
    }
  });

  it('is one of a few words', async () => {
    const config = { ...tpmConfig(), extraAlgorithms: ['aes128'] } as unknown as TpmConfig;
    expect(() => tpmConfig(config)).toThrow('TPM extraAlgorithms: expected aes192 or rsa4096, not "aes128"');
    const { engine } = await KeyBench.with([]);
    expect(() => decodeSnapshot(encodeSnapshot({ ...engine.snapshot(), config }))).toThrow(/extraAlgorithms/);
  });
});
