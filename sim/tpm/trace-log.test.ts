import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/bytes/errors.ts';
import { readTrace, traceEntryText, traceObserver } from './trace-log.ts';

const lines: string[] = [];
const observer = traceObserver((line) => lines.push(`${line}\n`));
observer.platform('power on');
observer.command(
  Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0),
  Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0),
  0,
);
const log = lines.join('');

describe('a command log', () => {
  it('that was cut off gives what is whole, and the number of the line that is not', () => {
    expect(readTrace(log)).toMatchObject({ entries: [{ number: 1 }, { number: 2 }], cutOff: undefined });
    expect(readTrace(log.slice(0, -1)).entries.length).toBe(2);
    for (const length of [1, 20, 60]) {
      const { entries, cutOff } = readTrace(log + (lines[1] ?? '').slice(0, length));
      expect([entries.length, cutOff]).toEqual([2, 3]);
    }
  });

  it('is text with names for people, and keeps the numbers for programs', () => {
    const { entries } = readTrace(log);
    expect(entries.map(traceEntryText)).toEqual([
      '#1 power on',
      '#2 locality 0\n> TPM2_Startup (12 bytes)\n    startupType: TPM_SU_CLEAR (0)\n< TPM_RC_SUCCESS (10 bytes)',
    ]);
    expect(entries[1]).toMatchObject({ command: { parameters: { startupType: 0 } } });
  });

  it('that is damaged elsewhere is refused', () => {
    expect(() => readTrace(`{"number":1,\n${log}`)).toThrow(InputError);
    expect(() => readTrace(`${log}{"number":3,"command":"zz"}`)).toThrow('line 3 of the trace: command and response');
  });
});
