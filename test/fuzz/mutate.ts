import type { RandomStream } from '../../sim/entropy.ts';

/** Numbers that break length arithmetic, as 32-bit values. */
const HOSTILE = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

type Mutation = (bytes: Uint8Array, random: RandomStream) => Uint8Array;

const at = (bytes: Uint8Array, random: RandomStream): number => (bytes.length === 0 ? 0 : random.below(bytes.length));

/** One change each; several are applied to one input. */
const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  (bytes, random) => {
    const i = at(bytes, random);
    bytes[i] = (bytes[i] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  (bytes, random) => {
    bytes[at(bytes, random)] = random.below(256);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length < 4) return bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    view.setUint32(random.below(bytes.length - 3), HOSTILE[random.below(HOSTILE.length)] ?? 0, random.below(2) === 0);
    return bytes;
  },
  (bytes, random) => {
    const from = at(bytes, random);
    const part = bytes.slice(from, from + random.below(64));
    const to = at(bytes, random);
    return new Uint8Array([...bytes.subarray(0, to), ...part, ...bytes.subarray(to)]);
  },
  (bytes, random) => {
    const from = at(bytes, random);
    return new Uint8Array([...bytes.subarray(0, from), ...bytes.subarray(from + random.below(64))]);
  },
];

/** A changed copy of `input`: one to four mutations. */
export function mutate(input: Uint8Array, random: RandomStream): Uint8Array {
  let bytes = input.slice();
  for (let n = 1 + random.below(4); n > 0; n--) {
    bytes = (MUTATIONS[random.below(MUTATIONS.length)] ?? ((b: Uint8Array) => b))(bytes, random).slice();
  }
  return bytes;
}
