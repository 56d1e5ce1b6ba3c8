/** Options of swtpm(8) that `tpm serve` takes as they are, so that a script can start it in swtpm's place. */
import { join } from 'node:path';
import { InputError } from '../../src/bytes/errors.ts';
import type { Place } from '../tpm/servers/listen.ts';
import type { LocalityRules } from '../tpm/servers/swtpm-data.ts';
import type { OptionRow, Options } from './command.ts';
import { Parts } from './option-parts.ts';

/** The options, as the command's table lists them. */
export const SWTPM_OPTIONS: readonly OptionRow[] = [
  {
    flags: '--ctrl <where>',
    about:
      'swtpm: control channel, type=unixio,path=…[,mode=…], type=tcp,port=…[,bindaddr=…], clientfd=… or just a path',
  },
  { flags: '--server <where>', about: 'swtpm: data channel, the same (fd=…); left out, SET_DATAFD brings it (QEMU)' },
  { flags: '-p, --port <port>', about: 'swtpm: data channel on this TCP port; every answer ends the connection' },
  {
    flags: '--tpmstate <where>',
    about: 'swtpm: dir=… or backend-uri=dir://… or file://…; keeps tpm2-00.permall there',
  },
  { flags: '--tpm2', about: 'swtpm: a TPM 2.0 (there is no other)' },
  { flags: '--flags <list>', about: 'swtpm: not-need-init, startup-clear, startup-state, startup-none' },
  { flags: '-t, --terminate', about: 'swtpm: end with the data connection' },
  { flags: '-d, --daemon', about: 'swtpm: go on in the background once ready' },
  { flags: '--pid <where>', about: 'swtpm: write the process ID, file=… or fd=…' },
  { flags: '--log <where>', about: 'swtpm: messages into file=…[,truncate][,prefix=…] or fd=…; `-` drops them' },
  { flags: '--locality <list>', about: 'swtpm: reject-locality-4, allow-set-locality' },
  { flags: '--seccomp <how>', about: 'swtpm: action=none, log or kill; of no effect' },
  { flags: '--print-capabilities', about: 'swtpm: print what there is as JSON and end' },
  { flags: '--print-states', about: 'swtpm: print which state --tpmstate holds as JSON and end' },
];

/** Names of the options that make a call one in swtpm's words. */
const CHANNELS = ['ctrl', 'server', 'port'] as const;

/** What a call in swtpm's words asks for. */
export interface SwtpmCall {
  readonly data?: Place;
  readonly control?: Place;
  readonly disconnect: boolean;
  readonly terminate: boolean;
  readonly locality: LocalityRules;
  /** Commands are refused until INIT comes over the control channel. */
  readonly needInit: boolean;
  /** TPM2_Startup sent at once. */
  readonly startup: 'none' | 'clear' | 'state';
}

const MAX_PORT = 65_535;
const MAX_MODE = 0o7777;
const MAX_DESCRIPTOR = 0x7fff_ffff;

/** A channel; `disconnect` is read by the caller. `given`: the part that names a connection this process was started with. */
function place(parts: Parts, given: 'fd' | 'clientfd'): Place {
  const descriptor = parts.number(given, MAX_DESCRIPTOR);
  if (descriptor !== undefined) {
    parts.value('type');
    return { address: { descriptor } };
  }
  const type = parts.value('type') ?? (parts.on('path') ? 'unixio' : 'tcp');
  if (type === 'unixio') {
    const path = parts.value('path');
    if (path === undefined || path === '') {
      // What stands there in its place is the better thing to name.
      parts.value('mode');
      parts.done();
      throw parts.error('type=unixio needs path=…');
    }
    const mode = parts.number('mode', MAX_MODE, true);
    return { address: { path }, ...(mode === undefined ? {} : { mode }) };
  }
  if (type !== 'tcp') throw parts.error(`type=${type}: expected unixio or tcp`);
  const port = parts.number('port', MAX_PORT);
  if (port === undefined) throw parts.error('type=tcp needs port=…');
  return { address: { host: parts.value('bindaddr') ?? '127.0.0.1', port } };
}

/** The channel that an option names; undefined where the option is not given. A bare path is a Unix socket. */
function channel(options: Options, name: 'ctrl' | 'server'): { place: Place; disconnect: boolean } | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  if (!text.includes('=')) return { place: { address: { path: text } }, disconnect: false };
  const parts = new Parts(name, text);
  const found = {
    place: place(parts, name === 'ctrl' ? 'clientfd' : 'fd'),
    disconnect: name === 'server' && parts.on('disconnect'),
  };
  parts.done();
  return found;
}

/** `--port`, `--server` or nothing. */
function dataChannel(options: Options): { place: Place; disconnect: boolean } | undefined {
  const port = options.text('port');
  if (port === undefined) return channel(options, 'server');
  // swtpm takes the one and says nothing of the other.
  if (options.text('server') !== undefined) throw new InputError('--port and --server exclude each other');
  return { place: place(new Parts('port', `type=tcp,port=${port}`), 'fd'), disconnect: true };
}

