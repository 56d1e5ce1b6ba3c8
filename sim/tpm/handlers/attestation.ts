/** Attestation (TPM 2.0 Library specification, Part 3, chapter 18). */
import { Quote } from '../../../src/tpm2/commands/object.ts';
import { TPM_RH, TPM_ST } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { attestationHeader, signAttestation } from '../attest.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { concatenatedValues, implementedSelection } from '../pcrs.ts';
import { refuse } from '../refusal.ts';
import { selectSigningScheme, signingHash } from '../signing.ts';

const quote = handler(Quote, (tpm, { signHandle, qualifyingData, inScheme, PCRselect }) => {
  if (signHandle === TPM_RH.NULL) throw refuse(TPM_RC.SCHEME, 'inScheme');
  const signer = objectOf(tpm, signHandle);
  const scheme = selectSigningScheme(signer, inScheme, { key: 'signHandle', scheme: 'inScheme' });
  const attested = {
    pcrSelect: implementedSelection(tpm.state, PCRselect),
    pcrDigest: hashWith(signingHash(scheme), concatenatedValues(tpm.state, PCRselect)),
  };
  const header = attestationHeader(tpm, signer, qualifyingData);
  return signAttestation(tpm, signer, scheme, { ...header, type: TPM_ST.ATTEST_QUOTE, attested });
});

export const attestationHandlers = [quote];
