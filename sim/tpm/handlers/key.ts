/** Creating and loading objects (TPM 2.0 Library specification, Part 3, chapter 12). */

import { FormatError } from '../../../src/bytes/errors.ts';
import { ByteReader } from '../../../src/bytes/reader.ts';
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { type Codec, responseCodeOf } from '../../../src/tpm2/codec.ts';
import {
  Create,
  CreateLoaded,
  Load,
  LoadExternal,
  ObjectChangeAuth,
  TestParms,
  Unseal,
} from '../../../src/tpm2/commands/key.ts';
import { handleType, TPM_ALG, TPM_HT, TPM_RH } from '../../../src/tpm2/constants.ts';
import { tpmReader } from '../../../src/tpm2/extra-algorithms.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { objectName, qualifiedName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import {
  DERIVED_TEMPLATE,
  NAMED_TEMPLATE,
  type TPMS_DERIVE,
  TPMS_DERIVE as TPMS_DERIVE_CODEC,
  type TPMT_PUBLIC,
} from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { creationData } from '../creation-data.ts';
import { derivationStream } from '../derivation.ts';
import { objectOf, withoutTrailingZeros } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { checkPublic, checkTemplate } from '../object-checks.ts';
import {
  createDerivedObject,
  createOrdinaryObject,
  createPrimaryObject,
  type NewObject,
  type SensitiveInput,
} from '../object-create.ts';
import { isDerivationParent, isParent } from '../object-kinds.ts';
import { loadObject, placeExternal, placeObject } from '../object-load.ts';
import { freeTransientHandle } from '../object-store.ts';
import { blaming, sensitiveArea, unwrapPrivate, wrapPrivate } from '../protection.ts';
import { refuse } from '../refusal.ts';
import { hierarchyOf, type TpmObject } from '../state.ts';
import { creationTicket } from '../tickets.ts';

const EMPTY = new Uint8Array(0);

function freeHandle(tpm: Tpm): number {
  const handle = freeTransientHandle(tpm);
  if (handle === undefined) throw refuse(TPM_RC.OBJECT_MEMORY);
  return handle;
}

/** An authorisation value as it is kept; one longer than the name digest is refused. */
function checkedAuth(auth: Uint8Array, nameAlg: number, field: string): Uint8Array {
  const value = withoutTrailingZeros(auth);
  const max = nameAlg === TPM_ALG.NULL ? 64 : hashSize(nameAlg);
  if (value.length > max) throw refuse(TPM_RC.SIZE, field);
  return value;
}

