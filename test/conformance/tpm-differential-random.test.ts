/** Long random streams of NV, PCR, hierarchy and start-up commands: the same to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { RandomStream } from '../../sim/entropy.ts';
import { Entropy } from '../../sim/entropy.ts';
import * as T from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_NV: NV, encodeCommand: encode } = T;

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await pair.same('start', encode(C.Startup, { startupType: 0 }));
});
afterAll(() => pair.stop());

/** Random choices from a seed. */
class Dice {
  readonly #random: RandomStream;

  constructor(seed: string) {
    this.#random = new Entropy(seed).stream('dice');
  }

  below(n: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#random.bytes(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % n;
  }

  one<V>(values: readonly V[]): V {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('nothing to choose from');
    return value;
  }

  some(bits: readonly number[], each: number): number {
    return bits.reduce((all, bit) => (this.below(each) === 0 ? all | bit : all), 0) >>> 0;
  }

  bytes(size: number): Uint8Array {
    return this.#random.bytes(size);
  }
}

const INDICES = [0x01500000, 0x01500001, 0x01500002, 0x01500003];
const PASSWORDS = [new Uint8Array(0), new Uint8Array([1]), new Uint8Array([1, 0])];
const HIERARCHIES = [RH.OWNER, RH.ENDORSEMENT, RH.PLATFORM];
// No index that only a policy removes: it would be there for ever. No dictionary attack protection: it forgives by real time.
const BITS = Object.entries(NV).flatMap(([name, bit]) => (name === 'policyDelete' || name === 'noDA' ? [] : [bit]));

const define = (dice: Dice) => {
  const type = dice.one([0, 0, 1, 2, 4, 8, 9]);
  const authHandle = dice.one([RH.OWNER, RH.OWNER, RH.PLATFORM]);
  const base = authHandle === RH.PLATFORM ? 0x42030003 : 0x02070007;
  const drop = type >= 8 ? NV.authWrite : 0;
  const attributes = (((base & ~drop) ^ dice.some(BITS, 12)) | (type << 4)) >>> 0;
  const dataSize = type === 4 ? 32 : type === 0 ? dice.one([0, 8, 40]) : 8;
  const publicInfo = {
    nvIndex: dice.one(INDICES),
    nameAlg: A.SHA256,
    attributes: dice.below(3) === 0 ? (attributes | NV.orderly) >>> 0 : attributes,
    authPolicy: new Uint8Array(0),
    dataSize,
  };
  return encode(C.NV_DefineSpace, { authHandle, auth: dice.one(PASSWORDS), publicInfo }, [dice.one(PASSWORDS)]);
};

const access = (dice: Dice) => {
  const nvIndex = dice.one(INDICES);
  return { authHandle: dice.one([nvIndex, nvIndex, RH.OWNER, RH.PLATFORM]), nvIndex };
};
const digests = (dice: Dice) =>
  [{ hashAlg: dice.one([A.SHA256, A.SHA384]), digest: new Uint8Array(0) }].map(({ hashAlg }) => ({
    hashAlg,
    digest: new Uint8Array(hashAlg === A.SHA256 ? 32 : 48).fill(dice.below(256)),
  }));

