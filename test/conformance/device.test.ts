/**
 * Linux with `esxsim tpm serve` as its TPM: the kernel's driver and its resource manager are the clients, and this package's own
 * client of `/dev/tpmrm0` boots a host on the device. The same with swtpm.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runGuest } from './linux-guest.ts';
import { esxsim, tempFolder } from './run.ts';

type Parts = ReadonlyMap<string, readonly string[]>;
const guests: Partial<Record<'esxsim' | 'swtpm', Parts>> = {};
const folder = tempFolder();

beforeAll(async () => {
  expect(esxsim('boot', '--out', folder).code).toBe(0);
  const [ours, theirs] = await Promise.all([runGuest('esxsim'), runGuest('swtpm')]);
  Object.assign(guests, { esxsim: ours, swtpm: theirs });
}, 900_000);

const part = (tpm: 'esxsim' | 'swtpm', name: string): readonly string[] => guests[tpm]?.get(name) ?? [];

/** Where Linux measures its own boot (IMA): the one PCR that is not the host's alone. */
const IMA_PCR = 10;
/** PCRs by bank and number. */
type Banks = Readonly<Record<string, readonly string[]>>;
const ofHost = (text: string): Banks =>
  Object.fromEntries(
    Object.entries<Record<string, string>>(JSON.parse(text)).map(([bank, values]) => [
      bank,
      Object.values(values).filter((_, pcr) => pcr !== IMA_PCR),
    ]),
  );

describe.each(['esxsim', 'swtpm'] as const)('a device behind which is %s', (tpm) => {
  it('is started by the kernel', () => {
    expect(part(tpm, 'devices')).toEqual(['tpm0', 'tpmrm0', '2']);
  });

  it('takes the boot of a host, whose PCRs are those that the embedded TPM has', () => {
    expect(part(tpm, 'boot').filter((line) => line.startsWith('  REJECT'))).toEqual([
      `  REJECT       PCR_WITHOUT_EVENTS (PCR ${IMA_PCR})`,
    ]);
    expect(part(tpm, 'boot').at(-1)).toBe('exit 0');
    const embedded = ofHost(readFileSync(join(folder, 'pcrs.json'), 'utf8'));
    expect(Object.keys(embedded).sort()).toEqual(['sha1', 'sha256']);
    expect(ofHost(part(tpm, 'pcrs').join('\n'))).toEqual(embedded);
  });

  it('shows the same to the kernel, which reads PCRs for itself', () => {
    const banks = JSON.parse(part(tpm, 'pcrs').join('\n'));
    const lines = part(tpm, 'kernel').map((line) => line.split(' '));
    expect(lines).toHaveLength(48);
    for (const [bank, pcr, value] of lines) expect(value?.toLowerCase()).toBe(banks[bank ?? ''][pcr ?? '']);
  });

  it('does not take a second boot', () => {
    expect(part(tpm, 'again').slice(-2)).toEqual([
      "esxsim: PCR 0 (sha1) of the TPM is not zero: something was measured into it since the machine started, and this host's log could not explain it",
      'exit 2',
    ]);
  });

  it('serves go-tpm through the resource manager of the kernel', () => {
    const [steps, end] = part(tpm, 'gotpm');
    const failed = JSON.parse(steps ?? '[]').filter((step: { error?: string }) => step.error !== undefined);
    // What the kernel has done already, what nobody can do from there, and what no manufacturer made.
    expect(failed.map(({ step }: { step: string }) => step)).toEqual([
      'startup',
      'endorsement certificates',
      'power cycle',
    ]);
    expect(end).toBe('exit 0');
  });
});

describe('every tool of tpm2-tools through the resource manager of the kernel', () => {
  const tools = (tpm: 'esxsim' | 'swtpm') => part(tpm, 'tools');

  it('swtpm runs the script as it is meant', () => {
    expect(tools('swtpm').join('\n')).not.toMatch(/command not found|No such file/);
    expect(tools('swtpm')).toContain('credential released');
    expect(tools('swtpm')).toContain('ecdh agrees');
  });

  it('esxsim gives the same', () => {
    expect(tools('esxsim')).toEqual(tools('swtpm'));
  });
});
