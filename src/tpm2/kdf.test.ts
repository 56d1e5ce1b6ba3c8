import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/bytes.ts';
import { hash } from '../crypto/hash.ts';
import { kdfa, kdfe } from './kdf.ts';

describe('KDFa', () => {
  // Self-test vectors of the TPM 2.0 reference code (KdfTestData.h): one key and context, 160 bits with each hash.
  const key = fromHex('271fa08bbdc5060ec3dfa928ff9b73123a12da0c');
  const u = fromHex('ce244f395dca7391');
  const v = fromHex('da504031ddf12e83');
  it.each([
    ['sha1', '55b5a7184aa07423c47dae766c26a2377d7cf851'],
    ['sha256', 'bb0259e1c8ba607e6a2cd704b69a902e9ade84c4'],
    ['sha384', '1dce70c9113eb2dba47bd9cfc72bf46f45b09312'],
    ['sha512', '8be2c1b85b78569b9fa759f5857c56d684810fd3'],
  ] as const)('reference vector with %s', (name, expected) => {
    expect(toHex(kdfa(name, key, 'KDFSELFTESTLABEL', u, v, 160))).toBe(expected);
  });

  it('clears the unused high bits of a length that is not whole bytes', () => {
    const out = kdfa('sha256', key, 'L', u, v, 521);
    expect(out.length).toBe(66);
    expect((out[0] ?? 0xff) & 0xfe).toBe(0);
  });
});

describe('KDFe', () => {
  it('is the hash of counter, Z, label and both parties (Part 1, 11.4.10.3)', () => {
    const bytes = fromHex(`00000001 0a0b ${toHex(new TextEncoder().encode('IDENTITY'))}00 0c 0d`);
    const out = kdfe('sha256', fromHex('0a0b'), 'IDENTITY', fromHex('0c'), fromHex('0d'), 256);
    expect(toHex(out)).toBe(toHex(hash('sha256', bytes)));
    expect(kdfe('sha1', fromHex('0a'), 'X', u8(1), u8(2), 256).length).toBe(32);
  });
  const u8 = (value: number) => new Uint8Array([value]);
});