/** What can happen next; the numbers say how often. */
const STEPS: readonly (readonly [number, (dice: Dice) => Uint8Array])[] = [
  [6, define],
  [
    3,
    (d) =>
      encode(C.NV_UndefineSpace, { authHandle: d.one([RH.OWNER, RH.PLATFORM]), nvIndex: d.one(INDICES) }, [
        d.one(PASSWORDS),
      ]),
  ],
  [
    6,
    (d) =>
      encode(C.NV_Write, { ...access(d), data: d.bytes(d.one([0, 1, 8, 40])), offset: d.one([0, 0, 1, 8, 40]) }, [
        d.one(PASSWORDS),
      ]),
  ],
  [
    6,
    (d) =>
      encode(C.NV_Read, { ...access(d), size: d.one([0, 1, 8, 40]), offset: d.one([0, 0, 1, 8, 40]) }, [
        d.one(PASSWORDS),
      ]),
  ],
  [6, (d) => encode(C.NV_Increment, access(d), [d.one(PASSWORDS)])],
  [3, (d) => encode(C.NV_Extend, { ...access(d), data: d.bytes(5) }, [d.one(PASSWORDS)])],
  [3, (d) => encode(C.NV_SetBits, { ...access(d), bits: 1n << BigInt(d.below(64)) }, [d.one(PASSWORDS)])],
  [2, (d) => encode(C.NV_WriteLock, access(d), [d.one(PASSWORDS)])],
  [2, (d) => encode(C.NV_ReadLock, access(d), [d.one(PASSWORDS)])],
  [1, (d) => encode(C.NV_GlobalWriteLock, { authHandle: d.one([RH.OWNER, RH.PLATFORM]) }, [d.one(PASSWORDS)])],
  [6, (d) => encode(C.NV_ReadPublic, { nvIndex: d.one(INDICES) })],
  [4, (d) => encode(C.PCR_Extend, { pcrHandle: d.below(24), digests: digests(d) }, [d.one(PASSWORDS)])],
  [2, (d) => encode(C.PCR_Event, { pcrHandle: d.below(24), eventData: d.bytes(3) }, [d.one(PASSWORDS)])],
  [2, (d) => encode(C.PCR_Reset, { pcrHandle: 16 + d.below(8) }, [d.one(PASSWORDS)])],
  [1, (d) => encode(C.PCR_SetAuthValue, { pcrHandle: 19 + d.below(4), auth: d.one(PASSWORDS) }, [d.one(PASSWORDS)])],
  [
    3,
    (d) =>
      encode(C.PCR_Read, { pcrSelectionIn: [T.pcrSelection(d.one([A.SHA256, A.SHA384]), [d.below(24), d.below(24)])] }),
  ],
  [
    1,
    (d) =>
      encode(
        C.HierarchyControl,
        { authHandle: d.one(HIERARCHIES), enable: d.one([...HIERARCHIES, RH.PLATFORM_NV]), state: d.one([0, 1, 1]) },
        [d.one(PASSWORDS)],
      ),
  ],
  [
    1,
    (d) =>
      encode(C.HierarchyChangeAuth, { authHandle: d.one(HIERARCHIES), newAuth: d.one(PASSWORDS) }, [d.one(PASSWORDS)]),
  ],
  [
    1,
    (d) =>
      encode(
        C.SetPrimaryPolicy,
        { authHandle: d.one(HIERARCHIES), authPolicy: new Uint8Array(20), hashAlg: d.one([A.SHA1, A.SHA256]) },
        [d.one(PASSWORDS)],
      ),
  ],
  [1, (d) => encode(C.GetCapability, { capability: 6, property: d.one([0x200, 0x202, 0x20e]), propertyCount: 11 })],
  [
    1,
    (d) =>
      encode(C.GetCapability, {
        capability: d.one([1, 9]),
        property: d.one([0x01000000, 0x40000000]),
        propertyCount: d.below(5),
      }),
  ],
  [1, (d) => encode(C.Shutdown, { shutdownType: d.below(2) })],
];
const BAG = STEPS.flatMap(([weight, step]) => Array.from({ length: weight }, () => step));

/** Now and then the power goes, or a dynamic launch happens. */
async function platform(dice: Dice): Promise<void> {
  if (dice.below(3) === 0) {
    await pair.both(async (tpm) => {
      await tpm.hashStart();
      await tpm.hashEnd();
    });
    return;
  }
  const orderly = dice.below(4);
  if (orderly < 3) await pair.same('shutdown', encode(C.Shutdown, { shutdownType: orderly === 0 ? 0 : 1 }));
  await pair.both((tpm) => tpm.powerOn());
  if (dice.below(2) === 0) await pair.sameResume('resume');
  else await pair.same('start', encode(C.Startup, { startupType: 0 }));
}

describe('random streams', () => {
  it.each(Array.from({ length: 60 }, (_, i) => `stream ${i}`))('%s', async (seed) => {
    const dice = new Dice(seed);
    for (let i = 0; i < 400; i++) {
      const locality = dice.one([0, 0, 0, 1, 2, 3] as const);
      const command = dice.one(BAG)(dice);
      // The name says how to get there again; 0x20d, the number of curves, is not the same of Microsoft's build.
      await pair.same(`${seed}, command ${i}`, command, 'bytes', locality);
      if (dice.below(25) === 0) await platform(dice);
    }
    await pair.both((tpm) => tpm.powerOn());
    await pair.same('start', encode(C.Startup, { startupType: 0 }));
    await pair.same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    for (const nvIndex of INDICES)
      await pair.same('clean', encode(C.NV_UndefineSpace, { authHandle: RH.PLATFORM, nvIndex }));
  });
});
