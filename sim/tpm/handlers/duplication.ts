/** Duplication (TPM 2.0 Library specification, Part 3, chapter 13). */
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { blockCipherOf } from '../../../src/tpm2/block-cipher.ts';
import { encode } from '../../../src/tpm2/codec.ts';
import { Duplicate, Import, Rewrap } from '../../../src/tpm2/commands/key.ts';
import { TPM_ALG, TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { objectName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { TPM2B_SENSITIVE } from '../../../src/tpm2/structures/index.ts';
import { random, type Tpm } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { isAsymmetric, isParent, isStorage } from '../object-kinds.ts';
import { loadObject } from '../object-load.ts';
import {
  blaming,
  readSensitive,
  sensitiveArea,
  sharedSeed,
  shareSeed,
  unwrapInner,
  unwrapOuter,
  wrapInner,
  wrapOuter,
  wrapPrivate,
} from '../protection.ts';
import { Refusal, refuse } from '../refusal.ts';
import type { TpmObject } from '../state.ts';

const EMPTY = new Uint8Array(0);

/** A new parent that can share a secret; undefined for TPM_RH_NULL. */
function newParentOf(tpm: Tpm, handle: number, field: string): TpmObject | undefined {
  if (handle === TPM_RH.NULL) return undefined;
  const parent = objectOf(tpm, handle);
  if (!isStorageKey(parent)) throw refuse(TPM_RC.TYPE, field);
  return parent;
}

/** A parent that can exchange keys: a symmetric one cannot. Its private part need not be here. */
const isStorageKey = ({ publicArea }: TpmObject): boolean => isAsymmetric(publicArea) && isStorage(publicArea);

/** Puts content under the outer wrapper of a parent with a secret shared for the purpose. */
function wrapFor(tpm: Tpm, parent: TpmObject, name: Uint8Array, content: Uint8Array) {
  const { publicArea } = parent;
  const { seed, secret } = shareSeed(tpm, publicArea, 'DUPLICATE');
  return { blob: wrapOuter(publicArea, seed, name, content), secret };
}

const duplicate = handler(Duplicate, (tpm, { objectHandle, newParentHandle, encryptionKeyIn, symmetricAlg }) => {
  const object = objectOf(tpm, objectHandle);
  const { objectAttributes, nameAlg } = object.publicArea;
  if (has(objectAttributes, TPMA_OBJECT.fixedParent)) throw refuse(TPM_RC.ATTRIBUTES, 'objectHandle');
  if (nameAlg === TPM_ALG.NULL) throw refuse(TPM_RC.TYPE, 'objectHandle');
  const parent = newParentOf(tpm, newParentHandle, 'newParentHandle');
  const cipher = blockCipherOf(symmetricAlg);
  const size = cipher?.keySize ?? 0;
  if (has(objectAttributes, TPMA_OBJECT.encryptedDuplication)) {
    if (cipher === undefined) throw refuse(TPM_RC.SYMMETRIC, 'symmetricAlg');
    if (parent === undefined) throw refuse(TPM_RC.HIERARCHY, 'newParentHandle');
  }
  if (encryptionKeyIn.length !== 0 && encryptionKeyIn.length !== size) throw refuse(TPM_RC.SIZE, 'encryptionKeyIn');
  const key = size !== 0 && encryptionKeyIn.length === 0 ? random(tpm, size) : encryptionKeyIn;

  const plain = encode(TPM2B_SENSITIVE, sensitiveArea(object));
  const inner = cipher === undefined ? plain : wrapInner(nameAlg, object.name, plain, cipher, key);
  const outer = parent === undefined ? { blob: inner, secret: EMPTY } : wrapFor(tpm, parent, object.name, inner);
  return {
    encryptionKeyOut: encryptionKeyIn.length === 0 ? key : EMPTY,
    duplicate: outer.blob,
    outSymSeed: outer.secret,
  };
});

/** The seed under the old parent. Why it cannot be recovered is not told. */
function oldSeed(from: TpmObject, secret: Uint8Array): Uint8Array {
  try {
    return sharedSeed(from, 'DUPLICATE', secret);
  } catch (error) {
    if (error instanceof Refusal) throw refuse(TPM_RC.VALUE, 'inSymSeed');
    throw error;
  }
}

const rewrap = handler(Rewrap, (tpm, { oldParent, newParent, inDuplicate, name, inSymSeed }) => {
  if ((inSymSeed.length === 0) !== (oldParent === TPM_RH.NULL)) throw refuse(TPM_RC.HANDLE, 'oldParent');
  let content = inDuplicate;
  if (oldParent !== TPM_RH.NULL) {
    const from = objectOf(tpm, oldParent);
    if (!isStorageKey(from)) throw refuse(TPM_RC.TYPE, 'oldParent');
    const seed = oldSeed(from, inSymSeed);
    content = blaming('inDuplicate', () => unwrapOuter(from.publicArea, seed, name, inDuplicate, false));
  }
  const to = newParentOf(tpm, newParent, 'newParent');
  if (to === undefined) return { outDuplicate: content, outSymSeed: EMPTY };
  const { blob, secret } = wrapFor(tpm, to, name, content);
  return { outDuplicate: blob, outSymSeed: secret };
});

const FIXED = TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent;

const importObject = handler(Import, (tpm, input) => {
  const { parentHandle, encryptionKey, objectPublic, duplicate: blob, inSymSeed, symmetricAlg } = input;
  const { objectAttributes, nameAlg } = objectPublic;
  if (has(objectAttributes, FIXED)) throw refuse(TPM_RC.ATTRIBUTES, 'objectPublic');
  const parent = objectOf(tpm, parentHandle);
  if (!isParent(parent)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const encrypted = has(objectAttributes, TPMA_OBJECT.encryptedDuplication);
  const cipher = blockCipherOf(symmetricAlg);
  if (encryptionKey.length !== (cipher?.keySize ?? 0)) throw refuse(TPM_RC.SIZE, 'encryptionKey');
  if (cipher === undefined && encrypted) throw refuse(TPM_RC.ATTRIBUTES, 'encryptionKey');

  const name = objectName(objectPublic);
  let content = blob;
  if (inSymSeed.length === 0) {
    if (encrypted) throw refuse(TPM_RC.ATTRIBUTES, 'inSymSeed');
  } else {
    if (!isAsymmetric(parent.publicArea)) throw refuse(TPM_RC.TYPE, 'parentHandle');
    const seed = blaming('inSymSeed', () => sharedSeed(parent, 'DUPLICATE', inSymSeed));
    content = blaming('duplicate', () => unwrapOuter(parent.publicArea, seed, name, blob, false));
  }
  const sensitive = blaming('duplicate', () =>
    readSensitive(cipher === undefined ? content : unwrapInner(nameAlg, name, content, cipher, encryptionKey)),
  );
  if (has(parent.publicArea.objectAttributes, TPMA_OBJECT.fixedTPM)) {
    // What a fixedTPM parent protects is not checked when it is loaded: it is checked here.
    loadObject(undefined, objectPublic, sensitive, { publicArea: 'objectPublic', sensitive: 'duplicate' });
  }
  const authValue = new Uint8Array(hashSize(nameAlg));
  if (sensitive.authValue.length > authValue.length) throw refuse(TPM_RC.SIZE, 'duplicate');
  authValue.set(sensitive.authValue);
  return { outPrivate: wrapPrivate(tpm, parent, name, { ...sensitive, authValue }) };
});

export const duplicationHandlers = [duplicate, rewrap, importObject];
