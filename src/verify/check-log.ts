/** Checks of the log's own soundness: what data may be believed, which events may stand where. */
import { allBytes, equalBytes } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import {
  ACTION,
  algorithmRow,
  ESXI_TAG,
  EV,
  eventType,
  eventTypeName,
  type LogEvent,
  taggedDataIsHashed,
} from '../eventlog/index.ts';
import { type Context, eventId, report } from './context.ts';
import { fromLogEvent, type MeasurementSource, SOURCE_FILE, tagOf } from './measurements.ts';

interface Placed {
  readonly event: LogEvent;
  readonly source: MeasurementSource;
}

/** Events of both logs whose PCR the log explains. */
function events(ctx: Context): Placed[] {
  const { log, txtLog } = ctx.evidence;
  const all = [
    ...(log?.events ?? []).map((event): Placed => ({ event, source: 'log' })),
    ...(txtLog?.events ?? []).map((event): Placed => ({ event, source: 'txt' })),
  ];
  return all.filter(({ event }) => event.type !== EV.NO_ACTION && !ctx.unproven.has(event.pcr));
}

const place = ({ event, source }: Placed) => ({ pcr: event.pcr, event: event.index, file: SOURCE_FILE[source] });

/** Byte strings of which one must hash to the event's digest; none where the log does not hold what was hashed. */
function coveredBytes(event: LogEvent): readonly Uint8Array[] {
  const { decoded, data } = event;
  switch (eventType(event.type)?.digest) {
    case 'data':
      // Some firmware logs a text with its NUL and hashes it without (catalogue entry `uefi-debug-or-dma`).
      if (decoded.kind === 'action' && data.at(-1) === 0) return [data, data.subarray(0, -1)];
      // An error separator may hash what the error was.
      if (decoded.kind === 'separator' && decoded.value !== 0 && decoded.value !== 0xffff_ffff) return [];
      return [data];
    case 'variable':
      return decoded.kind === 'variable' ? [data, decoded.data] : [data];
    case 'tagged':
      return decoded.kind === 'tagged' && taggedDataIsHashed(decoded.tag) === true ? [decoded.data] : [];
    case 'value':
      return data.length > 0 ? [data] : [];
    default:
      return [];
  }
}

function isCovered(event: LogEvent): boolean {
  const candidates = coveredBytes(event);
  if (candidates.length === 0) return true;
  return candidates.some((bytes) =>
    [...event.digests].every(([name, digest]) => {
      const bank = algorithmRow(name).hash;
      return bank === undefined || equalBytes(hash(bank, bytes), digest);
    }),
  );
}

/** Data is readable, and is what was hashed where the log claims to hold that: else it proves nothing. */
export function checkEventData(ctx: Context) {
  for (const placed of events(ctx)) {
    const { event, source } = placed;
    if (ctx.spoken.has(eventId({ source, index: event.index }))) continue;
    const where = place(placed);
    const type = eventTypeName(event.type);
    if (event.decoded.kind === 'invalid' && event.type !== EV.SEPARATOR) {
      ctx.spoken.add(eventId({ source, index: event.index }));
      const scenario = tagOf(event) === ESXI_TAG.VERSION ? 'version-record-hostile' : 'evt-size-bomb';
      const message = `data of ${type} event ${event.index} cannot be read: ${event.decoded.why.message}`;
      report(ctx, 'EVENT_DATA_MALFORMED', message, { where, scenario });
    } else if (!isCovered(event)) {
      ctx.spoken.add(eventId({ source, index: event.index }));
      const name = fromLogEvent(event, source)?.name ?? '';
      const scenario = name === 'SecureBoot' ? 'sb-var-data-forged' : 'evt-data-uncovered';
      const message = `data of ${type} event ${event.index} is not what its digest was made of`;
      report(ctx, 'EVENT_DATA_MISMATCH', message, { where: { ...where, name }, scenario });
    }
  }
}

