/**
 * Commands that other people's software sent, played again to the embedded TPM and to swtpm: every answer must be the same, but
 * for what depends on keys, random numbers and time (`tpm-replay-fields.ts`). On the way each TPM also gets the commands
 * changed in thousands of ways; they must answer the same code, and go on from the state they had before.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Entropy, type RandomStream } from '../../sim/entropy.ts';
import { toHex } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import * as T from '../../src/tpm2/index.ts';
import { isKnown } from './tpm-known-differences.ts';
import { type Mutation, mutation } from './tpm-mutations.ts';
import { TpmPair } from './tpm-pair.ts';
import type { RecordedCommand, RecordedEvent } from './tpm-recording.ts';
import { RECORDINGS } from './tpm-recordings.ts';
import { type Draft, Player } from './tpm-replay.ts';
import { compareLeaves } from './tpm-replay-fields.ts';

const text = (rc: number): string => T.describeResponseCode(rc);
/**
 * Changed commands for each one of a stream, and most for all commands of one name. For a longer search TPM_MUTATIONS says how
 * many, TPM_MUTATION_SEED which.
 */
const EACH = Number(process.env.TPM_MUTATIONS ?? 3);
const MOST = 40 * EACH;
/** The same for commands that make keys, RSA keys among them, which takes long. */
const FEW = 6 * EACH;
const MAKES_KEYS = /^Create/;

/**
 * Recordings hold other random bytes each time, so a change can hit what no run has met. That one TPM accepts what the other refuses
 * always fails; a few refusals for different reasons are told, and belong into the engine or into tpm-known-differences.ts.
 */
const MAX_REFUSALS = 3;

