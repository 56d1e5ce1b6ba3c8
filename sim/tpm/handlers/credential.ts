/** Credentials (TPM 2.0 Library specification, Part 3, 12.5 and 12.6). */
import { encode } from '../../../src/tpm2/codec.ts';
import { ActivateCredential, MakeCredential } from '../../../src/tpm2/commands/object.ts';
import { TPM_ALG } from '../../../src/tpm2/constants.ts';
import { openCredential } from '../../../src/tpm2/credential.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { TPM2B_DIGEST } from '../../../src/tpm2/structures/index.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { isAsymmetric, isStorage } from '../object-kinds.ts';
import { shareSeed, wrapOuter } from '../protection.ts';
import { refuse } from '../refusal.ts';

const activate = handler(ActivateCredential, (tpm, { activateHandle, keyHandle, credentialBlob, secret }) => {
  const object = objectOf(tpm, activateHandle);
  const { publicArea, key } = objectOf(tpm, keyHandle);
  if (key === undefined || !isStorage(publicArea)) throw refuse(TPM_RC.TYPE, 'keyHandle');
  const certInfo = openCredential(publicArea, key, object.name, { credentialBlob, secret });
  if (certInfo === 'integrity') throw refuse(TPM_RC.INTEGRITY, 'credentialBlob');
  if (certInfo === 'format') throw refuse(TPM_RC.SIZE, 'credentialBlob');
  if ('rc' in certInfo) throw refuse(certInfo.rc, 'secret');
  return { certInfo };
});

const make = handler(MakeCredential, (tpm, { handle, credential, objectName }) => {
  const { publicArea } = objectOf(tpm, handle);
  if (!isAsymmetric(publicArea) || !isStorage(publicArea)) throw refuse(TPM_RC.TYPE, 'handle');
  const room = publicArea.nameAlg === TPM_ALG.NULL ? 0 : hashSize(publicArea.nameAlg);
  if (credential.length > room) throw refuse(TPM_RC.SIZE, 'credential');
  const { seed, secret } = shareSeed(tpm, publicArea, 'IDENTITY');
  return { credentialBlob: wrapOuter(publicArea, seed, objectName, encode(TPM2B_DIGEST, credential)), secret };
});

export const credentialHandlers = [activate, make];
