/** Benchmarks of real-size images: measuring every module, reading VIB headers, memory of a whole boot. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ModuleReader } from '../../sim/boot/modules.ts';
import { installImage } from '../../sim/install.ts';
import { fileSource } from '../../sim/node/index.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { sourceOf } from '../../src/archive/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { makeCatalogue } from '../../vib-samples/catalogue.ts';
import { loadPki } from '../../vib-samples/pki.ts';
import { type Row, time } from './measure.ts';

const PKI = fileURLToPath(new URL('../../vib-samples/pki/', import.meta.url));
const CHILD = fileURLToPath(new URL('image-memory.ts', import.meta.url));

/** The catalogue of about 150 components at real scale in a new folder; the caller removes it. */
export function realImage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'esxsim-bench-image-'));
  const pki = loadPki((name) => readFileSync(join(PKI, name), 'utf8'));
  for (const { path, bytes } of makeCatalogue(150, 'real', pki)) writeFileSync(join(folder, path), bytes);
  return folder;
}

const vibPaths = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));

/** Takes every module of the image through the loader's own pass, with both hashes. */
async function measureModules(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const modules = [...files.keys()].flatMap((name, index) => {
    const source = sourceOf(files, name);
    return source === undefined ? [] : [{ index, path: `/${name}`, options: '', source }];
  });
  const reader = new ModuleReader(modules, ['sha256', 'sha1']);
  for (const place of modules.keys()) await reader.take(place);
}

/** The same work by Node's own functions with the known output size in one piece: the serial limit. */
function serialLimit(files: ReadonlyMap<string, Uint8Array>): void {
  for (const name of files.keys()) {
    const file = files.get(name);
    if (file === undefined || file[0] !== 0x1f || file[1] !== 0x8b) continue;
    const size = new DataView(file.buffer, file.byteOffset).getUint32(file.length - 4, true);
    const content = gunzipSync(file, { chunkSize: Math.max(size, 1024) });
    createHash('sha256').update(content).digest();
    createHash('sha1').update(content).digest();
  }
}

/** Rows for the table: measuring a real-size image, parsing 150 VIB headers. */
export async function imageRows(folder: string): Promise<Row[]> {
  const paths = vibPaths(folder);
  const spec = resolveSpec({}, {});
  const image = installImage(
    spec,
    paths.map((path) => vibFromSource(fileSource(path))),
  );
  const modules = new Map([...image.bootbank].filter(([name]) => name !== 'boot.cfg'));
  const once = { budget: 0, warmup: 1 };
  const ours = await time(() => measureModules(modules), once);
  const limit = await time(() => serialLimit(modules), once);
  const gzipFolder = mkdtempSync(join(tmpdir(), 'esxsim-bench-gzip-'));
  try {
    const files = [...modules].filter(([, bytes]) => bytes[0] === 0x1f);
    for (const [name, bytes] of files) writeFileSync(join(gzipFolder, name), bytes);
    const names = files.map(([name]) => join(gzipFolder, name));
    const stdio = ['ignore', 'ignore', 'inherit'] as const;
    const gzip = await time(() => spawnSync('gzip', ['-dc', ...names], { stdio: [...stdio] }), once);
    const headers = await time(() => {
      for (const path of paths) vibFromSource(fileSource(path));
    });
    const megabytes = ([...modules.values()].reduce((sum, { length }) => sum + length, 0) / 1e6).toFixed(0);
    return [
      {
        what: `measure ${modules.size} modules, ${megabytes} MB compressed`,
        ours,
        peer: { name: 'node:zlib + node:crypto, serial', timing: limit },
        goal: 0.9,
      },
      { what: 'the same against gunzip alone', ours, peer: { name: 'gzip -dc', timing: gzip }, goal: 1.5 },
      { what: `read the headers of ${paths.length} VIBs (goal: under 150 ms)`, ours: headers },
    ];
  } finally {
    rmSync(gzipFolder, { recursive: true, force: true });
  }
}

/** Peak resident memory in MB, and seconds, of booting the folder's image in a process of its own (goal: under 200 MB). */
export function imageMemory(folder: string): { readonly megabytes: number; readonly seconds: number } {
  const args = ['--conditions=esxsim-source', '--import', 'tsx', CHILD, folder];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`boot of the real-size image failed: ${stderr}`);
  const [megabytes = Number.NaN, seconds = Number.NaN] = stdout.trim().split(' ').map(Number);
  return { megabytes, seconds };
}
