/**
 * RSA encryption (TPM 2.0 Library specification, Part 3, 14.2 and 14.3). Input that the arithmetic refuses is TPM_RC_FAILURE, as
 * libtpms answers it: its library does not say what was wrong.
 */
import { primitives } from '#primitives';
import { compareBytes, leftPad, trimLeadingZeros } from '../../../src/bytes/bytes.ts';
import { decryptPkcs1, encryptPkcs1 } from '../../../src/crypto/rsaes.ts';
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import type { Infer } from '../../../src/tpm2/codec.ts';
import { RSA_Decrypt, RSA_Encrypt } from '../../../src/tpm2/commands/crypto.ts';
import { TPM_ALG } from '../../../src/tpm2/constants.ts';
import { hashSize, requireHash } from '../../../src/tpm2/hash-alg.ts';
import { oaepCapacity, oaepDecrypt, oaepEncrypt } from '../../../src/tpm2/oaep.ts';
import { givenKeyOf } from '../../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { TPMT_RSA_DECRYPT } from '../../../src/tpm2/structures/index.ts';
import { random, type Tpm } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { refuse } from '../refusal.ts';
import type { TpmObject } from '../state.ts';

type Scheme = Infer<typeof TPMT_RSA_DECRYPT>;

/** A label is text with its terminating zero byte, or nothing. */
function checkLabel(label: Uint8Array): void {
  if (label.length > 0 && label.at(-1) !== 0) throw refuse(TPM_RC.VALUE, 'label');
}

/** The scheme of the key, or the caller's where the key has none; they must not disagree. */
function selectScheme({ publicArea }: TpmObject, inScheme: Scheme): Scheme {
  if (publicArea.type !== TPM_ALG.RSA) throw refuse(TPM_RC.KEY, 'keyHandle');
  const own = publicArea.parameters.scheme;
  if (own.scheme === TPM_ALG.NULL) return inScheme;
  const hashOf = (scheme: object): unknown => ('hashAlg' in scheme ? scheme.hashAlg : undefined);
  const same = inScheme.scheme === own.scheme && hashOf(inScheme) === hashOf(own);
  if (inScheme.scheme !== TPM_ALG.NULL && !same) throw refuse(TPM_RC.SCHEME, 'inScheme');
  if (own.scheme !== TPM_ALG.RSAES && own.scheme !== TPM_ALG.OAEP) throw refuse(TPM_RC.SCHEME);
  return own;
}

/** As many random bytes without a zero byte as asked for. */
function nonZero(tpm: Tpm, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let at = 0; at < size; ) for (const byte of random(tpm, 32)) if (byte !== 0 && at < size) out[at++] = byte;
  return out;
}

const encrypt = handler(RSA_Encrypt, (tpm, { keyHandle, message, inScheme, label }) => {
  const object = objectOf(tpm, keyHandle);
  if (object.publicArea.type !== TPM_ALG.RSA) throw refuse(TPM_RC.KEY, 'keyHandle');
  if (!has(object.publicArea.objectAttributes, TPMA_OBJECT.decrypt)) throw refuse(TPM_RC.ATTRIBUTES, 'keyHandle');
  checkLabel(label);
  const scheme = selectScheme(object, inScheme);
  const key = givenKeyOf(object.publicArea);
  if (key.kind !== 'rsa') throw refuse(TPM_RC.KEY, 'keyHandle');
  const size = key.n.length;
  switch (scheme.scheme) {
    case TPM_ALG.RSAES:
      if (message.length > size - 11) throw refuse(TPM_RC.FAILURE);
      return { outData: encryptPkcs1(key, message, nonZero(tpm, size - message.length - 3)) };
    case TPM_ALG.OAEP: {
      const name = requireHash(scheme.hashAlg);
      if (message.length > oaepCapacity(name, size)) throw refuse(TPM_RC.FAILURE);
      return { outData: oaepEncrypt(key, name, label, message, random(tpm, hashSize(scheme.hashAlg))) };
    }
    default: {
      // Without a scheme the message is the number itself.
      const number = trimLeadingZeros(message);
      if (number.length > size) throw refuse(TPM_RC.VALUE);
      const input = leftPad(number, size);
      if (compareBytes(input, key.n) >= 0) throw refuse(TPM_RC.FAILURE);
      return { outData: primitives.rsaPublicRaw(key, input) };
    }
  }
});

const decrypt = handler(RSA_Decrypt, (tpm, { keyHandle, cipherText, inScheme, label }) => {
  const object = objectOf(tpm, keyHandle);
  const { objectAttributes, type } = object.publicArea;
  if (type !== TPM_ALG.RSA) throw refuse(TPM_RC.KEY, 'keyHandle');
  if (has(objectAttributes, TPMA_OBJECT.restricted) || !has(objectAttributes, TPMA_OBJECT.decrypt)) {
    throw refuse(TPM_RC.ATTRIBUTES, 'keyHandle');
  }
  checkLabel(label);
  const scheme = selectScheme(object, inScheme);
  const { key } = object;
  if (key?.kind !== 'rsa') throw refuse(TPM_RC.KEY, 'keyHandle');
  if (cipherText.length !== key.n.length) throw refuse(TPM_RC.SIZE);
  if (compareBytes(cipherText, key.n) >= 0) throw refuse(TPM_RC.FAILURE);
  const message = decryptWith(scheme, key, cipherText, label);
  if (message === undefined) throw refuse(TPM_RC.FAILURE);
  return { message };
});

function decryptWith(
  scheme: Scheme,
  key: Extract<NonNullable<TpmObject['key']>, { kind: 'rsa' }>,
  cipherText: Uint8Array,
  label: Uint8Array,
): Uint8Array | undefined {
  switch (scheme.scheme) {
    case TPM_ALG.RSAES:
      return decryptPkcs1(key, cipherText);
    case TPM_ALG.OAEP:
      return oaepDecrypt(key, requireHash(scheme.hashAlg), label, cipherText);
    default:
      return primitives.rsaPrivateRaw(key, cipherText);
  }
}

export const rsaHandlers = [encrypt, decrypt];
