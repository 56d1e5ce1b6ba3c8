/** Every command of the CLI, as data. Implementations load only when called, so `--help` and errors stay fast. */
import type { CommandRow, OptionRow } from './command.ts';
import { LIMIT_OPTIONS } from './limits.ts';
import { PACKAGE_COMMANDS } from './package-commands.ts';
import { SWTPM_OPTIONS } from './swtpm-options.ts';

/** What each group of commands is for. */
export const GROUPS: Readonly<Record<string, string>> = {
  vib: 'read, check, make and sign VIB files',
  image: 'make and inspect boot banks, offline bundles and installer discs',
  log: 'read TCG event logs',
  tpm: 'the TPM on its own: serve it, read its command log',
  faults: 'the catalogue of what can be made to go wrong',
};

const PROFILE: OptionRow = { flags: '--profile <name>', about: 'profile the host starts from (default esxi-8.0-uefi)' };
const SPEC: OptionRow = { flags: '--spec <file>', about: 'host spec (JSON or YAML) over the profile' };
const SEED: OptionRow = { flags: '--seed <n>', about: 'seed of all randomness, or "random"' };
const IMAGE: OptionRow = {
  flags: '--image <path>',
  about: '.vib file, folder of them, bundle.zip#PROFILE, installer .iso, or boot bank folder (repeatable)',
  repeatable: true,
};
const FAULT: OptionRow = {
  flags: '--fault <id>',
  about: 'inject a fault (repeatable); see `esxsim faults list`',
  repeatable: true,
};

