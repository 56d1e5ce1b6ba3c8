import { describe, expect, it } from 'vitest';
import { trust, vib, withDescriptor } from '../../test/support/vibs.ts';
import { extractMembers, extractVib } from './extract.ts';
import { inspectVib, listVib, listVibFiles, renderInspect, renderList, renderVerify } from './report.ts';
import { verifyVib } from './verify.ts';

describe('reports', () => {
  it('inspect, list and verify as data and text', async () => {
    const info = inspectVib(vib);
    expect(info).toMatchObject({
      level: 'PartnerSupported',
      files: 2,
      signature: { status: 'signed', signers: ['CN=Partner,O=Partner Org'] },
    });
    expect(JSON.parse(JSON.stringify(info)).payloads).toHaveLength(3);
    const page = renderInspect(info);
    expect(page).toContain('Acceptance level  PartnerSupported\n');
    expect(page).toMatch(/depends +esx-base >= 8\.0\.0\n/);
    expect(page).toMatch(/Payload nvmetest +install-size=5000\n/);
    expect(page).toMatch(/nvmetest +vgz +\d+ +sha-256\/gunzip, sha-256, sha-1\/gunzip\n/);
    const list = listVib(vib);
    expect(await listVibFiles(vib)).toEqual(list);
    expect(list.map((entry) => `${entry.payload}:${entry.path}:${entry.size}`)).toEqual([
      'nvmetest:usr:0',
      'nvmetest:usr/lib/vmware/vmkmod/nvmetest:5000',
      'conf:etc/conf:1',
      'k:k:15',
    ]);
    expect(renderList(list)).toContain('nvmetest  shared     0555  5000   usr/lib/vmware/vmkmod/nvmetest\n');
    const good = renderVerify(await verifyVib(vib, trust));
    expect(good.split('\n')[0]).toBe('TST_bootbank_nvme-test_1.0-1OEM.800.1.0.1: OK');
    const bad = renderVerify(await verifyVib(vib, { ...trust, roots: [] }));
    expect(bad).toContain(': NOT OK\n');
    expect(bad).toMatch(/error +chain-issuer-unknown +CN=Partner,O=Partner Org +issuer/);
  });

  it('calls a checksum that nobody here can check neither good nor bad', async () => {
    const report = await verifyVib(
      withDescriptor((t) => t.replaceAll('checksum-type="sha-1"', 'checksum-type="crc"')),
      trust,
    );
    const line = renderVerify(report)
      .split('\n')
      .find((each) => / payload nvmetest /.test(each));
    expect(line).toMatch(/ sha-256 ok, .*crc not checked/);
  });

  it('keeps control characters of a descriptor off the terminal', () => {
    const hostile = withDescriptor((t) => t.replace('A &lt;driver', 'A &#x9b;31m\n&#x85;driver'));
    expect(renderInspect(inspectVib(hostile))).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('extracts members and files', () => {
    expect(extractMembers(vib).map((each) => each.path)).toEqual(vib.members.map((member) => member.name));
    expect(
      extractVib(vib).files.map(({ path, mode, directory, data }) => [path, mode, directory, data.length]),
    ).toEqual([
      ['usr', 0o755, true, 0],
      ['usr/lib/vmware/vmkmod/nvmetest', 0o555, false, 5000],
      ['etc/conf', 0o644, false, 1],
      ['k', 0o644, false, 15],
    ]);
  });
});
