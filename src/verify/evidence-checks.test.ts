/** Every check of the evidence itself catches the lie it is for, and says nothing else. */
import { describe, expect, it } from 'vitest';
import {
  commandLineStep,
  type Forge,
  healthySteps,
  moduleStep,
  NONCE,
  type Step,
  syntheticEvidence,
  VALID,
  variableStep,
} from '../../test/support/synthetic-evidence.ts';
import { concat, FormatError, fromHex, latin1, toBase64, utf8 } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import * as log from '../eventlog/index.ts';
import { TPMA_OBJECT } from '../tpm2/attributes.ts';
import { TPM_ALG } from '../tpm2/constants.ts';
import { pcrSelection } from '../tpm2/structures/index.ts';
import { createReference, parseReference, type Reference, renderAppraisal, verifyEvidence } from './index.ts';

const { EV } = log;
const reference = createReference(syntheticEvidence(), { profile: 'test' });

function verify(files: ReadonlyMap<string, Uint8Array>, ref: Reference = reference) {
  const appraisal = verifyEvidence(files, ref, { nonce: NONCE, time: VALID.from + 1 });
  renderAppraisal(appraisal);
  JSON.stringify(appraisal);
  return appraisal;
}

const codes = (forge: Forge) => verify(syntheticEvidence(forge)).findings.map((f) => f.code);

function without(name: string, files = syntheticEvidence()): Map<string, Uint8Array> {
  files.delete(name);
  return files;
}

function replaced(name: string, bytes: Uint8Array, files = syntheticEvidence()): Map<string, Uint8Array> {
  return files.set(name, bytes);
}

const at = (list: readonly log.EventRecord[], pcr: number, type: number): number =>
  list.findIndex((r) => r.pcr === pcr && r.type === type);

describe('healthy evidence', () => {
  it('is trusted, every check of files passes, and the limits are named', () => {
    const appraisal = verify(syntheticEvidence());
    expect(appraisal.findings).toEqual([]);
    expect(appraisal.verdict).toBe('TRUSTED');
    // Files alone cannot prove the keys' co-residence: that check needs the host, and its absence is said as a limit.
    expect(appraisal.checks.filter((c) => c.result !== 'passed')).toEqual([
      { name: 'attestation key is in the TPM of the endorsement key', result: 'skipped' },
    ]);
    expect(appraisal.limits.map((l) => l.code)).toContain('AK_EK_NOT_PROVEN');
  });

  it("stays trusted with an installer's log that tells of nothing, which proves nothing", () => {
    const appraisal = verify(
      syntheticEvidence().set(
        'esxupdate.log',
        latin1('2026-01-01T00:00:00Z esxupdate: Installing VIB A_b_c_1-1\n\xff\n'),
      ),
    );
    expect(appraisal.verdict).toBe('TRUSTED');
    expect(appraisal.limits.map((l) => l.code)).toContain('INSTALL_LOG_NOT_SIGNED');
  });

  // The phrases of Splunk's detection "ESXi Malicious VIB Forced Install" (facts: attestation-failures, 2 and the table of messages).
  it.each([
    'Attempting to install an image profile with validation disabled. This may ...',
    'Image profile bypassing signing and acceptance level verification',
    'VIB without valid signature: evil',
  ])("is not trusted where the installer's log says %j", (line) => {
    const appraisal = verify(syntheticEvidence().set('esxupdate.log', latin1(`first\nesxupdate: ${line}\nlast`)));
    expect(appraisal.verdict).toBe('UNTRUSTED');
    expect(appraisal.findings).toMatchObject([
      { code: 'INSTALL_CHECKS_BYPASSED', actual: `esxupdate: ${line}`, scenario: 'vib-force-trace' },
    ]);
  });

  it('says so where freshness was not judged', () => {
    const appraisal = verifyEvidence(syntheticEvidence(), reference);
    expect(appraisal.verdict).toBe('TRUSTED');
    expect(appraisal.limits.map((l) => l.code)).toContain('FRESHNESS_NOT_CHECKED');
  });

  it('does not read host.json', () => {
    expect(verify(replaced('host.json', utf8('{"anything":true}'))).verdict).toBe('TRUSTED');
  });
});

