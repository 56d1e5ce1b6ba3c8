import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, fromUtf8, latin1, toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { Asn1Cursor, integerOf, octetsOf, oidOf, openAsn1, TAG, timeOf, tryTextOf } from './asn1.ts';
import {
  der,
  derInteger,
  derNamedBits,
  derOctets,
  derOid,
  derPrintable,
  derSequence,
  derSetOf,
  derTime,
} from './asn1-write.ts';

const first = (hex: string) => new Asn1Cursor(fromHex(hex), 'T').any('v');

describe('reading', () => {
  it('reads the examples of X.690', () => {
    expect(oidOf(first('06 03 88 37 03'), 'T', 'v')).toBe('2.999.3'); // 8.19.5
    expect(oidOf(first('06 06 2a 86 48 86 f7 0d'), 'T', 'v')).toBe('1.2.840.113549');
    expect(tryTextOf(first('13 05 4a 6f 6e 65 73'))).toBe('Jones'); // 8.23.5.4 in another string type
    expect(integerOf(first('02 02 00 80'), 'T', 'v')).toBe(128n);
    expect(integerOf(first('02 01 80'), 'T', 'v')).toBe(-128n);
  });

  it('joins segments and finds the end of indefinite lengths', () => {
    const cursor = new Asn1Cursor(fromHex('30 80 24 80 04 02 aa bb 04 01 cc 00 00 05 00 00 00 02 01 07'), 'T');
    const inner = cursor.enter('s');
    const value = inner.take('o', TAG.OCTET_STRING | 0x20);
    expect(toHex(octetsOf(value, 'T', 'o'))).toBe('aabbcc');
    expect(inner.any('null').tag).toBe(TAG.NULL);
    inner.end();
    expect(cursor.small('i')).toBe(7);
  });

  it('reads times of both kinds', () => {
    const time = (text: string, tag: number = TAG.UTC_TIME) => {
      return timeOf(new Asn1Cursor(der(tag, latin1(text)), 'T').any('t'), 'T', 't');
    };
    expect(time('491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(time('500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(time('99991231235959Z', TAG.GENERALIZED_TIME)).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
    for (const bad of ['261301000000Z', '260230000000Z', '260101000000+0100', '26']) {
      expect(() => time(bad)).toThrow(FormatError);
    }
  });

  it.each([
    ['cut off length', '30', 'ends inside'],
    ['length beyond the end', '30 05 02 01', 'needs 5 bytes'],
    ['length of five bytes', '30 85 00 00 00 00 01', 'too long'],
    ['high tag number', '1f 81 01 00', 'above 30'],
    ['indefinite primitive', '04 80 00 00', 'indefinite length on a primitive'],
    ['endless nesting', '30 80'.repeat(40), 'nested deeper'],
  ])('refuses a %s', (_, hex, problem) => {
    expect(() => first(hex)).toThrow(problem);
    expect(() => first(hex)).toThrow(FormatError);
  });

  it('reports structure, field and offset', () => {
    const inner = new Asn1Cursor(fromHex('30 03 02 01 05'), 'Thing').enter('');
    expect(() => inner.octets('key')).toThrow('Thing.key at offset 2: expected OCTET STRING or');
    expect(() => openAsn1(new Uint8Array(9), 'Thing', 8)).toThrow('the limit is 8');
  });
});

describe('writing', () => {
  it('uses the shortest forms', () => {
    expect(toHex(derInteger(0))).toBe('020100');
    expect(toHex(derInteger(128))).toBe('02020080');
    expect(toHex(derInteger(fromHex('000000ff')))).toBe('020200ff');
    expect(toHex(derOid('2.999.3'))).toBe('0603883703');
    expect(toHex(derNamedBits([5, 6]))).toBe('03020106');
    expect(toHex(derNamedBits([]))).toBe('030100');
    expect(toHex(derOctets(new Uint8Array(200))).slice(0, 6)).toBe('0481c8');
    expect(toHex(derSetOf(derInteger(2), derInteger(1)))).toBe('3106020101020102');
    expect(fromUtf8(derTime(Date.UTC(2050, 0, 1)).subarray(2))).toBe('20500101000000Z');
    expect(fromUtf8(derTime(Date.UTC(2049, 0, 1)).subarray(2))).toBe('490101000000Z');
    expect(() => derPrintable('a@b')).toThrow(TypeError);
    expect(() => derOid('3.1')).toThrow(TypeError);
  });

  it('writes what another library reads', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 1n << 200n), fc.uint8Array({ maxLength: 300 }), (number, bytes) => {
        const { result } = asn1js.fromBER(
          derSequence(derInteger(number), derOctets(bytes), derOid('1.2.840.10045.2.1')),
        );
        if (!(result instanceof asn1js.Sequence)) throw new Error('not a sequence');
        const [integer, octets, oid] = result.valueBlock.value;
        expect(integer instanceof asn1js.Integer && integer.toBigInt()).toBe(number);
        expect(octets instanceof asn1js.OctetString && toHex(new Uint8Array(octets.getValue()))).toBe(toHex(bytes));
        expect(oid instanceof asn1js.ObjectIdentifier && oid.getValue()).toBe('1.2.840.10045.2.1');
      }),
    );
  });

  it('reads any bytes to a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const cursor = new Asn1Cursor(bytes, 'T');
        try {
          while (cursor.peek() !== undefined) tryTextOf(cursor.any('v'));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