const create = handler(Create, (tpm, { parentHandle, inSensitive, inPublic, outsideInfo, creationPCR }) => {
  const parent = objectOf(tpm, parentHandle);
  if (!isParent(parent)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  freeHandle(tpm);
  const { data } = inSensitive;
  checkTemplate(inPublic, { dataSize: data.length, primary: false, parent }, 'inPublic');
  const userAuth = checkedAuth(inSensitive.userAuth, inPublic.nameAlg, 'inSensitive');
  const made = createOrdinaryObject(tpm, inPublic, { userAuth, data });
  const name = objectName(made.publicArea);
  const created = creationData(tpm, parent, inPublic.nameAlg, outsideInfo, creationPCR);
  return {
    outPrivate: wrapPrivate(tpm, parent, name, sensitiveArea(made)),
    outPublic: made.publicArea,
    ...created,
    creationTicket: creationTicket(tpm, parent.hierarchy, name, created.creationHash),
  };
});

const load = handler(Load, (tpm, { parentHandle, inPrivate, inPublic }) => {
  const objectHandle = freeHandle(tpm);
  if (inPrivate.length === 0) throw refuse(TPM_RC.SIZE, 'inPrivate');
  const parent = objectOf(tpm, parentHandle);
  if (!isParent(parent)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const sensitive = blaming('inPrivate', () => unwrapPrivate(parent, objectName(inPublic), inPrivate));
  const made = loadObject(parent, inPublic, sensitive, { publicArea: 'inPublic', sensitive: 'inPrivate' });
  const object = placeObject(made, parent);
  tpm.state.transient.set(objectHandle, object);
  return { objectHandle, name: object.name };
});

const FIXED = TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.restricted;

const loadExternal = handler(LoadExternal, (tpm, { inPrivate, inPublic, hierarchy }) => {
  const objectHandle = freeHandle(tpm);
  if (hierarchyOf(tpm.state, hierarchy)?.enabled !== true) throw refuse(TPM_RC.HIERARCHY, 'hierarchy');
  if (inPrivate !== undefined) {
    if (hierarchy !== TPM_RH.NULL) throw refuse(TPM_RC.HIERARCHY, 'hierarchy');
    if (has(inPublic.objectAttributes, FIXED)) throw refuse(TPM_RC.ATTRIBUTES, 'inPublic');
  }
  const made = loadObject(undefined, inPublic, inPrivate, { publicArea: 'inPublic', sensitive: 'inPrivate' });
  const object = placeExternal(made, hierarchy);
  tpm.state.transient.set(objectHandle, object);
  return { objectHandle, name: object.name };
});

const unseal = handler(Unseal, (tpm, { itemHandle }) => {
  const { publicArea, sensitive, sequence } = objectOf(tpm, itemHandle);
  if (publicArea.type !== TPM_ALG.KEYEDHASH || sequence !== undefined) throw refuse(TPM_RC.TYPE, 'itemHandle');
  if (has(publicArea.objectAttributes, TPMA_OBJECT.decrypt | TPMA_OBJECT.sign | TPMA_OBJECT.restricted)) {
    throw refuse(TPM_RC.ATTRIBUTES, 'itemHandle');
  }
  return { outData: sensitive.data };
});

const changeAuth = handler(ObjectChangeAuth, (tpm, { objectHandle, parentHandle, newAuth }) => {
  const object = objectOf(tpm, objectHandle);
  const parent = objectOf(tpm, parentHandle);
  if (object.sequence !== undefined) throw refuse(TPM_RC.TYPE, 'objectHandle');
  const { nameAlg } = object.publicArea;
  const authValue = checkedAuth(newAuth, nameAlg, 'newAuth');
  // What has no name has no parent by which it could be known.
  if (nameAlg === TPM_ALG.NULL) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const expected = qualifiedName(nameAlg, parent.qualifiedName, object.name);
  if (String(expected) !== String(object.qualifiedName)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const changed = { ...object, sensitive: { ...object.sensitive, authValue } };
  return { outPrivate: wrapPrivate(tpm, parent, object.name, sensitiveArea(changed)) };
});

/** Reads a template; bytes left over are a wrong size. */
function readTemplate<T>(tpm: Tpm, codec: Codec<T>, bytes: Uint8Array): T {
  const reader = tpmReader(bytes, codec.name, tpm.config.extraAlgorithms);
  const value = codec.read(reader);
  if (reader.remaining > 0) throw refuse(TPM_RC.SIZE);
  return value;
}

/** The template of an object to derive: its unique field says how, and is replaced by the new object's. */
function derivedTemplate(tpm: Tpm, bytes: Uint8Array): { area: TPMT_PUBLIC; derive: TPMS_DERIVE } {
  const { unique: derive, ...rest } = readTemplate(tpm, DERIVED_TEMPLATE, bytes);
  if (rest.type === TPM_ALG.ECC) return { area: { ...rest, unique: { x: EMPTY, y: EMPTY } }, derive };
  return { area: { ...rest, unique: EMPTY }, derive };
}

/** The caller's data as label and context; a fault in it has no place. */
function readDerivation(data: Uint8Array): TPMS_DERIVE {
  try {
    return TPMS_DERIVE_CODEC.read(new ByteReader(data, 'TPMS_DERIVE'));
  } catch (error) {
    if (error instanceof FormatError) throw refuse(responseCodeOf(error));
    throw error;
  }
}

/** Label and context of a derivation: those of the template, or where it has none those of the caller's data. */
function settledDerivation(template: TPMS_DERIVE, data: Uint8Array): TPMS_DERIVE {
  const given = data.length === 0 ? { label: EMPTY, context: EMPTY } : readDerivation(data);
  return {
    label: template.label.length > 0 ? template.label : given.label,
    context: template.context.length > 0 ? template.context : given.context,
  };
}

function derived(tpm: Tpm, parent: TpmObject, template: Uint8Array, { userAuth, data }: SensitiveInput): NewObject {
  const { area, derive } = blaming('inPublic', () => derivedTemplate(tpm, template));
  if (area.type === TPM_ALG.RSA) throw refuse(TPM_RC.TYPE, 'inPublic');
  if (has(area.objectAttributes, TPMA_OBJECT.sensitiveDataOrigin)) throw refuse(TPM_RC.ATTRIBUTES);
  checkPublic(area, parent, 'inPublic');
  const auth = checkedAuth(userAuth, area.nameAlg, 'inSensitive');
  const { label, context } = settledDerivation(derive, data);
  return createDerivedObject(area, auth, derivationStream(parent, label, context));
}

function created(tpm: Tpm, parent: TpmObject | number, template: Uint8Array, input: SensitiveInput): NewObject {
  const area = blaming('inPublic', () => readTemplate(tpm, NAMED_TEMPLATE, template));
  const under = typeof parent === 'number' ? { primary: true } : { primary: false, parent };
  const userAuth = checkedAuth(input.userAuth, area.nameAlg, 'inSensitive');
  checkTemplate(area, { dataSize: input.data.length, ...under }, 'inPublic');
  const own = { userAuth, data: input.data };
  if (typeof parent !== 'number') return createOrdinaryObject(tpm, area, own);
  const hierarchy = hierarchyOf(tpm.state, parent);
  if (hierarchy === undefined) throw refuse(TPM_RC.VALUE, 'parentHandle');
  return createPrimaryObject(tpm, hierarchy.seed, area, own);
}

const createLoaded = handler(CreateLoaded, (tpm, { parentHandle, inSensitive, inPublic }) => {
  const objectHandle = freeHandle(tpm);
  const parent = handleType(parentHandle) === TPM_HT.PERMANENT ? parentHandle : objectOf(tpm, parentHandle);
  const derivation = typeof parent !== 'number' && isDerivationParent(parent);
  if (typeof parent !== 'number' && !derivation && !isParent(parent)) throw refuse(TPM_RC.TYPE, 'parentHandle');
  const made = derivation ? derived(tpm, parent, inPublic, inSensitive) : created(tpm, parent, inPublic, inSensitive);
  const object = placeObject(made, parent);
  tpm.state.transient.set(objectHandle, object);
  const wrapped = typeof parent !== 'number' && !derivation;
  return {
    objectHandle,
    outPrivate: wrapped ? wrapPrivate(tpm, parent, object.name, sensitiveArea(made)) : EMPTY,
    outPublic: object.publicArea,
    name: object.name,
  };
});

/** What this TPM does not have was refused when it was read. */
const testParms = action(TestParms, () => undefined);

export const keyHandlers = [create, load, loadExternal, unseal, changeAuth, createLoaded, testParms];
