/**
 * LZMA2, the filter of .xz files: chunks of LZMA data, of plain bytes, and resets. Decoded synchronously, which no library
 * for both Node and browsers does; written from the public format descriptions. Every length is checked before it is used.
 */
import { FormatError } from '../bytes/errors.ts';
import { evenProbabilities, RANGE_INIT, RangeDecoder } from './range-decoder.ts';

const STRUCTURE = 'lzma2';
const STATES = 12;
const POSITIONS = 16;
const MIN_MATCH = 2;
/** Slots of distances: the first four are distances themselves, those below 14 have adaptive low bits. */
const SLOT = { direct: 4, endOfModel: 14, lengths: 4 } as const;
const ALIGN_BITS = 4;

/** A buffer that grows as long as its limit allows. */
export class Output {
  bytes: Uint8Array;
  length = 0;
  readonly #limit: number;
  readonly #exceeded: () => FormatError;

  /** `exceeded` makes the error for output over `limit` bytes. */
  constructor(limit: number, exceeded: () => FormatError) {
    this.#limit = limit;
    this.#exceeded = exceeded;
    this.bytes = new Uint8Array(Math.min(limit, 1 << 16));
  }

  /** Makes room for `count` bytes more. */
  reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted > this.#limit) throw this.#exceeded();
    if (wanted <= this.bytes.length) return;
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(wanted, this.bytes.length * 2)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Lengths of matches: eight short ones and eight middle ones for each position, 256 long ones. */
class LengthModel {
  readonly #choice = evenProbabilities(2);
  readonly #low = evenProbabilities(POSITIONS << 3);
  readonly #middle = evenProbabilities(POSITIONS << 3);
  readonly #high = evenProbabilities(256);

  decode(range: RangeDecoder, position: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, position << 3, 3);
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, position << 3, 3);
    return 16 + range.tree(this.#high, 0, 8);
  }
}

/** Everything that adapts, and the last four distances. */
class LzmaState {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
  state = 0;
  readonly reps = [0, 0, 0, 0];
  readonly isMatch = evenProbabilities(STATES * POSITIONS);
  readonly isRep = evenProbabilities(STATES);
  readonly isRepG0 = evenProbabilities(STATES);
  readonly isRepG1 = evenProbabilities(STATES);
  readonly isRepG2 = evenProbabilities(STATES);
  readonly isRep0Long = evenProbabilities(STATES * POSITIONS);
  readonly slots = evenProbabilities(SLOT.lengths << 6);
  readonly special = evenProbabilities(128);
  readonly align = evenProbabilities(1 << ALIGN_BITS);
  readonly matchLength = new LengthModel();
  readonly repLength = new LengthModel();
  readonly literals: Uint16Array;

  constructor(lc: number, lp: number, pb: number) {
    this.lc = lc;
    this.lp = lp;
    this.pb = pb;
    this.literals = evenProbabilities(0x300 << (lc + lp));
  }
}

function literal(range: RangeDecoder, s: LzmaState, out: Output, start: number): void {
  const { bytes, length } = out;
  const previous = length > start ? (bytes[length - 1] ?? 0) : 0;
  const place = (((length - start) & ((1 << s.lp) - 1)) << s.lc) + (previous >> (8 - s.lc));
  const base = 0x300 * place;
  let symbol = 1;
  if (s.state >= 7) {
    // Behind a match the byte at the last distance says which probabilities hold, until the first bit that differs.
    let expected = bytes[length - (s.reps[0] ?? 0) - 1] ?? 0;
    while (symbol < 0x100) {
      const bit = (expected >> 7) & 1;
      expected <<= 1;
      const found = range.bit(s.literals, base + ((1 + bit) << 8) + symbol);
      symbol = (symbol << 1) | found;
      if (found !== bit) break;
    }
  }
  while (symbol < 0x100) symbol = (symbol << 1) | range.bit(s.literals, base + symbol);
  bytes[out.length++] = symbol & 0xff;
  s.state = s.state < 4 ? 0 : s.state < 10 ? s.state - 3 : s.state - 6;
}

function distance(range: RangeDecoder, s: LzmaState, length: number): number {
  const slot = range.tree(s.slots, Math.min(length, SLOT.lengths - 1) << 6, 6);
  if (slot < SLOT.direct) return slot;
  const bits = (slot >> 1) - 1;
  const high = (2 | (slot & 1)) * 2 ** bits;
  if (slot < SLOT.endOfModel) return high + range.reverseTree(s.special, high - slot, bits);
  return high + range.direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS) + range.reverseTree(s.align, 0, ALIGN_BITS);
}

