import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BANKS, sampleLog } from '../../test/support/sample-log.ts';
import { ByteWriter, concat, equalBytes, FormatError, fromHex } from '../bytes/index.ts';
import * as log from './index.ts';

const { EV } = log;

describe('parser', () => {
  const header = (): ByteWriter =>
    new ByteWriter('little').bytes(new log.EventLogWriter({ algorithms: ['sha256'] }).bytes());

  it('gives the same bytes when written again', () => {
    const bytes = sampleLog();
    const parsed = log.parseEventLog(bytes);
    expect(parsed.problems).toEqual([]);
    expect(parsed.events.map((e) => e.index)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(equalBytes(log.encodeEventLog(parsed), bytes)).toBe(true);
  });

  it('reads an empty log and says so (evt-empty)', () => {
    const parsed = log.parseEventLog(new Uint8Array(0));
    expect(parsed.events).toEqual([]);
    expect(parsed.problems).toHaveLength(1);
  });

  it.each([24, 32, 255, 0xffffffff])('refuses PCR index %i, or skips it in tolerant mode (evt-pcr-range)', (pcr) => {
    const bad = new ByteWriter('little').u32(pcr).u32(5).u32(1).u16(0x0b).fill(32).u32(0).finish();
    const good = sampleLog();
    const at = new log.EventLogWriter({ algorithms: BANKS }).length;
    const sha256 = concat(header().finish(), bad);
    expect(() => log.parseEventLog(sha256)).toThrow(/pcrIndex/);
    const tolerant = log.parseEventLog(sha256, { tolerant: true });
    expect(tolerant.problems).toHaveLength(1);
    expect(at).toBeLessThan(good.length);
  });

  it('skips an impossible PCR in tolerant mode and reads on (txt-log-dirty)', () => {
    const record = (pcr: number) => new ByteWriter('little').u32(pcr).u32(5).u32(1).u16(0x0b).fill(32).u32(0).finish();
    const parsed = log.parseEventLog(concat(header().finish(), record(255), record(17)), { tolerant: true });
    expect(parsed.events.map((e) => e.pcr)).toEqual([17]);
  });

  it('gives the good part of a cut log in tolerant mode', () => {
    const bytes = sampleLog();
    const cut = bytes.subarray(0, bytes.length - 1);
    expect(() => log.parseEventLog(cut)).toThrow(FormatError);
    const parsed = log.parseEventLog(cut, { tolerant: true });
    expect(parsed.events).toHaveLength(11);
    expect(parsed.problems[0]?.index).toBe(12);
  });

  it.each([
    ['digest list empty', (w: ByteWriter) => w.u32(0).u32(5).u32(0).u32(0)],
    ['digest count huge', (w: ByteWriter) => w.u32(0).u32(5).u32(0xffffffff).fill(64)],
    ['unknown algorithm', (w: ByteWriter) => w.u32(0).u32(5).u32(1).u16(0x99).fill(36)],
    ['algorithm not in the header', (w: ByteWriter) => w.u32(0).u32(5).u32(1).u16(4).fill(24)],
    ['size near 4 GiB', (w: ByteWriter) => w.u32(0).u32(5).u32(1).u16(0x0b).fill(32).u32(0xfffffff0)],
    ['size beyond the end', (w: ByteWriter) => w.u32(0).u32(5).u32(1).u16(0x0b).fill(32).u32(100)],
  ])('refuses a record with: %s', (_, write) => {
    const w = header();
    write(w);
    expect(() => log.parseEventLog(w.finish())).toThrow(FormatError);
  });

  it('refuses a digest listed twice', () => {
    const w = new ByteWriter('little').bytes(new log.EventLogWriter({ algorithms: BANKS }).bytes());
    w.u32(0).u32(5).u32(2).u16(4).fill(20).u16(4).fill(20).u32(0);
    expect(() => log.parseEventLog(w.finish())).toThrow(/twice/);
  });

  const specId = (algorithms: [number, number][], tail = '00') => {
    const w = new ByteWriter('little')
      .bytes(log.SPEC_ID_SIGNATURE)
      .u32(0)
      .u8(0)
      .u8(2)
      .u8(0)
      .u8(2)
      .u32(algorithms.length);
    for (const [id, size] of algorithms) w.u16(id).u16(size);
    return w.bytes(fromHex(tail)).finish();
  };
  it.each([
    ['no algorithm', specId([])],
    ['wrong digest size', specId([[0x0b, 20]])],
    ['unknown algorithm', specId([[0x99, 32]])],
    [
      'repeated algorithm',
      specId([
        [0x0b, 32],
        [0x0b, 32],
      ]),
    ],
    ['vendor size beyond the end', specId([[0x0b, 32]], 'ff')],
    ['bytes left over', specId([[0x0b, 32]], '0000')],
    ['seventeen algorithms', specId(Array.from({ length: 17 }, () => [0x0b, 32]))],
  ])('refuses a header with: %s (evt-header-wrong)', (_, data) => {
    expect(() => log.parseEventLog(log.encodePcrEvent(0, EV.NO_ACTION, new Uint8Array(20), data))).toThrow(FormatError);
  });

  it('refuses a header in another PCR or of an unknown version', () => {
    const data = specId([[0x0b, 32]]);
    expect(() => log.parseEventLog(log.encodePcrEvent(1, EV.NO_ACTION, new Uint8Array(20), data))).toThrow(/PCR 0/);
    const other = data.slice();
    other[14] = 0x34;
    expect(() => log.parseEventLog(log.encodePcrEvent(0, EV.NO_ACTION, new Uint8Array(20), other))).toThrow(
      FormatError,
    );
  });

  it('survives any bytes and any damage with nothing but FormatError', () => {
    const bytes = sampleLog();
    const tryParse = (input: Uint8Array) => {
      for (const tolerant of [false, true]) {
        try {
          const parsed = log.parseEventLog(input, { tolerant });
          log.renderEventLog(parsed);
          log.replayEventLog(parsed);
          if (parsed.problems.length === 0) expect(equalBytes(log.encodeEventLog(parsed), input)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryParse), { numRuns: 200 });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        tryParse(damaged);
        tryParse(bytes.subarray(0, at));
      }),
      { numRuns: 300 },
    );
  });

  it('survives any event data of any type', () => {
    fc.assert(
      fc.property(fc.constantFrom(...log.EVENT_TYPES), fc.uint8Array({ maxLength: 200 }), ({ type }, data) => {
        const decoded = log.decodeEventData(type, data);
        log.describeEventData(decoded, data);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads a log of many events in reasonable time', () => {
    const w = new log.EventLogWriter({ algorithms: ['sha256'] });
    const digests = [{ alg: 'sha256' as const, digest: new Uint8Array(32) }];
    for (let i = 0; i < 20_000; i++) w.append({ pcr: 13, type: EV.EVENT_TAG, digests, data: new Uint8Array(0) });
    expect(log.parseEventLog(w.bytes()).events).toHaveLength(20_000);
  });
});

describe('printing', () => {
  it('escapes text that could steer a terminal (evt-text-hostile)', () => {
    const w = new log.EventLogWriter({ algorithms: ['sha256'] });
    const data = log.encodeEsxiEvent({ kind: 'commandLine', text: 'a\u001b[2J\n"b"\u202e\\' });
    w.append({ pcr: 14, type: EV.EVENT_TAG, digests: [{ alg: 'sha256', digest: new Uint8Array(32) }], data });
    const text = log.renderEventLog(log.parseEventLog(w.bytes()));
    expect(text).toContain('command line "a\\u{1b}[2J\\u{a}\\"b\\"\\u{202e}\\\\"');
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('has one row for each event type', () => {
    const types = log.EVENT_TYPES.map((row) => row.type);
    expect(new Set(types).size).toBe(types.length);
    for (const [name, type] of Object.entries(EV)) {
      const expected = name.startsWith('TXT_') ? name : `EV_${name}`;
      expect(log.eventTypeName(type)).toBe(expected);
    }
  });
});
