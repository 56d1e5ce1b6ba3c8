/**
 * Evidence of whole boots, judged by verifiers that other people wrote: go-attestation (quote, log, Secure Boot),
 * go-eventlog (replay, firmware state), go-tpm and Go's own X.509. They accept healthy evidence of every TPM 2.0 profile
 * and refuse what was changed afterwards.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS, esxsim, run, tempFolder } from './run.ts';

const NONCE = 'a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90';
const GOVERIFY = join(CLIENTS, 'bin', 'goverify');
const JUDGES = [
  'quote by go-attestation',
  'quote by go-tpm',
  'log by go-attestation',
  'log by go-eventlog',
  'TXT log by go-eventlog',
  'Secure Boot by go-attestation',
  'firmware state by go-eventlog',
  'endorsement certificate',
];
const QUOTE_JUDGES = JUDGES.slice(0, 2);
const LOG_JUDGES = ['log by go-attestation', 'log by go-eventlog'];

/** What judges say they saw; each says some of it. */
interface Found {
  readonly none?: boolean;
  readonly sha1?: number;
  readonly sha256?: number;
  readonly pcrs?: number;
}

interface Judgement {
  readonly judge: string;
  readonly refused?: string;
  readonly found?: Found;
}

/** Judgements of a folder. The exit status must say the same. */
function judge(folder: string, nonce = NONCE): readonly Judgement[] {
  const { code, stdout, stderr } = run(GOVERIFY, ['-nonce', nonce, folder]);
  expect(stderr).toBe('');
  const judgements: readonly Judgement[] = JSON.parse(stdout);
  expect(judgements.map((j) => j.judge)).toEqual(JUDGES);
  expect(code).toBe(judgements.some((j) => j.refused !== undefined) ? 1 : 0);
  return judgements;
}

const refusals = (judgements: readonly Judgement[]) =>
  judgements.flatMap((j) => (j.refused === undefined ? [] : [[j.judge, j.refused] as const]));
const refusing = (judgements: readonly Judgement[]) => refusals(judgements).map(([name]) => name);

/** A copy of evidence in which one file was changed. */
function changed(folder: string, file: string, change: (bytes: Buffer) => void): string {
  const copy = tempFolder();
  cpSync(folder, copy, { recursive: true });
  const bytes = readFileSync(join(folder, file));
  change(bytes);
  writeFileSync(join(copy, file), bytes);
  return copy;
}

const flip = (offset: number) => (bytes: Buffer) => {
  const at = offset < 0 ? bytes.length + offset : offset;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
};

