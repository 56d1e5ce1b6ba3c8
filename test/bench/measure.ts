/** Timing: medians of repeated runs, with the raw spread, in one process. */
import { performance } from 'node:perf_hooks';

/** Result of a measurement, in milliseconds for one operation. */
export interface Timing {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly runs: number;
}

/** Times `run` (which does `batch` operations) until `budget` milliseconds have gone, at least five times. */
export async function time(run: () => unknown, { batch = 1, budget = 2000, warmup = 1 } = {}): Promise<Timing> {
  for (let i = 0; i < warmup; i++) await run();
  const samples: number[] = [];
  const end = performance.now() + budget;
  while (samples.length < 5 || (performance.now() < end && samples.length < 5000)) {
    const before = performance.now();
    await run();
    samples.push((performance.now() - before) / batch);
  }
  samples.sort((a, b) => a - b);
  const at = (i: number): number => samples[i] ?? Number.NaN;
  return { median: at(samples.length >> 1), fastest: at(0), slowest: at(samples.length - 1), runs: samples.length };
}

/** Milliseconds or microseconds, three significant digits. */
export const show = (ms: number): string => (ms < 0.1 ? `${(ms * 1000).toPrecision(3)} µs` : `${ms.toPrecision(3)} ms`);

/** One row of the table. */
export interface Row {
  readonly what: string;
  readonly ours: Timing;
  readonly peer?: { readonly name: string; readonly timing: Timing };
  /** Ratio that the project promises: peer's time over ours must be at least this. */
  readonly goal?: number;
}

/** Prints rows; a missed goal is said, not hidden. */
export function printTable(rows: readonly Row[]): void {
  const cells = rows.map(({ what, ours, peer, goal }) => {
    const ratio = peer === undefined ? undefined : peer.timing.median / ours.median;
    const verdict =
      ratio === undefined || goal === undefined
        ? ''
        : ratio >= goal
          ? `goal ${+goal.toFixed(2)}: met`
          : `goal ${+goal.toFixed(2)}: MISSED`;
    return [
      what,
      show(ours.median),
      `${(1000 / ours.median).toFixed(ours.median < 1 ? 0 : 1)}/s`,
      `${show(ours.fastest)} … ${show(ours.slowest)}`,
      peer === undefined ? '' : `${peer.name} ${show(peer.timing.median)}`,
      ratio === undefined ? '' : `${ratio.toFixed(2)}×`,
      verdict,
    ];
  });
  const head = ['operation', 'median', 'rate', 'fastest … slowest', 'peer', 'peer/ours', ''];
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((row) => (row[i] ?? '').length)));
  for (const row of [head, ...cells])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