describe('files', () => {
  it.each(['quote.attest', 'quote.sig', 'ak.pub', 'ek.pub', 'pcrs.json', 'eventlog.bin', 'report.json'])(
    'cannot decide without %s',
    (file) => {
      const appraisal = verify(without(file));
      expect(appraisal.findings.map((f) => [f.code, f.where.file])).toContainEqual(['FILE_MISSING', file]);
      expect(appraisal.verdict).not.toBe('TRUSTED');
    },
  );

  it.each(['quote.attest', 'quote.sig', 'ak.pub', 'ek.pub', 'ek.crt', 'pcrs.json', 'report.json'])(
    'refuses a cut %s without a crash (response-length-lie)',
    (file) => {
      const bytes = syntheticEvidence().get(file) ?? new Uint8Array(0);
      for (const size of [0, 1, bytes.length >> 1, bytes.length - 1]) {
        expect(verify(replaced(file, bytes.subarray(0, size))).verdict).not.toBe('TRUSTED');
      }
    },
  );

  it('survives any single changed byte of any file and never trusts a changed quote, key or log', () => {
    const files = syntheticEvidence();
    for (const [name, bytes] of files) {
      const stride = Math.max(1, Math.floor(bytes.length / 25));
      for (let i = 0; i < bytes.length; i += stride) {
        const changed = bytes.slice();
        changed[i] = (changed[i] ?? 0) ^ 0x41;
        const { verdict } = verify(new Map(files).set(name, changed));
        if (name.startsWith('quote') || name === 'eventlog.bin')
          expect(verdict, `${name} byte ${i}`).not.toBe('TRUSTED');
      }
    }
  });

  it('cannot decide on an empty log (evt-empty)', () => {
    const appraisal = verify(replaced('eventlog.bin', new Uint8Array(0)));
    expect(appraisal.verdict).toBe('INCONCLUSIVE');
    expect(appraisal.findings.map((f) => f.code)).toContain('LOG_EMPTY');
  });
});

describe('keys', () => {
  it.each([
    ['ak-not-restricted', (a: number) => a & ~TPMA_OBJECT.restricted, 'AK_NOT_RESTRICTED'],
    ['ak-exportable', (a: number) => a & ~TPMA_OBJECT.fixedTPM, 'AK_EXPORTABLE'],
    ['ak-exportable', (a: number) => a & ~TPMA_OBJECT.sensitiveDataOrigin, 'AK_EXPORTABLE'],
  ])('%s', (_, akAttributes, code) => {
    expect(codes({ akAttributes })).toEqual([code]);
  });

  it('refuses a certificate for another key (ek-cert-mismatch)', () => {
    expect(codes({ ekSubject: 'other' })).toEqual(['EK_CERT_MISMATCH']);
  });

  it('cannot decide where the manufacturer is unknown or the certificate is absent', () => {
    expect(codes({ ekIssuer: 'other' })).toEqual(['EK_CERT_INVALID']);
    const unknown = { ...reference, policy: { ...reference.policy, ekAnchors: [] } };
    expect(verify(syntheticEvidence(), unknown).findings.map((f) => f.code)).toEqual(['EK_CHAIN_UNKNOWN']);
    expect(verify(without('ek.crt')).findings.map((f) => f.code)).toEqual(['EK_CERT_MISSING']);
  });

  it('refuses a certificate outside its dates (key-cert-dates)', () => {
    const { findings } = verifyEvidence(syntheticEvidence(), reference, { nonce: NONCE, time: VALID.to + 1000 });
    expect(findings.map((f) => f.code)).toEqual(['EK_CERT_DATES']);
  });
});

