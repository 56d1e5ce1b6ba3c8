/** Names of entities (TPM 2.0 Library specification, Part 1, 16). */
import { concat, u32Bytes } from '../bytes/bytes.ts';
import { encode } from './codec.ts';
import { TPM_ALG } from './constants.ts';
import { hashWith } from './hash-alg.ts';
import { TPMS_NV_PUBLIC, TPMT_PUBLIC } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

/** Two bytes of an algorithm identifier. */
const algBytes = (alg: number): Uint8Array => new Uint8Array([alg >> 8, alg & 0xff]);

/** Name of an object: nameAlg and the digest of its public area; empty where nameAlg is TPM_ALG_NULL. */
export function objectName(publicArea: TPMT_PUBLIC): Uint8Array {
  return objectNameOf(publicArea.nameAlg, encode(TPMT_PUBLIC, publicArea));
}

/** The same from the bytes of the TPMT_PUBLIC. */
export function objectNameOf(nameAlg: number, publicBytes: Uint8Array): Uint8Array {
  if (nameAlg === TPM_ALG.NULL) return EMPTY;
  return concat(algBytes(nameAlg), hashWith(nameAlg, publicBytes));
}

/** Name of an NV index: nameAlg and the digest of its public area. */
export function nvName(publicArea: TPMS_NV_PUBLIC): Uint8Array {
  return concat(algBytes(publicArea.nameAlg), hashWith(publicArea.nameAlg, encode(TPMS_NV_PUBLIC, publicArea)));
}

/** Name of a PCR, session or permanent entity: its handle. */
export const handleName = (handle: number): Uint8Array => u32Bytes(handle);

/**
 * Qualified Name: nameAlg and the digest of the parent's qualified Name and the object's Name (Part 1, 26.5). The parent of a
 * primary object is its hierarchy, whose Name is the handle.
 */
export function qualifiedName(nameAlg: number, parentQualifiedName: Uint8Array, name: Uint8Array): Uint8Array {
  if (nameAlg === TPM_ALG.NULL) return EMPTY;
  return concat(algBytes(nameAlg), hashWith(nameAlg, concat(parentQualifiedName, name)));
}