/** Answers that say that nothing was done: the state is as before. */
const UNTOUCHED = /^TPM_RC_(COMMAND_SIZE|COMMAND_CODE|BAD_TAG|AUTH_MISSING|[A-Z_0-9]+ \((parameter|handle) )/;

/** Both TPMs with what they were told. */
class Replay {
  readonly pair: TpmPair;
  readonly players: readonly [Player, Player];
  readonly differences: string[] = [];
  /** Changed commands that both refused, for different reasons. */
  readonly refusals: string[] = [];
  /** Commands that were answered otherwise when they were recorded. */
  readonly lost: string[] = [];
  readonly #dice: RandomStream;
  readonly #mutated = new Map<string, number>();
  mutants = 0;

  constructor(pair: TpmPair, name: string) {
    this.pair = pair;
    const random = () => {
      const stream = new Entropy(name).stream('replay');
      return (size: number) => stream.bytes(size);
    };
    this.players = [new Player(pair.ours, random()), new Player(pair.theirs, random())];
    this.#dice = new Entropy(process.env.TPM_MUTATION_SEED ?? name).stream('mutations');
  }

  async play(label: string, event: RecordedCommand): Promise<void> {
    const drafts = this.players.map((player) => player.draft(event));
    const [a, b] = drafts;
    if (a === undefined || b === undefined) throw new Error('unreachable');
    await this.#mutate(label, event, [a, b]);
    const answers = [];
    for (const [side, player] of this.players.entries()) {
      const draft = side === 0 ? a : b;
      const bytes = player.bytes(draft, event);
      const response = await player.tpm.transmit(bytes, event.locality);
      answers.push({ bytes, answer: player.accept(event, draft, response) });
    }
    const [ours, theirs] = answers;
    if (ours === undefined || theirs === undefined) throw new Error('unreachable');
    const bad: string[] = [];
    if (ours.answer.rc !== theirs.answer.rc) bad.push(`${text(ours.answer.rc)}, swtpm ${text(theirs.answer.rc)}`);
    else bad.push(...compareLeaves(event.row.name, ours.answer.leaves, theirs.answer.leaves));
    for (const { answer } of answers) if (answer.problem !== undefined) bad.push(answer.problem);
    const handles = [ours, theirs].map(({ answer }) => answer.handles.join());
    if (handles[0] !== handles[1]) bad.push(`handle ${handles.join(', swtpm ')}`);
    for (const one of bad) this.#differ(label, one, ours.bytes, theirs.bytes);
    if (ours.answer.rc !== event.rc) this.lost.push(event.row.name);
  }

  #differ(label: string, what: string, ours: Uint8Array, theirs: Uint8Array): void {
    this.differences.push(`${label}: ${what}\n  ours  ${toHex(ours)}\n  swtpm ${toHex(theirs)}`);
  }

  async #mutate(label: string, event: RecordedCommand, drafts: readonly [Draft, Draft]): Promise<void> {
    const { name } = event.row;
    const before = this.#mutated.get(name) ?? 0;
    if (before >= (MAKES_KEYS.test(name) ? FEW : MOST)) return;
    this.#mutated.set(name, before + EACH);
    const ours = this.pair.ours.engine.snapshot();
    const theirs = await this.pair.swtpm.save();
    for (let i = 0; i < EACH; i++) {
      const change = mutation(drafts[0], event.bytes.length, this.#dice);
      const touched = await this.#mutant(`${label}, ${change.label}`, event, drafts, change);
      if (!touched) continue;
      this.pair.ours.engine.restore(ours);
      await this.pair.swtpm.restore(theirs);
    }
  }

  /** A changed size can make random bytes be read as something else: whether both TPMs agree about either command. */
  async #byContents(a: Uint8Array, b: Uint8Array, locality: T.Locality): Promise<boolean> {
    for (const command of [a, b]) {
      const codes: number[] = [];
      for (const { tpm } of this.players) codes.push(T.responseCode(await tpm.transmit(command, locality)));
      if (codes[0] !== codes[1]) return false;
    }
    return true;
  }

  /** Whether the TPMs may have done something. */
  async #mutant(
    label: string,
    event: RecordedCommand,
    drafts: readonly [Draft, Draft],
    change: Mutation,
  ): Promise<boolean> {
    const sent: Uint8Array[] = [];
    try {
      for (const [side, player] of this.players.entries()) {
        const draft = drafts[side === 0 ? 0 : 1];
        const bytes = player.bytes(change.draft?.(draft) ?? draft, event);
        sent.push(change.bytes?.(bytes) ?? bytes);
      }
    } catch (error) {
      // Too broken to be encrypted.
      if (error instanceof FormatError) return false;
      throw error;
    }
    const [a, b] = sent;
    // Shorter than a header, swtpm waits for more.
    if (a === undefined || b === undefined || a.length < 10 || a.length !== b.length) return false;
    this.mutants++;
    const { locality } = event;
    const ours = T.responseCode(await this.pair.ours.transmit(a, locality));
    const theirs = T.responseCode(await this.pair.theirs.transmit(b, locality));
    if (ours !== theirs && !isKnown(text(ours), text(theirs)) && !(await this.#byContents(a, b, locality))) {
      if (ours !== 0 && theirs !== 0) this.refusals.push(`${label}: ${text(ours)}, swtpm ${text(theirs)} ${toHex(a)}`);
      else this.#differ(label, `${text(ours)}, swtpm ${text(theirs)}`, a, b);
    }
    return !(UNTOUCHED.test(text(ours)) && UNTOUCHED.test(text(theirs)));
  }
}

/** Commands whose answer cannot be had again: their caller signed a nonce of the recorded TPM, or meant another key's Name. */
const LOST = ['ActivateCredential', 'PolicySigned', 'PolicyTicket'];

describe.each(Object.entries(RECORDINGS))('%s', (name, [least, take]) => {
  let events: readonly RecordedEvent[];
  let pair: TpmPair;
  beforeAll(async () => {
    events = await take();
    pair = await TpmPair.start();
  });
  afterAll(() => pair.stop());

  it('gets the same answers from both', async () => {
    const replay = new Replay(pair, name);
    for (const [i, event] of events.entries()) {
      if (event.kind === 'signal') await pair.both(event.act);
      else if (event.kind === 'bytes') await pair.same(`${name} ${i}`, event.bytes, 'bytes', event.locality);
      else await replay.play(`${i} TPM2_${event.row.name}`, event);
    }
    expect(replay.differences.join('\n')).toBe('');
    if (replay.refusals.length > 0) console.warn(`refused for another reason:\n${replay.refusals.join('\n')}`);
    expect(replay.refusals.length).toBeLessThanOrEqual(MAX_REFUSALS);
    expect(replay.lost.filter((command) => !LOST.includes(command))).toEqual([]);
    expect(events.length).toBeGreaterThanOrEqual(least);
    expect(replay.mutants).toBeGreaterThan(events.length / 2);
  });
});
