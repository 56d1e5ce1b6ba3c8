/** One scenario on the embedded TPM and on swtpm where the inputs of later commands differ: handles, blobs and tickets of each. */
import { expect } from 'vitest';
import { toHex } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import type { Sample } from './tpm-key-samples.ts';
import type { Mode, TpmPair } from './tpm-pair.ts';

/** 0: ours, 1: swtpm. */
export type Side = 0 | 1;
/** What both answered; undefined where they refused. */
export type Answers<Out> = readonly [Out, Out] | undefined;

/** Options of {@link Both.run}. */
export interface RunOptions {
  readonly auth?: readonly T.Authorization[];
  /** Compare sizes only (default), every byte, or the response code alone. */
  readonly mode?: Mode;
}

const text = (response: Uint8Array, mode: Mode): string => {
  const code = T.responseCode(response);
  if (code !== 0) return T.describeResponseCode(code);
  if (mode === 'code') return 'success';
  return mode === 'bytes' ? toHex(response.subarray(10)) : `${response.length} bytes`;
};

/** Runs commands on both and collects where they differ. */
export class Both {
  readonly pair: TpmPair;
  readonly #differences: string[] = [];

  constructor(pair: TpmPair) {
    this.pair = pair;
  }

  /** The same command with each side's own input. */
  async run<In, Out>(
    label: string,
    row: T.CommandRow<In, Out>,
    input: In | ((side: Side) => In),
    { auth, mode = 'shape' }: RunOptions = {},
  ): Promise<Answers<Out>> {
    const of = (side: Side): In => (typeof input === 'function' ? (input as (side: Side) => In)(side) : input);
    const commands = ([0, 1] as const).map((side) => T.prepareCommand(row, of(side), auth));
    const [c0, c1] = commands;
    if (c0 === undefined || c1 === undefined) throw new Error('unreachable');
    const a = await this.pair.ours.transmit(c0.bytes, 0);
    const b = await this.pair.theirs.transmit(c1.bytes, 0);
    const [ours, theirs] = [text(a, mode), text(b, mode)];
    if (this.pair.differs(`${row.name} ${label}`, ours, theirs)) {
      this.#differences.push(`${row.name} ${label}: ours ${ours}, ${this.pair.peer} ${theirs}`);
    }
    if (T.responseCode(a) !== 0 || T.responseCode(b) !== 0) return undefined;
    return [c0.accept(a), c1.accept(b)];
  }

  /** The same where both must succeed. */
  async must<In, Out>(
    label: string,
    row: T.CommandRow<In, Out>,
    input: In | ((side: Side) => In),
    options: RunOptions = {},
  ): Promise<readonly [Out, Out]> {
    const out = await this.run(label, row, input, options);
    if (out === undefined) {
      throw new Error(`${row.name} ${label} was refused\n${this.#differences.join('\n')}`);
    }
    return out;
  }

  /** Something else that must hold. */
  expect(label: string, holds: boolean): void {
    if (!holds) this.#differences.push(label);
  }

  /** Flushes transient handles of each side. */
  async flush(handles: readonly [number, number]): Promise<void> {
    await this.run('flush', T.COMMANDS.FlushContext, (side) => ({ flushHandle: handles[side] }));
  }

  /** Flushes what may be loaded in the three places of either. */
  async flushAll(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      for (const tpm of [this.pair.ours, this.pair.theirs]) {
        await tpm.transmit(T.encodeCommand(T.COMMANDS.FlushContext, { flushHandle: 0x80000000 + i }), 0);
      }
    }
  }

  /** Loads a key from outside into both, with changes to its public area, for as long as it is used. */
  async withExternal(
    { inPublic, sensitive }: Sample,
    use: (handle: number) => Promise<void>,
    change: Partial<T.TPMT_PUBLIC> = {},
  ): Promise<void> {
    await this.flushAll();
    const loaded = await this.must('load', T.COMMANDS.LoadExternal, {
      inPrivate: sensitive,
      inPublic: { ...inPublic, ...change } as T.TPMT_PUBLIC,
      hierarchy: T.TPM_RH.NULL,
    });
    expect(loaded[0].objectHandle).toBe(loaded[1].objectHandle);
    await use(loaded[0].objectHandle);
    await this.flushAll();
  }

  /** Fails with every difference since the last time. */
  verdict(): void {
    expect(this.#differences.splice(0)).toEqual([]);
  }
}