const DRIVERS = [EV.EFI_BOOT_SERVICES_DRIVER, EV.EFI_RUNTIME_SERVICES_DRIVER];
const BLOBS = [EV.EFI_PLATFORM_FIRMWARE_BLOB, EV.EFI_PLATFORM_FIRMWARE_BLOB2];
const TABLES = [EV.EFI_HANDOFF_TABLES, EV.EFI_HANDOFF_TABLES2];
const ACTIONS = [EV.ACTION, EV.EFI_ACTION];
const BOOT_VARIABLES = [EV.EFI_VARIABLE_BOOT, EV.EFI_VARIABLE_BOOT2];
const [NONHOST_CODE, NONHOST_CONFIG, NONHOST_INFO] = [0x0f, 0x10, 0x11];
const [CPU_MICROCODE, TABLE_OF_DEVICES, COMPACT_HASH, IPL_PARTITION_DATA, OMIT_BOOT] = [0x09, 0x0b, 0x0c, 0x0e, 0x12];

/** Event types by PCR (PFP 3.3.4 and 10.4; ESXi's own PCRs from its measurements). A PCR without a row may hold none. */
const ALLOWED: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [0, new Set([EV.POST_CODE, EV.S_CRTM_CONTENTS, EV.S_CRTM_VERSION, EV.EFI_HCRTM_EVENT, NONHOST_CODE, ...BLOBS])],
  [
    1,
    new Set([EV.PLATFORM_CONFIG_FLAGS, CPU_MICROCODE, TABLE_OF_DEVICES, NONHOST_CONFIG, ...TABLES, ...BOOT_VARIABLES]),
  ],
  [2, new Set([EV.EFI_BOOT_SERVICES_APPLICATION, NONHOST_CODE, NONHOST_INFO, COMPACT_HASH, ...BLOBS])],
  [3, new Set([EV.PLATFORM_CONFIG_FLAGS, NONHOST_CONFIG, NONHOST_INFO])],
  [4, new Set([EV.EFI_BOOT_SERVICES_APPLICATION, EV.IPL, COMPACT_HASH, OMIT_BOOT])],
  [5, new Set([EV.EFI_GPT_EVENT, IPL_PARTITION_DATA, COMPACT_HASH, ...BOOT_VARIABLES])],
  [6, new Set([COMPACT_HASH, NONHOST_INFO])],
  [7, new Set([EV.EFI_VARIABLE_AUTHORITY])],
]);
/** Types that every firmware PCR may hold. */
const ALLOWED_FIRMWARE = new Set<number>([EV.SEPARATOR, ...ACTIONS]);
/** Types that the PCRs of code and configuration (0 to 5) may hold as well. */
const ALLOWED_CODE = new Set<number>([...DRIVERS, ...TABLES, EV.EFI_VARIABLE_DRIVER_CONFIG, EV.EVENT_TAG]);

function isAllowed(pcr: number, type: number): boolean {
  if (pcr <= 7) {
    if (ALLOWED_FIRMWARE.has(type) || ALLOWED.get(pcr)?.has(type) === true) return true;
    return pcr === 7 ? type === EV.EFI_VARIABLE_DRIVER_CONFIG : pcr <= 5 && ALLOWED_CODE.has(type);
  }
  if (pcr >= 17) return eventType(type)?.decoder === 'txt' || type === EV.EVENT_TAG;
  return type === EV.EVENT_TAG;
}

/** Every event type belongs to its PCR. A type no specification knows is new firmware; a known one elsewhere is a lie. */
export function checkEventTypes(ctx: Context) {
  for (const placed of events(ctx)) {
    const { event, source } = placed;
    if (isAllowed(event.pcr, event.type)) continue;
    ctx.spoken.add(eventId({ source, index: event.index }));
    const type = eventTypeName(event.type);
    const known = eventType(event.type) !== undefined;
    report(
      ctx,
      known ? 'EVENT_TYPE_NOT_ALLOWED' : 'EVENT_TYPE_UNKNOWN',
      known
        ? `PCR ${event.pcr} may not hold ${type} events`
        : `PCR ${event.pcr} holds an event of unknown type ${type}`,
      { where: { ...place(placed), name: type }, scenario: known ? 'evt-type-swap' : 'evt-new-firmware-type' },
    );
  }
}

