/**
 * `npm run bench`: medians, and ratios against native peers measured in the same run. Nothing is asserted; a missed goal is
 * printed as such. The peers come from the OS (`apt-get install swtpm libtpms-dev gcc`); without them ratios are left out.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { Host } from '../../sim/host.ts';
import { packageRoot } from '../../sim/node/files.ts';
import { loadImage } from '../../sim/node/image-files.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { createTpm2, type Tpm2Engine } from '../../sim/tpm/engine.ts';
import { SwtpmTransport } from '../../sim/tpm/ports/swtpm.ts';
import { printTable, type Row, type Timing, time } from './measure.ts';
import { libtpms, missing, ownServer, spawnedSwtpm, startSwtpm, swtpm } from './peers.ts';
import { ONE_BOOT, RSA_PRIMARY, STREAMS, type Stream } from './streams.ts';

let seeds = 0;
function freshEngine(): Tpm2Engine {
  const engine = createTpm2({ entropy: new Entropy(`bench ${seeds++}`).stream('tpm'), clock: new VirtualClock() });
  engine.powerOn();
  return engine;
}

/** Carries out commands; one that fails would make the time meaningless. */
function play(engine: Tpm2Engine, commands: readonly Uint8Array[]): void {
  for (const command of commands) {
    const response = engine.execute(command, 0);
    if (response[8] !== 0 || response[9] !== 0) throw new Error('the TPM refused a command of the bench');
  }
}

const fixed = (median: number, operations = 1): Timing => {
  const each = median / operations;
  return { median: each, fastest: each, slowest: each, runs: 1 };
};

const rows: Row[] = [];

async function streamRow(stream: Stream): Promise<void> {
  const { what, setup, timed, operations, goal } = stream;
  const engine = freshEngine();
  play(engine, setup);
  const ours = await time(() => play(engine, timed), { batch: operations, warmup: 10 });
  const peer = await swtpm(stream, 40);
  rows.push({
    what,
    ours,
    ...(peer === undefined ? {} : { peer: { name: 'swtpm socket', timing: fixed(peer, operations) } }),
    goal,
  });
  const served = await ownServer(stream, 200);
  if (served !== undefined && peer !== undefined) {
    const through = fixed(served, operations);
    rows.push({
      what: '  the same through our socket',
      ours: through,
      peer: { name: 'swtpm socket', timing: fixed(peer, operations) },
      goal: 1,
    });
  }
  const native = libtpms(stream, 40);
  if (native !== undefined)
    rows.push({
      what: '  against libtpms in process',
      ours,
      peer: { name: 'libtpms', timing: fixed(native.timed, operations) },
    });
}

for (const stream of STREAMS) await streamRow(stream);

const rsa = await time(() => play(freshEngine(), [...RSA_PRIMARY.setup, ...RSA_PRIMARY.timed]), { budget: 5000 });
const rsaPeer = libtpms(RSA_PRIMARY, 15);
rows.push({
  what: RSA_PRIMARY.what,
  ours: rsa,
  ...(rsaPeer === undefined ? {} : { peer: { name: 'libtpms', timing: fixed(rsaPeer.whole) } }),
  goal: RSA_PRIMARY.goal,
});

const ready: Stream = { ...ONE_BOOT, timed: ONE_BOOT.timed.slice(0, 1) };
const freshRow = async (stream: Stream, what: string, goals: { spawned: number; library?: number }) => {
  const ours = await time(() => play(freshEngine(), stream.timed), { warmup: 50 });
  const spawned = await spawnedSwtpm(stream, 25);
  rows.push({
    what,
    ours,
    ...(spawned === undefined ? {} : { peer: { name: 'spawned swtpm', timing: fixed(spawned) } }),
    goal: goals.spawned,
  });
  const native = libtpms(stream, 60);
  if (native !== undefined)
    rows.push({
      what: '  against libtpms in process',
      ours,
      peer: { name: 'libtpms', timing: fixed(native.whole) },
      ...(goals.library === undefined ? {} : { goal: goals.library }),
    });
};
await freshRow(ready, 'fresh TPM, ready to measure', { spawned: 20 });
await freshRow(ONE_BOOT, ONE_BOOT.what, { spawned: 20, library: 3 });

const spec = resolveSpec({});
const image = loadImage(spec);
const tpm = { ...spec.hardware.tpm, ekAlgorithm: 'eccP256' as const };
const eccSpec = { ...spec, hardware: { ...spec.hardware, tpm } };
const bootOnSwtpm = async () => {
  const server = await startSwtpm();
  if (server === undefined) return;
  const transport = new SwtpmTransport({ path: server.path }, { path: `${server.path}.ctrl` });
  await new Host({ ...eccSpec, seed: `boot ${seeds++}` }, image, { tpm: transport }).powerOn();
  await transport.close();
  await server.stop();
};
const boot = await time(() => new Host({ ...eccSpec, seed: `boot ${seeds++}` }, image).powerOn(), { budget: 5000 });
const hasSwtpm = !missing.some((m) => m.startsWith('swtpm'));
rows.push({
  what: 'whole host boot (ECC keys)',
  ours: boot,
  ...(hasSwtpm
    ? { peer: { name: 'same boot, spawned swtpm', timing: await time(bootOnSwtpm, { budget: 5000 }) } }
    : {}),
});
rows.push({
  what: 'whole host boot (RSA EK)',
  ours: await time(() => new Host({ ...spec, seed: `rsa ${seeds++}` }, image).powerOn(), { budget: 5000 }),
});
const noTpm = { ...spec, hardware: { ...spec.hardware, tpm: { ...spec.hardware.tpm, present: false } } };
rows.push({
  what: 'whole host boot without a TPM',
  ours: await time(() => new Host({ ...noTpm, seed: `none ${seeds++}` }, image).powerOn()),
});

const cli = join(packageRoot(), 'bin', 'esxsim.js');
rows.push({
  what: 'CLI cold start (--version)',
  ours: await time(() => spawnSync(process.execPath, [cli, '--version']), { budget: 2000 }),
});
rows.push({
  what: 'CLI boot with verdict, cold',
  ours: await time(() => spawnSync(process.execPath, [cli, 'boot']), { budget: 4000 }),
});

printTable(rows);
const TPMS = 500;
global.gc?.();
const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
const kept = Array.from({ length: TPMS }, () => {
  const engine = freshEngine();
  play(engine, ONE_BOOT.timed);
  return engine;
});
global.gc?.();
const each = (process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before) / kept.length / 1024;
console.log(
  `memory per booted TPM: ${each.toFixed(1)} KiB (goal 48 KiB: ${each <= 48 ? 'met' : 'MISSED'}${global.gc ? '' : '; without --expose-gc the figure includes garbage'})`,
);
for (const what of missing) console.log(`left out: ${what}`);