describe('quote', () => {
  const patched = (offset: number, value: number) => (bytes: Uint8Array) => {
    const out = bytes.slice();
    out[offset] = value;
    return out;
  };

  it('needs the marker of a TPM (attest-magic-missing)', () => {
    expect(codes({ attest: patched(0, 0) })).toEqual(['ATTEST_MAGIC']);
  });

  it('must be a quote (attest-type-swap)', () => {
    expect(codes({ attest: patched(5, 0x14) })).toEqual(['ATTEST_TYPE']);
  });

  it('needs the signature of the key', () => {
    const other = syntheticEvidence({ nonce: utf8('another') }).get('quote.sig') ?? new Uint8Array(0);
    expect(verify(replaced('quote.sig', other)).findings.map((f) => f.code)).toEqual(['SIGNATURE_INVALID']);
  });

  it('needs a signature of the kind of the key (sig-alg-mismatch)', () => {
    const rsa = concat(fromHex('0014000b0100'), new Uint8Array(256));
    expect(verify(replaced('quote.sig', rsa)).findings.map((f) => f.code)).toEqual(['SIGNATURE_ALGORITHM']);
  });

  it.each([
    ['nonce-stale', utf8('old nonce')],
    ['nonce-encoding-ambiguity', utf8(toBase64(NONCE))],
    ['nonce-stale', NONCE.map((b) => (b === 0xaa ? 0x8a : b))],
  ])('answers the nonce byte for byte (%s)', (scenario, nonce) => {
    const { findings } = verify(syntheticEvidence({ nonce }));
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['NONCE_MISMATCH', scenario]]);
  });

  const sha256 = pcrSelection(
    TPM_ALG.SHA256,
    Array.from({ length: 24 }, (_, i) => i),
  );
  it.each([
    ['pcr-selection-empty', { quotedPcrs: [] }],
    ['pcr-selection-empty', { quotedPcrs: [0, 1, 2] }],
    ['pcr-selection-repeat', { selection: [sha256, sha256] }],
    ['pcr-selection-relabel', { quotedBank: 'sha1' }],
  ] satisfies [string, Forge][])('%s', (scenario, forge) => {
    const { findings, verdict } = verify(syntheticEvidence(forge));
    expect(verdict).toBe('REJECT');
    expect(findings.map((f) => [f.code, f.scenario])).toContainEqual(['PCR_SELECTION', scenario]);
  });

  it('covers the values given (pcr-selection-relabel)', () => {
    const other = syntheticEvidence({ steps: [...healthySteps(), moduleStep('x.v00', 'x')] }).get('pcrs.json');
    const { findings } = verify(without('report.json', replaced('pcrs.json', other ?? new Uint8Array(0))));
    expect(findings.map((f) => f.code)).toEqual(['FILE_MISSING', 'PCR_DIGEST_MISMATCH']);
  });

  it('covers every value given as attested (pcr-extra-unquoted)', () => {
    const quotedPcrs = Array.from({ length: 23 }, (_, i) => i);
    const ref = { ...reference, policy: { ...reference.policy, quotedPcrs } };
    expect(verify(syntheticEvidence({ quotedPcrs }), ref).findings.map((f) => f.code)).toEqual(['PCR_NOT_QUOTED']);
  });

  it('comes from firmware that is new enough (tpm-firmware-vulnerable)', () => {
    const ref = { ...reference, policy: { ...reference.policy, minimumTpmFirmware: '0003000000000000' } };
    expect(verify(syntheticEvidence(), ref).findings.map((f) => f.code)).toEqual(['TPM_FIRMWARE_OLD']);
  });
});

