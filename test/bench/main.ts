/**
 * `npm run bench`: medians, and ratios against native peers measured in turns with ours, so that whatever else the machine
 * does falls on both. Nothing is asserted; a missed goal is printed as such. The peers come from the OS (`apt-get install swtpm libtpms-dev gcc`); without them ratios are left out.
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
import { beside, printTable, type Row, takeTurns, time, timing } from './measure.ts';
import { has, libtpms, missing, type Runner, runner, spawnedSwtpm, startOwn, startSwtpm } from './peers.ts';
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

const rows: Row[] = [];

/** Rounds of a comparison. */
const ROUNDS = 9;
/** How long ours is measured in each round, and how long it runs before, in milliseconds. */
const MOMENT = 60;
const WARM = 1000;

/** Times of our side for one round: the median of a moment, each run `operations` operations. */
async function moment(run: () => unknown, operations = 1, budget = MOMENT): Promise<number> {
  return (await time(run, { batch: operations, warmup: 0, budget })).median;
}

/** A row of our times, and one for each peer measured in turns with them. */
function compared(
  what: string,
  ours: readonly number[],
  peers: readonly { what: string; name: string; times: readonly number[] | undefined; goal?: number }[],
): void {
  const measured = peers.flatMap(({ times, ...peer }) => (times === undefined ? [] : [{ ...peer, times }]));
  const row = (title: string, one?: (typeof measured)[number]): Row => ({
    what: title,
    ours: timing(ours),
    ...(one === undefined ? {} : { peer: beside(one.name, one.times, ours) }),
    ...(one?.goal === undefined ? {} : { goal: one.goal }),
  });
  const [first, ...others] = measured;
  rows.push(row(what, first), ...others.map((one) => row(`  ${one.what}`, one)));
}

/** The same for a process of its own; a busy pair of cores compiles more slowly. */
function warm(runner: Runner | undefined): void {
  const until = performance.now() + 3 * WARM;
  while (runner !== undefined && performance.now() < until) runner.round(20);
}

async function streamRow(stream: Stream): Promise<void> {
  const { what, setup, timed, operations, goal, bare } = stream;
  const engine = freshEngine();
  play(engine, setup);
  const swtpm = await runner(stream, startSwtpm);
  const served = await runner(stream, startOwn);
  // Until the compiler has done what it will do, here and in the other process.
  await time(() => play(engine, timed), { budget: WARM });
  warm(served);
  const times = await takeTurns(
    {
      ours: () => moment(() => play(engine, timed), operations),
      ...(swtpm && { swtpm: () => swtpm.round(5) / operations }),
      ...(served && { served: () => served.round(5) / operations }),
      ...(has.libtpms && { libtpms: () => libtpms(stream, 5).timed / operations }),
      ...(bare && { bare: () => moment(bare) }),
    },
    ROUNDS,
  );
  await swtpm?.stop();
  await served?.stop();
  compared(what, times.ours ?? [], [
    { what: '', name: 'swtpm socket', times: times.swtpm, goal },
    { what: 'against libtpms in process', name: 'libtpms', times: times.libtpms },
    { what: 'against the bare signature', name: 'node:crypto', times: times.bare },
  ]);
  if (times.served !== undefined && times.swtpm !== undefined)
    rows.push({
      what: '  the same through our socket',
      ours: timing(times.served),
      peer: beside('swtpm socket', times.swtpm, times.served),
      goal: 1,
    });
}

for (const stream of STREAMS) await streamRow(stream);

const rsa = await takeTurns(
  {
    ours: () => moment(() => play(freshEngine(), [...RSA_PRIMARY.setup, ...RSA_PRIMARY.timed]), 1, 500),
    ...(has.libtpms && { libtpms: () => libtpms(RSA_PRIMARY, 5).whole }),
  },
  ROUNDS,
);
compared(RSA_PRIMARY.what, rsa.ours ?? [], [{ what: '', name: 'libtpms', times: rsa.libtpms, goal: RSA_PRIMARY.goal }]);

const ready: Stream = { ...ONE_BOOT, timed: ONE_BOOT.timed.slice(0, 1) };
async function freshRow(stream: Stream, what: string, goals: { spawned: number; library?: number }): Promise<void> {
  await time(() => play(freshEngine(), stream.timed), { budget: WARM });
  const times = await takeTurns(
    {
      ours: () => moment(() => play(freshEngine(), stream.timed)),
      ...(has.swtpm && { spawned: () => spawnedSwtpm(stream) }),
      ...(has.libtpms && { libtpms: () => libtpms(stream, 10).whole }),
    },
    2 * ROUNDS,
  );
  compared(what, times.ours ?? [], [
    { what: '', name: 'spawned swtpm', times: times.spawned, goal: goals.spawned },
    {
      what: 'against libtpms in process',
      name: 'libtpms',
      times: times.libtpms,
      ...(goals.library === undefined ? {} : { goal: goals.library }),
    },
  ]);
}
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
rows.push({
  what: 'whole host boot (ECC keys)',
  ours: boot,
  ...(has.swtpm
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
/** Bytes in use. Array buffers that are garbage are freed by another thread, some time after the collection. */
async function inUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    global.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
const before = await inUse();
const kept = Array.from({ length: TPMS }, () => {
  const engine = freshEngine();
  play(engine, ONE_BOOT.timed);
  return engine;
});
const each = ((await inUse()) - before) / kept.length / 1024;
console.log(
  `memory per booted TPM: ${each.toFixed(1)} KiB (goal 48 KiB: ${each <= 48 ? 'met' : 'MISSED'}${global.gc ? '' : '; without --expose-gc the figure includes garbage'})`,
);
for (const what of missing) console.log(`left out: ${what}`);
