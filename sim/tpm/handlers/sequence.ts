/** Hash, MAC and event sequences (TPM 2.0 Library specification, Part 3, chapter 17). */
import { concat } from '../../../src/bytes/bytes.ts';
import { continueCmac } from '../../../src/crypto/cmac.ts';
import { HASH_BLOCK_SIZE, hash } from '../../../src/crypto/hash.ts';
import type { HashName } from '../../../src/crypto/primitives.ts';
import { continueHash, finishHash, startHash } from '../../../src/crypto/resumable-hash.ts';
import { TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import {
  EventSequenceComplete,
  HashSequenceStart,
  HMAC_Start,
  SequenceComplete,
  SequenceUpdate,
} from '../../../src/tpm2/commands/crypto.ts';
import { TPM_ALG, TPM_RH } from '../../../src/tpm2/constants.ts';
import { HASH_ALG, requireHash } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { HASH_ALGORITHMS } from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { objectOf, withoutTrailingZeros } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { macOf, tpmCmac } from '../mac-keys.ts';
import { freeTransientHandle } from '../object-store.ts';
import { refuse } from '../refusal.ts';
import type { Sequence, TpmObject } from '../state.ts';
import { hashCheckTicket, isSafeToSign, NO_HASH_CHECK } from '../tickets.ts';
import { extendIfAllocated, requireExtendLocality } from './pcr.ts';

const EMPTY = new Uint8Array(0);

/** A sequence takes an object's place: without a Name, free of dictionary attack protection, in no hierarchy. */
function sequenceObject(sequence: Sequence, auth: Uint8Array): TpmObject {
  return {
    publicArea: {
      type: TPM_ALG.KEYEDHASH,
      nameAlg: TPM_ALG.NULL,
      objectAttributes: TPMA_OBJECT.userWithAuth | TPMA_OBJECT.noDA,
      authPolicy: EMPTY,
      parameters: { scheme: { scheme: TPM_ALG.NULL } },
      unique: EMPTY,
    },
    name: EMPTY,
    qualifiedName: EMPTY,
    hierarchy: TPM_RH.NULL,
    sensitive: { authValue: withoutTrailingZeros(auth).slice(), seedValue: EMPTY, data: EMPTY },
    key: undefined,
    sequence,
  };
}

function startSequence(tpm: Tpm, auth: Uint8Array, sequence: () => Sequence): { sequenceHandle: number } {
  const sequenceHandle = freeTransientHandle(tpm);
  if (sequenceHandle === undefined) throw refuse(TPM_RC.OBJECT_MEMORY);
  tpm.state.transient.set(sequenceHandle, sequenceObject(sequence(), auth));
  return { sequenceHandle };
}

/** The key of an HMAC as long as a block. */
function blockKey(name: HashName, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BLOCK_SIZE[name]);
  out.set(key.length > out.length ? hash(name, key) : key);
  return out;
}

const padded = (key: Uint8Array, byte: number): Uint8Array => key.map((value) => value ^ byte);

const hmacStart = handler(HMAC_Start, (tpm, { handle, auth, hashAlg }) => {
  const mac = macOf(objectOf(tpm, handle), hashAlg, { key: 'handle', scheme: 'hashAlg' });
  return startSequence(tpm, auth, () => {
    if (!('hash' in mac)) return { kind: 'cmac', hashes: [], hmacKey: EMPTY, cmac: mac, started: true, safe: false };
    const hmacKey = blockKey(mac.hash, mac.key);
    const inner = startHash(mac.hash);
    continueHash(inner, padded(hmacKey, 0x36));
    return { kind: 'hmac', hashes: [inner], hmacKey, started: true, safe: false };
  });
});

const hashStart = handler(HashSequenceStart, (tpm, { auth, hashAlg }) =>
  startSequence(tpm, auth, () => {
    const common = { hmacKey: EMPTY, started: false, safe: false };
    if (hashAlg !== TPM_ALG.NULL) return { kind: 'hash', hashes: [startHash(requireHash(hashAlg))], ...common };
    return { kind: 'event', hashes: HASH_ALGORITHMS.map((alg) => startHash(requireHash(alg))), ...common };
  }),
);

/** The sequence of a handle; refuses another object and another kind. */
function sequenceOf(tpm: Tpm, handle: number, kinds: readonly Sequence['kind'][]): Sequence {
  const { sequence } = objectOf(tpm, handle);
  if (sequence === undefined || !kinds.includes(sequence.kind)) throw refuse(TPM_RC.MODE, 'sequenceHandle');
  return sequence;
}

function add(sequence: Sequence, data: Uint8Array): void {
  if (!sequence.started) {
    sequence.started = true;
    sequence.safe = isSafeToSign(data);
  }
  for (const state of sequence.hashes) continueHash(state, data);
  if (sequence.cmac !== undefined) continueCmac(sequence.cmac, data);
}

const update = action(SequenceUpdate, (tpm, { sequenceHandle, buffer }) => {
  // The reference implementation points to the data, not to the handle.
  const { sequence } = objectOf(tpm, sequenceHandle);
  if (sequence === undefined) throw refuse(TPM_RC.MODE, 'buffer');
  add(sequence, buffer);
});

const complete = handler(SequenceComplete, (tpm, { sequenceHandle, buffer, hierarchy }) => {
  const sequence = sequenceOf(tpm, sequenceHandle, ['hash', 'hmac', 'cmac']);
  add(sequence, buffer);
  if (sequence.cmac !== undefined) {
    tpm.state.transient.delete(sequenceHandle);
    return { result: tpmCmac(sequence.cmac), validation: NO_HASH_CHECK };
  }
  const [state] = sequence.hashes;
  if (state === undefined) throw refuse(TPM_RC.MODE, 'sequenceHandle');
  const digest = finishHash(state);
  tpm.state.transient.delete(sequenceHandle);
  if (sequence.kind === 'hmac') {
    const result = hash(state.name, concat(padded(sequence.hmacKey, 0x5c), digest));
    return { result, validation: NO_HASH_CHECK };
  }
  const ticket = sequence.safe ? hashCheckTicket(tpm, hierarchy, HASH_ALG[state.name], digest) : NO_HASH_CHECK;
  return { result: digest, validation: ticket };
});

const eventComplete = handler(EventSequenceComplete, (tpm, { pcrHandle, sequenceHandle, buffer }) => {
  const sequence = sequenceOf(tpm, sequenceHandle, ['event']);
  if (pcrHandle !== TPM_RH.NULL) requireExtendLocality(tpm, pcrHandle);
  add(sequence, buffer);
  const results = sequence.hashes.map((state) => ({ hashAlg: HASH_ALG[state.name], digest: finishHash(state) }));
  if (pcrHandle !== TPM_RH.NULL) extendIfAllocated(tpm, pcrHandle, results);
  tpm.state.transient.delete(sequenceHandle);
  return { results };
});

export const sequenceHandlers = [hmacStart, hashStart, update, complete, eventComplete];
