/**
 * A hash whose state between two pieces of data is plain data: it can be saved, copied and continued on another machine or
 * years later. Native hashes keep theirs inside; here the compression function of @noble/hashes is used.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { HashName } from './primitives.ts';

/** A hash in progress. */
export interface HashState {
  readonly name: HashName;
  /** Chaining value: the registers as signed 32-bit numbers, in the order of the standard (high before low for 64 bits). */
  registers: readonly number[];
  /** Data not yet compressed, less than one block. */
  tail: Uint8Array;
  /** Bytes hashed so far, the tail included. */
  length: number;
}

const HASHES = { sha1, sha256, sha384, sha512 } as const;

/** What the block hashes of @noble/hashes have inside. */
interface BlockHash {
  buffer: Uint8Array;
  pos: number;
  length: number;
  get(): number[];
  set(...registers: number[]): void;
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

const fresh = (name: HashName): BlockHash => HASHES[name].create() as unknown as BlockHash;

function resume(state: HashState): BlockHash {
  const hash = fresh(state.name);
  hash.set(...state.registers);
  hash.buffer.set(state.tail, 0);
  hash.pos = state.tail.length;
  hash.length = state.length;
  return hash;
}

/** A hash of nothing yet. */
export function startHash(name: HashName): HashState {
  return { name, registers: fresh(name).get(), tail: new Uint8Array(0), length: 0 };
}

/** Adds data; `state` is changed. */
export function continueHash(state: HashState, data: Uint8Array): void {
  const hash = resume(state);
  hash.update(data);
  state.registers = hash.get();
  state.tail = hash.buffer.slice(0, hash.pos);
  state.length = hash.length;
}

/** The digest of everything so far; `state` is not changed. */
export const finishHash = (state: HashState): Uint8Array => resume(state).digest();
