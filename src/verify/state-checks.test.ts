/** One change of the host gives one finding, named in the words of what changed. */
import { describe, expect, it } from 'vitest';
import {
  commandLineStep,
  database,
  healthySteps,
  moduleStep,
  NONCE,
  optionStep,
  type Step,
  syntheticEvidence,
  VALID,
  variableStep,
} from '../../test/support/synthetic-evidence.ts';
import { fromHex, toHex, utf8 } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import { ACTION, EV, encodeAction } from '../eventlog/index.ts';
import { createReference, renderAppraisal, verifyEvidence } from './index.ts';

const reference = createReference(syntheticEvidence(), { profile: 'test' });
const UUID = '/b.b00 bootUUID=00112233445566778899aabbccddeeff';

function verify(steps: Step[], ref = reference) {
  const appraisal = verifyEvidence(syntheticEvidence({ steps }), ref, { nonce: NONCE, time: VALID.from });
  renderAppraisal(appraisal);
  return appraisal;
}

const contains = (step: Step, text: string): boolean => String.fromCharCode(...step.data).includes(text);

/** The healthy boot with the step that holds `text` replaced by others. */
function replace(text: string, ...by: Step[]): Step[] {
  const steps = healthySteps();
  const at = steps.findIndex((s) => contains(s, text));
  expect(at).toBeGreaterThanOrEqual(0);
  return [...steps.slice(0, at), ...by, ...steps.slice(at + 1)];
}

describe('components', () => {
  it('an altered module is one finding with name, VIB and both digests (vib-payload-swap)', () => {
    const { findings, verdict } = verify(replace('net_bnx2', moduleStep('net_bnx2.v00', 'evil', 'net-bnx2', '1.0')));
    expect(verdict).toBe('UNTRUSTED');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      code: 'COMPONENT_DIGEST_MISMATCH',
      where: { pcr: 13, name: 'net_bnx2.v00', file: 'eventlog.bin' },
      expected: toHex(hash('sha256', utf8('driver one'))),
      actual: toHex(hash('sha256', utf8('evil'))),
      scenario: 'vib-payload-swap',
    });
    expect(findings[0]?.message).toContain('net-bnx2 1.0');
  });

  it('an older signed version is told with both versions (vib-signed-but-old)', () => {
    const { findings } = verify(replace('net_bnx2', moduleStep('net_bnx2.v00', 'old', 'net-bnx2', '0.9')));
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['COMPONENT_DIGEST_MISMATCH', 'vib-signed-but-old']]);
    expect(findings[0]?.message).toMatch(/0\.9.*1\.0/);
  });

  it.each([
    ['vib-set-drift', [moduleStep('new.v00', 'n', 'new-vib')], 'COMPONENT_ADDED', 'DRIFT'],
    ['vib-unlisted-tardisk', [moduleStep('new.v00', 'n', '')], 'COMPONENT_UNEXPECTED', 'UNTRUSTED'],
    ['module-duplicate-name', [moduleStep('lsi_mr3.v00', 'n', 'lsi-mr3', '2.0')], 'COMPONENT_REPEATED', 'UNTRUSTED'],
  ])('an extra module is one finding (%s)', (scenario, extra, code, verdict) => {
    const state = moduleStep('state.tgz', 'state', '');
    const appraisal = verify(replace('state.tgz', ...extra, state));
    expect(appraisal.findings.map((f) => [f.code, f.scenario])).toEqual([[code, scenario]]);
    expect(appraisal.verdict).toBe(verdict);
  });

  it('a missing module is drift', () => {
    const { findings, verdict } = verify(replace('lsi_mr3'));
    expect(findings.map((f) => [f.code, f.where.name])).toEqual([['COMPONENT_MISSING', 'lsi_mr3.v00']]);
    expect(verdict).toBe('DRIFT');
  });

  it('a missing module that the image database still lists was kept from being loaded', () => {
    const withDatabase = (steps: Step[], content = 'database'): Step[] =>
      steps.flatMap((s) => (contains(s, 'state.tgz') ? [moduleStep('imgdb.tgz', content, ''), s] : [s]));
    const listed = createReference(syntheticEvidence({ steps: withDatabase(healthySteps()) }), { profile: 'test' });
    const kept = verify(withDatabase(replace('lsi_mr3')), listed);
    expect(kept.verdict).toBe('UNTRUSTED');
    expect(kept.findings.map((f) => [f.code, f.where.name])).toEqual([
      ['COMPONENT_MISSING', 'lsi_mr3.v00'],
      ['IMAGE_DATABASE_CONTRADICTED', 'imgdb.tgz'],
    ]);
    expect(kept.findings[1]?.message).toContain('lsi_mr3.v00');
    const removed = verify(withDatabase(replace('lsi_mr3'), 'another database'), listed);
    expect(removed.findings.map((f) => f.code)).toEqual(['COMPONENT_DIGEST_MISMATCH', 'COMPONENT_MISSING']);
    const hostUnique = { ...listed.policy.hostUnique, components: ['lsi_mr3.v00'] };
    const allowed = { ...listed, policy: { ...listed.policy, hostUnique } };
    expect(verify(withDatabase(replace('lsi_mr3')), allowed).verdict).toBe('TRUSTED');
    expect(verify(withDatabase(healthySteps()), listed).verdict).toBe('TRUSTED');
  });

  it('another order is told as order (vib-load-order)', () => {
    const steps = healthySteps();
    const at = steps.findIndex((s) => contains(s, 'net_bnx2'));
    const [first, second] = [steps[at], steps[at + 1]];
    if (first === undefined || second === undefined) throw new Error('no modules');
    const { findings } = verify(steps.with(at, second).with(at + 1, first));
    expect(findings.map((f) => [f.code, f.where.pcr])).toEqual([['EVENT_ORDER', 13]]);
  });

  it('another name or PCR for the same content is told (module-name-steers-pcr)', () => {
    const renamed = verify(replace('lsi_mr3', moduleStep('other.v00', 'driver two', 'lsi-mr3', '2.0')));
    expect(renamed.findings.map((f) => f.code)).toEqual(['COMPONENT_NAME_MISMATCH']);
    const moved = verify(replace('lsi_mr3', moduleStep('lsi_mr3.v00', 'driver two', 'lsi-mr3', '2.0', 12)));
    expect(moved.findings.map((f) => f.code)).toEqual(['COMPONENT_MOVED']);
  });

  it('two altered modules are two findings', () => {
    const steps = replace('net_bnx2', moduleStep('net_bnx2.v00', 'evil', 'net-bnx2', '1.0')).map((s) =>
      contains(s, 'lsi_mr3') ? moduleStep('lsi_mr3.v00', 'evil too', 'lsi-mr3', '2.0') : s,
    );
    expect(verify(steps).findings.map((f) => f.where.name)).toEqual(['net_bnx2.v00', 'lsi_mr3.v00']);
  });

  it('an excluded component may differ, and the limits say so (vib-hide-in-excluded)', () => {
    const hostUnique = { components: ['state.tgz'], options: ['bootUUID'] };
    const policy = { ...reference.policy, hostUnique };
    const { findings, limits } = verify(replace('state.tgz', moduleStep('state.tgz', 'x', '')), {
      ...reference,
      policy,
    });
    expect(findings).toEqual([]);
    expect(limits.filter((l) => l.code === 'POLICY_EXCLUSION').map((l) => l.where.name)).toEqual(['state.tgz']);
  });
});

