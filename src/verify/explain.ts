/** Turns differences from the reference into findings: one for each thing that changed, in the words of what it is. */
import { toHex, tryFromHex } from '../bytes/index.ts';
import { quoteText } from '../eventlog/index.ts';
import { parseSignatureDatabase } from '../uefi/signature-list.ts';
import { compareCommandLines, describeOptionChange } from './command-line.ts';
import type { Change } from './compare.ts';
import { type Context, digestHex } from './context.ts';
import { type Finding, type FindingCode, finding, limit } from './findings.ts';
import { type Measurement, type MeasurementKind, SOURCE_FILE, type VibIdentity } from './measurements.ts';
import type { ReferenceEvent } from './reference.ts';

type AnyEvent = ReferenceEvent | Measurement;

const place = (event: AnyEvent) => ({
  pcr: event.pcr,
  name: event.name,
  file: SOURCE_FILE[event.source],
  ...('index' in event ? { event: event.index } : {}),
});

const vibText = (vib: VibIdentity | undefined): string =>
  vib === undefined ? '' : ` (VIB ${quoteText(`${vib.name} ${vib.version}`)}, vendor ${quoteText(vib.vendor)})`;

/** Code and scenario of a changed event by kind; firmware and TXT events are told apart further down. */
const CHANGED: Readonly<Partial<Record<MeasurementKind, { code: FindingCode; what: string; scenario?: string }>>> = {
  module: { code: 'COMPONENT_DIGEST_MISMATCH', what: 'component', scenario: 'vib-payload-swap' },
  bootOptions: { code: 'BOOT_OPTIONS_MISMATCH', what: 'boot options file', scenario: 'state-archive-persistence' },
  assetTag: { code: 'ASSET_TAG_MISMATCH', what: 'asset tag' },
  signer: { code: 'SIGNER_MISMATCH', what: 'module signer certificate', scenario: 'signer-unexpected-key' },
  version: { code: 'VERSION_MISMATCH', what: 'version record of', scenario: 'vib-signed-but-old' },
  systemVersion: { code: 'VERSION_MISMATCH', what: 'system version', scenario: 'vib-signed-but-old' },
  preboot: { code: 'TXT_EVENT_MISMATCH', what: 'launch event', scenario: 'sinit-revoked' },
  tagged: { code: 'FIRMWARE_EVENT_MISMATCH', what: 'tagged event', scenario: 'evt-new-firmware-type' },
  unknown: { code: 'FIRMWARE_EVENT_MISMATCH', what: 'event', scenario: 'api-event-class-unknown' },
};

/** Scenario of a TXT event that differs. */
const TXT_SCENARIO: Readonly<Record<string, string>> = {
  TXT_HASH_START: 'sinit-revoked',
  TXT_SINIT_PUBKEY_HASH: 'sinit-revoked',
  TXT_LCP_CONTROL_HASH: 'lcp-any',
  TXT_LCP_DETAILS_HASH: 'lcp-any',
  TXT_LCP_AUTHORITIES_HASH: 'lcp-any',
  TXT_STM_HASH: 'smm-unmeasured',
};

/** Scenario of a firmware event that differs, is missing or was added. */
const FIRMWARE_SCENARIO: Readonly<Record<string, string>> = {
  EV_EFI_BOOT_SERVICES_APPLICATION: 'preos-app-extra',
  EV_EFI_BOOT_SERVICES_DRIVER: 'option-rom-added',
  EV_EFI_RUNTIME_SERVICES_DRIVER: 'option-rom-added',
  EV_EFI_VARIABLE_AUTHORITY: 'db-foreign-key',
};

const firmwareScenario = (event: AnyEvent): string =>
  FIRMWARE_SCENARIO[event.type] ?? (event.pcr === 1 ? 'pcr-volatile' : 'evt-new-firmware-type');

