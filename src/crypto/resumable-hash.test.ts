import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../bytes/bytes.ts';
import { HASH_NAMES, hash } from './hash.ts';
import { continueHash, finishHash, type HashState, startHash } from './resumable-hash.ts';

describe('a hash that can be saved', () => {
  it('gives the digest of the whole whatever the pieces, across a copy as JSON', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...HASH_NAMES),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        (name, parts) => {
          let state = startHash(name);
          for (const part of parts) {
            continueHash(state, part);
            const { tail, ...rest } = state;
            state = { ...(JSON.parse(JSON.stringify(rest)) as Omit<HashState, 'tail'>), tail: tail.slice() };
          }
          expect(finishHash(state)).toEqual(hash(name, concat(...parts)));
          expect(finishHash(state)).toEqual(hash(name, concat(...parts)));
        },
      ),
      { numRuns: 200 },
    );
  });
});