describe('options', () => {
  it('an added kernel option is one finding that names it (cmdline-tamper)', () => {
    const { findings, verdict } = verify(replace('bootUUID', commandLineStep(`${UUID} debugLogToSerial=1`)));
    expect(findings.map((f) => [f.code, f.where.name])).toEqual([['COMMAND_LINE_MISMATCH', 'debugLogToSerial']]);
    expect(findings[0]?.message).toContain('added "debugLogToSerial=1"');
    expect(verdict).toBe('UNTRUSTED');
  });

  it('options ride along with an allowed boot UUID only to be found (cmdline-hidden-by-tag)', () => {
    const policy = { ...reference.policy, hostUnique: { components: [], options: ['bootUUID'] } };
    const ref = { ...reference, policy };
    expect(verify(replace('bootUUID', commandLineStep('/b.b00 bootUUID=ff')), ref).findings).toEqual([]);
    const { findings } = verify(replace('bootUUID', commandLineStep('/b.b00 bootUUID=ff evil=1')), ref);
    expect(findings.map((f) => f.where.name)).toEqual(['evil']);
  });

  it('escapes hostile option text (api-cmdline-hostile)', () => {
    const steps = replace('bootUUID', commandLineStep(`${UUID} bootUUID \u001b[2J\n"`));
    const text = renderAppraisal(verify(steps));
    expect(text).not.toContain('\u001b');
  });

  it('a command line not measured cannot be judged (cmdline-event-missing)', () => {
    const { findings, verdict } = verify(replace('bootUUID'));
    expect(findings.map((f) => f.code)).toEqual(['COMMAND_LINE_MISSING']);
    expect(verdict).toBe('INCONCLUSIVE');
  });

  it('a boot security option is one finding (exec-installed-only-off)', () => {
    const { findings } = verify(replace('execInstalledOnly', optionStep('execInstalledOnly = FALSE')));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      code: 'BOOT_SECURITY_OPTION_MISMATCH',
      where: { name: 'execInstalledOnly' },
      expected: 'execInstalledOnly = TRUE',
      actual: 'execInstalledOnly = FALSE',
      scenario: 'exec-installed-only-off',
    });
  });

  it('the same option set on the command line is still one finding', () => {
    const steps = replace('execInstalledOnly', optionStep('execInstalledOnly = FALSE')).map((s) =>
      contains(s, 'bootUUID') ? commandLineStep(`${UUID} execInstalledOnly=FALSE`) : s,
    );
    expect(verify(steps).findings.map((f) => f.code)).toEqual(['BOOT_SECURITY_OPTION_MISMATCH']);
  });
});

