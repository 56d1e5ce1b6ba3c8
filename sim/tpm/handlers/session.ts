/**
 * Sessions and policies (TPM 2.0 Library specification, Part 3, chapters 11 and 23): policy and trial sessions without salt,
 * binding or parameter encryption, as an EK's standard policy needs them.
 */
import { equalBytes } from '../../../src/bytes/bytes.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import { encode } from '../../../src/tpm2/codec.ts';
import {
  PolicyAuthValue,
  PolicyCommandCode,
  PolicyGetDigest,
  PolicyPassword,
  PolicyPCR,
  PolicySecret,
} from '../../../src/tpm2/commands/policy.ts';
import { PolicyRestart, StartAuthSession } from '../../../src/tpm2/commands/session.ts';
import { TPM_ALG, TPM_CC, TPM_HANDLE_RANGE, TPM_RH, TPM_SE, TPM_ST } from '../../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { TPML_PCR_SELECTION } from '../../../src/tpm2/structures/index.ts';
import { random, type Tpm } from '../context.ts';
import { entityName } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { concatenatedValues, implementedSelection } from '../pcrs.ts';
import { extendPolicy, restartPolicy, updatePolicy } from '../policy.ts';
import { refuse } from '../refusal.ts';
import { MAX_LOADED_SESSIONS, type Session } from '../sessions.ts';

const EMPTY = new Uint8Array(0);
/** Smallest nonceCaller (Part 3, 11.1.1). */
const MIN_NONCE = 16;

function policySession(tpm: Tpm, handle: number): Session {
  const session = tpm.state.sessions.get(handle);
  if (session === undefined) throw refuse(TPM_RC.HANDLE);
  return session;
}

const start = handler(StartAuthSession, (tpm, input) => {
  const { tpmKey, bind, nonceCaller, encryptedSalt, sessionType, symmetric, authHash } = input;
  const { sessions } = tpm.state;
  if (nonceCaller.length < MIN_NONCE || nonceCaller.length > hashSize(authHash)) {
    throw refuse(TPM_RC.SIZE, 'nonceCaller');
  }
  if (tpmKey !== TPM_RH.NULL) throw refuse(TPM_RC.HANDLE, 'tpmKey');
  if (encryptedSalt.length !== 0) throw refuse(TPM_RC.VALUE, 'encryptedSalt');
  if (bind !== TPM_RH.NULL) throw refuse(TPM_RC.HANDLE, 'bind');
  if (sessionType === TPM_SE.HMAC) throw refuse(TPM_RC.VALUE, 'sessionType');
  if (symmetric.algorithm !== TPM_ALG.NULL) throw refuse(TPM_RC.SYMMETRIC, 'symmetric');
  if (sessions.size >= MAX_LOADED_SESSIONS) throw refuse(TPM_RC.SESSION_MEMORY);
  let handle = TPM_HANDLE_RANGE.POLICY_SESSION_FIRST;
  while (sessions.has(handle)) handle++;
  const nonceTPM = random(tpm, nonceCaller.length);
  sessions.set(handle, {
    handle,
    type: sessionType,
    authHash,
    symmetric,
    sessionKey: EMPTY,
    nonceTPM,
    bound: undefined,
    policyDigest: new Uint8Array(hashSize(authHash)),
    authValueNeeded: false,
    passwordNeeded: false,
    commandCode: 0,
    pcrCounter: undefined,
    cpHash: undefined,
  });
  return { sessionHandle: handle, nonceTPM };
});

const restart = action(PolicyRestart, (tpm, { sessionHandle }) => {
  restartPolicy(policySession(tpm, sessionHandle));
});

const secret = handler(
  PolicySecret,
  (tpm, { authHandle, policySession: handle, nonceTPM, cpHashA, policyRef, expiration }) => {
    const session = policySession(tpm, handle);
    if (nonceTPM.length !== 0 && !equalBytes(nonceTPM, session.nonceTPM)) throw refuse(TPM_RC.VALUE, 'nonceTPM');
    // Limits by parameters and time need HMAC sessions and tickets.
    if (cpHashA.length !== 0) throw refuse(TPM_RC.CPHASH);
    if (expiration !== 0) throw refuse(TPM_RC.EXPIRED, 'expiration');
    updatePolicy(session, TPM_CC.PolicySecret, entityName(tpm, authHandle), policyRef);
    return { timeout: EMPTY, policyTicket: { tag: TPM_ST.AUTH_SECRET, hierarchy: TPM_RH.NULL, digest: EMPTY } };
  },
);

const pcr = action(PolicyPCR, (tpm, { policySession: handle, pcrDigest, pcrs }) => {
  const session = policySession(tpm, handle);
  const selection = implementedSelection(tpm.state, pcrs);
  const current = hashWith(session.authHash, concatenatedValues(tpm.state, pcrs));
  const trial = session.type === TPM_SE.TRIAL;
  if (!trial && pcrDigest.length !== 0 && !equalBytes(pcrDigest, current)) throw refuse(TPM_RC.VALUE, 'pcrDigest');
  const digest = trial && pcrDigest.length !== 0 ? pcrDigest : current;
  extendPolicy(session, TPM_CC.PolicyPCR, encode(TPML_PCR_SELECTION, selection), digest);
  if (!trial) session.pcrCounter = tpm.state.pcrUpdateCounter;
});

const commandCode = action(PolicyCommandCode, (tpm, { policySession: handle, code }) => {
  const session = policySession(tpm, handle);
  if (session.commandCode !== 0 && session.commandCode !== code) throw refuse(TPM_RC.VALUE, 'code');
  extendPolicy(session, TPM_CC.PolicyCommandCode, new ByteWriter('big', 4).u32(code).finish());
  session.commandCode = code;
});

const authValue = action(PolicyAuthValue, (tpm, { policySession: handle }) => {
  const session = policySession(tpm, handle);
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  session.authValueNeeded = true;
  session.passwordNeeded = false;
});

/** The same policy digest as PolicyAuthValue: an entity cannot tell which way its value was shown. */
const password = action(PolicyPassword, (tpm, { policySession: handle }) => {
  const session = policySession(tpm, handle);
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  session.passwordNeeded = true;
  session.authValueNeeded = false;
});

const getDigest = handler(PolicyGetDigest, (tpm, { policySession: handle }) => ({
  policyDigest: policySession(tpm, handle).policyDigest,
}));

export const sessionHandlers = [start, restart, secret, pcr, commandCode, authValue, password, getDigest];
