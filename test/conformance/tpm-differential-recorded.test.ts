/** Commands that other people's software sent, played again to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Entropy } from '../../sim/entropy.ts';
import { toHex } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';
import type { RecordedEvent } from './tpm-recording.ts';
import { RECORDINGS } from './tpm-recordings.ts';
import { Player } from './tpm-replay.ts';
import { compareLeaves } from './tpm-replay-fields.ts';

const text = (rc: number): string => T.describeResponseCode(rc);

describe.each(Object.entries(RECORDINGS))('%s', (name, [least, take]) => {
  let events: readonly RecordedEvent[];
  let pair: TpmPair;
  beforeAll(async () => {
    events = await take();
    pair = await TpmPair.start();
  });
  afterAll(() => pair.stop());

  it('gets the same answers from both', async () => {
    const random = () => {
      const stream = new Entropy(name).stream('replay');
      return (size: number) => stream.bytes(size);
    };
    const players = [new Player(pair.ours, random()), new Player(pair.theirs, random())] as const;
    const differences: string[] = [];
    const lost: string[] = [];
    let commands = 0;
    for (const [i, event] of events.entries()) {
      if (event.kind === 'signal') {
        await pair.both(event.act);
        continue;
      }
      commands++;
      if (event.kind === 'bytes') {
        await pair.same(`${name} ${i}`, event.bytes, 'bytes', event.locality);
        continue;
      }
      const label = `${i} TPM2_${event.row.name}`;
      const answers = [];
      for (const player of players) {
        const draft = player.draft(event);
        const bytes = player.bytes(draft, event);
        const response = await player.tpm.transmit(bytes, event.locality);
        answers.push({ bytes, answer: player.accept(event, draft, response) });
      }
      const [a, b] = answers;
      if (a === undefined || b === undefined) throw new Error('unreachable');
      const bad =
        a.answer.rc !== b.answer.rc
          ? [`${text(a.answer.rc)}, swtpm ${text(b.answer.rc)}`]
          : compareLeaves(event.row.name, a.answer.leaves, b.answer.leaves);
      for (const { answer } of answers) if (answer.problem !== undefined) bad.push(answer.problem);
      if (a.answer.handles.join() !== b.answer.handles.join())
        bad.push(`handles ${a.answer.handles} ${b.answer.handles}`);
      for (const one of bad) differences.push(`${label}: ${one}\n  ${toHex(a.bytes)}\n  ${toHex(b.bytes)}`);
      if (a.answer.rc !== event.rc) lost.push(`${label}: recorded ${text(event.rc)}, now ${text(a.answer.rc)}`);
    }
    console.log(name, commands, 'commands', lost.length, 'lost', lost.slice(0, 20).join('\n'));
    expect(differences).toEqual([]);
    expect(commands).toBeGreaterThanOrEqual(least);
  });
});
