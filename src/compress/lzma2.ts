/**
 * LZMA2, the filter of .xz files: chunks of LZMA data, of plain bytes, and resets. Decoded piece by piece and synchronously,
 * which no library for both Node and browsers does; written from the public format descriptions. Every length is checked before
 * it is used.
 */
import type { Asking, Place, Sink } from './asking.ts';
import { evenProbabilities, RANGE_INIT, RangeDecoder } from './range-decoder.ts';

/** Field in errors. */
const FIELD = 'data';
const STATES = 12;
const POSITIONS = 16;
const MIN_MATCH = 2;
/** Slots of distances: the first four are distances themselves, those below 14 have adaptive low bits. */
const SLOT = { direct: 4, endOfModel: 14, lengths: 4 } as const;
const ALIGN_BITS = 4;

/** Bytes of one chunk at most. */
const MAX_CHUNK = 1 << 21;
/** Largest dictionary that data may reach back in, as of zstd: `xz -9` has 64 MiB. */
const MAX_WINDOW = 128 << 20;
/** The window moves by multiples of this, so that places modulo 16 stay the same. */
const STEP = 16;

/** The end of the output, as far back as the dictionary reaches. */
class Window {
  bytes = new Uint8Array(1 << 16);
  length = 0;
  readonly size: number;
  readonly #error: (problem: string) => Error;

  /** @param size of the dictionary, which bounds what is kept */
  constructor(size: number, error: (problem: string) => Error) {
    this.size = size;
    this.#error = error;
  }

  /** Makes room for a chunk. How far everything moved towards the beginning is returned. */
  reserve(count: number): number {
    const wanted = this.length + count;
    if (wanted <= this.bytes.length) return 0;
    const most = Math.min(this.size, MAX_WINDOW) + 2 * MAX_CHUNK;
    if (wanted <= most) {
      const grown = new Uint8Array(Math.min(most, Math.max(wanted, this.bytes.length * 2)));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      return 0;
    }
    if (this.size > MAX_WINDOW) throw this.#error(`dictionary of ${this.size} bytes, the limit is ${MAX_WINDOW}`);
    const moved = (this.length - this.size) & ~(STEP - 1);
    this.bytes.copyWithin(0, moved, this.length);
    this.length -= moved;
    return moved;
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
  /** The last four distances, the last one first. */
  rep0 = 0;
  rep1 = 0;
  rep2 = 0;
  rep3 = 0;
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

function literal(range: RangeDecoder, s: LzmaState, out: Window, start: number): void {
  const { bytes, length } = out;
  const previous = length > start ? (bytes[length - 1] ?? 0) : 0;
  const place = (((length - start) & ((1 << s.lp) - 1)) << s.lc) + (previous >> (8 - s.lc));
  const base = 0x300 * place;
  let symbol = 1;
  if (s.state >= 7) {
    // Behind a match the byte at the last distance says which probabilities hold, until the first bit that differs.
    let expected = bytes[length - s.rep0 - 1] ?? 0;
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
  const { state } = s;
  if (range.bit(s.isRep, state) === 0) {
    const length = s.matchLength.decode(range, position);
    const found = distance(range, s, length);
    s.rep3 = s.rep2;
    s.rep2 = s.rep1;
    s.rep1 = s.rep0;
    s.rep0 = found;
    s.state = state < 7 ? 7 : 10;
    return length + MIN_MATCH;
  }
  if (range.bit(s.isRepG0, state) === 0) {
    if (range.bit(s.isRep0Long, state * POSITIONS + position) === 0) {
      s.state = state < 7 ? 9 : 11;
      return 1;
    }
  } else {
    useEarlier(range, s);
  }
  s.state = state < 7 ? 8 : 11;
  return s.repLength.decode(range, position) + MIN_MATCH;
}

/** One of the three distances before the last becomes the last. */
function useEarlier(range: RangeDecoder, s: LzmaState): void {
  let used = s.rep1;
  if (range.bit(s.isRepG1, s.state) !== 0) {
    used = s.rep2;
    if (range.bit(s.isRepG2, s.state) !== 0) {
      used = s.rep3;
      s.rep3 = s.rep2;
    }
    s.rep2 = s.rep1;
  }
  s.rep1 = s.rep0;
  s.rep0 = used;
}

/** Decodes LZMA data until `end` bytes are there. `start` is where the dictionary began. */
function lzmaChunk(range: RangeDecoder, s: LzmaState, out: Window, end: number, start: number): boolean {
  const mask = (1 << s.pb) - 1;
  while (out.length < end) {
    if (range.overrun) return false;
    const position = (out.length - start) & mask;
    if (range.bit(s.isMatch, s.state * POSITIONS + position) === 0) {
      literal(range, s, out, start);
      continue;
    }
    const length = match(range, s, position);
    const from = out.length - s.rep0 - 1;
    if (from < start || out.length - from > out.size || out.length + length > end) return false;
    const { bytes, length: at } = out;
    for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i] ?? 0;
    out.length = at + length;
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
 * Decodes a run of LZMA2 chunks. Damage is a `FormatError` of `place`. `size`: bytes of the dictionary that distances may reach
 * back. `sink` may throw where it has got enough.
 */
export function* decodeLzma2(place: Place, size: number, sink: Sink): Asking {
  const out = new Window(size, (problem) => place.error(FIELD, problem));
  let state: LzmaState | undefined;
  /** Where the dictionary began in the window; before it where that has moved on. Undefined before the first reset. */
  let start: number | undefined;
  for (;;) {
    const offset = place.at;
    const fail = (problem: string): Error => place.error(FIELD, problem, offset);
    const [control = 0] = yield* place.take(1, FIELD);
    if (control === CONTROL.end) return;
    if (control === CONTROL.resetAndPlain || control >= 0xe0) start = out.length;
    if (start === undefined) throw fail('the first chunk does not reset the dictionary');
    if (control <= CONTROL.plain) {
      const plain = u16(yield* place.take(2, FIELD), 0) + 1;
      start -= out.reserve(plain);
      out.bytes.set(yield* place.take(plain, FIELD), out.length);
      out.length += plain;
      sink(out.bytes.subarray(out.length - plain, out.length));
      continue;
    }
    if (control < CONTROL.lzma) throw fail(`control byte ${control} is not known`);
    const sizes = (yield* place.take(4, FIELD)).slice();
    const count = ((control & 0x1f) << 16) + u16(sizes, 0) + 1;
    const packed = u16(sizes, 2) + 1;
    if (control >= 0xc0) {
      state = stateOf((yield* place.take(1, FIELD))[0] ?? 0xff);
      if (state === undefined) throw fail('bad LZMA properties');
    } else if (state === undefined) throw fail('the first LZMA chunk brings no properties');
    else if (control >= 0xa0) state = new LzmaState(state.lc, state.lp, state.pb);
    if (packed < RANGE_INIT) throw fail(`LZMA chunk of ${packed} bytes`);
    start -= out.reserve(count);
    const range = new RangeDecoder(yield* place.take(packed, FIELD), 0, packed);
    if (!lzmaChunk(range, state, out, out.length + count, start)) throw fail('damaged LZMA data');
    sink(out.bytes.subarray(out.length - count, out.length));
  }
}

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
