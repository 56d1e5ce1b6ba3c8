import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../bytes/bytes.ts';
import { ecKeyPair, signEcdsa, verifyEcdsa } from './ecdsa.ts';
import { hash } from './hash.ts';
import type { HashName } from './primitives.ts';

/** RFC 6979, A.2.3 and A.2.4: the key, and signatures of "sample". */
const CURVES = [
  {
    curve: 'P-192',
    d: '6fab034934e4c0fc9ae67f5b5659a9d7d1fefd187ee09fd4',
    x: 'ac2c77f529f91689fea0ea5efec7f210d8eea0b9e047ed56',
    y: '3bc723e57670bd4887ebc732c523063d0a7c957bc97c1c43',
    signatures: [
      ['sha1', '98c6bd12b23eaf5e2a2045132086be3eb8ebd62abf6698ff', '57a22b07dea9530f8de9471b1dc6624472e8e2844bc25b64'],
      [
        'sha256',
        '4b0b8ce98a92866a2820e20aa6b75b56382e0f9bfd5ecb55',
        'ccdb006926ea9565cbadc840829d8c384e06de1f1e381b85',
      ],
      [
        'sha384',
        'da63bf0b9abcf948fbb1e9167f136145f7a20426dcc287d5',
        'c3aa2c960972bd7a2003a57e1c4c77f0578f8ae95e31ec5e',
      ],
      [
        'sha512',
        '4d60c5ab1996bd848343b31c00850205e2ea6922dac2e4b8',
        '3f6e837448f027a1bf4b34e796e32a811cbb4050908d8f67',
      ],
    ],
  },
  {
    curve: 'P-224',
    d: 'f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1',
    x: '00cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6c',
    y: 'eeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a',
    signatures: [
      [
        'sha256',
        '61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307ba',
        'bc814050dab5d23770879494f9e0a680dc1af7161991bde692b10101',
      ],
      [
        'sha512',
        '074bd1d979d5f32bf958ddc61e4fb4872adcafeb2256497cdac30397',
        'a4ceca196c3d5a1ff31027b33185dc8ee43f288b21ab342e5d8eb084',
      ],
    ],
  },
] as const;

describe.each(CURVES)('$curve', ({ curve, d, x, y, signatures }) => {
  const key = ecKeyPair(curve, fromHex(d));
  if (key === undefined) throw new Error('not a scalar');

  it('public key', () => {
    expect([toHex(key.x), toHex(key.y)]).toEqual([x, y]);
  });

  it.each<readonly [HashName, string, string]>([...signatures])('signature with %s', (name, r, s) => {
    const message = utf8('sample');
    const signature = signEcdsa(key, name, hash(name, message));
    expect([toHex(signature.r), toHex(signature.s)]).toEqual([r, s]);
    expect(verifyEcdsa(key, name, message, signature)).toBe(true);
    expect(verifyEcdsa(key, name, utf8('simple'), signature)).toBe(false);
  });
});