describe('firmware', () => {
  it('Secure Boot off is one finding, with all that follows from it (sb-disabled)', () => {
    const steps = healthySteps()
      .filter((s) => s.type !== EV.EFI_VARIABLE_AUTHORITY)
      .map((s) => (contains(s, 'S\0e\0c\0u\0r\0e') ? variableStep('SecureBoot', fromHex('00')) : s))
      .map((s) => (contains(s, 'uefiSecureBootEnabled') ? optionStep('uefiSecureBootEnabled = FALSE') : s));
    const { findings, verdict } = verify(steps);
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['SECURE_BOOT_DISABLED', 'sb-disabled']]);
    expect(verdict).toBe('UNTRUSTED');
  });

  const variable = (name: string, ...entries: string[]): Step[] => {
    const data = variableStep(name, database(...entries));
    const old = variableStep(name, name === 'dbx' ? database('revoked 1', 'revoked 2') : database('vmware'));
    return healthySteps().map((s) => (toHex(s.data) === toHex(old.data) ? data : s));
  };
  it.each([
    ['dbx-rollback', 'dbx', ['revoked 1'], 'FIRMWARE_VARIABLE_MISMATCH', 'UNTRUSTED'],
    ['uefi-ca-rotation', 'dbx', ['revoked 1', 'revoked 2', 'new'], 'FIRMWARE_VARIABLE_ADDED_ENTRIES', 'DRIFT'],
    ['db-foreign-key', 'db', ['vmware', 'foreign'], 'FIRMWARE_VARIABLE_MISMATCH', 'UNTRUSTED'],
  ])('%s', (scenario, name, entries, code, verdict) => {
    const appraisal = verify(variable(name, ...entries));
    expect(appraisal.findings.map((f) => [f.code, f.scenario])).toEqual([[code, scenario]]);
    expect(appraisal.verdict).toBe(verdict);
  });

  it('a debugger is told (uefi-debug-or-dma)', () => {
    const data = encodeAction(ACTION.DEBUG_MODE);
    const steps = [{ pcr: 7, type: EV.EFI_ACTION, data, hashed: data }, ...healthySteps()];
    expect(verify(steps).findings.map((f) => f.code)).toEqual(['FIRMWARE_DEBUG']);
  });

  it('a changed loader is one finding', () => {
    const steps = healthySteps().map((s) =>
      s.type === EV.EFI_BOOT_SERVICES_APPLICATION ? { ...s, hashed: utf8('old') } : s,
    );
    expect(verify(steps).findings.map((f) => f.code)).toEqual(['BOOT_APPLICATION_MISMATCH']);
  });

  it('a PCR judged by value without events is compared', () => {
    const pcrs = { sha256: { ...reference.pcrs.sha256, '8': 'ab'.repeat(32) } };
    const { findings } = verify(healthySteps(), { ...reference, pcrs });
    expect(findings.map((f) => [f.code, f.where.pcr])).toEqual([['PCR_VALUE_MISMATCH', 8]]);
  });
});

describe('a boot that stopped', () => {
  it('is one finding, not one for each step that was never reached', () => {
    const steps = healthySteps();
    const at = steps.findIndex((s) => contains(s, 'bootUUID'));
    const { findings, verdict } = verify(steps.slice(0, at));
    expect(findings.map((f) => f.code)).toEqual(['BOOT_NOT_COMPLETE']);
    expect(verdict).toBe('UNTRUSTED');
  });

  it('names what was altered before the stop', () => {
    const steps = replace('lsi_mr3', moduleStep('lsi_mr3.v00', 'evil', 'lsi-mr3', '2.0'));
    const { findings } = verify(steps.slice(0, steps.findIndex((s) => contains(s, 'lsi_mr3')) + 1));
    expect(findings.map((f) => f.code)).toEqual(['BOOT_NOT_COMPLETE', 'COMPONENT_DIGEST_MISMATCH']);
    expect(findings[0]?.message).toContain('lsi_mr3.v00');
  });
});
