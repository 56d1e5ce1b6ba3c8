/** Long mixed use of both TPMs, as seeds say: {@link Workload}. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Sides } from './tpm-sides.ts';
import { Workload } from './tpm-workload.ts';

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterAll(() => sides.stop());

const SEEDS = 80;
const STEPS = 120;
/** Asked of objects that they do not suit, or that want a policy that none of these sessions has. */
const ALWAYS_REFUSED = new Set(['Unseal', 'Duplicate']);

it('what comes of every step is the same', async () => {
  const counts = new Map<string, { done: number; refused: number }>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const workload = new Workload(sides, `workload ${seed}`);
    await workload.run(STEPS);
    // The first difference is the one to look at: what follows may follow from it.
    sides.check();
    for (const { label, done } of workload.log) {
      const count = counts.get(label) ?? { done: 0, refused: 0 };
      count[done ? 'done' : 'refused']++;
      counts.set(label, count);
    }
  }
  // Commands that hardly ever succeed compare little.
  const rare = [...counts]
    .filter(([label, { done }]) => done < 5 && !ALWAYS_REFUSED.has(label))
    .map(([label]) => label);
  expect(rare).toEqual([]);
});