function flags(options: Options): Pick<SwtpmCall, 'needInit' | 'startup'> {
  const parts = new Parts('flags', options.text('flags') ?? '');
  const startups = (['clear', 'state', 'none'] as const).filter((kind) => parts.on(`startup-${kind}`));
  const notNeedInit = parts.on('not-need-init');
  parts.done();
  const [startup = 'none'] = startups;
  if (startups.length > 1)
    throw parts.error(`${startups.map((kind) => `startup-${kind}`).join(' and ')} exclude each other`);
  return { startup, needInit: !notNeedInit && startup === 'none' };
}

/** The call in swtpm's words; undefined where no channel is given so. InputError for what cannot be done as swtpm does it. */
export function swtpmCall(options: Options): SwtpmCall | undefined {
  const locality = new Parts('locality', options.text('locality') ?? '');
  const given = CHANNELS.some((name) => options.text(name) !== undefined);
  if (!given) {
    if (options.text('flags') !== undefined || options.text('locality') !== undefined || options.on('terminate')) {
      throw new InputError('--flags, --locality and --terminate need --ctrl or --server, as with swtpm');
    }
    return undefined;
  }
  for (const name of ['listen', 'unix'] as const) {
    if (options.text(name) !== undefined) throw new InputError(`--${name} and --ctrl or --server exclude each other`);
  }
  if (options.text('protocol') === 'mssim')
    throw new InputError('--ctrl and --server speak the protocol swtpm, not mssim');
  const control = channel(options, 'ctrl')?.place;
  const data = dataChannel(options);
  const rejectLocality4 = locality.on('reject-locality-4');
  const allowSetLocality = locality.on('allow-set-locality');
  locality.done();
  return {
    ...(data === undefined ? {} : { data: data.place }),
    ...(control === undefined ? {} : { control }),
    disconnect: data?.disconnect ?? false,
    terminate: options.on('terminate'),
    locality: { rejectLocality4, allowSetLocality },
    ...flags(options),
  };
}

/** A state file. */
export interface StatePlace {
  readonly path: string;
  /** Permissions; default those of any new file. */
  readonly mode?: number;
}

/**
 * Name of the state in a folder of `--tpmstate`: that of swtpm, which others know too (swtpm_setup removes it where it makes a new
 * TPM). What is in it begins otherwise, so neither program takes the other's state for its own.
 */
const STATE_NAME = 'tpm2-00.permall';
/** Permissions swtpm gives its state. */
const STATE_MODE = 0o640;

/** `--state` or `--tpmstate`. */
export function statePlace(options: Options): StatePlace | undefined {
  const state = options.text('state');
  const text = options.text('tpmstate');
  if (text === undefined) return state === undefined ? undefined : { path: state };
  if (state !== undefined) throw new InputError('--state and --tpmstate exclude each other');
  const parts = new Parts('tpmstate', text);
  const uri = parts.value('backend-uri');
  const match = /^(dir|file):\/\/(.+)$/.exec(uri ?? `dir://${parts.value('dir') ?? ''}`);
  const [, kind, path] = match ?? [];
  if (path === undefined) throw parts.error('expected dir=FOLDER, backend-uri=dir://FOLDER or backend-uri=file://FILE');
  const mode = parts.number('mode', MAX_MODE, true) ?? STATE_MODE;
  parts.done();
  return { path: kind === 'dir' ? join(path, STATE_NAME) : path, mode };
}

/** A file or an open descriptor of `--pid` and `--log`. */
export type Target = { readonly file: string } | { readonly descriptor: number };

function target(parts: Parts): Target {
  const file = parts.value('file');
  const descriptor = parts.number('fd', MAX_DESCRIPTOR);
  if (file !== undefined) return { file };
  if (descriptor !== undefined) return { descriptor };
  throw parts.error('expected file=… or fd=…');
}

/** `--pid`. */
export function pidTarget(options: Options): Target | undefined {
  const text = options.text('pid');
  if (text === undefined) return undefined;
  const parts = new Parts('pid', text);
  const found = target(parts);
  parts.done();
  return found;
}

const SECCOMP_ACTIONS: readonly string[] = ['none', 'log', 'kill'];

/** Refuses what swtpm refuses of `--seccomp`. Node filters no system calls. */
export function checkSeccomp(options: Options): void {
  const parts = new Parts('seccomp', options.text('seccomp') ?? '');
  const action = parts.value('action');
  if (action !== undefined && !SECCOMP_ACTIONS.includes(action)) {
    throw parts.error(`action=${action}: expected ${SECCOMP_ACTIONS.join(', ')}`);
  }
  parts.done();
}

/** `--log`; `none` drops every message. The level is that of swtpm's own code and says nothing here. */
export function logTarget(
  options: Options,
): { target: Target | 'none'; truncate: boolean; prefix: string } | undefined {
  const text = options.text('log');
  if (text === undefined) return undefined;
  const parts = new Parts('log', text);
  parts.number('level', 99);
  const found = parts.value('file') === '-' || parts.on('-') ? 'none' : target(parts);
  const log = { target: found, truncate: parts.on('truncate'), prefix: parts.value('prefix') ?? '' } as const;
  parts.number('fd', MAX_DESCRIPTOR);
  parts.done();
  return log;
}