/** Length and distance of the next match; the state moves on. A length of 1 is a single byte at the last distance. */
function match(range: RangeDecoder, s: LzmaState, position: number): number {
  const { state, reps } = s;
  if (range.bit(s.isRep, state) === 0) {
    reps.pop();
    const length = s.matchLength.decode(range, position);
    reps.unshift(distance(range, s, length));
    s.state = state < 7 ? 7 : 10;
    return length + MIN_MATCH;
  }
  if (range.bit(s.isRepG0, state) === 0) {
    if (range.bit(s.isRep0Long, state * POSITIONS + position) === 0) {
      s.state = state < 7 ? 9 : 11;
      return 1;
    }
  } else {
    const which = range.bit(s.isRepG1, state) === 0 ? 1 : range.bit(s.isRepG2, state) === 0 ? 2 : 3;
    const [used = 0] = reps.splice(which, 1);
    reps.unshift(used);
  }
  s.state = state < 7 ? 8 : 11;
  return s.repLength.decode(range, position) + MIN_MATCH;
}

/** Decodes LZMA data until `end` bytes are there. `start` is where the dictionary began, `window` its size in bytes. */
function lzmaChunk(
  range: RangeDecoder,
  s: LzmaState,
  out: Output,
  end: number,
  start: number,
  window: number,
): boolean {
  const mask = (1 << s.pb) - 1;
  while (out.length < end) {
    if (range.overrun) return false;
    const position = (out.length - start) & mask;
    if (range.bit(s.isMatch, s.state * POSITIONS + position) === 0) {
      literal(range, s, out, start);
      continue;
    }
    const length = match(range, s, position);
    const from = out.length - (s.reps[0] ?? 0) - 1;
    if (from < start || out.length - from > window || out.length + length > end) return false;
    const { bytes } = out;
    for (let i = 0; i < length; i++) bytes[out.length + i] = bytes[from + i] ?? 0;
    out.length += length;
  }
  return range.finished;
}

/** Settings from their byte (`(pb · 5 + lp) · 9 + lc`); undefined where it is none. */
function stateOf(byte: number): LzmaState | undefined {
  const [lc, lp, pb] = [byte % 9, Math.floor(byte / 9) % 5, Math.floor(byte / 45)];
  return pb > 4 || lc + lp > 4 ? undefined : new LzmaState(lc, lp, pb);
}

const CONTROL = { end: 0, resetAndPlain: 1, plain: 2, lzma: 0x80 } as const;

/**
 * Decodes a run of LZMA2 chunks from `at` into `out`; gives the offset behind it. Damage is a `FormatError` of `field`.
 * `window`: bytes of the dictionary that distances may reach back.
 */
export function decodeLzma2(bytes: Uint8Array, at: number, out: Output, window: number, field: string): number {
  const fail = (problem: string, offset: number): FormatError =>
    new FormatError({ structure: STRUCTURE, field, offset, problem });
  let state: LzmaState | undefined;
  let start = -1;
  for (let i = at; ; ) {
    const offset = i;
    const control = bytes[i++];
    const take = (count: number): number => {
      if (i + count > bytes.length) throw fail(`needs ${count} bytes, ${bytes.length - i} left`, offset);
      i += count;
      return i - count;
    };
    const u16 = (): number => {
      const place = take(2);
      return ((bytes[place] ?? 0) << 8) | (bytes[place + 1] ?? 0);
    };
    if (control === undefined) throw fail('cut off before its end mark', offset);
    if (control === CONTROL.end) return i;
    if (control === CONTROL.resetAndPlain || control >= 0xe0) start = out.length;
    if (start < 0) throw fail('the first chunk does not reset the dictionary', offset);
    if (control <= CONTROL.plain) {
      const size = u16() + 1;
      const from = take(size);
      out.reserve(size);
      out.bytes.set(bytes.subarray(from, from + size), out.length);
      out.length += size;
      continue;
    }
    if (control < CONTROL.lzma) throw fail(`control byte ${control} is not known`, offset);
    const size = ((control & 0x1f) << 16) + u16() + 1;
    const packed = u16() + 1;
    if (control >= 0xc0) {
      state = stateOf(bytes[take(1)] ?? 0xff);
      if (state === undefined) throw fail('bad LZMA properties', offset);
    } else if (state === undefined) throw fail('the first LZMA chunk brings no properties', offset);
    else if (control >= 0xa0) state = new LzmaState(state.lc, state.lp, state.pb);
    if (packed < RANGE_INIT) throw fail(`LZMA chunk of ${packed} bytes`, offset);
    const from = take(packed);
    out.reserve(size);
    const range = new RangeDecoder(bytes, from, from + packed);
    if (!lzmaChunk(range, state, out, out.length + size, start, window)) throw fail('damaged LZMA data', offset);
  }
}