/** A finding for a change; undefined where policy says that the item may differ (a limit names it then). */
export function explainChange(ctx: Context, change: Change): Finding | undefined {
  if (isHostUnique(ctx, change)) return undefined;
  switch (change.kind) {
    case 'changed':
      return explainChanged(ctx, change.expected, change.actual);
    case 'renamed':
      return finding(
        'COMPONENT_NAME_MISMATCH',
        `${change.expected.kind} ${quoteText(change.expected.name)} is now named ${quoteText(change.actual.name)}`,
        {
          where: place(change.actual),
          expected: change.expected.name,
          actual: change.actual.name,
          scenario: 'evt-data-uncovered',
        },
      );
    case 'moved': {
      const message = `${quoteText(change.actual.name)} was measured into PCR ${change.actual.pcr} instead of ${change.expected.pcr}`;
      return finding('COMPONENT_MOVED', message, { where: place(change.actual), scenario: 'module-name-steers-pcr' });
    }
    case 'missing':
      return explainMissing(change.expected);
    case 'added':
      return explainAdded(ctx, change.actual, change.repeated);
    case 'order':
      return finding('EVENT_ORDER', `PCR ${change.pcr} holds the expected events in another order`, {
        where: { pcr: change.pcr },
        scenario: 'vib-load-order',
      });
  }
}

/** Whether policy lets the item differ; if so the limits name it. */
function isHostUnique(ctx: Context, change: Change): boolean {
  if (change.kind === 'order') return false;
  const event = change.kind === 'added' ? change.actual : change.expected;
  const unique = ctx.reference?.policy.hostUnique.components.includes(event.name) ?? false;
  if (unique) ctx.limits.push(limit('POLICY_EXCLUSION', place(event), quoteText(event.name)));
  return unique;
}

function explainChanged(ctx: Context, expected: ReferenceEvent, actual: Measurement): Finding | undefined {
  const digests = { expected: expected.digests[ctx.bank], actual: digestHex(ctx, actual) };
  const detail = { where: place(actual), ...digests };
  switch (expected.kind) {
    case 'commandLine':
      return explainCommandLine(ctx, expected, actual);
    case 'securityOption':
      return finding(
        'BOOT_SECURITY_OPTION_MISMATCH',
        `boot security option ${quoteText(actual.text ?? '')}, expected ${quoteText(expected.text ?? '')}`,
        {
          where: place(actual),
          expected: expected.text,
          actual: actual.text,
          scenario: expected.name === 'execInstalledOnly' ? 'exec-installed-only-off' : 'sb-disabled',
        },
      );
    case 'firmware':
      return explainFirmware(expected, actual, digests);
    case 'txt': {
      if (expected.type === 'TXT_MLE_HASH') {
        const message = 'component "b" (the measured launch environment) has another digest than expected';
        return finding('COMPONENT_DIGEST_MISMATCH', message, {
          ...detail,
          where: { ...place(actual), name: 'b' },
          scenario: 'vib-payload-swap',
        });
      }
      const values = expected.text === undefined ? '' : `: ${actual.text ?? '?'}, expected ${expected.text}`;
      return finding('TXT_EVENT_MISMATCH', `launch measurement ${expected.type} differs${values}`, {
        ...detail,
        where: { ...place(actual), name: expected.type },
        scenario: TXT_SCENARIO[expected.type],
      });
    }
    default: {
      const { code, what, scenario } = CHANGED[expected.kind] ?? { code: 'FIRMWARE_EVENT_MISMATCH', what: 'event' };
      const other = expected.vib && actual.vib && expected.vib.version !== actual.vib.version;
      const subject = `${what} ${expected.name === '' ? '' : quoteText(expected.name)}`.trim();
      const message = `${subject}${vibText(actual.vib ?? expected.vib)} has another digest than expected`;
      return finding(code, other ? `${message} of ${vibText(expected.vib).trim()}` : message, {
        ...detail,
        scenario: other ? 'vib-signed-but-old' : scenario,
      });
    }
  }
}