/** Each of PCR 0 to 7 has exactly one separator, of 0 or all ones: it divides the firmware's events from what follows. */
export function checkSeparators(ctx: Context) {
  const { log } = ctx.evidence;
  if (log === undefined || log.events.length === 0) return;
  for (let pcr = 0; pcr <= 7; pcr++) {
    if (ctx.unproven.has(pcr)) continue;
    const separators = log.events.filter((e) => e.pcr === pcr && e.type === EV.SEPARATOR);
    const [first] = separators;
    const bad = first !== undefined && !allBytes(first.data, 0) && !allBytes(first.data, 0xff);
    const size = first?.data.length ?? 4;
    if (separators.length === 1 && !bad && size === 4) continue;
    const fault =
      separators.length !== 1
        ? `has ${separators.length} separators`
        : `has a separator of ${size} bytes${bad ? ' that reports an error' : ''}`;
    for (const { index } of separators) ctx.spoken.add(eventId({ source: 'log', index }));
    report(ctx, 'SEPARATOR_FAULT', `PCR ${pcr} ${fault}, expected one of 4 bytes`, {
      where: { pcr, file: SOURCE_FILE.log },
      scenario: 'evt-separator-faults',
    });
  }
}

/** Each Secure Boot variable stands once in PCR 7, before the separator. */
export function checkRepeatedVariables(ctx: Context) {
  const seen = new Set<string>();
  let separated = false;
  for (const placed of events(ctx)) {
    const { event, source } = placed;
    if (event.pcr !== 7) continue;
    separated ||= event.type === EV.SEPARATOR;
    if (event.type !== EV.EFI_VARIABLE_DRIVER_CONFIG || event.decoded.kind !== 'variable') continue;
    const { name, guid } = event.decoded;
    if (!separated && !seen.has(`${guid} ${name}`)) {
      seen.add(`${guid} ${name}`);
      continue;
    }
    ctx.spoken.add(eventId({ source, index: event.index }));
    report(
      ctx,
      'EVENT_REPEATED',
      `variable ${name} is measured ${separated ? 'after the separator' : 'twice'} in PCR 7`,
      {
        where: { ...place(placed), name },
        scenario: 'evt-duplicate-variable',
      },
    );
  }
}

/** Data of the variables that PCR 7 measures before its separator. */
export function secureBootVariables(ctx: Context): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const { event, source } of events(ctx)) {
    const { decoded } = event;
    if (event.pcr !== 7 || event.type !== EV.EFI_VARIABLE_DRIVER_CONFIG || decoded.kind !== 'variable') continue;
    const id = eventId({ source, index: event.index });
    if (!ctx.spoken.has(id) && !out.has(decoded.name)) out.set(decoded.name, decoded.data);
  }
  return out;
}

/** A log that says Secure Boot is on also shows keys, and the authority that let the loader start. */
export function checkSecureBootConsistent(ctx: Context) {
  const variables = secureBootVariables(ctx);
  const state = variables.get('SecureBoot');
  if (state === undefined || !equalBytes(state, new Uint8Array([1]))) return;
  const empty = ['PK', 'KEK', 'db'].filter((name) => variables.get(name)?.length === 0);
  const authorities = events(ctx).filter(({ event }) => event.type === EV.EFI_VARIABLE_AUTHORITY);
  const loaders = events(ctx).filter(({ event }) => event.type === EV.EFI_BOOT_SERVICES_APPLICATION);
  const faults = [
    ...(empty.length > 0 ? [`${empty.join(', ')} empty`] : []),
    ...(authorities.length === 0 && loaders.length > 0 ? ['no authority let the loader start'] : []),
  ];
  if (faults.length === 0) return;
  report(ctx, 'SECURE_BOOT_INCONSISTENT', `the log says Secure Boot is on, but: ${faults.join('; ')}`, {
    where: { pcr: 7, name: 'SecureBoot', file: SOURCE_FILE.log },
    scenario: 'sb-enabled-no-authority',
  });
}

/** The firmware tells of a debugger or of missing DMA protection. */
export function checkFirmwareDebug(ctx: Context) {
  for (const placed of events(ctx)) {
    const { event, source } = placed;
    if (event.pcr !== 7 || event.decoded.kind !== 'action') continue;
    const { text } = event.decoded;
    if (text !== ACTION.DEBUG_MODE && text !== ACTION.DMA_PROTECTION_DISABLED) continue;
    ctx.spoken.add(eventId({ source, index: event.index }));
    report(ctx, 'FIRMWARE_DEBUG', `the firmware reports "${text}"`, {
      where: { ...place(placed), name: text },
      scenario: 'uefi-debug-or-dma',
    });
  }
}