describe('event log', () => {
  it('leads to the PCR values (evt-reorder)', () => {
    const swap = (records: log.EventRecord[]) => {
      const i = at(records, 13, EV.EVENT_TAG);
      const [first, second] = [records[i], records[i + 1]];
      return first && second ? records.with(i, second).with(i + 1, first) : records;
    };
    const { findings, verdict } = verify(syntheticEvidence({ log: swap }));
    expect(findings.map((f) => [f.code, f.where.pcr])).toEqual([['LOG_REPLAY_MISMATCH', 13]]);
    expect(verdict).toBe('REJECT');
  });

  it('explains every PCR (pcr-absent-from-log)', () => {
    const steps: Step[] = [
      ...healthySteps(),
      { pcr: 9, type: EV.EVENT_TAG, data: fromHex(''), hashed: utf8('hidden') },
    ];
    const drop = (records: log.EventRecord[]) => records.filter((r) => r.pcr !== 9);
    const { findings } = verify(syntheticEvidence({ steps, log: drop }));
    expect(findings.map((f) => [f.code, f.where.pcr])).toEqual([['PCR_WITHOUT_EVENTS', 9]]);
  });

  it('is judged in every bank (bank-any-match)', () => {
    const bad = (records: log.EventRecord[]) =>
      records.map((r) =>
        r.pcr === 11 || r.pcr === 12
          ? { ...r, digests: new Map([...r.digests, ['sha1', new Uint8Array(20)] as const]) }
          : r,
      );
    const { findings } = verify(syntheticEvidence({ log: bad }));
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['LOG_REPLAY_MISMATCH', 'bank-any-match']]);
  });

  it('comes from firmware that extended the bank (bank-unextended)', () => {
    const clear = (pcrs: Map<string, Uint8Array[]>) => {
      for (let i = 0; i < 8; i++) pcrs.get('sha256')?.splice(i, 1, new Uint8Array(32));
    };
    expect(codes({ pcrs: clear })).toEqual(['BANK_NOT_EXTENDED']);
  });

  it('may lack the events of ExitBootServices, which is then said (evt-ebs-missing)', () => {
    const drop = (records: log.EventRecord[]) => records.filter((r) => r.pcr !== 5 || r.type !== EV.EFI_ACTION);
    const { findings, verdict } = verify(syntheticEvidence({ log: drop }));
    expect(findings.map((f) => f.code)).toEqual(['LOG_EXIT_BOOT_SERVICES_MISSING']);
    expect(verdict).toBe('DRIFT');
  });

  it('without the judged bank cannot decide (bank-missing-in-log)', () => {
    const parsed = log.parseEventLog(syntheticEvidence().get('eventlog.bin') ?? new Uint8Array(0));
    const header = { digest: new Uint8Array(20), data: log.encodeSpecId(log.specIdEvent({ algorithms: ['sha1'] })) };
    const events = parsed.events.map((e) => ({ ...e, digests: new Map([...e.digests].filter(([n]) => n === 'sha1')) }));
    const sha1 = log.encodeEventLog({ format: 'crypto-agile', header, events });
    const { findings, verdict } = verify(replaced('eventlog.bin', sha1));
    expect(findings.map((f) => f.code)).toContain('LOG_BANK_MISSING');
    expect(verdict).not.toBe('TRUSTED');
  });

  const secureBootOff = () =>
    healthySteps().map((s) => (isSecureBoot(s) ? variableStep('SecureBoot', fromHex('00')) : s));
  const isSecureBoot = (s: Step) => s.pcr === 7 && toText(s.data).includes('S\0e\0c\0u\0r\0e');
  const toText = (bytes: Uint8Array) => String.fromCharCode(...bytes);

  it('cannot tell of another Secure Boot state than was measured (sb-var-data-forged)', () => {
    const lie = (records: log.EventRecord[]) =>
      records.map((r, i) =>
        i === at(records, 7, EV.EFI_VARIABLE_DRIVER_CONFIG)
          ? { ...r, data: variableStep('SecureBoot', fromHex('01')).data }
          : r,
      );
    const { findings } = verify(syntheticEvidence({ steps: secureBootOff(), log: lie }));
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['EVENT_DATA_MISMATCH', 'sb-var-data-forged']]);
  });

  it('cannot tell another command line than was measured (evt-data-uncovered)', () => {
    const data = commandLineStep('/b.b00 harmless').data;
    const lie = (records: log.EventRecord[]) =>
      records.map((r) => (r.pcr === 14 && toText(r.data).includes('bootUUID') ? { ...r, data } : r));
    expect(codes({ log: lie })).toEqual(['EVENT_DATA_MISMATCH']);
  });

  it('has events only where they belong (evt-type-swap)', () => {
    const swap = (records: log.EventRecord[]) => records.map((r) => (r.pcr === 12 ? { ...r, type: EV.EFI_ACTION } : r));
    expect(codes({ log: swap })).toEqual(['EVENT_TYPE_NOT_ALLOWED', 'EVENT_TYPE_NOT_ALLOWED']);
    const unknown = (records: log.EventRecord[]) =>
      records.with(0, { ...(records[0] as log.EventRecord), type: 0x8000_0099 });
    expect(codes({ log: unknown })).toEqual(['EVENT_TYPE_UNKNOWN']);
  });

  it('has one separator for each firmware PCR (evt-separator-faults)', () => {
    const twice = healthySteps().flatMap((s) => (s.pcr === 3 && s.type === EV.SEPARATOR ? [s, s] : [s]));
    expect(codes({ steps: twice })).toEqual(['SEPARATOR_FAULT']);
    const none = healthySteps().filter((s) => s.pcr !== 4 || s.type !== EV.SEPARATOR);
    expect(codes({ steps: none })).toContain('SEPARATOR_FAULT');
  });

  it('measures each Secure Boot variable once, before the separator (evt-duplicate-variable)', () => {
    const steps = [...healthySteps(), variableStep('SecureBoot', fromHex('01'))];
    expect(codes({ steps })).toEqual(['EVENT_REPEATED']);
  });

  it('with Secure Boot on shows an authority (sb-enabled-no-authority)', () => {
    const steps = healthySteps().filter((s) => s.type !== EV.EFI_VARIABLE_AUTHORITY);
    expect(codes({ steps })).toContain('SECURE_BOOT_INCONSISTENT');
  });

  it('keeps the digest of a hostile version record and says that it cannot be read (version-record-hostile)', () => {
    const record = concat(fromHex('20000000' + '01000000' + '0000000000000000' + '2000ffff'), new Uint8Array(12));
    const data = log.encodeTagged(log.ESXI_TAG.VERSION, record);
    const steps = [
      ...healthySteps().slice(0, -6),
      { pcr: 13, type: EV.EVENT_TAG, data, hashed: record },
      ...healthySteps().slice(-6),
    ];
    const { findings } = verify(without('report.json', syntheticEvidence({ steps })), {
      ...reference,
      policy: { ...reference.policy, report: 'optional' },
    });
    expect(findings.map((f) => [f.code, f.scenario])).toEqual([['EVENT_DATA_MALFORMED', 'version-record-hostile']]);
  });
});

