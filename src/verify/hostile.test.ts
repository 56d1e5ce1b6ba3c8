/** Hostile files: whatever the bytes, the verifier answers with findings and never trusts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { syntheticEvidence } from '../../test/support/synthetic-evidence.ts';
import { InputError, utf8 } from '../bytes/index.ts';
import { createReference, parseReference, parseReport, renderAppraisal, verifyEvidence } from './index.ts';
import { parseAttest, parsePublicArea, parseSignature } from './tpm-evidence.ts';

const files = syntheticEvidence();
const reference = createReference(files, { profile: 'test' });
const bytesOf = (name: string): Uint8Array => files.get(name) ?? new Uint8Array(0);

const PARSERS: readonly [string, (bytes: Uint8Array) => unknown, Uint8Array][] = [
  ['quote.attest', parseAttest, bytesOf('quote.attest')],
  ['quote.sig', parseSignature, bytesOf('quote.sig')],
  ['ak.pub', parsePublicArea, bytesOf('ak.pub')],
  ['report.json', parseReport, bytesOf('report.json')],
  ['reference', parseReference, utf8(JSON.stringify(reference))],
];

const onlyInputError = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
  }
};

describe('parsers of evidence', () => {
  it.each(PARSERS)('%s: any bytes and any damage give InputError only', (_, parse, good) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => onlyInputError(() => parse(bytes))),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const damaged = good.slice();
        damaged[at] = value;
        onlyInputError(() => parse(damaged));
        onlyInputError(() => parse(good.subarray(0, at)));
      }),
      { numRuns: 60 },
    );
  });

  it('any JSON value as report or reference gives InputError only', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        onlyInputError(() => parseReport(utf8(text)));
        onlyInputError(() => parseReference(utf8(text)));
      }),
      { numRuns: 200 },
    );
  });

  it('deep nesting is refused, not a crash', () => {
    for (const text of ['['.repeat(200_000), `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`]) {
      onlyInputError(() => parseReport(utf8(text)));
      onlyInputError(() => parseReference(utf8(text)));
    }
  });

  it('a name from JavaScript is no class of events', () => {
    const event = { pcrIndex: 1, eventDetails: { _typeName: 'constructor', dataHash: new Array(32).fill(0) } };
    const report = { tpmPcrValues: [], tpmEvents: [event], tpmLogReliable: true };
    expect(parseReport(utf8(JSON.stringify(report))).events[0]?.kind).toBe('unknown');
  });
});

describe('verifyEvidence', () => {
  it('answers any files with a verdict that is not TRUSTED', () => {
    const names = [...files.keys()];
    const file = fc.tuple(fc.constantFrom(...names), fc.uint8Array({ maxLength: 120 }));
    fc.assert(
      fc.property(fc.array(file, { maxLength: 9 }), (entries) => {
        const appraisal = verifyEvidence(new Map(entries), reference, { nonce: new Uint8Array(4) });
        expect(appraisal.verdict).not.toBe('TRUSTED');
        renderAppraisal(appraisal);
      }),
      { numRuns: 60 },
    );
  });

  it('answers no files at all with INCONCLUSIVE', () => {
    expect(verifyEvidence(new Map(), reference).verdict).toBe('INCONCLUSIVE');
  });
});
