/**
 * A module that no installed VIB owns: `HostTpmAttestationReport.tpmLogReliable` is false, as the vSphere API documents
 * ("in rare circumstances, the event log is not reliable"), whichever way the module got onto the disk.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { esxsimHere, tempFolder } from './cli.ts';

const folder = tempFolder();
const path = (name: string): string => join(folder, name);
const report = (name: string) => JSON.parse(readFileSync(path(`${name}/report.json`), 'utf8'));

beforeAll(async () => {
  writeFileSync(path('spec.yaml'), 'hardware: { secureBoot: { enabled: false } }\n');
  expect((await esxsimHere('image', 'build', '--out', path('disk'))).code).toBe(0);
  expect(
    (await esxsimHere('predict', '--image', path('disk'), '--spec', path('spec.yaml'), '--out', path('ref.json'))).code,
  ).toBe(0);
  expect(
    (await esxsimHere('boot', '--image', path('disk'), '--spec', path('spec.yaml'), '--out', path('before'))).code,
  ).toBe(0);
  // By hand, as somebody with a shell on the host would: a copy of a genuine module under a name of its own.
  copyFileSync(path('disk/lpfc.v00'), path('disk/extra.v00'));
  const config = readFileSync(path('disk/boot.cfg'), 'utf8');
  writeFileSync(path('disk/boot.cfg'), config.replace(/^modules=.*$/m, '$& --- /extra.v00'));
}, 120_000);

describe('a module without an owner in imgdb.tgz', () => {
  it('boots without Secure Boot, is measured without VIB fields, and makes the log unreliable', async () => {
    expect(report('before').tpmLogReliable).toBe(true);
    const run = await esxsimHere('boot', '--image', path('disk'), '--spec', path('spec.yaml'), '--out', path('after'));
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('NOT reliable');
    const { tpmLogReliable, tpmEvents } = report('after');
    expect(tpmLogReliable).toBe(false);
    const text = JSON.stringify(tpmEvents.filter((event: object) => JSON.stringify(event).includes('extra.v00')));
    expect(text).toMatch(/"vibName":"","vibVersion":"","vibVendor":""/);
    expect(readFileSync(path('after/report.xml'), 'utf8')).toContain('<tpmLogReliable>false</tpmLogReliable>');
  });

  it('is seen by the verifier: the module, and that the list is not complete', async () => {
    const run = await esxsimHere('verify', '--reference', path('ref.json'), path('after'), '--json');
    expect(run.code).toBe(1);
    const { verdict, findings } = JSON.parse(run.stdout);
    expect(verdict).toBe('UNTRUSTED');
    expect(findings.map(({ code }: { code: string }) => code)).toEqual(
      expect.arrayContaining(['COMPONENT_UNEXPECTED', 'REPORT_UNRELIABLE']),
    );
  });

  it('image inspect shows it without a VIB; with Secure Boot the VMkernel halts and names it', async () => {
    expect((await esxsimHere('image', 'inspect', path('disk'))).stdout).toMatch(
      /^extra\.v00 .*\(no VIB\)$[\s\S]*^Secure Boot halts: extra\.v00: belongs to no VIB$/m,
    );
    const run = await esxsimHere('boot', '--image', path('disk'));
    expect(run.code).toBe(1);
    expect(run.stdout).toContain('Unrecognized tardisks: extra.v00');
  });
});