function boot(profile: string, ...more: string[]): string {
  const folder = tempFolder();
  const { code, stderr } = esxsim('boot', '--profile', profile, '--nonce', NONCE, '--out', folder, ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return folder;
}

const pcrs = (folder: string) => JSON.parse(readFileSync(join(folder, 'pcrs.json'), 'utf8'));

describe.each(['esxi-8.0-uefi', 'esxi-6.7-txt'])('evidence of %s', (profile) => {
  let healthy = '';
  beforeAll(() => {
    healthy = boot(profile);
  });

  it('is accepted by every judge', () => {
    const judgements = judge(healthy);
    expect(refusals(judgements)).toEqual([]);
    const found = (name: string) => judgements.find((j) => j.judge === name)?.found;
    expect(found('quote by go-attestation')).toMatchObject({ pcrs: 24 });
    const replayed = found('log by go-attestation');
    expect(replayed).toEqual(found('log by go-eventlog'));
    expect(replayed?.sha1).toBe(replayed?.sha256);
    expect(found('Secure Boot by go-attestation')).toMatchObject({ enabled: true });
    expect(found('firmware state by go-eventlog')).toMatchObject({ secureBoot: true, events: replayed?.sha256 });
    expect(found('TXT log by go-eventlog')?.none ?? false).toBe(profile === 'esxi-8.0-uefi');
  });

  it('is refused for another nonce', () => {
    expect(refusing(judge(healthy, NONCE.replace(/^a1/, 'a0')))).toEqual(QUOTE_JUDGES);
  });

  it.each([
    ['its magic', 0],
    ['the clock', 70],
    ['its PCR digest', -1],
  ])('is refused where %s in the quote was changed', (_what, offset) => {
    expect(refusing(judge(changed(healthy, 'quote.attest', flip(offset))))).toEqual(QUOTE_JUDGES);
  });

  it('is refused where the signature was changed', () => {
    expect(refusing(judge(changed(healthy, 'quote.sig', flip(-1))))).toEqual(QUOTE_JUDGES);
  });

  it('is refused with the quote of another machine', () => {
    const other = boot(profile, '--seed', '99');
    const swapped = changed(healthy, 'quote.attest', () => undefined);
    for (const name of ['quote.attest', 'quote.sig']) cpSync(join(other, name), join(swapped, name));
    expect(refusing(judge(swapped))).toEqual(QUOTE_JUDGES);
    cpSync(join(other, 'ek.crt'), join(swapped, 'ek.crt'));
    expect(refusing(judge(swapped))).toEqual([...QUOTE_JUDGES, 'endorsement certificate']);
  });

  it('is refused where a PCR value was changed', () => {
    const lie = changed(healthy, 'pcrs.json', () => undefined);
    const values = pcrs(healthy);
    values.sha256['4'] = '00'.repeat(32);
    writeFileSync(join(lie, 'pcrs.json'), JSON.stringify(values));
    const judges = refusing(judge(lie));
    expect(judges).toEqual(expect.arrayContaining([...QUOTE_JUDGES, ...LOG_JUDGES]));
  });

  it('is refused where one bit of a digest in the log was changed, in either bank', () => {
    const log = readFileSync(join(healthy, 'eventlog.bin'));
    // First event after the header that extends: PCR, type, count of digests, then algorithm and digest per bank.
    const header = 32 + log.readUInt32LE(28);
    let event = header;
    const sizes: Readonly<Record<number, number>> = { 4: 20, 11: 32 };
    while (log.readUInt32LE(event + 4) === 3) event += 12 + 22 + 34 + 4 + log.readUInt32LE(event + 12 + 22 + 34);
    const places: number[] = [];
    for (let at = event + 12; places.length < log.readUInt32LE(event + 8); ) {
      places.push(at + 2);
      at += 2 + (sizes[log.readUInt16LE(at)] ?? 0);
    }
    expect(places).toHaveLength(2);
    for (const place of places) {
      expect(refusing(judge(changed(healthy, 'eventlog.bin', flip(place))))).toEqual(
        expect.arrayContaining(LOG_JUDGES),
      );
    }
  });

  it('is refused where the log was cut short', () => {
    const cut = changed(healthy, 'eventlog.bin', () => undefined);
    const log = readFileSync(join(healthy, 'eventlog.bin'));
    writeFileSync(join(cut, 'eventlog.bin'), log.subarray(0, log.length - 3));
    expect(refusing(judge(cut))).toEqual(expect.arrayContaining(LOG_JUDGES));
  });

  it('is refused by the judges of Secure Boot where the data of its event were changed', () => {
    const log = readFileSync(join(healthy, 'eventlog.bin'));
    // UEFI_VARIABLE_DATA: the name is followed by the value, one octet.
    const name = Buffer.from('SecureBoot', 'utf16le');
    const value = log.indexOf(name) + name.length;
    expect(log.readUInt8(value)).toBe(1);
    expect(refusing(judge(changed(healthy, 'eventlog.bin', flip(value))))).toEqual([
      'Secure Boot by go-attestation',
      'firmware state by go-eventlog',
    ]);
  });

  it('tells an added kernel option by its honest log and another PCR', () => {
    const tampered = boot(profile, '--fault', 'cmdline-tamper');
    expect(refusals(judge(tampered))).toEqual([]);
    const differing = (bank: string): string[] => {
      const [was, is] = [pcrs(healthy)[bank], pcrs(tampered)[bank]];
      return Object.keys(was).filter((pcr) => was[pcr] !== is[pcr]);
    };
    for (const bank of ['sha1', 'sha256']) {
      expect(differing(bank)).toEqual([profile === 'esxi-8.0-uefi' ? '14' : '21']);
    }
  });
});
