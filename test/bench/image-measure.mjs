/**
 * Takes every module of a boot bank folder through one way of unpacking and hashing, several times, and prints the seconds of
 * each: `loader` is the built package's own pass, `limit` the same work by Node's functions one after the other. A process of its
 * own, without the loader of the sources, so that it can be bound to one core and is as light as what users run.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ModuleReader } from '../../dist/sim/boot/modules.js';
import { fileSource } from '../../dist/sim/node/index.js';

const [way = '', folder = '', rounds = '3'] = process.argv.slice(2);
const paths = readdirSync(folder)
  .filter((name) => name !== 'boot.cfg' && /\.[a-z]+\d*$/.test(name))
  .map((name) => join(folder, name));

async function loader() {
  const files = paths.map((path, index) => ({ index, path, options: '', source: fileSource(path) }));
  const reader = new ModuleReader(files, ['sha256', 'sha1']);
  for (const place of files.keys()) await reader.take(place);
}

/** With the size that the gzip trailer tells, each output is one piece: the fastest that Node's own functions are. */
async function limit() {
  for (const path of paths) {
    const file = readFileSync(path);
    const gzip = file[0] === 0x1f && file[1] === 0x8b;
    const content = gzip ? gunzipSync(file, { chunkSize: Math.max(file.readUInt32LE(file.length - 4), 1024) }) : file;
    createHash('sha256').update(content).digest();
    createHash('sha1').update(content).digest();
  }
}

const run = way === 'loader' ? loader : limit;
const seconds = [];
for (let round = 0; round < Number(rounds); round++) {
  const before = process.hrtime.bigint();
  await run();
  seconds.push((Number(process.hrtime.bigint() - before) / 1e9).toFixed(3));
}
console.log(seconds.join(' '));
