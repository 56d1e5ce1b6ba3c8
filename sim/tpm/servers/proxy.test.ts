import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/bytes/bytes.ts';
import { ExchangeReader } from './proxy.ts';

const RANDOM = '80010000000c0000017b0004';
const ANSWER = '80010000001000000000000401020304';

function watch() {
  const seen: string[] = [];
  const reader = new ExchangeReader((command, response, locality) => {
    seen.push(`${locality} ${toHex(command)} ${toHex(response)}`);
  });
  return { seen, reader };
}

describe('exchanges on the way', () => {
  it.each([
    ['plain', RANDOM, ANSWER, 0],
    ['with header', `00000008030000000c${RANDOM}`, `00000010${ANSWER}00000000`, 3],
  ])('%s, in any pieces', (_, request, answer, locality) => {
    const { seen, reader } = watch();
    for (const byte of fromHex(request)) reader.sent(new Uint8Array([byte]));
    for (const byte of fromHex(answer)) reader.received(new Uint8Array([byte]));
    expect(seen).toEqual([`${locality} ${RANDOM} ${ANSWER}`]);
  });

  it('other messages and what is too long are passed over', () => {
    const { seen, reader } = watch();
    reader.sent(fromHex('0000000f00000001'));
    reader.received(fromHex('000000010000000d00000000'));
    reader.sent(new Uint8Array(1 << 17));
    reader.received(new Uint8Array(1 << 17));
    reader.sent(fromHex(RANDOM));
    reader.received(fromHex(ANSWER));
    expect(seen).toEqual([`0 ${RANDOM} ${ANSWER}`]);
  });
});
