import { describe, expect, it } from 'vitest';
import { certificate } from '../../test/support/vibs.ts';
import { utf8 } from '../bytes/bytes.ts';
import { encodePem } from '../crypto/pem.ts';
import { buildVib, readVib, type Vib } from '../vib/index.ts';
import { ANCHOR_FOLDER, vibTrustAnchors } from './trust-anchors.ts';

/** A package with the VMkernel, anchors or both. */
function make(name: string, version: string, anchor: string | undefined, kernel = false, vendor = 'VMware'): Vib {
  const descriptor = { type: 'bootbank', name, version, vendor, acceptanceLevel: 'community' };
  const pem = (subject: string) => utf8(encodePem('CERTIFICATE', certificate(subject, { ca: true }).der));
  const file = (data: Uint8Array) => [{ name: `${ANCHOR_FOLDER}root.pem`, data }];
  return readVib(
    buildVib({
      descriptor,
      payloads: [
        ...(kernel ? [{ name: 'k', type: 'boot', content: utf8('kernel') }] : []),
        ...(anchor === undefined ? [] : [{ name: 'sb', type: 'tgz', files: file(pem(anchor)) }]),
      ],
    }),
  );
}
const named = (vibs: readonly Vib[]): string[] => vibTrustAnchors(vibs).map(({ subject }) => JSON.stringify(subject));

describe('trust anchors of a set of VIBs', () => {
  const base = make('esx-base', '8.0.3-1', 'Good', true);
  const evil = make('evil', '9-1', 'Evil', false, 'AAA');

  it('are those of the base system, whatever else brings a payload of that name, and in whatever order', () => {
    const expected = named([base]);
    expect(expected).toEqual([expect.stringContaining('Good')]);
    for (const vibs of [
      [base, evil],
      [evil, base],
    ])
      expect(named(vibs)).toEqual(expected);
    const kernelToo = make('evil', '9-1', 'Evil', true, 'AAA');
    expect(named([kernelToo, base])).toEqual(expected);
  });

  it('of two base systems are those of the newer', () => {
    const newer = make('esx-base', '8.0.10-1', 'Newer', true);
    expect(named([base, newer])).toEqual(named([newer]));
    expect(named([newer, base])).toEqual(named([newer]));
  });

  it('without a base system are those of the only package that has some', () => {
    expect(named([evil, make('esx-ui', '1', undefined, true)])).toEqual([expect.stringContaining('Evil')]);
    expect(named([evil, make('other', '1', 'Other')])).toEqual([]);
    expect(named([])).toEqual([]);
  });
});
