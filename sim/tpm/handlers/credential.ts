/** Credentials (TPM 2.0 Library specification, Part 3, 12.5 and 12.6). */
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { ActivateCredential, MakeCredential } from '../../../src/tpm2/commands/object.ts';
import { makeCredential, openCredential } from '../../../src/tpm2/credential.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { curveName } from '../../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { TPMT_PUBLIC } from '../../../src/tpm2/structures/index.ts';
import { random, type Tpm } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { deriveEcKey, KeyStream } from '../primary-keys.ts';
import { refuse } from '../refusal.ts';

/** A restricted decryption key: the only kind that protects credentials. */
const isStorage = ({ objectAttributes }: TPMT_PUBLIC): boolean =>
  has(objectAttributes, TPMA_OBJECT.restricted) && has(objectAttributes, TPMA_OBJECT.decrypt);

const activate = handler(ActivateCredential, (tpm, { activateHandle, keyHandle, credentialBlob, secret }) => {
  const object = objectOf(tpm, activateHandle);
  const { publicArea, key } = objectOf(tpm, keyHandle);
  if (key === undefined || !isStorage(publicArea)) throw refuse(TPM_RC.TYPE, 'keyHandle');
  const certInfo = openCredential(publicArea, key, object.name, { credentialBlob, secret });
  if (certInfo === 'secret') throw refuse(TPM_RC.VALUE, 'secret');
  if (certInfo === 'integrity') throw refuse(TPM_RC.INTEGRITY, 'credentialBlob');
  if (certInfo === 'format') throw refuse(TPM_RC.SIZE, 'credentialBlob');
  return { certInfo };
});

function randomFor(tpm: Tpm, area: TPMT_PUBLIC) {
  const size = hashSize(area.nameAlg);
  const curve = 'curveID' in area.parameters ? curveName(area.parameters.curveID) : undefined;
  if (curve === undefined) return { kind: 'rsa', seed: random(tpm, size), oaepSeed: random(tpm, size) } as const;
  return {
    kind: 'ec',
    ephemeral: deriveEcKey(new KeyStream(random(tpm, 32), 'EPHEMERAL', area.authPolicy), curve).d,
  } as const;
}

const make = handler(MakeCredential, (tpm, { handle, credential, objectName }) => {
  const { publicArea, key } = objectOf(tpm, handle);
  if (key === undefined || !isStorage(publicArea)) throw refuse(TPM_RC.TYPE, 'handle');
  if (credential.length > hashSize(publicArea.nameAlg)) throw refuse(TPM_RC.SIZE, 'credential');
  return makeCredential(publicArea, objectName, credential, randomFor(tpm, publicArea));
});

export const credentialHandlers = [activate, make];
