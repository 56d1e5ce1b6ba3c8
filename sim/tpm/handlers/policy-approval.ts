/** Policies that another party approves: Signed, Secret, Ticket, Authorize (Part 3, 23.3 to 23.5 and 23.16). */

import { concat, equalBytes, u64At, u64Bytes } from '../../../src/bytes/bytes.ts';
import { has, nvType, TPM_NT, TPMA_NV } from '../../../src/tpm2/attributes.ts';
import { PolicyAuthorize, PolicySecret, PolicySigned, PolicyTicket } from '../../../src/tpm2/commands/policy.ts';
import { handleType, TPM_CC, TPM_HT, TPM_RH, TPM_ST } from '../../../src/tpm2/constants.ts';
import { hashName, hashSize, hashWith } from '../../../src/tpm2/hash-alg.ts';
import { handleName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';

import { approvalTicket } from '../approval-ticket.ts';
import { type Tpm, timeInfo } from '../context.ts';
import { entityName, nvOf, objectOf } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { clearPolicyDigest, isExpired, updatePolicy } from '../policy.ts';
import { refuse } from '../refusal.ts';
import { isTrial, type Session } from '../sessions.ts';
import { ticketDigest } from '../tickets.ts';
import { signatureProblem } from '../verification.ts';
import { policySessionOf } from './session.ts';

const EMPTY = new Uint8Array(0);
const MILLISECONDS = 1000;
/** Set in the timeout of a ticket that ends with the next TPM Reset. */
const EXPIRES_ON_RESET = 1n << 63n;

interface Approval {
  readonly nonceTPM: Uint8Array;
  readonly cpHashA: Uint8Array;
  readonly policyRef: Uint8Array;
  readonly expiration: number;
}

/** Time (ms since _TPM_Init) at which an approval ends; 0 for never. Without a nonce it counts from _TPM_Init. */
function timeoutOf(tpm: Tpm, session: Session, { expiration, nonceTPM }: Approval): number {
  if (expiration === 0) return 0;
  const duration = Math.abs(expiration) * MILLISECONDS;
  if (nonceTPM.length > 0) return session.startTime + duration;
  return duration + (Number(timeInfo(tpm).time) % MILLISECONDS);
}

/** The time and parameters that an approval and its session allow must agree. */
function checkLimits(tpm: Tpm, session: Session, timeout: number, cpHashA: Uint8Array, blameTime: string): void {
  if (isExpired(tpm, session, timeout)) throw refuse(TPM_RC.EXPIRED, blameTime);
  if (cpHashA.length === 0) return;
  if (cpHashA.length !== session.policyDigest.length) throw refuse(TPM_RC.SIZE, 'cpHashA');
  if (session.limit !== undefined && !equalBytes(session.limit.digest, cpHashA)) throw refuse(TPM_RC.CPHASH);
}

function checkApproval(tpm: Tpm, session: Session, timeout: number, { nonceTPM, cpHashA }: Approval): void {
  if (nonceTPM.length !== 0 && !equalBytes(nonceTPM, session.nonceTPM)) throw refuse(TPM_RC.NONCE, 'nonceTPM');
  checkLimits(tpm, session, timeout, cpHashA, 'expiration');
}

/** Takes an approval into the session. */
function approve(
  session: Session,
  commandCode: number,
  name: Uint8Array,
  { policyRef, cpHashA }: Pick<Approval, 'policyRef' | 'cpHashA'>,
  timeout: number,
): void {
  updatePolicy(session, commandCode, name, policyRef);
  if (cpHashA.length !== 0) session.limit = { kind: 'cpHash', digest: cpHashA.slice() };
  if (timeout !== 0 && (session.timeout === 0 || session.timeout > timeout)) session.timeout = timeout;
}

/** Hierarchy whose proof makes a ticket for an entity. */
function hierarchyOfEntity(tpm: Tpm, handle: number): number {
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return objectOf(tpm, handle).hierarchy;
    case TPM_HT.NV_INDEX:
      return has(nvOf(tpm, handle).publicArea.attributes, TPMA_NV.platformCreate) ? TPM_RH.PLATFORM : TPM_RH.OWNER;
    default:
      return handle === TPM_RH.PLATFORM || handle === TPM_RH.ENDORSEMENT || handle === TPM_RH.NULL
        ? handle
        : TPM_RH.OWNER;
  }
}

/** Timeout and ticket of an approval whose expiration is negative; an empty ticket otherwise. */
function answer(tpm: Tpm, tag: number, entity: number, approval: Approval, timeout: number, wanted: boolean) {
  if (!wanted) return { timeout: EMPTY, policyTicket: { tag, hierarchy: TPM_RH.NULL, digest: EMPTY } };
  const untilReset = approval.nonceTPM.length === 0;
  const bytes = u64Bytes(BigInt(timeout) | (untilReset ? EXPIRES_ON_RESET : 0n));
  const hierarchy = hierarchyOfEntity(tpm, entity);
  const facts = { ...approval, timeout, untilReset, name: entityName(tpm, entity) };
  return { timeout: bytes, policyTicket: approvalTicket(tpm, tag, hierarchy, facts) };
}

