/** TPM2_NV_Certify (TPM 2.0 Library specification, Part 3, 31.16): a signed statement of what an NV index holds. */
import { NV_Certify } from '../../../src/tpm2/commands/nv.ts';
import { TPM_ALG, TPM_ST } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { nvName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { MAX_NV_BUFFER_SIZE } from '../../../src/tpm2/structures/index.ts';
import { attest, attester } from '../attest.ts';
import { nvOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { readAccess, readIndex } from '../nv-index.ts';
import { refuse } from '../refusal.ts';
import { signingHash } from '../signing.ts';

const EMPTY = new Uint8Array(0);

/** Bytes of the index, or for nothing at the beginning a digest of it all. */
const certify = handler(NV_Certify, (tpm, input) => {
  const { authHandle, size, offset } = input;
  const index = nvOf(tpm, input.nvIndex);
  const who = attester(tpm, input);
  const rc = readAccess(authHandle, index);
  if (rc !== 0) throw refuse(rc);
  const nvContents = readIndex(index, offset, size);
  if (size > MAX_NV_BUFFER_SIZE) throw refuse(TPM_RC.VALUE, 'size');
  const indexName = nvName(index.publicArea);
  const { attest: certifyInfo, signature } = attest(tpm, who, () => {
    if (size !== 0 || offset !== 0) return { type: TPM_ST.ATTEST_NV, attested: { indexName, offset, nvContents } };
    const hashAlg = signingHash(who.scheme);
    const nvDigest = hashAlg === TPM_ALG.NULL ? EMPTY : hashWith(hashAlg, index.data);
    return { type: TPM_ST.ATTEST_NV_DIGEST, attested: { indexName, nvDigest } };
  });
  return { certifyInfo, signature };
});

export const nvCertifyHandlers = [certify];
