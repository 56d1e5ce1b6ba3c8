/** Timing: medians of repeated runs with their spread, and comparisons that take turns. */
import { performance } from 'node:perf_hooks';

/** Result of a measurement, in milliseconds for one operation. */
export interface Timing {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly runs: number;
}

const sorted = (samples: readonly number[]): number[] => [...samples].sort((a, b) => a - b);

/** The middle one; NaN of nothing. */
export const median = (samples: readonly number[]): number => sorted(samples)[samples.length >> 1] ?? Number.NaN;

/** Summary of single times. */
export function timing(samples: readonly number[]): Timing {
  const all = sorted(samples);
  const at = (i: number): number => all.at(i) ?? Number.NaN;
  return { median: median(all), fastest: at(0), slowest: at(-1), runs: all.length };
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
  return timing(samples);
}

/** One side of a comparison: the time of one operation, measured for a moment, in milliseconds. */
export type Side = () => number | Promise<number>;

/**
 * Measures the sides in turns, `rounds` times: whatever else the machine does falls on all of them. The times of each side,
 * round by round.
 */
export async function takeTurns<Name extends string>(
  sides: Readonly<Partial<Record<Name, Side>>>,
  rounds: number,
): Promise<Partial<Record<Name, number[]>>> {
  const times: Partial<Record<Name, number[]>> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, side] of Object.entries(sides) as [Name, Side][]) {
      const samples = times[name] ?? [];
      samples.push(await side());
      times[name] = samples;
    }
  }
  return times;
}

/** A peer's times beside ours of the same rounds: the ratio is the median of the rounds' ratios. */
export function beside(name: string, peer: readonly number[], ours: readonly number[]): Peer {
  return { name, timing: timing(peer), ratio: median(peer.map((ms, round) => ms / (ours[round] ?? Number.NaN))) };
}

/** Milliseconds or microseconds, three significant digits. */
export const show = (ms: number): string => (ms < 0.1 ? `${(ms * 1000).toPrecision(3)} µs` : `${ms.toPrecision(3)} ms`);

/** What another program took for the same. */
export interface Peer {
  readonly name: string;
  readonly timing: Timing;
  /** Its time over ours, measured in turns; else that of the medians. */
  readonly ratio?: number;
}

/** One row of the table. */
export interface Row {
  readonly what: string;
  readonly ours: Timing;
  readonly peer?: Peer;
  /** Ratio that the project promises: peer's time over ours must be at least this. */
  readonly goal?: number;
}

/** Prints rows; a missed goal is said, not hidden. */
export function printTable(rows: readonly Row[]): void {
  const cells = rows.map(({ what, ours, peer, goal }) => {
    const ratio = peer === undefined ? undefined : (peer.ratio ?? peer.timing.median / ours.median);
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