describe('report', () => {
  it('is not judged where it is unreliable (api-log-unreliable)', () => {
    const deny = (r: { tpmLogReliable: boolean }) => {
      r.tpmLogReliable = false;
    };
    const { findings, verdict } = verify(syntheticEvidence({ report: deny }));
    expect(findings.map((f) => f.code)).toEqual(['REPORT_UNRELIABLE']);
    expect(verdict).toBe('INCONCLUSIVE');
  });

  it('has the values of the quote and the events of the log (api-soap-rest-disagree)', () => {
    expect(codes({ report: (r) => r.tpmPcrValues[13]?.digestValue.fill(1) })).toEqual(['REPORT_PCR_MISMATCH']);
    expect(codes({ report: (r) => void r.tpmEvents.splice(1, 1) })).toEqual(['REPORT_LOG_MISMATCH']);
  });

  it('names components as the log does, and its texts are what was hashed', () => {
    const rename = (r: { tpmEvents: { eventDetails: Record<string, unknown> }[] }) => {
      for (const { eventDetails } of r.tpmEvents)
        if (eventDetails.componentName === 'lsi_mr3.v00') eventDetails.componentName = 'good.v00';
    };
    expect(codes({ report: rename })).toEqual(['REPORT_DATA_MISMATCH']);
    const retell = (r: { tpmEvents: { eventDetails: Record<string, unknown> }[] }) => {
      for (const { eventDetails } of r.tpmEvents)
        if ('commandLine' in eventDetails) eventDetails.commandLine = '/b.b00';
    };
    expect(codes({ report: retell })).toEqual(['REPORT_DATA_MISMATCH']);
  });

  it('may write digest bytes as signed numbers (api-number-formats)', () => {
    const sign = (r: { tpmPcrValues: { digestValue: number[] }[] }) => {
      for (const v of r.tpmPcrValues) v.digestValue = v.digestValue.map((n) => (n > 127 ? n - 256 : n));
    };
    expect(codes({ report: sign })).toEqual([]);
    expect(codes({ report: (r) => void r.tpmPcrValues[0]?.digestValue.pop() })).toEqual(['FILE_MALFORMED']);
  });

  it('may hold an event of a class not known here, which is said (api-event-class-unknown)', () => {
    const novel = (r: { tpmEvents: { eventDetails: Record<string, unknown> }[] }) => {
      for (const { eventDetails } of r.tpmEvents)
        if (eventDetails.optionsFileName) eventDetails._typeName = 'HostTpmNewEventDetails';
    };
    const { findings, verdict } = verify(syntheticEvidence({ report: novel }));
    expect(findings.map((f) => f.code)).toEqual(['REPORT_EVENT_UNKNOWN']);
    expect(verdict).toBe('DRIFT');
  });
});

describe('reference', () => {
  it('is the same document for the same evidence, and reads back', () => {
    const again = createReference(syntheticEvidence(), { profile: 'test' });
    expect(JSON.stringify(again)).toBe(JSON.stringify(reference));
    expect(parseReference(utf8(JSON.stringify(reference)))).toEqual(reference);
  });

  it('names the path of a fault', () => {
    const bad = { ...reference, policy: { ...reference.policy, byValue: [99] } };
    expect(() => parseReference(utf8(JSON.stringify(bad)))).toThrow(/policy\.byValue\.0/);
    expect(() => parseReference(utf8('{'))).toThrow(FormatError);
    const digest = { ...reference, pcrs: { sha256: { '0': 'ab' } } };
    expect(() => parseReference(utf8(JSON.stringify(digest)))).toThrow(/pcrs\.sha256\.0/);
  });

  it('cannot be made from false evidence', () => {
    const evidence = syntheticEvidence({ log: (records) => records.slice(1) });
    expect(() => createReference(evidence, { profile: 'test' })).toThrow(/LOG_REPLAY_MISMATCH/);
    expect(hash('sha256', utf8('')).length).toBe(32);
  });

  it('that judges nothing trusts nothing (policy-empty-accepts)', () => {
    const empty = { ...reference, policy: { ...reference.policy, byValue: [], byEvents: [] } };
    const { findings, verdict } = verify(syntheticEvidence(), empty);
    expect(findings.map((f) => f.code)).toEqual(['POLICY_EMPTY']);
    expect(verdict).toBe('INCONCLUSIVE');
  });
});
