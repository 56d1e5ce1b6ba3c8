/** Attestation (TPM 2.0 Library specification, Part 3, chapter 18). */
import { equalBytes } from '../../../src/bytes/bytes.ts';
import { Certify, CertifyCreation, GetTime } from '../../../src/tpm2/commands/attest.ts';
import { Quote } from '../../../src/tpm2/commands/object.ts';
import { TPM_RH, TPM_ST } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { attest, attester } from '../attest.ts';
import { timeInfo } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { concatenatedValues, implementedSelection } from '../pcrs.ts';
import { refuse } from '../refusal.ts';
import { isAnonymous, signingHash } from '../signing.ts';
import { creationTicket } from '../tickets.ts';

const EMPTY = new Uint8Array(0);

const quote = handler(Quote, (tpm, input) => {
  // The digest of the PCRs needs the hash of a signature.
  if (input.signHandle === TPM_RH.NULL) throw refuse(TPM_RC.SCHEME, 'inScheme');
  const who = attester(tpm, input);
  const attested = {
    pcrSelect: implementedSelection(tpm.state, input.PCRselect),
    pcrDigest: hashWith(signingHash(who.scheme), concatenatedValues(tpm.state, input.PCRselect)),
  };
  const { attest: quoted, signature } = attest(tpm, who, () => ({ type: TPM_ST.ATTEST_QUOTE, attested }));
  return { quoted, signature };
});

const certify = handler(Certify, (tpm, input) => {
  const { name, qualifiedName } = objectOf(tpm, input.objectHandle);
  const who = attester(tpm, input);
  const attested = { name, qualifiedName: isAnonymous(who.scheme.scheme) ? EMPTY : qualifiedName };
  const { attest: certifyInfo, signature } = attest(tpm, who, () => ({ type: TPM_ST.ATTEST_CERTIFY, attested }));
  return { certifyInfo, signature };
});

const certifyCreation = handler(CertifyCreation, (tpm, input) => {
  const { objectHandle, creationHash, creationTicket: ticket } = input;
  const { name } = objectOf(tpm, objectHandle);
  const who = attester(tpm, input);
  const expected = creationTicket(tpm, ticket.hierarchy, name, creationHash);
  if (!equalBytes(expected.digest, ticket.digest)) throw refuse(TPM_RC.TICKET, 'creationTicket');
  const { attest: certifyInfo, signature } = attest(tpm, who, () => ({
    type: TPM_ST.ATTEST_CREATION,
    attested: { objectName: name, creationHash },
  }));
  return { certifyInfo, signature };
});

const getTime = handler(GetTime, (tpm, input) => {
  const { attest: info, signature } = attest(tpm, attester(tpm, input), () => ({
    type: TPM_ST.ATTEST_TIME,
    attested: { time: timeInfo(tpm), firmwareVersion: tpm.config.firmwareVersion },
  }));
  return { timeInfo: info, signature };
});

export const attestationHandlers = [quote, certify, certifyCreation, getTime];
