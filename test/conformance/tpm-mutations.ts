/** Changes to commands that are right: the same change to the command for each TPM, before it is authorised or after. */
import type { RandomStream } from '../../sim/entropy.ts';
import { concat } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import type { Draft } from './tpm-replay.ts';

/** One change, told in words. */
export interface Mutation {
  readonly label: string;
  /** Before authorisation: the sessions vouch for what comes of it. */
  readonly draft?: (draft: Draft) => Draft;
  /** After it. */
  readonly bytes?: (bytes: Uint8Array) => Uint8Array;
}

const { TPM_ALG: A, TPM_RH: RH } = T;
const ALGORITHMS: readonly number[] = Object.values(A);
const IS_ALGORITHM = new Set(ALGORITHMS.filter((alg) => alg !== A.ERROR));
const CODES: readonly number[] = Object.values(T.COMMANDS).map(({ code }) => code);
/** Sizes and counts that are hard to get right. */
const SIZES = [0, 1, 2, 3, 0x10, 0x20, 0x21, 0x40, 0x41, 0x7f, 0x80, 0xff, 0x100, 0x3ff, 0x400, 0x401, 0x7fff, 0xffff];

const HANDLES: readonly number[] = [
  ...[
    0, 10, 16, 23, 24, 0x01500001, 0x01c00002, 0x02000000, 0x02000001, 0x03000000, 0x03000001, 0x0300003f, 0x03000040,
  ],
  ...[0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x81000001, 0x81010001, 0x81800000, 0x90000000, 0xffffffff],
  ...Object.values(RH),
];

