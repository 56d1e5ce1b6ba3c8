import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import {
  attributeOf,
  childElement,
  childElements,
  parseXml,
  serializeXml,
  textOf,
  type XmlElement,
  xmlElement,
} from './index.ts';

/** What parsing complains about. */
function problem(input: Uint8Array | string, options = {}): string {
  try {
    parseXml(input, options);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  return 'no error';
}

describe('parseXml', () => {
  it('keeps order, attributes, text, CDATA and unknown elements', () => {
    const root = parseXml(
      '<?xml version="1.0" encoding="utf-8"?>\n<a x="1" y="&lt;&#65;"><!-- c --><b/>t&amp;<![CDATA[<u>]]><odd:c/></a>\n',
    );
    expect(root.name).toBe('a');
    expect(root.attributes.map((a) => [a.name, a.value])).toEqual([
      ['x', '1'],
      ['y', '<A'],
    ]);
    expect(root.children.map((c) => (typeof c === 'string' ? c : c.name))).toEqual(['b', 't&<u>', 'odd:c']);
    expect(childElement(root, 'c')?.name).toBe('odd:c');
    expect(childElements(root)).toHaveLength(2);
    expect(textOf(root)).toBe('t&<u>');
    expect(attributeOf(root, 'x')).toBe('1');
  });

  it('resolves namespaces where asked', () => {
    const root = parseXml('<s:E xmlns:s="urn:s" xmlns="urn:d" s:k="v"><B/></s:E>', { namespaces: true });
    expect([root.local, root.uri]).toEqual(['E', 'urn:s']);
    expect(childElement(root, 'B')?.uri).toBe('urn:d');
    expect(root.attributes.find((a) => a.local === 'k')).toMatchObject({ uri: 'urn:s', value: 'v' });
    expect(problem('<s:E/>', { namespaces: true })).toContain('unbound');
  });

  it.each([
    [
      'external entity',
      '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><v>&x;</v>',
      'document type declaration',
    ],
    [
      'entity expansion',
      '<!DOCTYPE v [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><v>&b;</v>',
      'document type declaration',
    ],
    ['external subset', '<!DOCTYPE v SYSTEM "http://192.0.2.1/x.dtd"><v/>', 'document type declaration'],
    ['undeclared entity', '<v>&nbsp;</v>', 'undefined entity'],
    ['mismatched tags', '<a><b></a></b>', 'unexpected close tag'],
    ['unclosed', '<a><b>', 'unclosed tag'],
    ['two roots', '<a/><b/>', 'documents may contain only one root'],
    ['duplicate attribute', '<a x="1" x="2"/>', 'duplicate attribute'],
    ['empty', '', 'document must contain a root element'],
    ['illegal character', '<a>\u0001</a>', 'disallowed character'],
    ['encoding', '<?xml version="1.0" encoding="utf-16"?><a/>', 'encoding utf-16 is not supported'],
  ])('refuses %s', (_, text, expected) => {
    expect(problem(text)).toContain(expected);
  });

  it('says where', () => {
    expect(problem('<a>\n  <b></c>\n</a>', { structure: 'descriptor.xml' })).toMatch(/^descriptor\.xml\.line 2:9: /);
  });

  it('has limits', () => {
    expect(problem('<a/>', { maxBytes: 3 })).toContain('limit is 3');
    expect(problem('<a>'.repeat(65))).toContain('nested deeper than 64');
    expect(problem(`<a>${'<b/>'.repeat(10)}</a>`, { maxNodes: 10 })).toContain('more than 10');
    expect(problem('<a b="" c=""/>', { maxNodes: 2 })).toContain('more than 2');
    expect(problem(new Uint8Array([0x3c, 0xff, 0x2f, 0x3e]))).toContain('not UTF-8');
  });

  it('gives only a FormatError for damaged documents', () => {
    const source = '<?xml version="1.0"?><a x="1"><b>&amp;<![CDATA[x]]></b><c y=\'z\'/></a>';
    fc.assert(
      fc.property(fc.nat(source.length), fc.string({ maxLength: 4 }), (at, junk) => {
        problem(source.slice(0, at));
        problem(source.slice(0, at) + junk + source.slice(at));
        problem(utf8(source.slice(0, at) + junk + source.slice(at + 1)), { namespaces: true });
      }),
    );
  });
});

describe('serializeXml', () => {
  it('escapes, drops what XML cannot carry, and can indent', () => {
    const tree = xmlElement('a', { q: '"<&>\n' }, ['x<\u0000\ud800]]>&', xmlElement('b')]);
    expect(serializeXml(tree)).toBe('<a q="&quot;&lt;&amp;&gt;&#10;">x&lt;]]&gt;&amp;<b/></a>');
    expect(serializeXml(xmlElement('a', {}, ['\u0000', '']))).toBe('<a/>');
    const nested = xmlElement('a', {}, [xmlElement('b', {}, [xmlElement('c', {}, ['t'])])]);
    expect(serializeXml(nested, { indent: 2, declaration: true })).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<a>\n  <b>\n    <c>t</c>\n  </b>\n</a>',
    );
  });

  it('reads back what it writes', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,5}$/);
    const text = fc.string({ unit: 'binary' });
    const tree = fc.letrec<{ node: XmlElement }>((tie) => ({
      node: fc
        .tuple(name, fc.dictionary(name, text, { maxKeys: 3 }), fc.array(fc.oneof(text, tie('node')), { maxLength: 3 }))
        .map(([n, attributes, children]) => xmlElement(n, attributes, children)),
    })).node;
    fc.assert(
      fc.property(tree, (element) => {
        const once = serializeXml(element);
        expect(serializeXml(parseXml(once))).toBe(once);
      }),
    );
  });
});