function explainCommandLine(ctx: Context, expected: ReferenceEvent, actual: Measurement): Finding | undefined {
  const unique = ctx.reference?.policy.hostUnique.options ?? [];
  const changes = compareCommandLines(expected.text ?? '', actual.text ?? '');
  const judged = changes.filter((change) => !unique.includes(change.key));
  if (changes.length > 0 && judged.length === 0) {
    const names = changes.map((change) => change.key).join(', ');
    ctx.limits.push(limit('POLICY_EXCLUSION', place(actual), `command line option ${quoteText(names)}`));
    return undefined;
  }
  const words = judged.map(describeOptionChange).join('; ') || 'same options, other order or spacing';
  return finding('COMMAND_LINE_MISMATCH', `kernel command line differs: ${words}`, {
    where: { ...place(actual), name: judged.map((change) => change.key).join(', ') },
    expected: expected.text,
    actual: actual.text,
    scenario: 'cmdline-tamper',
  });
}

/** Entries of a signature database as texts; undefined where it cannot be read. */
function entries(data: Uint8Array | undefined): Set<string> | undefined {
  if (data === undefined) return undefined;
  try {
    return new Set(parseSignatureDatabase(data).map((entry) => `${entry.type} ${toHex(entry.raw)}`));
  } catch {
    return undefined;
  }
}

const VARIABLE_SCENARIO: Readonly<Record<string, { added: string; other: string }>> = {
  dbx: { added: 'uefi-ca-rotation', other: 'dbx-rollback' },
  db: { added: 'uefi-ca-rotation', other: 'db-foreign-key' },
  KEK: { added: 'uefi-ca-rotation', other: 'db-foreign-key' },
  PK: { added: 'pk-test-key', other: 'pk-test-key' },
};

type Digests = { readonly expected: string | undefined; readonly actual: string | undefined };

function explainFirmware(expected: ReferenceEvent, actual: Measurement, digests: Digests): Finding {
  const where = place(actual);
  const scenarios = VARIABLE_SCENARIO[expected.name];
  if (expected.pcr === 7 && scenarios !== undefined) {
    const before = entries(expected.variable === undefined ? undefined : tryFromHex(expected.variable));
    const after = entries(actual.variable);
    const removed = before === undefined ? 0 : [...before].filter((e) => after?.has(e) !== true).length;
    const added = after === undefined ? 0 : [...after].filter((e) => before?.has(e) !== true).length;
    // More revocations make a host stricter; more authorities let more software start, so they are not harmless.
    const harmless = before !== undefined && after !== undefined && removed === 0 && expected.name === 'dbx';
    return finding(
      harmless ? 'FIRMWARE_VARIABLE_ADDED_ENTRIES' : 'FIRMWARE_VARIABLE_MISMATCH',
      `Secure Boot variable ${expected.name}: ${removed} entries removed, ${added} added`,
      { where, ...digests, scenario: harmless ? scenarios.added : scenarios.other },
    );
  }
  if (expected.type === 'EV_EFI_BOOT_SERVICES_APPLICATION') {
    const message = `boot application ${quoteText(actual.name)} has another digest than expected`;
    return finding('BOOT_APPLICATION_MISMATCH', message, { where, ...digests, scenario: 'vulnerable-signed-loader' });
  }
  const code = expected.pcr === 7 ? 'FIRMWARE_VARIABLE_MISMATCH' : 'FIRMWARE_EVENT_MISMATCH';
  const subject = `${expected.type} ${expected.name === '' ? '' : quoteText(expected.name)}`.trim();
  const message = `firmware measurement ${subject} in PCR ${expected.pcr} differs`;
  return finding(code, message, { where, ...digests, scenario: firmwareScenario(actual) });
}

