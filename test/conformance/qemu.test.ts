/** `esxsim tpm serve` in swtpm's place behind QEMU (`-tpmdev emulator`): real firmware, unmodified, measures into both. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Emulator, type Firmware, VirtualMachine } from './virtual-machine.ts';

const machines: VirtualMachine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.stop()));
});

async function start(emulator: Emulator, firmware: Firmware, saved?: string): Promise<VirtualMachine> {
  const machine = await VirtualMachine.start(emulator, firmware, saved);
  machines.push(machine);
  return machine;
}

/** What a PCR of SHA-256 holds that nothing measured into. */
const UNTOUCHED = '0'.repeat(64);

async function measuredBy(emulator: Emulator, firmware: Firmware): Promise<string[]> {
  const machine = await start(emulator, firmware);
  await machine.measured();
  return machine.pcrs();
}

describe.each(['seabios', 'ovmf'] as const)('%s', (firmware) => {
  it('leaves the same in all PCRs of esxsim and of swtpm', async () => {
    const [ours, theirs] = await Promise.all([measuredBy('esxsim', firmware), measuredBy('swtpm', firmware)]);
    expect(ours).toEqual(theirs);
    const sha256 =
      ours
        .find((line) => line.startsWith('11 from 0:'))
        ?.split(' ')
        .slice(3) ?? [];
    // PC Client Platform Firmware Profile: at least the separators of PCR 0 to 7.
    expect(sha256).toHaveLength(8);
    expect(sha256).not.toContain(UNTOUCHED);
  });
});

describe('a machine saved and restored (GET_STATEBLOB, SET_STATEBLOB)', () => {
  it('goes on with its PCRs in a new TPM, starts again, and ends the TPM with itself', async () => {
    const first = await start('esxsim', 'seabios');
    await first.measured();
    const saved = await first.save();
    const before = await first.pcrs();
    const second = await start('esxsim', 'seabios', saved);
    await second.state('query-status', 'running');
    expect(await second.pcrs()).toEqual(before);
    const third = await start('esxsim', 'seabios', saved);
    await third.state('query-status', 'running');
    await third.monitor('system_reset');
    await third.measured();
    const fourth = await third.save();
    expect(await third.pcrs()).toEqual(before);
    const last = await start('esxsim', 'seabios', fourth);
    await last.state('query-status', 'running');
    expect(await last.quit()).toBe(0);
  });
});
