/** Compares the state that sound evidence shows with the reference. */
import { equalBytes, toHex } from '../bytes/index.ts';
import { ACTION } from '../eventlog/index.ts';
import { secureBootVariables } from './check-log.ts';
import { launched } from './check-replay.ts';
import { type Change, compareEvents } from './compare.ts';
import { type Context, digestHex, eventId, pcrValue, report } from './context.ts';
import { explainChange } from './explain.ts';
import type { FindingCode } from './findings.ts';
import type { Measurement, MeasurementKind } from './measurements.ts';
import type { Reference, ReferenceEvent } from './reference.ts';

const DRTM_PCRS = [17, 18, 19, 20, 21, 22];

/** A reference that judges nothing trusts nothing (catalogue entry `policy-empty-accepts`). */
export function checkPolicy(ctx: Context, reference: Reference) {
  const { byValue, byEvents, quotedPcrs } = reference.policy;
  if (quotedPcrs.length > 0 && byValue.length + byEvents.length > 0) return;
  report(ctx, 'POLICY_EMPTY', 'the reference judges no PCR, so it cannot make a host trusted', {
    scenario: 'policy-empty-accepts',
  });
}

/** The launch is of the kind that the reference describes. PCR 17 to 22 are then explained, whatever they hold. */
export function checkLaunch(ctx: Context, reference: Reference) {
  const isLaunched = launched(ctx);
  if (reference.launch === 'txt' && !isLaunched) {
    if (ctx.evidence.txtLog === undefined && ctx.evidence.present.has('txt-eventlog.bin')) return;
    for (const pcr of DRTM_PCRS) ctx.unproven.add(pcr);
    if (stoppedInFirmware(ctx, reference)) {
      report(ctx, 'BOOT_NOT_COMPLETE', 'the boot stopped before the measured launch and before the firmware was left', {
        where: { pcr: 5, file: 'eventlog.bin' },
      });
      return;
    }
    report(ctx, 'TXT_NOT_LAUNCHED', 'no measured launch: the TXT log has no launch, PCR 17 to 22 were never reset', {
      where: { pcr: 17, file: 'txt-eventlog.bin' },
      scenario: 'txt-not-launched',
    });
  } else if (reference.launch === 'uefi' && isLaunched) {
    for (const pcr of DRTM_PCRS) ctx.unproven.add(pcr);
    report(ctx, 'REFERENCE_OTHER_LAUNCH', 'the host made a TXT launch, the reference is for a host that makes none', {
      where: { pcr: 17 },
      scenario: 'tpm12-ostype-profile',
    });
  }
}

/** Whether the bootloader never left the boot services of the firmware, as it does before a launch. */
function stoppedInFirmware(ctx: Context, reference: Reference): boolean {
  const leaves = (e: { pcr: number; name: string }): boolean =>
    e.pcr === 5 && e.name === ACTION.EXIT_BOOT_SERVICES_INVOCATION;
  return !ctx.unproven.has(5) && reference.events.some(leaves) && !ctx.measurements.some(leaves);
}

/** Whether a finding with this code was made. */
const found = (ctx: Context, code: FindingCode): boolean => ctx.findings.some((f) => f.code === code);

/** Secure Boot is on where policy wants it. */
export function checkSecureBoot(ctx: Context, reference: Reference) {
  if (reference.policy.secureBoot !== 'required') return;
  const state = secureBootVariables(ctx).get('SecureBoot');
  if (state === undefined || equalBytes(state, new Uint8Array([1]))) return;
  report(ctx, 'SECURE_BOOT_DISABLED', 'UEFI Secure Boot is off', {
    where: { pcr: 7, name: 'SecureBoot', file: 'eventlog.bin' },
    expected: '01',
    actual: toHex(state),
    scenario: 'sb-disabled',
  });
}

/** The kind of event that ends a healthy boot: "Boot Complete", or the security options on releases without it. */
function endOfBoot(reference: Reference): MeasurementKind | undefined {
  const kinds: readonly MeasurementKind[] = ['bootComplete', 'securityOption'];
  return kinds.find((kind) => reference.events.some((e) => e.kind === kind));
}