function explainMissing(expected: ReferenceEvent): Finding {
  const where = place(expected);
  const name = quoteText(expected.name);
  switch (expected.kind) {
    case 'module':
      return finding('COMPONENT_MISSING', `component ${name}${vibText(expected.vib)} was not measured`, {
        where,
        scenario: 'vib-set-drift',
      });
    case 'commandLine':
      return finding('COMMAND_LINE_MISSING', 'the kernel command line was not measured, so options are unknown', {
        where,
        scenario: 'cmdline-event-missing',
      });
    case 'signer':
      return finding('SIGNER_MISMATCH', 'an expected module signer was not measured', {
        where,
        scenario: 'module-unsigned-zero',
      });
    case 'securityOption':
      return finding('BOOT_SECURITY_OPTION_MISMATCH', `boot security option ${name} was not measured`, {
        where,
        expected: expected.text,
        scenario: 'exec-installed-only-off',
      });
    case 'txt':
      return finding('TXT_EVENT_MISMATCH', `launch measurement ${expected.type} is missing`, {
        where: { ...where, name: expected.type },
        scenario: TXT_SCENARIO[expected.type],
      });
    case 'firmware': {
      const code = expected.pcr === 7 ? 'FIRMWARE_VARIABLE_MISMATCH' : 'FIRMWARE_EVENT_MISMATCH';
      return finding(code, `firmware measurement ${expected.type} ${name} of PCR ${expected.pcr} is missing`, {
        where,
        scenario: firmwareScenario(expected),
      });
    }
    default: {
      const { code, what } = CHANGED[expected.kind] ?? { code: 'FIRMWARE_EVENT_MISMATCH', what: expected.kind };
      return finding(code, `${what} ${name} was not measured`, { where });
    }
  }
}

function explainAdded(ctx: Context, actual: Measurement, repeated: boolean): Finding {
  const where = place(actual);
  const detail = { where, actual: digestHex(ctx, actual) };
  const name = quoteText(actual.name);
  switch (actual.kind) {
    case 'module':
      if (repeated) {
        const message = `component ${name} was measured more often than expected`;
        return finding('COMPONENT_REPEATED', message, { ...detail, scenario: 'module-duplicate-name' });
      }
      return actual.vib === undefined
        ? finding('COMPONENT_UNEXPECTED', `component ${name} belongs to no VIB and is not expected`, {
            ...detail,
            scenario: 'vib-unlisted-tardisk',
          })
        : finding('COMPONENT_ADDED', `component ${name}${vibText(actual.vib)} is not in the reference`, {
            ...detail,
            scenario: 'vib-set-drift',
          });
    case 'commandLine':
      return finding('COMMAND_LINE_MISMATCH', `a further command line was measured: ${quoteText(actual.text ?? '')}`, {
        where,
        actual: actual.text,
        scenario: 'cmdline-tamper',
      });
    case 'securityOption':
      return finding(
        'BOOT_SECURITY_OPTION_MISMATCH',
        `unexpected boot security option ${quoteText(actual.text ?? '')}`,
        {
          where,
          actual: actual.text,
        },
      );
    case 'txt':
      return finding('TXT_EVENT_MISMATCH', `unexpected launch measurement ${actual.type}`, {
        ...detail,
        where: { ...where, name: actual.type },
        scenario: TXT_SCENARIO[actual.type],
      });
    case 'firmware': {
      const code = actual.pcr === 7 ? 'FIRMWARE_VARIABLE_MISMATCH' : 'FIRMWARE_EVENT_MISMATCH';
      const message = `unexpected firmware measurement ${actual.type} ${name} in PCR ${actual.pcr}`;
      return finding(code, message, { ...detail, scenario: firmwareScenario(actual) });
    }
    default: {
      const { code, what, scenario } = CHANGED[actual.kind] ?? { code: 'FIRMWARE_EVENT_MISMATCH', what: actual.kind };
      return finding(code, `unexpected ${what} ${name}`.trim(), { ...detail, scenario });
    }
  }
}
