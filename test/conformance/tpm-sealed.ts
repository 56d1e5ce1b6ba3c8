/** What a caller encrypted to a key of the TPM: opened with the recorded TPM's key, closed again for another TPM's. */

import { unwrapOuter, wrapOuter } from '../../sim/tpm/protection.ts';
import type { TpmObject } from '../../sim/tpm/state.ts';
import { concat } from '../../src/bytes/bytes.ts';
import { decryptPkcs1, encryptPkcs1 } from '../../src/crypto/rsaes.ts';
import * as T from '../../src/tpm2/index.ts';
import { oaepDecrypt, oaepEncrypt } from '../../src/tpm2/oaep.ts';

type Values = Readonly<Record<string, unknown>>;

/** The parts of a command that only the key of one TPM opens. */
export type Sealed =
  | { readonly kind: 'salt' }
  | { readonly kind: 'credential'; readonly value: Uint8Array; readonly name: Uint8Array }
  | { readonly kind: 'duplicate'; readonly content: Uint8Array; readonly name: Uint8Array }
  | { readonly kind: 'message'; readonly message: Uint8Array };

/** Position among the handles of the key that opens what a command brings. */
const KEY_HANDLE: Readonly<Record<string, number>> = {
  StartAuthSession: 0,
  ActivateCredential: 1,
  Import: 0,
  RSA_Decrypt: 0,
};

/** Index of the key's handle; undefined for a command that brings nothing sealed. */
export const sealedFor = (command: string): number | undefined => KEY_HANDLE[command];

const bytesAt = (values: Values, name: string): Uint8Array => {
  const value = values[name];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
};

type Scheme = { readonly scheme: number; readonly hashAlg?: number };

function schemeOf(area: T.TPMT_PUBLIC, values: Values): Scheme {
  const own = area.type === T.TPM_ALG.RSA ? area.parameters.scheme : { scheme: T.TPM_ALG.NULL };
  return own.scheme === T.TPM_ALG.NULL ? (values.inScheme as Scheme) : own;
}

/** What the command brings; undefined where that cannot be opened (the caller meant it to fail, or sent none). */
export function openSealed(
  command: string,
  { publicArea, key }: TpmObject,
  objectName: Uint8Array,
  values: Values,
): Sealed | undefined {
  if (key === undefined) return undefined;
  switch (command) {
    case 'StartAuthSession':
      return { kind: 'salt' };
    case 'ActivateCredential': {
      const sent = { credentialBlob: bytesAt(values, 'credentialBlob'), secret: bytesAt(values, 'secret') };
      const value = T.openCredential(publicArea, key, objectName, sent);
      return value instanceof Uint8Array ? { kind: 'credential', value, name: objectName } : undefined;
    }
    case 'Import': {
      const secret = bytesAt(values, 'inSymSeed');
      const seed = T.recoverSecret(publicArea, key, 'DUPLICATE', secret);
      if (typeof seed === 'number') return undefined;
      const name = T.objectName(values.objectPublic as T.TPMT_PUBLIC);
      const content = unwrapOuter(publicArea, seed, name, bytesAt(values, 'duplicate'), false);
      return { kind: 'duplicate', content, name };
    }
    default: {
      const { scheme, hashAlg } = schemeOf(publicArea, values);
      const cipherText = bytesAt(values, 'cipherText');
      if (key.kind !== 'rsa' || cipherText.length !== key.n.length) return undefined;
      const message =
        scheme === T.TPM_ALG.OAEP && hashAlg !== undefined
          ? oaepDecrypt(key, T.requireHash(hashAlg), bytesAt(values, 'label'), cipherText)
          : scheme === T.TPM_ALG.RSAES
            ? decryptPkcs1(key, cipherText)
            : undefined;
      return message && { kind: 'message', message };
    }
  }
}

function secretRandom(area: T.TPMT_PUBLIC, random: T.RandomBytes): T.SecretRandom {
  const size = T.hashSize(area.nameAlg);
  if (area.type !== T.TPM_ALG.ECC) return { kind: 'rsa', seed: random(size), oaepSeed: random(size) };
  // Below the order of every curve, and not zero.
  const { length } = area.unique.x;
  return { kind: 'ec', ephemeral: concat(new Uint8Array(length - 17), random(16), new Uint8Array([1])) };
}

/** Parameters that bring the same to the TPM with this key, where `name` has its place there; the salt of a session. */
export function sealAgain(
  sealed: Sealed,
  area: T.TPMT_PUBLIC,
  name: (recorded: Uint8Array) => Uint8Array,
  values: Values,
  random: T.RandomBytes,
): { readonly changes: Values; readonly salt?: Uint8Array } {
  switch (sealed.kind) {
    case 'salt': {
      const { seed, secret } = T.shareSecret(area, 'SECRET', secretRandom(area, random));
      return { changes: { encryptedSalt: secret }, salt: seed };
    }
    case 'credential':
      return { changes: { ...T.makeCredential(area, name(sealed.name), sealed.value, secretRandom(area, random)) } };
    case 'duplicate': {
      const { seed, secret } = T.shareSecret(area, 'DUPLICATE', secretRandom(area, random));
      const duplicate = wrapOuter(area, seed, name(sealed.name), sealed.content);
      return { changes: { duplicate, inSymSeed: secret } };
    }
    default: {
      const { scheme, hashAlg } = schemeOf(area, values);
      const key = T.publicKeyOf(area);
      if (key.kind !== 'rsa') return { changes: {} };
      const { message } = sealed;
      const padding = new Uint8Array(key.n.length - message.length - 3).fill(0x5a);
      const cipherText =
        scheme === T.TPM_ALG.OAEP && hashAlg !== undefined
          ? oaepEncrypt(key, T.requireHash(hashAlg), bytesAt(values, 'label'), message, random(T.hashSize(hashAlg)))
          : encryptPkcs1(key, message, padding);
      return { changes: { cipherText } };
    }
  }
}
