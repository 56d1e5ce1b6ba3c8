import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import type { CurveName } from '../../src/crypto/primitives.ts';
import { deriveEcKey, KeyStream } from './primary-keys.ts';
import { sm2Exchange } from './sm2-exchange.ts';

const key = (curve: CurveName, text: string) =>
  deriveEcKey(new KeyStream(utf8(text), 'PRIMARY KEY', new Uint8Array(0)), curve);

// test/conformance/tpm-differential-curve-schemes.test.ts has it with swtpm.
describe('the key exchange of SM2', () => {
  it.each(Object.keys(CURVES) as CurveName[])('on %s: both parties find the same point', (curve) => {
    const [a, ae, b, be] = [key(curve, 'a'), key(curve, 'ae'), key(curve, 'b'), key(curve, 'be')];
    const found = sm2Exchange(a, ae, b, be, be.x);
    expect(found).toBeDefined();
    expect(found).toEqual(sm2Exchange(b, be, a, ae, ae.x));
    expect(found).not.toEqual(sm2Exchange(a, be, b, ae, ae.x));
  });
});