/** Events of the reference that come after everything the boot got to, file by file. */
function notReached(reference: Reference, changes: readonly Change[]): Set<ReferenceEvent> {
  const missing = new Set(changes.flatMap((c) => (c.kind === 'missing' ? [c.expected] : [])));
  const out = new Set<ReferenceEvent>();
  for (const source of ['log', 'txt', 'report']) {
    for (const event of reference.events.filter((e) => e.source === source).toReversed()) {
      if (!missing.has(event)) break;
      out.add(event);
    }
  }
  return out;
}

/** Finds out whether the boot came to its end; returns the expected events that were then never reached. */
function checkBootComplete(ctx: Context, reference: Reference, changes: readonly Change[]): Set<ReferenceEvent> {
  const end = endOfBoot(reference);
  const last = reference.events.filter((e) => e.kind === end).at(-1);
  const unreadable = last === undefined || ctx.unproven.has(last.pcr) || isReportMissing(ctx, last);
  if (unreadable || ctx.measurements.some((m) => m.kind === end)) {
    const stopped = found(ctx, 'TXT_NOT_LAUNCHED') || found(ctx, 'BOOT_NOT_COMPLETE');
    return stopped ? notReached(reference, changes) : new Set();
  }
  const after = notReached(reference, changes);
  const altered = changes.flatMap((c) => (c.kind === 'changed' && c.expected.kind === 'module' ? [c.actual.name] : []));
  const seen = altered.length === 0 ? '' : `; altered before the stop: ${altered.join(', ')}`;
  const message = `the boot did not come to its end: ${after.size} expected measurements were never made${seen}`;
  report(ctx, 'BOOT_NOT_COMPLETE', message, { where: { pcr: last.pcr } });
  return after;
}

function isReportMissing(ctx: Context, event: ReferenceEvent): boolean {
  return event.source === 'report' && ctx.evidence.report?.reliable !== true;
}

/** Differences that Secure Boot being off implies and that are no findings of their own. */
function followsFromSecureBoot(change: Change): boolean {
  if (change.kind === 'order') return false;
  const event = change.kind === 'added' ? change.actual : change.expected;
  return (
    event.type === 'EV_EFI_VARIABLE_AUTHORITY' || event.name === 'SecureBoot' || event.name === 'uefiSecureBootEnabled'
  );
}

/** Every event of the judged PCRs is the expected one. One finding for each component, option or variable that is not. */
export function checkEvents(ctx: Context, reference: Reference) {
  const { byEvents } = reference.policy;
  const judged = (e: { pcr: number }): boolean => byEvents.includes(e.pcr) && !ctx.unproven.has(e.pcr);
  const { log, txtLog, report: vsphere } = ctx.evidence;
  const readable = {
    log: log !== undefined && log.events.length > 0 && log.algorithms.includes(ctx.bank),
    txt: txtLog !== undefined,
    report: vsphere?.reliable === true,
  };
  const expected = reference.events.filter((e) => judged(e) && readable[e.source]);
  const actual = ctx.measurements.filter((m) => judged(m) && readable[m.source]);
  const changes = compareEvents(expected, actual, ctx.bank).filter((c) => !isSpoken(ctx, c));
  const after = checkBootComplete(ctx, { ...reference, events: expected }, changes);
  const secureBootOff = found(ctx, 'SECURE_BOOT_DISABLED');
  const own = changes.filter(
    (c) => !(c.kind === 'missing' && after.has(c.expected)) && !(secureBootOff && followsFromSecureBoot(c)),
  );
  for (const change of foldSameCause(own, ctx)) {
    const explained = explainChange(ctx, change);
    if (explained !== undefined) ctx.findings.push(explained);
  }
  checkDatabase(ctx, expected, actual, own);
}

/** The archive that lists what is installed (facts: esxi-measured-boot §2.3). */
const IMAGE_DATABASE = 'imgdb.tgz';

/**
 * A package that is removed leaves the image database. Where that was measured as the reference has it, modules of its packages
 * that were not measured are installed and were kept from being loaded.
 */
