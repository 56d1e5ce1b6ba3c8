/** Checks that the logs lead to the PCR values the TPM reports. */
import { allBytes, concat, equalBytes, toHex } from '../bytes/index.ts';
import { HASH_SIZE, hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import { ACTION, encodeAction, type LogAlgorithm } from '../eventlog/index.ts';
import { type Context, pcrValue, report } from './context.ts';

const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
/** PCRs that any software may reset or extend at any time. */
const FREE_PCRS = new Set([16, 23]);

/** The log is there and has the judged bank. */
export function checkBanks(ctx: Context) {
  const { log } = ctx.evidence;
  if (log === undefined) return;
  const where = { file: 'eventlog.bin' };
  if (log.events.length === 0) {
    return report(ctx, 'LOG_EMPTY', 'the event log is empty', { where, scenario: 'evt-empty' });
  }
  if (!log.algorithms.includes(ctx.bank)) {
    report(
      ctx,
      'LOG_BANK_MISSING',
      `the event log does not carry bank ${ctx.bank}, only ${log.algorithms.join(', ')}`,
      {
        where,
        scenario: ctx.bank === 'sha256' && log.algorithms.join() === 'sha1' ? 'bank-sha1-only' : 'bank-missing-in-log',
      },
    );
  }
  const values = FIRMWARE_PCRS.map((pcr) => pcrValue(ctx, pcr));
  if (values.every((v) => v !== undefined && allBytes(v.subarray(0, -1), 0))) {
    for (const pcr of FIRMWARE_PCRS) ctx.unproven.add(pcr);
    report(ctx, 'BANK_NOT_EXTENDED', `the firmware did not extend bank ${ctx.bank}: PCR 0 to 7 are at their start`, {
      where: { name: ctx.bank },
      scenario: 'bank-unextended',
    });
  }
}

/** PCRs of a bank whose value the evidence must explain. */
function pcrsToReplay(ctx: Context, bank: LogAlgorithm): number[] {
  const values = [...(ctx.evidence.pcrs?.get(bank)?.keys() ?? [])].sort((a, b) => a - b);
  const policy = ctx.reference?.policy;
  const wanted =
    policy === undefined
      ? (pcr: number) => !FREE_PCRS.has(pcr)
      : (pcr: number) => policy.byEvents.includes(pcr) || policy.byValue.includes(pcr);
  return values.filter((pcr) => wanted(pcr) && !ctx.unproven.has(pcr) && !reportIsSilent(ctx, pcr, bank));
}

/** Whether a PCR's events are known from the report only, and the report is absent, cut, or of another bank. */
function reportIsSilent(ctx: Context, pcr: number, bank: LogAlgorithm): boolean {
  const { report: vsphere } = ctx.evidence;
  const expected = ctx.reference?.events.some((e) => e.pcr === pcr && e.source === 'report') ?? false;
  if (!expected && !ctx.reportPcrs.has(pcr)) return false;
  return vsphere?.reliable !== true || !vsphere.pcrs.has(bank) || !vsphere.events.some((e) => e.bank === bank);
}

/** Every PCR that counts has the value its events lead to, in every bank. One finding for each PCR that has not. */
export function checkReplay(ctx: Context) {
  const { pcrs, log } = ctx.evidence;
  if (pcrs === undefined || log === undefined || log.events.length === 0) return;
  if (!log.algorithms.includes(ctx.bank)) return;
  const failed = new Map<number, LogAlgorithm[]>();
  for (const bank of pcrs.keys()) {
    const replayed = ctx.replay.banks.get(bank as HashName);
    if (replayed === undefined) continue;
    for (const pcr of pcrsToReplay(ctx, bank)) {
      const value = pcrs.get(bank)?.get(pcr);
      const mine = replayed[pcr]?.value;
      if (value === undefined || mine === undefined || equalBytes(value, mine)) continue;
      failed.set(pcr, [...(failed.get(pcr) ?? []), bank]);
    }
  }
  for (const [pcr, banks] of [...failed].sort(([a], [b]) => a - b)) {
    ctx.unproven.add(pcr);
    reportMismatch(ctx, pcr, banks);
  }
}

function reportMismatch(ctx: Context, pcr: number, banks: readonly LogAlgorithm[]) {
  const bank = banks.includes(ctx.bank) ? ctx.bank : (banks[0] ?? ctx.bank);
  const replayed = ctx.replay.banks.get(bank as HashName)?.[pcr];
  const actual = ctx.evidence.pcrs?.get(bank)?.get(pcr) ?? new Uint8Array(0);
  const detail = { where: { pcr, name: banks.join(', ') }, expected: toHex(replayed?.value ?? new Uint8Array(0)) };
  const shown = { ...detail, actual: toHex(actual) };
  if (replayed?.events === 0) {
    return report(ctx, 'PCR_WITHOUT_EVENTS', `PCR ${pcr} was extended, but no event of the evidence says with what`, {
      ...shown,
      scenario: 'pcr-absent-from-log',
    });
  }
  const cause = honestCause(ctx, pcr, bank as HashName, actual);
  if (cause === 'exit-boot-services') {
    ctx.unproven.delete(pcr);
    const message = 'the log lacks the two events of ExitBootServices, which PCR 5 holds';
    return report(ctx, 'LOG_EXIT_BOOT_SERVICES_MISSING', message, { ...shown, scenario: 'evt-ebs-missing' });
  }
  if (cause === 'drtm') {
    const message = `PCR ${pcr} fits its events only with another start value than the logs say (dynamic launch or not)`;
    return report(ctx, 'DRTM_STATE_UNCLEAR', message, { ...shown, scenario: 'drtm-init-confusion' });
  }
  const source = ctx.reportPcrs.has(pcr) ? 'events of the report' : 'event log';
  const code = ctx.reportPcrs.has(pcr) ? 'REPORT_REPLAY_MISMATCH' : 'LOG_REPLAY_MISMATCH';
  const onlyOther = banks.includes(ctx.bank) ? '' : ` in bank ${banks.join(', ')}`;
  const hint = cause === 'locality' ? ' (it would with another startup locality)' : '';
  report(ctx, code, `the ${source} does not lead to the value of PCR ${pcr}${onlyOther}${hint}`, {
    ...shown,
    scenario: cause === 'locality' ? 'evt-startup-locality' : onlyOther === '' ? 'evt-reorder' : 'bank-any-match',
  });
}

type Cause = 'exit-boot-services' | 'drtm' | 'locality' | undefined;

/** Known honest reasons for a replay to miss: each is tried by replaying with it. */
function honestCause(ctx: Context, pcr: number, bank: HashName, actual: Uint8Array): Cause {
  const digests = ctx.measurements
    .filter((m) => m.pcr === pcr)
    .map((m) => m.digests.get(bank))
    .filter((d) => d !== undefined);
  const from = (start: Uint8Array, list = digests): boolean =>
    equalBytes(
      list.reduce((value, digest) => hash(bank, concat(value, digest)), start),
      actual,
    );
  const start = (last: number): Uint8Array => {
    const bytes = new Uint8Array(HASH_SIZE[bank]);
    bytes[bytes.length - 1] = last;
    return bytes;
  };
  if (pcr === 0 && [0, 3, 4].some((locality) => from(start(locality)))) return 'locality';
  if (pcr === 5) {
    const texts = [ACTION.EXIT_BOOT_SERVICES_INVOCATION, ACTION.EXIT_BOOT_SERVICES_SUCCESS];
    if (from(start(0), [...digests, ...texts.map((text) => hash(bank, encodeAction(text)))])) {
      return 'exit-boot-services';
    }
  }
  if (pcr >= 17 && pcr <= 22 && (from(start(0)) || from(start(0).fill(0xff)))) return 'drtm';
  return undefined;
}

/** Whether the evidence shows a dynamic launch. */
export function launched(ctx: Context): boolean {
  return ctx.measurements.some((m) => m.pcr === 17 && m.source !== 'report' && m.type === 'TXT_HASH_START');
}