const signed = handler(PolicySigned, (tpm, input) => {
  const { authObject, policySession, nonceTPM, expiration, cpHashA, policyRef, auth } = input;
  const session = policySessionOf(tpm, policySession);
  const trial = isTrial(session);
  const timeout = trial ? 0 : timeoutOf(tpm, session, input);
  if (!trial) {
    checkApproval(tpm, session, timeout, input);
    const hashAlg = 'hash' in auth ? auth.hash : 'hmac' in auth ? auth.hmac.hashAlg : 0;
    if (hashName(hashAlg) === undefined) throw refuse(TPM_RC.SCHEME, 'auth');
    const approved = hashWith(hashAlg, concat(nonceTPM, handleName(expiration >>> 0), cpHashA, policyRef));
    const rc = signatureProblem(objectOf(tpm, authObject), approved, auth);
    if (rc !== 0) throw refuse(rc, 'auth');
  }
  approve(session, TPM_CC.PolicySigned, entityName(tpm, authObject), input, timeout);
  return answer(tpm, TPM_ST.AUTH_SIGNED, authObject, input, timeout, expiration < 0 && !trial);
});

/** A PIN that may be used so many times is not turned into a ticket that may be used for ever. */
function isPinPass(tpm: Tpm, handle: number): boolean {
  return handleType(handle) === TPM_HT.NV_INDEX && nvType(nvOf(tpm, handle).publicArea.attributes) === TPM_NT.PIN_PASS;
}

const secret = handler(PolicySecret, (tpm, input) => {
  const { authHandle, policySession, expiration } = input;
  const session = policySessionOf(tpm, policySession);
  const trial = isTrial(session);
  const timeout = trial ? 0 : timeoutOf(tpm, session, input);
  if (!trial) checkApproval(tpm, session, timeout, input);
  approve(session, TPM_CC.PolicySecret, entityName(tpm, authHandle), input, timeout);
  const wanted = expiration < 0 && !trial && !isPinPass(tpm, authHandle);
  return answer(tpm, TPM_ST.AUTH_SECRET, authHandle, input, timeout, wanted);
});

const ticket = action(PolicyTicket, (tpm, { policySession, timeout: bytes, cpHashA, policyRef, authName, ticket }) => {
  const session = policySessionOf(tpm, policySession);
  // A trial session needs no approval: it takes the command that the ticket stands for.
  if (isTrial(session)) throw refuse(TPM_RC.ATTRIBUTES, 'policySession');
  if (bytes.length !== 8) throw refuse(TPM_RC.SIZE, 'timeout');
  const value = u64At(bytes, 0);
  const untilReset = value >= EXPIRES_ON_RESET;
  const timeout = Number(BigInt.asUintN(63, value));
  checkLimits(tpm, session, timeout, cpHashA, 'timeout');
  const facts = { timeout, untilReset, cpHashA, policyRef, name: authName };
  const expected = approvalTicket(tpm, ticket.tag, ticket.hierarchy, facts);
  if (!equalBytes(expected.digest, ticket.digest)) throw refuse(TPM_RC.TICKET, 'ticket');
  const code = ticket.tag === TPM_ST.AUTH_SIGNED ? TPM_CC.PolicySigned : TPM_CC.PolicySecret;
  approve(session, code, authName, { policyRef, cpHashA }, timeout);
});

const authorize = action(PolicyAuthorize, (tpm, input) => {
  const { policySession, approvedPolicy, policyRef, keySign, checkTicket } = input;
  const session = policySessionOf(tpm, policySession);
  const hashAlg = keySign.length < 2 ? 0 : ((keySign[0] ?? 0) << 8) | (keySign[1] ?? 0);
  if (hashName(hashAlg) === undefined) throw refuse(TPM_RC.HASH, 'keySign');
  if (keySign.length !== hashSize(hashAlg) + 2) throw refuse(TPM_RC.SIZE, 'keySign');
  if (!isTrial(session)) {
    if (!equalBytes(session.policyDigest, approvedPolicy)) throw refuse(TPM_RC.VALUE, 'approvedPolicy');
    const approved = hashWith(hashAlg, concat(approvedPolicy, policyRef));
    const expected = ticketDigest(tpm, checkTicket.hierarchy, TPM_ST.VERIFIED, approved, keySign);
    if (!equalBytes(expected, checkTicket.digest)) throw refuse(TPM_RC.VALUE, 'checkTicket');
  }
  clearPolicyDigest(session);
  updatePolicy(session, TPM_CC.PolicyAuthorize, keySign, policyRef);
});

export const policyApprovalHandlers = [signed, secret, ticket, authorize];
