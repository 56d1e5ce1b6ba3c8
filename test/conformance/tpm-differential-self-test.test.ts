/**
 * TPM2_IncrementalSelfTest and TPM2_SelfTest: the same to-do lists as swtpm's, but for the algorithms that only swtpm has. Each
 * scenario begins with a power cycle.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  TPM_ALG as A,
  COMMANDS as C,
  type CommandRow,
  decodeSuccess,
  encodeCommand,
  responseCode,
} from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
});
afterAll(async () => {
  await pair?.stop();
});

const start = async (): Promise<void> => {
  await pair.both((tpm) => tpm.powerOn());
  await pair.same('start', encodeCommand(C.Startup, { startupType: 0 }));
};

/** The to-do lists of both, or their response code. */
async function lists(toTest: number[]): Promise<[unknown, unknown]> {
  const command = encodeCommand(C.IncrementalSelfTest, { toTest });
  const view = (response: Uint8Array): unknown => {
    const code = responseCode(response);
    if (code !== 0) return code;
    return decodeSuccess(C.IncrementalSelfTest as CommandRow<never, { toDoList: number[] }>, response).toDoList;
  };
  return [view(await pair.ours.transmit(command, 0)), view(await pair.theirs.transmit(command, 0))];
}

async function same(...steps: number[][]): Promise<void> {
  const seen: [unknown[], unknown[]] = [[], []];
  for (const step of steps) {
    const [a, b] = await lists(step);
    seen[0].push(a);
    seen[1].push(b);
  }
  expect(seen[0]).toEqual(seen[1]);
}

describe('to-do lists', () => {
  it('of each algorithm identifier, first and again', async () => {
    for (let alg = 0; alg <= 0x60; alg++) {
      await start();
      await same([], [alg], [alg], []);
    }
    await same([0x99], [0x9999], [0xffff], [A.SHA256, 0x9999], []);
  });

  it('after a self test, full or not, and with lists of the longest length', async () => {
    for (const fullTest of [0, 1]) {
      await start();
      await pair.same('self test', encodeCommand(C.SelfTest, { fullTest }));
      await same([], [A.SHA1], [A.RSA, A.ECC]);
    }
    await start();
    await same(Array(64).fill(A.SHA1), []);
  });

  it('of every two algorithms together', async () => {
    const known = Object.values(A);
    for (const [i, first] of known.entries()) {
      for (const second of known.slice(i + 1)) {
        await start();
        await same([first, second]);
      }
    }
  });

  it('of any requests one after the other', async () => {
    const known = Object.values(A);
    const request = fc.array(fc.constantFrom(...known), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), async (requests) => {
        await start();
        await same(...requests, []);
      }),
      { numRuns: 60 },
    );
  });
});
