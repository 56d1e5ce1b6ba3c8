import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Entropy, randomSeed } from './entropy.ts';

describe('Entropy', () => {
  it('is HMAC-SHA-256 in counter mode under the hashed seed (computed here with node:crypto)', () => {
    const key = createHash('sha256')
      .update('esxsim seed\0' + '42')
      .digest();
    const block = (i: number) => {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(i));
      return createHmac('sha256', key).update('aslr\0').update(counter).digest();
    };
    const expected = Buffer.concat([block(0), block(1)]).subarray(0, 50);
    expect(Buffer.from(new Entropy(42).bytes('aslr', 50)).equals(expected)).toBe(true);
    const stream = new Entropy('42').stream('aslr');
    expect(Buffer.concat([stream.bytes(7), stream.bytes(33), stream.bytes(10)]).equals(expected)).toBe(true);
  });

  it('keeps labels, seeds and children apart', () => {
    const drawn = [
      new Entropy(1).bytes('a', 16),
      new Entropy(1).bytes('b', 16),
      new Entropy(2).bytes('a', 16),
      new Entropy(1).child('a').bytes('a', 16),
    ].map((b) => Buffer.from(b).toString('hex'));
    expect(new Set(drawn).size).toBe(4);
  });

  it('draws numbers below a bound without bias', () => {
    const stream = new Entropy('fair').stream('dice');
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i++) {
      const n = stream.below(6);
      counts[n] = (counts[n] ?? 0) + 1;
    }
    // Standard deviation of each count is 91: five of them on either side.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(460);
  });

  it('has one way to real randomness, which gives a seed that can be repeated', () => {
    expect(randomSeed()).toMatch(/^[0-9a-f]{16}$/);
    expect(randomSeed()).not.toBe(randomSeed());
  });
});
