/**
 * `boot.cfg` of a bootbank: the keys that mboot reads and the keys that safeboot reads, with the quirks of the original
 * parser (facts: esxi-measured-boot §2.2, §2.3). The two loaders read the same lines with their own key table each.
 */

import { fromLatin1, latin1 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';

/** Largest file read, in bytes; a real one has about 5 KiB. */
export const BOOT_CFG_MAX_SIZE = 1 << 20;
/** Most modules accepted in one list. */
export const BOOT_CFG_MAX_MODULES = 2048;

/** One element of a list value: a file and its own options. */
export interface ModuleItem {
  readonly file: string;
  /** Text after the file name, runs of spaces merged; empty where there is none. */
  readonly options: string;
}

/** What mboot takes from the file. Unset strings are undefined. */
export interface MbootConfig {
  kernel: string | undefined;
  kernelopt: string | undefined;
  modules: readonly ModuleItem[];
  title: string | undefined;
  prefix: string | undefined;
  timeout: number;
  nobootif: number;
  noquirks: number;
  norts: number;
  runtimewd: number;
  skip: number;
  crypto: string | undefined;
  acpitables: readonly ModuleItem[];
  tftpblksize: number;
  runtimewdtimeout: number;
  /** −1 hang after a fatal error, otherwise exit after that many seconds. */
  errtimeout: number;
}

/** What safeboot takes from the file. */
export interface SafebootConfig {
  build: string | undefined;
  /** Update serial number; the bank with the highest one boots. 0 where missing. */
  updated: number;
  /** See {@link BOOT_STATE}; −1 where missing. */
  bootstate: number;
  quickboot: number;
}

/** Values of `bootstate`. */
export const BOOT_STATE = { UNDEFINED: -1, VALID: 0, UPGRADING: 1, DIRTY: 2, INVALID: 3 } as const;

/** Why safeboot passes a boot bank over; undefined where it takes it. */
export function unbootable({ bootstate, quickboot, build, updated }: SafebootConfig): string | undefined {
  if (bootstate !== BOOT_STATE.VALID && bootstate !== BOOT_STATE.UPGRADING) return `bootstate is ${bootstate}`;
  if (quickboot !== 0) return `quickboot is ${quickboot}`;
  if (build === undefined) return 'build is missing';
  return updated > 0 ? undefined : `updated is ${updated}`;
}

/** Something in the file that the loader passes over; the file stays usable. */
export interface BootCfgFinding {
  readonly line: number;
  readonly code: 'no-equals-sign' | 'unknown-key' | 'abbreviated-key' | 'not-a-number' | 'empty-list-item';
  readonly text: string;
}

/** A parsed `boot.cfg`. */
export interface BootCfg {
  mboot: MbootConfig;
  safeboot: SafebootConfig;
  findings: readonly BootCfgFinding[];
}

type Kind = 'string' | 'int' | 'list';

/** mboot's keys in the order in which an abbreviation is tried (assumption: the order of the documentation). */
const MBOOT_KEYS: readonly (readonly [keyof MbootConfig, Kind])[] = [
  ['kernel', 'string'],
  ['kernelopt', 'string'],
  ['modules', 'list'],
  ['title', 'string'],
  ['prefix', 'string'],
  ['timeout', 'int'],
  ['nobootif', 'int'],
  ['noquirks', 'int'],
  ['norts', 'int'],
  ['runtimewd', 'int'],
  ['skip', 'int'],
  ['crypto', 'string'],
  ['acpitables', 'list'],
  ['tftpblksize', 'int'],
  ['runtimewdtimeout', 'int'],
  ['errtimeout', 'int'],
];

const SAFEBOOT_KEYS: readonly (readonly [keyof SafebootConfig, Kind])[] = [
  ['build', 'string'],
  ['updated', 'int'],
  ['bootstate', 'int'],
  ['quickboot', 'int'],
];

/** mboot's values before any line is read. */
export const MBOOT_DEFAULTS: Readonly<MbootConfig> = {
  kernel: undefined,
  kernelopt: undefined,
  modules: [],
  title: undefined,
  prefix: undefined,
  timeout: 5,
  nobootif: 0,
  noquirks: 0,
  norts: 0,
  runtimewd: 0,
  skip: 0,
  crypto: undefined,
  acpitables: [],
  tftpblksize: 0,
  runtimewdtimeout: 0,
  errtimeout: -1,
};

const SAFEBOOT_DEFAULTS: Readonly<SafebootConfig> = { build: undefined, updated: 0, bootstate: -1, quickboot: 0 };

/** The first key that the text before `=` is a prefix of, ignoring case (the original compares no further). */
function matchKey<K extends string>(table: readonly (readonly [K, Kind])[], text: string) {
  const wanted = text.toLowerCase();
  return wanted === '' ? undefined : table.find(([key]) => key.startsWith(wanted));
}

/** Splits a list value at every `---`. Items without a file are passed over and reported. */
export function splitModuleList(value: string, onEmpty?: () => void): ModuleItem[] {
  const items: ModuleItem[] = [];
  for (const part of value.split('---')) {
    const [file, ...rest] = part.split(/\s+/).filter((word) => word !== '');
    if (file === undefined) onEmpty?.();
    else items.push({ file, options: rest.join(' ') });
    if (items.length > BOOT_CFG_MAX_MODULES) {
      throw new InputError(`boot.cfg: more than ${BOOT_CFG_MAX_MODULES} modules`);
    }
  }
  return items;
}

/**
 * Reads a `boot.cfg`. Lines that a loader passes over become findings. Throws InputError only where the file exceeds
 * {@link BOOT_CFG_MAX_SIZE} or {@link BOOT_CFG_MAX_MODULES}.
 */
export function parseBootCfg(bytes: Uint8Array): BootCfg {
  if (bytes.length > BOOT_CFG_MAX_SIZE) throw new InputError(`boot.cfg: longer than ${BOOT_CFG_MAX_SIZE} bytes`);
  const mboot: MbootConfig = { ...MBOOT_DEFAULTS };
  const safeboot: SafebootConfig = { ...SAFEBOOT_DEFAULTS };
  const findings: BootCfgFinding[] = [];
  let number = 0;
  for (const raw of fromLatin1(bytes).split('\n')) {
    number++;
    const line = raw.replace(/\s+/g, ' ').trim();
    if (line === '' || line.startsWith('#')) continue;
    const note = (code: BootCfgFinding['code'], text: string) => findings.push({ line: number, code, text });
    const equals = line.indexOf('=');
    if (equals < 0) {
      note('no-equals-sign', line);
      continue;
    }
    const key = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    const entry = { key, value, note };
    const known = [
      assign(mboot, MBOOT_DEFAULTS, MBOOT_KEYS, entry),
      assign(safeboot, SAFEBOOT_DEFAULTS, SAFEBOOT_KEYS, entry),
    ];
    if (!known.includes(true)) note('unknown-key', key);
  }
  return { mboot, safeboot, findings };
}

interface Entry {
  readonly key: string;
  readonly value: string;
  readonly note: (code: BootCfgFinding['code'], text: string) => void;
}

/** Stores one line in `target` where its key is in `table`; tells whether it was. */
function assign<T extends MbootConfig | SafebootConfig>(
  target: T,
  defaults: Readonly<T>,
  table: readonly (readonly [keyof T & string, Kind])[],
  { key, value, note }: Entry,
): boolean {
  const row = matchKey(table, key);
  if (row === undefined) return false;
  const [name, kind] = row;
  if (name !== key.toLowerCase()) note('abbreviated-key', `${key} taken as ${name}`);
  let next: unknown = defaults[name];
  if (value === '') next = defaults[name];
  else if (kind === 'string') next = value;
  else if (kind === 'list') next = splitModuleList(value, () => note('empty-list-item', name));
  else if (isInt(value)) next = Number.parseInt(value, 10);
  else note('not-a-number', `${name}=${value}`);
  Object.assign(target, { [name]: next });
  return true;
}

/** Greatest value of a key that is a number: the loaders keep an `int`, of 32 bits. */
export const MAX_BOOT_CFG_INT = 0x7fff_ffff;

const isInt = (text: string): boolean =>
  /^[-+]?\d{1,10}$/.test(text) && Math.abs(Number.parseInt(text, 10)) <= MAX_BOOT_CFG_INT;

/** What {@link writeBootCfg} needs; keys left out are not written. */
export interface BootCfgInput extends Partial<MbootConfig>, Partial<SafebootConfig> {}

/** Order of the lines of an installed host: `bootstate` first, because safeboot rewrites it inside the first 512 bytes. */
const WRITE_ORDER: readonly (keyof BootCfgInput)[] = [
  'bootstate',
  'title',
  'timeout',
  'prefix',
  'kernel',
  'kernelopt',
  'modules',
  'acpitables',
  'crypto',
  'nobootif',
  'noquirks',
  'norts',
  'runtimewd',
  'runtimewdtimeout',
  'skip',
  'tftpblksize',
  'errtimeout',
  'build',
  'updated',
  'quickboot',
];

/** Text of a list value: `FILE [options] --- FILE …`. */
export function joinModuleList(items: readonly ModuleItem[]): string {
  return items.map(({ file, options }) => (options === '' ? file : `${file} ${options}`)).join(' --- ');
}

/** Bytes of a `boot.cfg` with one LF-terminated line per key. Line breaks in a value are a caller's mistake (InputError). */
export function writeBootCfg(config: BootCfgInput): Uint8Array {
  let out = '';
  for (const key of WRITE_ORDER) {
    const value = config[key];
    if (value === undefined) continue;
    const text = typeof value === 'object' ? joinModuleList(value) : String(value);
    if (/[\r\n]/.test(text)) throw new InputError(`boot.cfg: line break in the value of ${key}`);
    out += `${key}=${text}\n`;
  }
  return latin1(out);
}

/** Part of the file in which safeboot rewrites the boot state. */
const STATE_WINDOW = 512;

/**
 * The file with its one-digit boot state replaced as safeboot does it (in place, first 512 bytes only); undefined where
 * there is no such digit.
 */
export function withBootState(bytes: Uint8Array, state: 0 | 1 | 2 | 3): Uint8Array | undefined {
  const head = fromLatin1(bytes.subarray(0, STATE_WINDOW));
  const found = /(^|\n)[ \t]*bootstate[ \t]*=[ \t]*(?=\d)/i.exec(head);
  if (found === null) return undefined;
  const out = bytes.slice();
  out[found.index + found[0].length] = 0x30 + state;
  return out;
}

/** Full path of a module: absolute names stay, others are put under `prefix` (default: the directory of boot.cfg). */
export function resolveModulePath(file: string, prefix: string | undefined, directory = '/'): string {
  if (file.startsWith('/')) return file;
  const base = prefix ?? directory;
  return base.endsWith('/') ? `${base}${file}` : `${base}/${file}`;
}
