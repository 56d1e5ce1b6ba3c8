/** The browser's primitives against Node's: two independent implementations (noble, pako; OpenSSL, zlib) must agree. */
import { generateKeyPairSync } from 'node:crypto';
import { constants, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CIPHER_BLOCK_SIZE } from './block-cipher.ts';
import { CURVES } from './curves.ts';
import { ecKeyPair, signEcdsa } from './ecdsa.ts';
import { HASH_NAMES, HASH_SIZE } from './hash.ts';
import { primitives as node } from './primitives.node.ts';
import type { CurveName, RsaPrivateKey } from './primitives.ts';
import { primitives as web } from './primitives.web.ts';

const bytes = (size: number, step = 7): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * step + 3) & 0xff);

describe('browser and Node primitives agree', () => {
  it.each(HASH_NAMES)('%s: one-shot, incremental, HMAC', (name) => {
    for (const size of [0, 1, 3, 4, 40, 55, 56, 63, 64, 65, 128, 129, 1000, 1024, 1025]) {
      const data = bytes(size);
      expect(web.hash(name, data)).toEqual(node.hash(name, data));
      for (const side of [web, node]) {
        const target = new Uint8Array(100);
        target.set(data.subarray(0, 100));
        // The data themselves may be written over.
        const expected = Uint8Array.from([...node.hash(name, target), ...target.subarray(HASH_SIZE[name])]);
        side.hashInto(name, target, target);
        expect(target).toEqual(expected);
      }
      for (const keySize of [0, 20, 64, 65, 128, 129]) {
        expect(web.hmac(name, bytes(keySize), data)).toEqual(node.hmac(name, bytes(keySize), data));
      }
      const [a, b] = [web.createHash(name), node.createHash(name)];
      for (const h of [a, b]) h.update(data);
      expect(a.clone().digest()).toEqual(b.digest());
    }
  });

  const CIPHERS = { aes: [16, 24, 32], camellia: [16, 24, 32], tdes: [16, 24] } as const;
  const MODES = ['cfb', 'ctr', 'ofb', 'cbc', 'ecb'] as const;
  const names = Object.keys(CIPHERS) as (keyof typeof CIPHERS)[];
  it.each(names.flatMap((name) => MODES.map((mode) => [name, mode] as const)))('%s %s', (name, mode) => {
    for (const keySize of CIPHERS[name]) {
      for (const size of mode === 'cbc' || mode === 'ecb' ? [0, 16, 48, 1024] : [0, 1, 8, 16, 37, 1023]) {
        const block = CIPHER_BLOCK_SIZE[name];
        // The counter goes over into the bytes above.
        const iv = bytes(block, 5).fill(0xff, block - 3);
        const args = [bytes(keySize), iv, bytes(size, 11)] as const;
        const sealed = node.cipher(name, mode, 'encrypt', ...args);
        expect(web.cipher(name, mode, 'encrypt', ...args)).toEqual(sealed);
        for (const side of [node, web]) {
          expect(side.cipher(name, mode, 'decrypt', args[0], args[1], sealed)).toEqual(args[2]);
        }
      }
    }
  });

  it('RSA, both operations', () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' });
    const part = (name: 'n' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi') =>
      new Uint8Array(Buffer.from(jwk[name] ?? '', 'base64url'));
    const key: RsaPrivateKey = {
      kind: 'rsa',
      e: 65537,
      n: part('n'),
      d: part('d'),
      p: part('p'),
      q: part('q'),
      dp: part('dp'),
      dq: part('dq'),
      qi: part('qi'),
    };
    const input = bytes(128);
    input[0] = 0;
    const signed = node.rsaPrivateRaw(key, input);
    expect(web.rsaPrivateRaw(key, input)).toEqual(signed);
    expect(web.rsaPublicRaw(key, signed)).toEqual(input);
  });

  it.each(Object.keys(CURVES) as CurveName[])('%s: points and signatures', (curve) => {
    const d = bytes(CURVES[curve].size);
    d[0] = 0;
    const point = node.ecPublic(curve, d);
    expect(web.ecPublic(curve, d)).toEqual(point);
    const key = ecKeyPair(curve, d);
    if (key === undefined) throw new Error('no key');
    const { r, s } = signEcdsa(key, 'sha256', node.hash('sha256', bytes(50)));
    expect(web.ecdsaVerify(key, 'sha256', bytes(50), r, s)).toBe(true);
    expect(node.ecdsaVerify(key, 'sha256', bytes(50), r, s)).toBe(true);
    expect(web.ecdsaVerify(key, 'sha256', bytes(51), r, s)).toBe(false);
  });

  it('primes and gunzip, with its limit', () => {
    for (const n of [2, 3, 91, 97, 561, 65_521, 65_535]) {
      const candidate = new Uint8Array([n >> 8, n & 0xff]);
      expect([n, web.isProbablePrime(candidate)]).toEqual([n, node.isProbablePrime(candidate)]);
    }
    const packed = new Uint8Array(gzipSync(bytes(100_000)));
    for (const p of [web, node]) {
      expect(p.gunzip(packed, 200_000)).toEqual(bytes(100_000));
      expect(() => p.gunzip(packed, 50_000)).toThrow(/too large/);
      const one = new Uint8Array(gzipSync(bytes(1)));
      expect(p.gunzip(one, 1)).toEqual(bytes(1));
      expect(() => p.gunzip(one, 0)).toThrow(/too large/);
      expect(() => p.gunzip(packed.subarray(0, 200), 200_000)).toThrow();
    }
  });

  describe('damaged gzip is refused for the same reason', () => {
    const result = (unzip: typeof web.gunzip, data: Uint8Array): string => {
      try {
        return `fine: ${unzip(data, 100_000).toString()}`;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    const same = (data: Uint8Array): string => {
      const reason = result(node.gunzip, data);
      expect(result(web.gunzip, data)).toBe(reason);
      return reason;
    };
    const text = Uint8Array.from({ length: 700 }, (_, i) => 97 + (((i * i) >> 3) % 11));
    const { Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY } = constants;
    const streams = {
      stored: gzipSync(text.subarray(0, 40), { level: 0 }),
      'fixed codes': gzipSync(text.subarray(0, 150), { strategy: Z_FIXED }),
      'codes of its own': gzipSync(text, { strategy: Z_DEFAULT_STRATEGY }),
      'literals only': gzipSync(text.subarray(0, 300), { strategy: Z_HUFFMAN_ONLY }),
      nothing: gzipSync(new Uint8Array(0)),
    };

    it.each(Object.entries(streams))('%s: every bit changed, every length', (_, stream) => {
      const reasons = new Set<string>();
      for (let bit = 0; bit < 8 * stream.length; bit++) {
        const data = new Uint8Array(stream);
        data[bit >> 3] = (data[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        reasons.add(same(data));
      }
      for (let size = 0; size < stream.length; size++) {
        expect(same(new Uint8Array(stream.subarray(0, size)))).toBe('unexpected end of file');
      }
      expect([...reasons]).toEqual(expect.arrayContaining(['incorrect data check', 'incorrect length check']));
    });

    it('further members, padding and what follows', () => {
      const stream = streams['codes of its own'];
      for (const tail of [[0], [0, 0, 7], [7], [0x1f, 0x8b], [0x1f, 0x8b, 7], [0x1f, 0x8b, 8, 0xe0]]) {
        same(Uint8Array.from([...stream, ...tail]));
      }
      expect(same(Uint8Array.from([...stream, ...streams.stored]))).toMatch(/^fine/);
    });

    it('headers with everything, and the checksum of the header', () => {
      const [head, body] = [streams.stored.subarray(0, 10), streams.stored.subarray(10)];
      const fields = [3, 0, 1, 2, 3, 110, 0, 99, 0];
      const header = Uint8Array.from([...head.subarray(0, 3), 0x1e, ...head.subarray(4), ...fields]);
      const crc = node.crc32(header) & 0xffff;
      expect(same(Uint8Array.from([...header, crc & 0xff, crc >> 8, ...body]))).toMatch(/^fine/);
      expect(same(Uint8Array.from([...header, ~crc & 0xff, crc >> 8, ...body]))).toBe('header crc mismatch');
    });
  });

  it('CRC-32, whole and in pieces', () => {
    // The check value of ISO 3309 in Ross Williams' catalogue.
    const text = new TextEncoder().encode('123456789');
    for (const p of [node, web]) {
      expect(p.crc32(text)).toBe(0xcbf43926);
      expect(p.crc32(text.subarray(4), p.crc32(text.subarray(0, 4)))).toBe(0xcbf43926);
      expect(p.crc32(new Uint8Array(0))).toBe(0);
    }
  });

  it('gunzip in pieces of any size, with its limit', async () => {
    const packed = new Uint8Array(gzipSync(bytes(100_000)));
    for (const p of [web, node]) {
      for (const size of [7, 1000, packed.length]) {
        const pieces = Array.from({ length: Math.ceil(packed.length / size) }, (_, i) =>
          packed.subarray(i * size, (i + 1) * size),
        );
        const seen: Uint8Array[] = [];
        await p.gunzipEach(pieces, 100_000, (chunk) => seen.push(chunk.slice()));
        expect(node.hash('sha256', Uint8Array.from(seen.flatMap((chunk) => [...chunk])))).toEqual(
          node.hash('sha256', bytes(100_000)),
        );
        const ignore = () => undefined;
        await expect(p.gunzipEach(pieces, 99_999, ignore)).rejects.toThrow(/too large/);
        await expect(p.gunzipEach([packed.subarray(0, 200)], 200_000, ignore)).rejects.toThrow();
      }
    }
  });
});