function checkDatabase(
  ctx: Context,
  expected: readonly ReferenceEvent[],
  actual: readonly Measurement[],
  changes: readonly Change[],
) {
  const database = expected.find(({ kind, name }) => kind === 'module' && name === IMAGE_DATABASE);
  const same = ({ pcr, kind, name }: Measurement): boolean =>
    kind === 'module' && name === IMAGE_DATABASE && pcr === database?.pcr;
  const measured = actual.find(same);
  const digest = database?.digests[ctx.bank];
  if (measured === undefined || digest === undefined || digestHex(ctx, measured) !== digest) return;
  const unique = ctx.reference?.policy.hostUnique.components ?? [];
  const names = changes.flatMap((change) => {
    if (change.kind !== 'missing' || change.expected.kind !== 'module' || change.expected.vib === undefined) return [];
    return unique.includes(change.expected.name) ? [] : [change.expected.name];
  });
  if (names.length === 0) return;
  const message = `${IMAGE_DATABASE} is the expected one and lists what was not measured: ${names.join(', ')}`;
  report(ctx, 'IMAGE_DATABASE_CONTRADICTED', message, { where: { pcr: measured.pcr, name: IMAGE_DATABASE } });
}

/** Texts that the log may lack by a known workaround; the finding about that is enough. */
const EXIT_BOOT_SERVICES: readonly string[] = [ACTION.EXIT_BOOT_SERVICES_INVOCATION, ACTION.EXIT_BOOT_SERVICES_SUCCESS];

/** Whether an earlier finding is about the event of this change: the same event, or one that stands in its place. */
function isSpoken(ctx: Context, change: Change): boolean {
  if (change.kind === 'order') return false;
  if (change.kind !== 'missing') return ctx.spoken.has(eventId(change.actual));
  const { pcr, kind, name, digests } = change.expected;
  if (pcr === 5 && EXIT_BOOT_SERVICES.includes(name) && found(ctx, 'LOG_EXIT_BOOT_SERVICES_MISSING')) return true;
  const standsFor = (m: Measurement): boolean =>
    digestHex(ctx, m) === digests[ctx.bank] || (m.kind === kind && (m.name === name || m.name === ''));
  return ctx.measurements.some((m) => m.pcr === pcr && ctx.spoken.has(eventId(m)) && standsFor(m));
}

/**
 * One cause, one finding: the version record of a component that changed says nothing more, and a security option set on
 * the command line shows twice.
 */
function foldSameCause(changes: readonly Change[], ctx: Context): Change[] {
  const changedModules = new Set(
    changes.flatMap((c) => (c.kind === 'changed' && c.expected.kind === 'module' ? [stem(c.actual.name)] : [])),
  );
  const options = new Set(
    changes.flatMap((c) => (c.kind === 'changed' && c.expected.kind === 'securityOption' ? [c.expected.name] : [])),
  );
  return changes.filter((c) => {
    if (c.kind !== 'changed') return true;
    if (c.expected.kind === 'version') return !changedModules.has(stem(c.expected.name));
    return c.expected.kind !== 'commandLine' || !saysOnly(c.expected, c.actual, options, ctx);
  });
}

const stem = (name: string): string => name.replace(/\.[^.]*$/, '');

function saysOnly(expected: ReferenceEvent, actual: Measurement, options: ReadonlySet<string>, ctx: Context): boolean {
  if (options.size === 0 || ctx.spoken.has(eventId(actual))) return false;
  const words = (text: string | undefined) => new Set((text ?? '').split(/ +/));
  const [before, after] = [words(expected.text), words(actual.text)];
  const different = [...[...before].filter((w) => !after.has(w)), ...[...after].filter((w) => !before.has(w))];
  return different.length > 0 && different.every((word) => options.has(word.split('=', 1)[0] ?? word));
}

/** PCRs judged by value, where no event explains a difference already. */
export function checkValues(ctx: Context, reference: Reference) {
  const values = reference.pcrs[ctx.bank] ?? {};
  const explained = new Set(ctx.findings.map((f) => f.where.pcr));
  for (const pcr of reference.policy.byValue) {
    const expected = values[String(pcr)];
    const actual = pcrValue(ctx, pcr);
    if (ctx.unproven.has(pcr) || explained.has(pcr)) continue;
    if (expected === undefined || actual === undefined || expected === toHex(actual)) continue;
    report(ctx, 'PCR_VALUE_MISMATCH', `PCR ${pcr} has another value than expected, and no event explains it`, {
      where: { pcr, name: ctx.bank },
      expected,
      actual: toHex(actual),
    });
  }
}
