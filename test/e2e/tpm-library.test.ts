/** The TPM in a program, through the entry points of the package: what docs/tpm.md shows. */
import { Host, Entropy as HostEntropy, resolveSpec } from 'esxsim';
import { loadImage } from 'esxsim/node';
import {
  changeText,
  createTpm2,
  decodeSnapshot,
  Entropy,
  embeddedTransport,
  encodeSnapshot,
  readTrace,
  TpmHistory,
  TracedTransport,
  VirtualClock,
} from 'esxsim/tpm';
import { COMMANDS, encodeCommand, TPM_SU, Tpm2Client } from 'esxsim/tpm2';
import { describe, expect, it } from 'vitest';

const options = (seed: string) => ({ entropy: new Entropy(seed).stream('tpm'), clock: new VirtualClock() });
const STARTUP = encodeCommand(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
const EVENT = encodeCommand(COMMANDS.PCR_Event, { pcrHandle: 16, eventData: new Uint8Array(3) });

describe('esxsim/tpm', () => {
  it('tells what a command changed, goes back, and clones', () => {
    const tpm = createTpm2(options('seed'));
    tpm.powerOn();
    const history = new TpmHistory(tpm);
    history.execute(STARTUP);
    const answer = history.execute(EVENT);
    const changed = history.changes(2).map(changeText);
    // SHA-256 of 32 zero bytes and the SHA-256 of three zero bytes, computed with Python.
    expect(changed).toContain(
      `banks.1.values.16: ${'00'.repeat(32)} -> 5f1652ca9830e08f590f06852db389bf6376aec12313b4662d7d2a6e5475b214`,
    );
    const file = encodeSnapshot(tpm.snapshot());
    history.goBack(2);
    expect(history.execute(EVENT)).toEqual(answer);
    const clone = createTpm2(options('another'));
    clone.restore(decodeSnapshot(file));
    expect(encodeSnapshot(clone.snapshot())).toEqual(file);
  });

  it('writes a command log that names what passed', async () => {
    const lines: string[] = [];
    const transport = new TracedTransport(embeddedTransport(options('log')), (line) => lines.push(line));
    await transport.powerOn();
    await new Tpm2Client(transport).call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
    await transport.hashStart();
    await transport.hashData(new Uint8Array([0xab, 0xcd]));
    await transport.hashEnd();
    const { entries } = readTrace(lines.join('\n'));
    expect(entries.map((entry) => ('event' in entry ? entry.event : entry.command.name))).toEqual([
      'power on',
      'TPM2_Startup',
      '_TPM_Hash_Start',
      '_TPM_Hash_Data (2 bytes) abcd',
      '_TPM_Hash_End',
    ]);
  });

  it('is the TPM of a host, whose command log a boot gives', async () => {
    const spec = resolveSpec({});
    const lines: string[] = [];
    const host = new Host(spec, loadImage(spec), { onTpmTrace: (line) => lines.push(line) });
    const result = await host.powerOn();
    const { entries } = readTrace(lines.join('\n'));
    const extends_ = entries.filter((entry) => 'command' in entry && entry.command.name === 'TPM2_PCR_Extend');
    expect(extends_.length).toBeGreaterThan(60);
    expect(host.tpmEngine?.state.banks.map(({ values }) => values[0])).toEqual(
      [...(result.tpm?.pcrs.values() ?? [])].map(([pcr0]) => pcr0),
    );
    expect(HostEntropy).toBe(Entropy);
  });
});
