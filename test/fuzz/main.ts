/**
 * `npm run fuzz [-- --runs N --tpm-commands N --seed S --only NAME]`: mutated inputs against every parser (3,000 each unless N says
 * otherwise) and the TPM engine (a million commands: some minutes; half of them in deep states, tpm-seeds.ts). A target fails
 * where it throws anything but an InputError (bad input, said properly), or takes longer than a second for one input.
 */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { Entropy } from '../../sim/entropy.ts';
import { toBase64 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { mutate } from './mutate.ts';
import { recordCommands } from './record.ts';
import { targets } from './targets.ts';
import { fuzzDeep, fuzzTpm, type TpmFuzzResult } from './tpm.ts';
import { deepSeeds } from './tpm-seeds.ts';

const SLOW_MS = 1000;

function option(name: string, fallback: string): string {
  const i = process.argv.indexOf(`--${name}`);
  return i < 0 ? fallback : (process.argv[i + 1] ?? fallback);
}

const runs = Number(option('runs', '3000'));
const seed = option('seed', '1');
const only = option('only', '');
let failures = 0;

/** Takes as long as everything else together, and so goes on beside it in a process of its own. */
const IN_DEPTH = 'TPM commands in depth';
const divided = only === '';
const depth = new Promise<number | null>((resolve) => {
  if (!divided) return resolve(0);
  const args = [...process.execArgv, ...process.argv.slice(1), '--only', IN_DEPTH];
  spawn(process.execPath, args, { stdio: 'inherit' }).once('exit', resolve);
});

for (const target of (await targets()).filter((t) => t.name.includes(only))) {
  const random = new Entropy(seed).stream(`fuzz ${target.name}`);
  const started = performance.now();
  let refused = 0;
  for (let i = 0; i < runs; i++) {
    const input = mutate(target.inputs[random.below(target.inputs.length)] ?? new Uint8Array(0), random);
    const before = performance.now();
    let problem: string | undefined;
    try {
      await target.run(input);
    } catch (error) {
      if (error instanceof InputError) refused++;
      else problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    if (performance.now() - before > SLOW_MS) problem ??= `took longer than ${SLOW_MS} ms`;
    if (problem !== undefined) {
      failures++;
      console.error(
        `${target.name}: run ${i} of seed ${seed}: ${problem}\n  input (base64): ${toBase64(input).slice(0, 2000)}`,
      );
      if (failures > 20) break;
    }
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(`${target.name.padEnd(24)} ${runs} inputs, ${refused} refused, ${(runs / seconds).toFixed(0)}/s`);
}
/** Half of the TPM's commands meet whatever state there is, half the deep states they belong to. */
const commands = Math.ceil(Number(option('tpm-commands', '1000000')) / 2);
const TPM_TARGETS: readonly (readonly [string, () => Promise<TpmFuzzResult>])[] = [
  ['TPM commands', async () => fuzzTpm(seed, commands, await recordCommands())],
  [IN_DEPTH, async () => fuzzDeep(seed, commands, await deepSeeds(seed))],
];
const isOurs = (target: string): boolean => target.includes(only) && !(divided && target === IN_DEPTH);
for (const [name, run] of TPM_TARGETS.filter(([target]) => isOurs(target))) {
  const started = performance.now();
  const result = await run();
  const seconds = (performance.now() - started) / 1000;
  for (const failure of result.failures) console.error(`TPM: ${failure}`);
  failures += result.failures.length;
  console.log(
    `${name.padEnd(24)} ${commands} inputs, ${result.succeeded} carried out, ${(commands / seconds).toFixed(0)}/s`,
  );
}
process.exit(failures > 0 || (await depth) !== 0 ? 1 : 0);