const put = (bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array => {
  const out = bytes.slice();
  for (const [i, value] of values.entries()) if (at + i < out.length) out[at + i] = value;
  return out;
};
const put16 = (bytes: Uint8Array, at: number, value: number) => put(bytes, at, value >> 8, value & 0xff);
const put32 = (bytes: Uint8Array, at: number, value: number) =>
  put(bytes, at, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
/** A command whose size field is right again. */
const sized = (bytes: Uint8Array): Uint8Array => put32(bytes, 2, bytes.length);

const parameters = (change: (bytes: Uint8Array) => Uint8Array) => (draft: Draft) => ({
  ...draft,
  parameters: change(draft.parameters),
});

/** Offsets at which a 16-bit number could be an algorithm. */
function algorithmsIn(bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at + 1 < bytes.length; at++) {
    if (bytes[at] === 0 && IS_ALGORITHM.has(bytes[at + 1] ?? 0)) out.push(at);
  }
  return out;
}

type Maker = (draft: Draft, size: number, dice: RandomStream) => Mutation | undefined;

const one = <V>(values: readonly V[], dice: RandomStream): V | undefined =>
  values.length === 0 ? undefined : values[dice.below(values.length)];

/** Kinds of mutations with how often they are chosen; undefined where a command has nothing to change in that way. */
const MAKERS: readonly (readonly [number, Maker])[] = [
  [
    6,
    ({ parameters: { length } }, _, dice) => {
      if (length === 0) return undefined;
      const [at, bit] = [dice.below(length), dice.below(8)];
      const change = (bytes: Uint8Array) => put(bytes, at, (bytes[at] ?? 0) ^ (1 << bit));
      return { label: `bit ${bit} of parameter byte ${at}`, draft: parameters(change) };
    },
  ],
  [
    4,
    (draft, _, dice) => {
      const at = one(algorithmsIn(draft.parameters), dice);
      const alg = one(ALGORITHMS, dice);
      if (at === undefined || alg === undefined) return undefined;
      return { label: `algorithm ${alg} at ${at}`, draft: parameters((bytes) => put16(bytes, at, alg)) };
    },
  ],
  [
    4,
    ({ parameters: { length } }, _, dice) => {
      const value = one(SIZES, dice);
      if (length < 2 || value === undefined) return undefined;
      const at = dice.below(3) === 0 ? 0 : dice.below(length - 1);
      return { label: `16 bits ${value} at ${at}`, draft: parameters((bytes) => put16(bytes, at, value)) };
    },
  ],
  [
    1,
    ({ parameters: { length } }, _, dice) => {
      const value = one([...SIZES, ...HANDLES], dice);
      if (length < 4 || value === undefined) return undefined;
      const at = dice.below(length - 3);
      return { label: `32 bits ${value} at ${at}`, draft: parameters((bytes) => put32(bytes, at, value)) };
    },
  ],
  [
    2,
    ({ parameters: { length } }, _, dice) => {
      if (length === 0) return undefined;
      const end = dice.below(length);
      return { label: `parameters cut to ${end}`, draft: parameters((bytes) => bytes.slice(0, end)) };
    },
  ],
  [
    1,
    (_, __, dice) => {
      const tail = new Uint8Array(1 + dice.below(4));
      return { label: `${tail.length} bytes more`, draft: parameters((bytes) => concat(bytes, tail)) };
    },
  ],
  [
    4,
    (draft, _, dice) => {
      const handle = one(HANDLES, dice);
      if (draft.handles.length === 0 || handle === undefined) return undefined;
      const i = dice.below(draft.handles.length);
      const change = (old: Draft) => ({ ...old, handles: old.handles.with(i, handle) });
      return { label: `handle ${i + 1} is ${handle.toString(16)}`, draft: change };
    },
  ],
  [
    1,
    (draft, _, dice) => {
      const drop = dice.below(2) === 0;
      if (draft.handles.length === 0) return undefined;
      const change = (old: Draft) => ({ ...old, handles: drop ? old.handles.slice(1) : [...old.handles, RH.OWNER] });
      return { label: drop ? 'a handle less' : 'a handle more', draft: change };
    },
  ],
  [
    4,
    ({ sessions }, _, dice) => {
      if (sessions === undefined || sessions.length === 0) return undefined;
      const [i, bit] = [dice.below(sessions.length), 1 << dice.below(8)];
      return {
        label: `attribute ${bit} of session ${i + 1}`,
        draft: (old) => ({
          ...old,
          sessions: old.sessions?.map((use, n) => (n === i ? { ...use, attributes: use.attributes ^ bit } : use)),
        }),
      };
    },
  ],
  [
    2,
    ({ sessions }, _, dice) => {
      const handle = one(HANDLES, dice);
      if (sessions === undefined || sessions.length === 0 || handle === undefined) return undefined;
      const i = dice.below(sessions.length);
      return {
        label: `session ${i + 1} is ${handle.toString(16)}`,
        draft: (old) => ({ ...old, sessions: old.sessions?.map((use, n) => (n === i ? { ...use, handle } : use)) }),
      };
    },
  ],
  [
    1,
    ({ sessions }, _, dice) => {
      if (sessions === undefined || sessions.length === 0) return undefined;
      const kind = dice.below(3);
      return {
        label: ['no session', 'the sessions twice', 'the sessions reversed'][kind] ?? '',
        draft: (old) => {
          const { sessions: list = [] } = old;
          return { ...old, sessions: kind === 0 ? [] : kind === 1 ? [...list, ...list] : list.toReversed() };
        },
      };
    },
  ],
  [
    1,
    ({ sessions }) =>
      sessions === undefined
        ? {
            label: 'a password nobody asked for',
            draft: (old) => ({
              ...old,
              tag: T.TPM_ST.SESSIONS,
              sessions: [
                { handle: RH.PW, nonce: new Uint8Array(0), attributes: 1, hmac: new Uint8Array(0), use: undefined },
              ],
            }),
          }
        : {
            label: 'without sessions',
            draft: (old) => ({ ...old, tag: T.TPM_ST.NO_SESSIONS, sessions: undefined }),
          },
  ],
  [
    1,
    (_, __, dice) => {
      const code = one(CODES, dice);
      return code === undefined
        ? undefined
        : { label: `code ${code.toString(16)}`, draft: (old) => ({ ...old, code }) };
    },
  ],
  [
    3,
    (_, size, dice) => {
      const [at, bit] = [dice.below(size), dice.below(8)];
      const change = (bytes: Uint8Array) => (at < bytes.length ? put(bytes, at, (bytes[at] ?? 0) ^ (1 << bit)) : bytes);
      return { label: `bit ${bit} of byte ${at}`, bytes: change };
    },
  ],
  [
    2,
    (_, size, dice) => {
      const end = dice.below(size);
      return dice.below(2) === 0
        ? { label: `cut to ${end}`, bytes: (bytes) => bytes.slice(0, end) }
        : { label: `cut to ${end} with that size`, bytes: (bytes) => (end < 10 ? bytes : sized(bytes.slice(0, end))) };
    },
  ],
  [
    2,
    (_, size, dice) => {
      const value = one(SIZES, dice) ?? 0;
      const at = 10 + dice.below(Math.max(1, size - 11));
      return {
        label: `16 bits ${value} at byte ${at}`,
        bytes: (bytes) => (at + 1 < bytes.length ? put16(bytes, at, value) : bytes),
      };
    },
  ],
];

const BAG = MAKERS.flatMap(([weight, maker]) => Array.from({ length: weight }, () => maker));

/** A mutation that this command has something for; `size` is that of the whole command. */
export function mutation(draft: Draft, size: number, dice: RandomStream): Mutation {
  for (;;) {
    const made = one(BAG, dice)?.(draft, size, dice);
    if (made !== undefined) return made;
  }
}
