/**
 * Benchmarks of a real-size image (about 150 components, 350 MB): measuring every module on one core and on two, reading the
 * headers of its VIBs, memory and time of whole boots from each kind of input. Part of `npm run bench`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installImage } from '../../sim/install.ts';
import { packageRoot } from '../../sim/node/files.ts';
import { fileSource } from '../../sim/node/index.ts';
import { writeTree } from '../../sim/node/trees.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { sourceOf } from '../../src/archive/index.ts';
import { bundleParts } from '../../src/depot/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { makeCatalogue } from '../../vib-samples/catalogue.ts';
import { loadPki } from '../../vib-samples/pki.ts';
import { printTable, type Row, type Timing, time } from './measure.ts';

const PKI = fileURLToPath(new URL('../../vib-samples/pki/', import.meta.url));
const MEASURE = fileURLToPath(new URL('image-measure.mjs', import.meta.url));
const CLI = join(packageRoot(), 'bin', 'esxsim.js');
const ROUNDS = 3;

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Writes the catalogue as VIBs. */
function writeVibs(folder: string): string[] {
  const pki = loadPki((name) => readFileSync(join(PKI, name), 'utf8'));
  mkdirSync(folder);
  for (const { path, bytes } of makeCatalogue(150, 'real', pki)) writeFileSync(join(folder, path), bytes);
  return readdirSync(folder).map((name) => join(folder, name));
}

function writeBank(folder: string, vibs: readonly string[]): void {
  const image = installImage(
    resolveSpec({}),
    vibs.map((path) => vibFromSource(fileSource(path))),
  );
  const part = (files: ReadonlyMap<string, Uint8Array>, prefix: string) =>
    [...files.keys()].flatMap((name) => {
      const data = sourceOf(files, name);
      return data === undefined ? [] : [{ path: prefix + name, data }];
    });
  writeTree(folder, [...part(image.bootbank, ''), ...part(image.esp, 'esp/')]);
}

function writeBundle(path: string, vibs: readonly string[]): void {
  const file = openSync(path, 'w');
  const parts = bundleParts({
    release: '8.0.3',
    vendor: { name: 'Bench', code: 'bench' },
    timestamp: '2024-06-25T00:00:00.000000+00:00',
    vibs: vibs.map((vib) => () => new Uint8Array(readFileSync(vib))),
  });
  for (const part of parts) writeSync(file, part);
}

function timing(seconds: readonly number[]): Timing {
  const ms = seconds.map((each) => each * 1000).toSorted((a, b) => a - b);
  const at = (i: number): number => ms[i] ?? Number.NaN;
  return { median: at(ms.length >> 1), fastest: at(0), slowest: at(ms.length - 1), runs: ms.length };
}

/** One way of measuring the bank, in a process of its own, on the first core only or on all. */
function measure(way: 'loader' | 'limit', bank: string, cores: 'one' | 'all'): Timing {
  const node = [process.execPath, MEASURE, way, bank, String(ROUNDS)];
  const [program = '', ...args] = cores === 'one' ? ['taskset', '-c', '0', ...node] : node;
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`measuring the real-size image failed: ${stderr}`);
  return timing(stdout.trim().split(' ').map(Number));
}

/**
 * Prints the peak resident memory in KiB when the process ends. Linux carries the peak of the parent over into getrusage of a
 * child, so the figure of the address space itself is taken where there is one.
 */
const PEAK = `import { readFileSync } from 'node:fs';
process.on('exit', () => {
  let peak = process.resourceUsage().maxRSS;
  try { peak = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]); } catch {}
  console.error('\\n' + peak);
});`;

/** Peak resident memory in MB and seconds of a command of the built package, as its user sees them. */
function footprint(...args: string[]): { readonly megabytes: number; readonly seconds: number } {
  const hook = `data:text/javascript,${encodeURIComponent(PEAK)}`;
  const before = process.hrtime.bigint();
  const { stderr, status } = spawnSync(process.execPath, ['--import', hook, CLI, ...args], { encoding: 'utf8' });
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  if (status !== 0) throw new Error(`esxsim ${args.join(' ')} failed: ${stderr}`);
  return { megabytes: Number(stderr.trim().split('\n').at(-1)) / 1024, seconds };
}

const folder = mkdtempSync(join(tmpdir(), 'esxsim-bench-image-'));
try {
  const vibFolder = join(folder, 'vibs');
  const bank = join(folder, 'bank');
  const vibs = writeVibs(vibFolder);
  writeBank(bank, vibs);
  const modules = readdirSync(bank).filter((name) => name !== 'boot.cfg' && name !== 'esp');
  const megabytes = modules.reduce((sum, name) => sum + fileSource(join(bank, name)).size, 0) / 1e6;
  const what = `measure ${modules.length} modules, ${megabytes.toFixed(0)} MB compressed`;
  const rows: Row[] = [];
  const missing: string[] = [];
  const serial = 'node:zlib + node:crypto, serial';
  if (has('taskset')) {
    const peer = { name: `${serial}, one core`, timing: measure('limit', bank, 'one') };
    rows.push({ what: `${what}, one core`, ours: measure('loader', bank, 'one'), peer, goal: 0.9 });
  } else missing.push('taskset (apt-get install util-linux): one core');
  const ours = measure('loader', bank, 'all');
  rows.push({ what: '  on all cores', ours, peer: { name: serial, timing: measure('limit', bank, 'all') }, goal: 1.5 });
  if (has('gzip')) {
    const paths = modules.map((name) => join(bank, name));
    const gzip = await time(() => spawnSync('gzip', ['-dcf', ...paths], { stdio: 'ignore' }), { budget: 0 });
    rows.push({ what: '  against decompression alone', ours, peer: { name: 'gzip -dc', timing: gzip }, goal: 1.5 });
  } else missing.push('gzip');
  const headers = await time(() => vibs.map((path) => vibFromSource(fileSource(path))));
  rows.push({
    what: `read the headers of ${vibs.length} VIBs`,
    ours: headers,
    peer: { name: 'promised', timing: timing([0.15]) },
    goal: 1,
  });
  printTable(rows);
  const bundle = join(folder, 'bundle.zip');
  writeBundle(bundle, vibs);
  const disc = join(folder, 'host.iso');
  footprint('image', 'iso', bank, '--out', disc);
  for (const [name, path] of Object.entries({
    'folder of VIBs': vibFolder,
    'boot bank': bank,
    'offline bundle': bundle,
    'installer disc': disc,
  })) {
    const { megabytes: peak, seconds } = footprint('boot', '--image', path);
    console.log(
      `boot of the real-size image from ${name}: ${peak.toFixed(0)} MB peak (goal 200 MB: ${peak < 200 ? 'met' : 'MISSED'}), ${seconds.toFixed(1)} s`,
    );
  }
  for (const each of missing) console.log(`left out: ${each}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