/** The table. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'boot',
    about: 'Power on a simulated host; show its boot, PCRs, report and a verdict. Exit 1 when the boot is refused.',
    options: [
      PROFILE,
      SPEC,
      IMAGE,
      SEED,
      {
        flags: '--tpm <where>',
        about: 'embedded, swtpm:HOST:PORT, swtpm:unix:PATH, mssim:HOST:PORT or device:/dev/tpmrm0',
        default: 'embedded',
      },
      FAULT,
      { flags: '--nonce <hex>', about: 'qualifying data of the quote (default: 32 bytes from the seed)' },
      { flags: '--out <dir>', about: 'write the evidence into this folder' },
      { flags: '--trace <file>', about: "write the TPM's command log (show it with `tpm trace`)" },
    ],
    examples: ['boot', 'boot --profile esxi-6.7-txt --out evidence', 'boot --fault cmdline-tamper --json'],
    load: () => import('./boot.ts'),
  },
  {
    name: 'predict',
    about: 'Write the reference values a healthy host with this image will show (by booting it)',
    options: [PROFILE, SPEC, IMAGE, { flags: '--out <file>', about: 'reference file to write (default: stdout)' }],
    examples: ['predict --out ref.json', 'predict --image vibs/ --profile esxi-8.0-uefi --out ref.json'],
    load: () => import('./predict.ts'),
  },
  {
    name: 'verify',
    about: 'Appraise evidence against reference values. Exit 1 unless trusted.',
    args: [{ name: '<evidence>', about: 'folder written by `boot --out`' }],
    options: [
      { flags: '--reference <file>', about: 'reference file written by `predict`' },
      { flags: '--nonce <hex>', about: 'the nonce that the quote must carry' },
      { flags: '--time <iso>', about: 'time at which certificates must be valid (dates are not judged without it)' },
    ],
    examples: ['verify --reference ref.json evidence', 'verify --reference ref.json evidence --nonce 0102'],
    load: () => import('./verify.ts'),
  },
  {
    name: 'serve',
    about: 'Serve the vSphere API of simulated hosts. Prints `ready URL` when it accepts connections.',
    options: [
      PROFILE,
      SPEC,
      IMAGE,
      { flags: '--hosts <n>', about: 'number of hosts', default: '1' },
      SEED,
      { flags: '--fault <[host=]id>', about: 'inject a fault into all hosts or one (repeatable)', repeatable: true },
      { flags: '--listen <host:port>', about: 'address to listen on', default: '127.0.0.1:8989' },
      { flags: '--no-tls', about: 'plain http' },
      { flags: '--ca-out <file>', about: 'write the CA certificate of this run (PEM), for clients that check it' },
      { flags: '--tpm-listen <host:port>', about: 'serve the TPM of the first host here (control port: the next)' },
      { flags: '--tpm-protocol <name>', about: 'protocol of that TPM: swtpm or mssim', default: 'swtpm' },
      { flags: '--user <name>', about: 'user who may log in', default: 'administrator@vsphere.local' },
      { flags: '--password <text>', about: 'password of that user', default: 'esxsim' },
    ],
    examples: ['serve', 'serve --hosts 3 --fault esx02.example.test=cmdline-tamper --listen 127.0.0.1:0 --no-tls'],
    load: () => import('./serve.ts'),
  },
  {
    name: 'tpm serve',
    about:
      'Serve a TPM 2.0 in place of swtpm or the Microsoft simulator. Prints `ready HOST:PORT` when it accepts commands.',
    args: [{ name: '[interface]', about: 'the word `socket` of a call of swtpm' }],
    options: [
      { flags: '--listen <host:port>', about: 'data port; the control port is the next (default 127.0.0.1:2321)' },
      { flags: '--unix <path>', about: 'Unix socket instead of TCP; the control socket is <path>.ctrl' },
      { flags: '--protocol <name>', about: 'swtpm or mssim', default: 'swtpm' },
      { flags: '--state <file>', about: 'keep the permanent state in this file' },
      { flags: '--spec <file>', about: 'make the TPM of this host spec: manufacturer, firmware, EKs, seed ...' },
      { flags: '--profile <name>', about: 'profile whose TPM to make' },
      { flags: '--seed <n>', about: 'seed of all secrets and random numbers, or "random" (default 0, or of the spec)' },
      { flags: '--banks <list>', about: 'PCR banks (default sha1,sha256,sha384,sha512, or of the spec)' },
      {
        flags: '--extra-algorithm <name>',
        about: 'key size that swtpm 0.7.1 has not: aes192, rsa4096 (repeatable; beside those of the spec)',
        repeatable: true,
      },
      { flags: '--no-ek-certificates', about: 'leave out the NV indices of a manufacturer, as a bare swtpm does' },
      { flags: '--startup <kind>', about: 'clear: send TPM2_Startup(CLEAR) first; none', default: 'none' },
      {
        flags: '--clock <kind>',
        about: 'real, or still: time does not pass, so that runs repeat exactly',
        default: 'real',
      },
      { flags: '--trace <file>', about: 'log every command and response, in a new file (read it with `tpm trace`)' },
      ...SWTPM_OPTIONS,
    ],
    examples: [
      'tpm serve',
      'tpm serve --protocol mssim --state tpm.state --seed 7',
      'tpm serve --spec evidence/host.json',
      'tpm serve --unix /tmp/tpm.sock --startup clear --trace tpm.trace',
      'tpm serve socket --tpm2 --ctrl type=unixio,path=/tmp/vtpm.sock --tpmstate dir=/tmp/vtpm',
    ],
    load: () => import('./tpm-serve.ts'),
  },
  {
    name: 'tpm trace',
    about: 'Show TPM commands with names and fields: of a log written by `tpm serve --trace`, or live as a proxy',
    args: [{ name: '[file]', about: 'command log' }],
    options: [
      { flags: '--to <where>', about: 'watch this server instead: swtpm:HOST:PORT or mssim:HOST:PORT' },
      { flags: '--listen <host:port>', about: 'where clients of the proxy connect', default: '127.0.0.1:2421' },
    ],
    examples: ['tpm trace tpm.trace --json', 'tpm trace --listen 127.0.0.1:2421 --to swtpm:127.0.0.1:2321'],
    load: () => import('./tpm-trace.ts'),
  },
  {
    name: 'vib inspect',
    about: 'Show what a VIB says of itself and what is in it. Exit 1 where one of a bundle cannot be read.',
    args: [{ name: '<paths...>', about: '.vib files, folders of them, offline bundles' }],
    examples: ['vib inspect vib-samples/esxi-8.0/*.vib'],
    load: () => import('./vib-inspect.ts'),
  },
  {
    name: 'vib list',
    about: 'List the files in the payloads of a VIB',
    args: [{ name: '<paths...>', about: '.vib files, folders of them, offline bundles' }],
    options: LIMIT_OPTIONS,
    examples: ['vib list some.vib', 'vib list bundle.zip'],
    load: () => import('./vib-list.ts'),
  },
  {
    name: 'vib verify',
    about: 'Check signature, acceptance level and payload checksums. Exit 1 where one is bad.',
    args: [{ name: '<paths...>', about: '.vib files, folders of them, offline bundles' }],
    options: [
      {
        flags: '--root <pem>',
        about: 'trusted root certificates (default: the test PKI of the samples)',
        repeatable: true,
      },
      { flags: '--level <level>', about: 'acceptance level of the host', default: 'PartnerSupported' },
      { flags: '--time <iso>', about: 'time at which certificates must be valid', default: '2026-01-01T00:00:00Z' },
      { flags: '--revoked <file>', about: 'revocation list: SHA-256 fingerprints or serial numbers, one per line' },
      ...LIMIT_OPTIONS,
    ],
    examples: [
      'vib verify some.vib',
      'vib verify bundle.zip',
      'vib verify --revoked revoked.txt some.vib',
      'vib verify --root my-root.pem --level CommunitySupported some.vib',
    ],
    load: () => import('./vib-verify.ts'),
  },
  ...PACKAGE_COMMANDS,
  {
    name: 'log print',
    about: 'Print a TCG event log',
    args: [{ name: '<file>', about: 'binary log' }],
    examples: ['log print evidence/eventlog.bin'],
    load: () => import('./log-print.ts'),
  },
  {
    name: 'log replay',
    about: 'Compute the PCR values a log leads to; with --pcrs exit 1 where they differ from the given ones',
    args: [{ name: '<files...>', about: 'binary logs; several (firmware and TXT) are replayed one after the other' }],
    options: [{ flags: '--pcrs <file>', about: 'pcrs.json to compare with' }],
    examples: ['log replay evidence/eventlog.bin --pcrs evidence/pcrs.json'],
    load: () => import('./log-replay.ts'),
  },
  {
    name: 'faults list',
    about: 'List the faults that can be injected',
    examples: ['faults list', 'faults list --json'],
    load: () => import('./faults-list.ts'),
  },
  {
    name: 'faults show',
    about: 'Explain one fault: what it changes, what the evidence shows, what a good verifier says',
    args: [{ name: '<id>', about: 'fault id' }],
    examples: ['faults show cmdline-tamper'],
    load: () => import('./faults-show.ts'),
  },
  {
    name: 'aslr',
    about: 'Boot repeatedly and show how the memory layout varies',
    options: [PROFILE, SPEC, IMAGE, SEED, { flags: '--boots <n>', about: 'number of boots', default: '10' }],
    examples: ['aslr --boots 50', 'aslr --boots 50 --seed 7 --json'],
    load: () => import('./aslr.ts'),
  },
];
