/** Signing and verifying (TPM 2.0 Library specification, Part 3, chapter 20). */
import { equalBytes } from '../../../src/bytes/bytes.ts';
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { Sign, VerifySignature } from '../../../src/tpm2/commands/crypto.ts';
import { TPM_ALG, TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { isSigner } from '../object-kinds.ts';
import { refuse } from '../refusal.ts';
import { selectSigningScheme, signDigest } from '../signing.ts';
import { hashCheckTicket, verifiedTicket } from '../tickets.ts';
import { signatureProblem } from '../verification.ts';

const sign = handler(Sign, (tpm, { keyHandle, digest, inScheme, validation }) => {
  const object = objectOf(tpm, keyHandle);
  const { objectAttributes } = object.publicArea;
  if (!isSigner(object)) throw refuse(TPM_RC.KEY, 'keyHandle');
  if (has(objectAttributes, TPMA_OBJECT.x509sign)) throw refuse(TPM_RC.ATTRIBUTES, 'keyHandle');
  const scheme = selectSigningScheme(object, inScheme, { key: 'keyHandle', scheme: 'inScheme' });
  if (validation.digest.length !== 0 || has(objectAttributes, TPMA_OBJECT.restricted)) {
    // A restricted key signs only what this TPM has hashed and found not to look like its own structures.
    const ticket = hashCheckTicket(tpm, validation.hierarchy, scheme.hashAlg, digest);
    const good = ticket.digest.length !== 0 && equalBytes(validation.digest, ticket.digest);
    if (!good) throw refuse(TPM_RC.TICKET, 'validation');
  } else if (digest.length !== hashSize(scheme.hashAlg)) {
    throw refuse(TPM_RC.SIZE, 'digest');
  }
  return { signature: signDigest(tpm, object, scheme, digest) };
});

const verify = handler(VerifySignature, (tpm, { keyHandle, digest, signature }) => {
  const object = objectOf(tpm, keyHandle);
  if (!has(object.publicArea.objectAttributes, TPMA_OBJECT.sign)) throw refuse(TPM_RC.ATTRIBUTES, 'keyHandle');
  const rc = signatureProblem(object, digest, signature);
  if (rc !== 0) throw refuse(rc, 'signature');
  const hierarchy = object.publicArea.nameAlg === TPM_ALG.NULL ? TPM_RH.NULL : object.hierarchy;
  return { validation: verifiedTicket(tpm, hierarchy, digest, object.name) };
});

export const signingHandlers = [sign, verify];
