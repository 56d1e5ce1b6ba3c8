import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes/bytes.ts';
import { parseDescriptor } from './descriptor.ts';
import { oddValues } from './descriptor-values.ts';

/** A descriptor in the form of public community packages, with some of its text replaced. */
const descriptor = (from: string | RegExp = '', to = '') =>
  parseDescriptor(
    utf8(
      (
        '<vib version="5.0"><type>bootbank</type><name>net-community</name><version>1.2.7.0-1vmw.700.1.0.15843807</version>' +
        '<vendor>VMW</vendor><release-date>2021-06-10T12:31:48.154283+00:00</release-date><relationships>' +
        '<depends><constraint name="esx-version" relation="&gt;=" version="7.0.0"/><constraint name="vmkapi_2_7_0_0"/></depends>' +
        '<conflicts/><replaces/><provides/><compatibleWith/></relationships><acceptance-level>community</acceptance-level></vib>'
      ).replace(from, to),
    ),
  );

describe('values of a descriptor', () => {
  it('those of a usual package mean something', () => {
    expect(oddValues(descriptor())).toEqual([]);
    expect(oddValues(descriptor('2021-06-10T12:31:48.154283+00:00', '2021-06-10'))).toEqual([]);
    expect(oddValues(descriptor(' version="5.0"', ''))).toEqual([]);
    expect(oddValues(descriptor('>bootbank<', '>locker<'))).toEqual([]);
  });

  it.each<[string | RegExp, string, RegExp]>([
    [/1\.2\.7[^<]*/, 'not a version!', /^version "not a version!" has other characters/],
    [/1\.2\.7[^<]*/, '../../x', /^version "\.\.\/\.\.\/x" has/],
    ['>VMW<', '>A/B<', /^vendor "A\/B" has/],
    ['>net-community<', '>\u00fcber<', /^name "\u00fcber" has/],
    ['>bootbank<', '>weird<', /^type "weird" is none of bootbank, locker, meta$/],
    ['vib version="5.0"', 'vib version="abc"', /^schema version "abc" is no version/],
    [/2021[^<]*/, 'yesterday', /^release-date "yesterday" is no date/],
    ['&gt;=', '~', /^depends: constraint on "esx-version" has an unknown relation "~": no version will do$/],
    ['&gt;=', '!=', /unknown relation "!="/],
    // A property that every object has is no relation.
    ['&gt;=', 'constructor', /unknown relation "constructor"/],
    ['relation="&gt;=" ', '', /^depends: .* has a version without a relation: any version will do$/],
    ...['../x.b00', 'a/b.v00', 'averyverylongname.v00'].map((name): [string, string, RegExp] => [
      '</acceptance-level>',
      `</acceptance-level><payloads><payload name="p" type="tgz" size="1" vfat-name="${name}"/></payloads>`,
      /^payload "p": vfat-name "[^"]+" is no name of eight characters and three: not used$/,
    ]),
    ...['abc', '-5', '1.5'].map((order): [string, string, RegExp] => [
      '</acceptance-level>',
      `</acceptance-level><payloads><payload name="p" type="tgz" size="1" boot-order="${order}"/></payloads>`,
      /^payload "p": boot-order "[^"]+" is no number: not used$/,
    ]),
    [' version="7.0.0"', '', /has a relation without a version: any version will do$/],
  ])('%s -> %s', (from, to, message) => {
    expect(oddValues(descriptor(from, to))).toEqual([expect.stringMatching(message)]);
  });

  it('long values are cut', () => {
    const [odd] = oddValues(descriptor('>VMW<', `>/${'x'.repeat(5000)}<`));
    expect(odd?.length).toBeLessThan(200);
  });
});
