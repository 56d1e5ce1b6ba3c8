/** The TXT design: launch events in the TXT log, the VMkernel's own only in the report. */
import { describe, expect, it } from 'vitest';
import { NONCE, optionStep, type Step, syntheticEvidence, txtSteps } from '../../test/support/synthetic-evidence.ts';
import { utf8 } from '../bytes/index.ts';
import { EV } from '../eventlog/index.ts';
import { createReference, verifyEvidence } from './index.ts';

const reference = createReference(syntheticEvidence({ steps: txtSteps() }), { profile: 'esxi-6.7-txt' });
const verify = (files: ReadonlyMap<string, Uint8Array>) => verifyEvidence(files, reference, { nonce: NONCE });
const found = (steps: Step[]) => verify(syntheticEvidence({ steps })).findings.map((f) => [f.code, f.where.name]);

describe('a TXT launch', () => {
  it('is trusted where it is the expected one', () => {
    const appraisal = verify(syntheticEvidence({ steps: txtSteps() }));
    expect(appraisal.findings).toEqual([]);
    expect(appraisal.verdict).toBe('TRUSTED');
    expect(reference.launch).toBe('txt');
    expect(reference.policy.byEvents).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 17, 18, 19, 20, 21]);
    expect(appraisal.limits.map((l) => l.code)).toContain('SMM_NOT_MEASURED');
  });

  it('with another SINIT, policy or MLE is one finding each', () => {
    expect(found(txtSteps({ sinitAcm: utf8('old acm') }))).toEqual([['TXT_EVENT_MISMATCH', 'TXT_HASH_START']]);
    expect(found(txtSteps({ lcpDetails: utf8('any') }))).toEqual([['TXT_EVENT_MISMATCH', 'TXT_LCP_DETAILS_HASH']]);
    expect(found(txtSteps({ mle: utf8('other b') }))).toEqual([['COMPONENT_DIGEST_MISMATCH', 'b']]);
  });

  it('with an altered module or option of the report is one finding', () => {
    const change = (name: string, by: (s: Step) => Step) =>
      txtSteps().map((s) => (String.fromCharCode(...s.data).includes(name) ? by(s) : s));
    expect(found(change('net_bnx2', (s) => ({ ...s, hashed: utf8('evil') })))).toEqual([
      ['COMPONENT_DIGEST_MISMATCH', 'net_bnx2.v00'],
    ]);
    const on = (s: Step): Step => ({ ...s, ...optionStep('execInstalledOnly = TRUE'), pcr: 21 });
    expect(found(change('execInstalledOnly', on))).toEqual([['BOOT_SECURITY_OPTION_MISMATCH', 'execInstalledOnly']]);
  });

  it('that did not happen is one finding (txt-not-launched)', () => {
    expect(found(txtSteps().filter((s) => s.pcr < 8))).toEqual([['TXT_NOT_LAUNCHED', undefined]]);
  });

  it('that a stop of the bootloader prevented is told as that', () => {
    const steps = txtSteps().filter((s) => s.pcr < 8 && !(s.pcr === 5 && s.type === EV.EFI_ACTION));
    expect(found(steps)).toEqual([['BOOT_NOT_COMPLETE', undefined]]);
  });

  it('cannot be judged without the report, and a report that lies about PCR 20 is refused', () => {
    const files = syntheticEvidence({ steps: txtSteps() });
    files.delete('report.json');
    const appraisal = verify(files);
    expect(appraisal.findings.map((f) => f.code)).toEqual(['FILE_MISSING']);
    expect(appraisal.verdict).toBe('INCONCLUSIVE');
    const cut = syntheticEvidence({
      steps: txtSteps(),
      report: (r) => {
        r.tpmEvents = r.tpmEvents.filter((e) => e.eventDetails.componentName !== 'net_bnx2.v00');
      },
    });
    expect(verify(cut).findings.map((f) => [f.code, f.where.pcr])).toEqual([['REPORT_REPLAY_MISMATCH', 20]]);
  });

  it('a launch where none is expected needs another reference (tpm12-ostype-profile)', () => {
    const uefi = createReference(syntheticEvidence(), { profile: 'esxi-8.0-uefi' });
    const { findings, verdict } = verifyEvidence(syntheticEvidence({ steps: txtSteps() }), uefi, { nonce: NONCE });
    expect(findings.map((f) => f.code)).toContain('REFERENCE_OTHER_LAUNCH');
    expect(verdict).not.toBe('TRUSTED');
  });
});
