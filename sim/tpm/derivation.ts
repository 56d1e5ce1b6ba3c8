/** Key material from a derivation parent (TPM 2.0 Library specification, Part 1, 28; Part 3, 12.9). */
import { concat, u32Bytes } from '../../src/bytes/bytes.ts';
import { HASH_SIZE, hmac } from '../../src/crypto/hash.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { requireHash } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { ByteStream } from './primary-keys.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

/** Most key material from one derivation, which is also the length that KDFa is told (MAX_DERIVATION_BITS). */
const MAX_BITS = 8192;

/** The blocks of KDFa(parent's secret, label, context), one after the other. */
export function derivationStream(parent: TpmObject, label: Uint8Array, context: Uint8Array): ByteStream {
  const { publicArea, sensitive } = parent;
  const scheme = publicArea.type === TPM_ALG.KEYEDHASH ? publicArea.parameters.scheme : undefined;
  if (scheme === undefined || !('hashAlg' in scheme)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const name = requireHash(scheme.hashAlg);
  const key = sensitive.data;
  // A label that already ends in a zero byte gets no other.
  const end = label.at(-1) === 0 ? new Uint8Array(0) : new Uint8Array(1);
  const tail = concat(label, end, context, u32Bytes(MAX_BITS));
  let counter = 0;
  let left: Uint8Array = new Uint8Array(0);
  return {
    bytes(size) {
      const out = new Uint8Array(size);
      for (let at = 0; at < size; ) {
        if (left.length === 0) left = hmac(name, key, concat(u32Bytes(++counter), tail));
        const part = left.subarray(0, size - at);
        out.set(part, at);
        at += part.length;
        left = left.subarray(part.length);
      }
      if (counter * HASH_SIZE[name] * 8 > MAX_BITS) throw refuse(TPM_RC.NO_RESULT);
      return out;
    },
  };
}
