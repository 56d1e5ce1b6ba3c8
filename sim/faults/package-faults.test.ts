import { describe, expect, it } from 'vitest';
import { LazyFiles } from '../../src/archive/index.ts';
import { fromLatin1, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { Reference } from '../../src/verify/index.ts';
import { buildVib, readVib } from '../../src/vib/index.ts';
import { attestHost } from '../attest.ts';
import { evidenceFiles } from '../evidence.ts';
import { Host } from '../host.ts';
import { loadImage } from '../node/image-files.ts';
import { predictReference } from '../predict.ts';
import { resolveSpec } from '../spec/resolve.ts';
import { addPackage } from './boot-disk.ts';
import { FAULTS, findFault } from './index.ts';
import { VIB_SET_DRIFT } from './vib-set-drift.ts';

const PROFILES = ['esxi-8.0-uefi', 'esxi-6.7-txt'] as const;

async function appraise(
  profile: string,
  fault: string,
  secureBoot: boolean,
  policy: Partial<Reference['policy']> = {},
) {
  const base = resolveSpec({ profile, hardware: { secureBoot: { enabled: secureBoot } } });
  const image = loadImage(base);
  const healthy = await predictReference(base, image);
  const reference = { ...healthy, policy: { ...healthy.policy, ...policy } };
  const host = new Host({ ...base, faults: [fault] }, image);
  const result = await host.powerOn();
  const appraisal = await attestHost(host, result, evidenceFiles(result), reference);
  return { host, result, appraisal, codes: appraisal.findings.map(({ code }) => code) };
}
const components = (found: Awaited<ReturnType<typeof appraise>>) =>
  found.appraisal.findings.map(({ code, where }) => `${code} ${where?.name ?? ''}`.trim());

describe.each(PROFILES)('package faults on %s', (profile) => {
  it.each(FAULTS.map(({ id }) => id))(
    '%s, in its default form, has the verdict and finding of the catalogue',
    async (id) => {
      const { expect: expected } = findFault(id).fault;
      const { appraisal, codes } = await appraise(profile, id, true);
      expect({ verdict: appraisal.verdict, codes }).toEqual({
        verdict: expected.verdict,
        codes: expect.arrayContaining([expected.finding]),
      });
    },
  );
});

describe('traces', () => {
  it('vib-level-spoof: Secure Boot stops it; without, the host runs and exactly package and database show', async () => {
    const stopped = await appraise('esxi-8.0-uefi', 'vib-level-spoof', true);
    expect(stopped.result.halted?.code).toBe('VIB_SIGNATURES');
    expect(stopped.result.consoleText).toMatch(/VIB VMW_bootbank_lsuv2-agent_1\.0\.0-1vmw: signature missing/);
    const runs = await appraise('esxi-8.0-uefi', 'vib-level-spoof', false);
    expect(runs.result.state).toBe('running');
    expect(components(runs)).toEqual([
      'COMPONENT_DIGEST_MISMATCH imgdb.tgz',
      'COMPONENT_ADDED lsuv2_ag.v00',
      'INSTALL_CHECKS_BYPASSED image profile with validation disabled',
      'INSTALL_CHECKS_BYPASSED vib without valid signature',
    ]);
    const events = runs.result.tpm?.report.tpmEvents.map(({ eventDetails }) => JSON.stringify(eventDetails)) ?? [];
    const [claim] = events.filter((text) => text.includes('lsuv2_ag.v00'));
    expect(claim).toMatch(/"vibName":"lsuv2-agent".*"vibVendor":"VMW"/);
    // An installer's order: after nvmxnet3 and its like, before the rest.
    const names = runs.result.system.modules.map(({ name }) => name);
    expect(names.indexOf('lsuv2_ag.v00')).toBe(names.indexOf('lsi_msgp.v02') + 1);
  });

  it.each([
    ['vib-force-trace', /validation disabled/],
    ['vib-force-trace:no-sig-check', /bypassing signing and acceptance level verification/],
  ])('%s: nothing measured differs, only the log tells', async (fault, line) => {
    const base = resolveSpec({});
    const healthy = await new Host(base, loadImage(base)).powerOn();
    const { host, result, appraisal, codes } = await appraise('esxi-8.0-uefi', fault, true);
    expect(result.state).toBe('running');
    expect(codes).toEqual(['INSTALL_CHECKS_BYPASSED']);
    expect(appraisal.findings[0]?.actual).toMatch(line);
    const [files, good] = [evidenceFiles(result), evidenceFiles(healthy)];
    expect(fromLatin1(files.get('esxupdate.log') ?? new Uint8Array(0))).toMatch(/Installing VIB VMware_bootbank_\S+\n/);
    expect(good.has('esxupdate.log')).toBe(false);
    files.delete('esxupdate.log');
    for (const [name, bytes] of files)
      if (name !== 'host.json') expect(toHex(bytes)).toBe(toHex(good.get(name) ?? bytes.subarray(1)));
    const reference = await predictReference(base, loadImage(base));
    expect((await attestHost(host, result, files, reference)).verdict).toBe('TRUSTED');
  });

  it('vib-unlisted-tardisk: the tardisk is named, the log is not reliable', async () => {
    const stopped = await appraise('esxi-8.0-uefi', 'vib-unlisted-tardisk', true);
    expect(stopped.result.consoleText).toMatch(/Unrecognized tardisks: extra\.v00/);
    const runs = await appraise('esxi-8.0-uefi', 'vib-unlisted-tardisk:evil.v00', false);
    expect(components(runs)).toContain('COMPONENT_UNEXPECTED evil.v00');
    expect(runs.codes).not.toContain('COMPONENT_DIGEST_MISMATCH');
    expect(runs.result.tpm?.report.tpmLogReliable).toBe(false);
  });

  it('vib-level-lowered: the level is a property of the host, the package is measured', async () => {
    const runs = await appraise('esxi-8.0-uefi', 'vib-level-lowered', false);
    expect(runs.host.spec.acceptanceLevel).toBe('CommunitySupported');
    expect(components(runs)).toEqual(['COMPONENT_DIGEST_MISMATCH imgdb.tgz', 'COMPONENT_ADDED communit.v00']);
    expect((await appraise('esxi-8.0-uefi', 'vib-level-lowered', true)).result.halted?.code).toBe('VIB_SIGNATURES');
  });

  it('vib-set-drift: DRIFT where the policy takes the database as host-unique', async () => {
    const policy = { hostUnique: { components: ['imgdb.tgz'] } };
    const healthy = await predictReference(resolveSpec({}), loadImage(resolveSpec({})));
    const hostUnique = { ...healthy.policy.hostUnique, ...policy.hostUnique };
    const drift = await appraise('esxi-8.0-uefi', 'vib-set-drift', true, { hostUnique });
    expect(drift.result.state).toBe('running');
    expect(drift.appraisal.verdict).toBe('DRIFT');
    expect(components(drift)).toEqual(['COMPONENT_MISSING esx_ui.v00']);
    const two = await appraise('esxi-8.0-uefi', 'vib-set-drift:vsanhealth', true);
    expect(components(two)).toEqual([
      'COMPONENT_DIGEST_MISMATCH imgdb.tgz',
      'COMPONENT_MISSING vsanheal.v00',
      'COMPONENT_MISSING vsanmgmt.v00',
    ]);
  });

  it('vib-set-drift takes out no package that another one needs, as no installer does', () => {
    const relationships = {
      depends: [{ name: 'esx-ui' }],
      conflicts: [],
      replaces: [],
      provides: [],
      compatibleWith: [],
    };
    const needy = readVib(
      buildVib({
        descriptor: {
          ...{ type: 'bootbank', name: 'needy', vendor: 'ACME', version: '1', acceptanceLevel: 'community' },
          relationships,
        },
        payloads: [{ name: 'needy', type: 'tgz', files: [{ name: 'opt/needy', data: utf8('x') }] }],
      }),
    );
    const { bootbank, esp } = loadImage(resolveSpec({}));
    const image = { bootbank: LazyFiles.from(bootbank), esp: LazyFiles.from(esp), installLog: undefined };
    VIB_SET_DRIFT.patchImage(image, 'vsanhealth', 0);
    addPackage(image, 'test', needy);
    expect(() => VIB_SET_DRIFT.patchImage(image, 'esx-ui', 0)).toThrow(
      /no installer removes "esx-ui": VIB ACME_bootbank_needy_1 requires esx-ui/,
    );
    VIB_SET_DRIFT.patchImage(image, 'vsan', 0);
  });

  it('vib-load-order: nothing but the order', async () => {
    expect((await appraise('esxi-8.0-uefi', 'vib-load-order', true)).codes).toEqual(['EVENT_ORDER']);
  });

  it('module-unsigned-zero: refused by mboot; without Secure Boot only said, and no signer is measured', async () => {
    const stopped = await appraise('esxi-8.0-uefi', 'module-unsigned-zero', true);
    expect(stopped.result.halted?.code).toBe('MODULE_SIGNATURES');
    const runs = await appraise('esxi-8.0-uefi', 'module-unsigned-zero', false);
    expect(runs.result.state).toBe('running');
    expect(runs.result.consoleText).toMatch(/Boot modules are not signed/);
    expect(components(runs)).toEqual(['COMPONENT_DIGEST_MISMATCH b.b00', 'SIGNER_MISMATCH']);
  });

  it('faults combine', async () => {
    const spec = resolveSpec({
      faults: ['vib-level-spoof', 'vib-set-drift', 'vib-load-order', 'vib-unlisted-tardisk'],
    });
    const { system } = await new Host(
      { ...spec, hardware: { ...spec.hardware, secureBoot: { ...spec.hardware.secureBoot, enabled: false } } },
      loadImage(spec),
    ).powerOn();
    const names = system.modules.map(({ name }) => name);
    expect(names).toContain('extra.v00');
    expect(names).toContain('lsuv2_ag.v00');
    expect(names).not.toContain('esx_ui.v00');
  });

  it.each([
    ['vib-level-spoof:a b', /"a b" is no package name/],
    ['vib-level-spoof:a-name-too-long-for-ar', /ar member/],
    ['vib-force-trace:gently', /"gently" is no option; there are force and no-sig-check/],
    ['vib-unlisted-tardisk:../x', /is no file name/],
    ['vib-unlisted-tardisk:k.b00', /k\.b00 is in the boot bank already/],
    ['vib-set-drift:esx-base', /no optional VIB "esx-base"; there are/],
    ['vib-load-order:a,b', /does not name two modules/],
    ['module-unsigned-zero:uc_amd.b00', /carries no signature/],
    ['module-unsigned-zero:none', /no module "none"/],
  ])('%s is refused in one line', (fault, message) => {
    const spec = resolveSpec({ faults: [fault] });
    const make = () => new Host(spec, loadImage(spec));
    expect(make).toThrow(InputError);
    expect(make).toThrow(message);
  });
});
