/** Sessions (TPM 2.0 Library specification, Part 3, chapter 11). */
import { has, nvType, TPM_NT, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { PolicyRestart, StartAuthSession } from '../../../src/tpm2/commands/session.ts';
import { handleType, TPM_ALG, TPM_HT, TPM_RH, TPM_SE } from '../../../src/tpm2/constants.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { sessionKey } from '../../../src/tpm2/session-crypto.ts';
import { recoverSecret } from '../../../src/tpm2/shared-secret.ts';
import { random, type Tpm } from '../context.ts';
import { authValue, dictionaryProtected, entityName, nvOf, objectOf } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { newPolicyFacts, restartPolicy } from '../policy.ts';
import { refuse } from '../refusal.ts';
import { newSessionHandle, type Session } from '../sessions.ts';

const EMPTY = new Uint8Array(0);
/** Smallest nonceCaller (Part 3, 11.1.1). */
const MIN_NONCE = 16;

/** The session of a policy command's handle, whose presence the dispatcher has checked. */
export function policySessionOf(tpm: Tpm, handle: number): Session {
  const session = tpm.state.sessions.get(handle);
  if (session === undefined) throw refuse(TPM_RC.HANDLE);
  return session;
}

/** The salt that the caller encrypted for `tpmKey`; empty without a key. */
function saltOf(tpm: Tpm, tpmKey: number, encryptedSalt: Uint8Array): Uint8Array {
  if (tpmKey === TPM_RH.NULL) {
    if (encryptedSalt.length !== 0) throw refuse(TPM_RC.VALUE, 'encryptedSalt');
    return EMPTY;
  }
  const object = objectOf(tpm, tpmKey);
  const { type, objectAttributes } = object.publicArea;
  if (type !== TPM_ALG.RSA && type !== TPM_ALG.ECC) throw refuse(TPM_RC.KEY, 'tpmKey');
  if (encryptedSalt.length === 0) throw refuse(TPM_RC.VALUE, 'encryptedSalt');
  if (object.publicOnly) throw refuse(TPM_RC.HANDLE, 'tpmKey');
  if (!has(objectAttributes, TPMA_OBJECT.decrypt)) throw refuse(TPM_RC.ATTRIBUTES, 'tpmKey');
  if (object.key === undefined) throw refuse(TPM_RC.HANDLE, 'tpmKey');
  const salt = recoverSecret(object.publicArea, object.key, 'SECRET', encryptedSalt);
  if (typeof salt === 'number') throw refuse(TPM_RC.VALUE, 'encryptedSalt');
  return salt;
}

/** An entity whose authValue nobody can show, or everybody, is nothing to bind to. */
function checkBind(tpm: Tpm, bind: number): void {
  switch (handleType(bind)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT: {
      if (objectOf(tpm, bind).publicOnly) throw refuse(TPM_RC.HANDLE, 'bind');
      break;
    }
    case TPM_HT.NV_INDEX: {
      const type = nvType(nvOf(tpm, bind).publicArea.attributes);
      if (type === TPM_NT.PIN_FAIL || type === TPM_NT.PIN_PASS) throw refuse(TPM_RC.HANDLE, 'bind');
      break;
    }
    default:
  }
}

function guards(tpm: Tpm, bind: number): Session['guards'] {
  if (bind === TPM_RH.NULL || !dictionaryProtected(tpm, bind)) return 'nothing';
  return bind === TPM_RH.LOCKOUT ? 'lockout' : 'entity';
}

const start = handler(StartAuthSession, (tpm, input) => {
  const { tpmKey, bind, nonceCaller, encryptedSalt, sessionType, symmetric, authHash } = input;
  if (nonceCaller.length < MIN_NONCE || nonceCaller.length > hashSize(authHash)) {
    throw refuse(TPM_RC.SIZE, 'nonceCaller');
  }
  const salt = saltOf(tpm, tpmKey, encryptedSalt);
  checkBind(tpm, bind);
  if ('mode' in symmetric && symmetric.mode !== TPM_ALG.CFB) throw refuse(TPM_RC.MODE, 'symmetric');
  const handle = newSessionHandle(tpm.state, sessionType);
  const nonceTPM = random(tpm, nonceCaller.length);
  const bound = bind === TPM_RH.NULL ? undefined : { name: entityName(tpm, bind), authValue: authValue(tpm, bind) };
  tpm.state.sessions.set(handle, {
    ...newPolicyFacts(tpm, authHash),
    handle,
    type: sessionType,
    authHash,
    symmetric,
    sessionKey: sessionKey(authHash, bound, salt, nonceTPM, nonceCaller),
    nonceTPM,
    bound: sessionType === TPM_SE.HMAC ? bound : undefined,
    guards: guards(tpm, bind),
    auditDigest: undefined,
  });
  return { sessionHandle: handle, nonceTPM };
});

const restart = action(PolicyRestart, (tpm, { sessionHandle }) => {
  restartPolicy(tpm, policySessionOf(tpm, sessionHandle));
});

export const sessionHandlers = [start, restart];
