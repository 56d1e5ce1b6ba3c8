import { describe, expect, it } from 'vitest';
import { fromBigInt, fromHex, toBigInt, utf8 } from '../bytes/bytes.ts';
import { CURVES } from './curves.ts';
import { curveParameters, sumOfPoints } from './ec-points.ts';
import { mqv, signEcdaa, signSchnorr, signSm2, verifySchnorr, verifySm2 } from './ecc-schemes.ts';
import { ecKeyPair } from './ecdsa.ts';
import { hash } from './hash.ts';
import type { EcPrivateKey } from './primitives.ts';

const pair = (text: string): EcPrivateKey => {
  const key = ecKeyPair('P-256', hash('sha256', utf8(text)));
  if (key === undefined) throw new Error('not a scalar');
  return key;
};
const digest = hash('sha256', utf8('message'));

describe('sums of points', () => {
  it('is the curve of FIPS 186-4', () => {
    const { gx, gy, n } = curveParameters('P-256');
    expect(gx).toEqual(fromHex('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'));
    expect(gy).toEqual(fromHex('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'));
    expect(toBigInt(n)).toBe(CURVES['P-256'].order);
  });

  it('adds scalars, and has no affine infinity', () => {
    const [a, b] = [pair('a'), pair('b')];
    const d = (toBigInt(a.d) + toBigInt(b.d)) % CURVES['P-256'].order;
    const sum = sumOfPoints('P-256', [{ scalar: 1n, point: a }, { scalar: toBigInt(b.d) }]);
    const expected = ecKeyPair('P-256', fromBigInt(d, 32));
    expect(sum).toEqual({ x: expected?.x, y: expected?.y });
    expect(
      sumOfPoints('P-256', [
        { scalar: 1n, point: a },
        { scalar: -1n, point: a },
      ]),
    ).toBeUndefined();
    expect(sumOfPoints('P-256', [{ scalar: 1n, point: { x: a.y, y: a.x } }])).toBeUndefined();
  });
});

describe('schemes', () => {
  it('EC Schnorr signatures verify, and others do not', () => {
    const key = pair('key');
    const signature = signSchnorr(key, 'sha256', digest, pair('nonce').d);
    if (signature === undefined) throw new Error('no signature');
    expect(verifySchnorr(key, 'sha256', digest, signature)).toBe(true);
    expect(verifySchnorr(pair('other'), 'sha256', digest, signature)).toBe(false);
    expect(verifySchnorr(key, 'sha256', hash('sha256', digest), signature)).toBe(false);
    expect(verifySchnorr(key, 'sha256', digest, { ...signature, s: new Uint8Array(32) })).toBe(false);
  });

  it('ECDAA: s·G = R + H(nonce ‖ digest)·Q', () => {
    const [key, r] = [pair('key'), pair('commitment')];
    const signature = signEcdaa(key, 'sha256', digest, r.d, digest);
    if (signature === undefined) throw new Error('no signature');
    const t = toBigInt(hash('sha256', new Uint8Array([...signature.r, ...digest])));
    const left = sumOfPoints('P-256', [{ scalar: toBigInt(signature.s) }]);
    const right = sumOfPoints('P-256', [
      { scalar: 1n, point: r },
      { scalar: t, point: key },
    ]);
    expect(left).toEqual(right);
  });

  it('SM2 is that of GB/T 32918.5-2017, A.2', () => {
    const key = ecKeyPair('SM2 P-256', fromHex('3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8'));
    if (key === undefined) throw new Error('not a scalar');
    expect(key.x).toEqual(fromHex('09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020'));
    expect(key.y).toEqual(fromHex('ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13'));
    // e, of "message digest" and the identifier 1234567812345678.
    const e = fromHex('f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640');
    const k = fromHex('59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21');
    const signature = signSm2(key, e, k);
    if (signature === undefined) throw new Error('no signature');
    expect(signature.r).toEqual(fromHex('f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3'));
    expect(signature.s).toEqual(fromHex('b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa'));
    expect(verifySm2(key, e, signature)).toBe(true);
    expect(verifySm2(key, e.with(31, 0x41), signature)).toBe(false);
    expect(verifySm2(key, e, { r: signature.s, s: signature.r })).toBe(false);
    for (const part of ['r', 's'] as const) {
      for (const value of [0n, CURVES['SM2 P-256'].order]) {
        expect(verifySm2(key, e, { ...signature, [part]: fromBigInt(value, 32) })).toBe(false);
      }
    }
  });

  it('SM2: the private key n − 1 has no signature', () => {
    const key = ecKeyPair('SM2 P-256', fromBigInt(CURVES['SM2 P-256'].order - 1n, 32));
    expect(key && signSm2(key, digest, pair('nonce').d)).toBeUndefined();
  });

  it('ECMQV: both parties find the same point', () => {
    const [a, ae, b, be] = [pair('a'), pair('ae'), pair('b'), pair('be')];
    expect(mqv(a, ae, b, be)).toEqual(mqv(b, be, a, ae));
    expect(mqv(a, ae, b, be)).not.toEqual(mqv(a, be, b, ae));
  });
});
