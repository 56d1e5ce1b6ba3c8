/** Symmetric encryption, one-shot hash and MAC (TPM 2.0 Library specification, Part 3, chapter 15). */

import { continueCmac } from '../../../src/crypto/cmac.ts';
import { hmac } from '../../../src/crypto/hash.ts';
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { blockCipherOf } from '../../../src/tpm2/block-cipher.ts';
import { EncryptDecrypt, EncryptDecrypt2, Hash, HMAC } from '../../../src/tpm2/commands/crypto.ts';
import { TPM_ALG } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { cipherWithChaining } from '../ciphers.ts';
import type { Tpm } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { macOf, tpmCmac } from '../mac-keys.ts';
import { refuse } from '../refusal.ts';
import { hashCheckTicket, isSafeToSign, NO_HASH_CHECK } from '../tickets.ts';

const A = TPM_ALG;

/** The parameters of both commands. */
interface CipherInput {
  readonly keyHandle: number;
  readonly decrypt: number;
  readonly mode: number;
  readonly ivIn: Uint8Array;
  readonly inData: Uint8Array;
}

function cipher(tpm: Tpm, { keyHandle, decrypt, mode, ivIn, inData }: CipherInput) {
  const { publicArea, sensitive } = objectOf(tpm, keyHandle);
  const sym = publicArea.type === A.SYMCIPHER ? publicArea.parameters.sym : undefined;
  const sizes = sym && blockCipherOf(sym);
  if (sym === undefined || sizes === undefined || !('mode' in sym)) throw refuse(TPM_RC.KEY, 'keyHandle');
  const needed = decrypt ? TPMA_OBJECT.decrypt : TPMA_OBJECT.sign;
  const { objectAttributes } = publicArea;
  if (has(objectAttributes, TPMA_OBJECT.restricted) || !has(objectAttributes, needed)) {
    throw refuse(TPM_RC.ATTRIBUTES, 'keyHandle');
  }
  const own = sym.mode;
  // A key for MACs.
  if (own === A.CMAC) throw refuse(TPM_RC.MODE, 'keyHandle');
  if (own === A.NULL ? mode === A.NULL : mode !== A.NULL && mode !== own) throw refuse(TPM_RC.MODE, 'mode');
  const used = own === A.NULL ? mode : own;
  if (ivIn.length !== (used === A.ECB ? 0 : sizes.blockSize)) throw refuse(TPM_RC.SIZE, 'ivIn');
  if ((used === A.CBC || used === A.ECB) && inData.length % sizes.blockSize !== 0) throw refuse(TPM_RC.SIZE, 'inData');
  const direction = decrypt === 1 ? 'decrypt' : 'encrypt';
  const { output, iv } = cipherWithChaining(sizes, used, direction, sensitive.data, ivIn, inData);
  return { outData: output, ivOut: iv };
}

const encryptDecrypt = handler(EncryptDecrypt, cipher);
const encryptDecrypt2 = handler(EncryptDecrypt2, cipher);

const hashOnce = handler(Hash, (tpm, { data, hashAlg, hierarchy }) => {
  const outHash = hashWith(hashAlg, data);
  // Data too short to be a structure of a TPM is safe, when it is all there is.
  const safe = data.length < 4 || isSafeToSign(data);
  return { outHash, validation: safe ? hashCheckTicket(tpm, hierarchy, hashAlg, outHash) : NO_HASH_CHECK };
});

const hmacOnce = handler(HMAC, (tpm, { handle, buffer, hashAlg }) => {
  const mac = macOf(objectOf(tpm, handle), hashAlg, { key: 'handle', scheme: 'hashAlg' });
  if ('hash' in mac) return { outHMAC: hmac(mac.hash, mac.key, buffer) };
  continueCmac(mac, buffer);
  return { outHMAC: tpmCmac(mac) };
});

export const symmetricHandlers = [encryptDecrypt, encryptDecrypt2, hashOnce, hmacOnce];
