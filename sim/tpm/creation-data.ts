/** What a TPM certifies about the making of an object (TPM 2.0 Library specification, Part 2, 15; Part 3, 12.1). */
import { encode } from '../../src/tpm2/codec.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashWith } from '../../src/tpm2/hash-alg.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { type TPML_PCR_SELECTION, TPMS_CREATION_DATA } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { concatenatedValues, implementedSelection } from './pcrs.ts';
import type { TpmObject } from './state.ts';

/** Creation data of an object with this nameAlg under a parent or (handle) a hierarchy, and its digest. */
export function creationData(
  tpm: Tpm,
  parent: TpmObject | number,
  nameAlg: number,
  outsideInfo: Uint8Array,
  creationPCR: TPML_PCR_SELECTION,
) {
  const data = {
    pcrSelect: implementedSelection(tpm.state, creationPCR),
    pcrDigest: hashWith(nameAlg, concatenatedValues(tpm.state, creationPCR)),
    locality: tpm.locality < 5 ? 1 << tpm.locality : tpm.locality,
    parentNameAlg: typeof parent === 'number' ? TPM_ALG.NULL : parent.publicArea.nameAlg,
    parentName: typeof parent === 'number' ? handleName(parent) : parent.name,
    parentQualifiedName: typeof parent === 'number' ? handleName(parent) : parent.qualifiedName,
    outsideInfo,
  };
  return { creationData: data, creationHash: hashWith(nameAlg, encode(TPMS_CREATION_DATA, data)) };
}
