/** Hierarchy commands (TPM 2.0 Library specification, Part 3, chapter 24). */

import { encode } from '../../../src/tpm2/codec.ts';
import { CreatePrimary } from '../../../src/tpm2/commands/object.ts';
import { TPM_ALG } from '../../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../../src/tpm2/hash-alg.ts';
import { handleName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { TPMS_CREATION_DATA } from '../../../src/tpm2/structures/index.ts';
import { withoutTrailingZeros } from '../entities.ts';
import { handler } from '../handler.ts';
import { checkTemplate } from '../object-checks.ts';
import { createPrimaryObject } from '../object-create.ts';
import { placeObject } from '../object-load.ts';
import { freeTransientHandle } from '../object-store.ts';
import { concatenatedValues, implementedSelection } from '../pcrs.ts';
import { refuse } from '../refusal.ts';
import { hierarchyOf } from '../state.ts';
import { creationTicket } from '../tickets.ts';

const createPrimary = handler(CreatePrimary, (tpm, input) => {
  const { primaryHandle, inSensitive, inPublic, outsideInfo, creationPCR } = input;
  const handle = freeTransientHandle(tpm);
  if (handle === undefined) throw refuse(TPM_RC.OBJECT_MEMORY);
  checkTemplate(inPublic, { dataSize: inSensitive.data.length, primary: true }, 'inPublic');
  const userAuth = withoutTrailingZeros(inSensitive.userAuth);
  if (userAuth.length > hashSize(inPublic.nameAlg)) throw refuse(TPM_RC.SIZE, 'inSensitive');

  const hierarchy = hierarchyOf(tpm.state, primaryHandle);
  if (hierarchy === undefined) throw refuse(TPM_RC.VALUE, 'primaryHandle');
  const made = createPrimaryObject(tpm, hierarchy.seed, inPublic, { userAuth, data: inSensitive.data });
  const object = placeObject(made, primaryHandle);
  const { name } = object;
  const parentName = handleName(primaryHandle);
  const creationData = {
    pcrSelect: implementedSelection(tpm.state, creationPCR),
    pcrDigest: hashWith(inPublic.nameAlg, concatenatedValues(tpm.state, creationPCR)),
    locality: 1 << tpm.locality,
    parentNameAlg: TPM_ALG.NULL,
    parentName,
    parentQualifiedName: parentName,
    outsideInfo,
  };
  const creationHash = hashWith(inPublic.nameAlg, encode(TPMS_CREATION_DATA, creationData));
  tpm.state.transient.set(handle, object);
  return {
    objectHandle: handle,
    outPublic: made.publicArea,
    creationData,
    creationHash,
    creationTicket: creationTicket(tpm, primaryHandle, name, creationHash),
    name,
  };
});

export const hierarchyHandlers = [createPrimary];
