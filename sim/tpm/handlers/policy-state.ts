/** Policies about the state of the TPM: PCR, NV, clock, and alternatives (Part 3, 23.6, 23.7, 23.9, 23.10 and 23.22). */
import { concat, equalBytes, toBigInt } from '../../../src/bytes/bytes.ts';
import { FormatError } from '../../../src/bytes/errors.ts';
import { ByteReader } from '../../../src/bytes/reader.ts';
import { encode, responseCodeOf } from '../../../src/tpm2/codec.ts';
import {
  PolicyAuthorizeNV,
  PolicyCounterTimer,
  PolicyNV,
  PolicyOR,
  PolicyPCR,
} from '../../../src/tpm2/commands/policy.ts';
import { TPM_CC, TPM_EO } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { TPML_PCR_SELECTION, TPMS_TIME_INFO, TPMT_HA } from '../../../src/tpm2/structures/index.ts';
import { type Tpm, timeInfo } from '../context.ts';
import { entityName, nvOf } from '../entities.ts';
import { action } from '../handler.ts';
import { readAccess } from '../nv-index.ts';
import { concatenatedValues, implementedSelection } from '../pcrs.ts';
import { clearPolicyDigest, extendPolicy } from '../policy.ts';
import { refuse } from '../refusal.ts';
import { isTrial, type Session } from '../sessions.ts';
import { policySessionOf } from './session.ts';

const or = action(PolicyOR, (tpm, { policySession, pHashList }) => {
  const session = policySessionOf(tpm, policySession);
  const branch = isTrial(session) || pHashList.some((digest) => equalBytes(digest, session.policyDigest));
  if (!branch) throw refuse(TPM_RC.VALUE, 'pHashList');
  clearPolicyDigest(session);
  extendPolicy(session, TPM_CC.PolicyOR, ...pHashList);
});

const pcr = action(PolicyPCR, (tpm, { policySession, pcrDigest, pcrs }) => {
  const session = policySessionOf(tpm, policySession);
  const { state } = tpm;
  const selection = implementedSelection(state, pcrs);
  const current = hashWith(session.authHash, concatenatedValues(state, pcrs));
  const trial = isTrial(session);
  if (!trial) {
    if (session.pcrCounter !== 0 && session.pcrCounter !== state.pcrUpdateCounter) throw refuse(TPM_RC.PCR_CHANGED);
    if (pcrDigest.length !== 0 && !equalBytes(pcrDigest, current)) throw refuse(TPM_RC.VALUE, 'pcrDigest');
  }
  const digest = trial && pcrDigest.length !== 0 ? pcrDigest : current;
  extendPolicy(session, TPM_CC.PolicyPCR, encode(TPML_PCR_SELECTION, selection), digest);
  if (!trial) session.pcrCounter = state.pcrUpdateCounter;
});

/** Whether `value` stands in relation `operation` to `operand` of the same size. */
function holds(operation: number, value: Uint8Array, operand: Uint8Array): boolean {
  const a = toBigInt(value);
  const b = toBigInt(operand);
  const negative = value.length > 0 && ((value[0] ?? 0) & (operand[0] ?? 0) & 0x80) !== 0;
  // libtpms, like the reference code it comes from, orders two negative numbers by their magnitude's opposite.
  const bits = value.length * 8;
  const signedA = negative ? b : BigInt.asIntN(bits, a);
  const signedB = negative ? a : BigInt.asIntN(bits, b);
  switch (operation) {
    case TPM_EO.EQ:
      return a === b;
    case TPM_EO.NEQ:
      return a !== b;
    case TPM_EO.SIGNED_GT:
      return signedA > signedB;
    case TPM_EO.UNSIGNED_GT:
      return a > b;
    case TPM_EO.SIGNED_LT:
      return signedA < signedB;
    case TPM_EO.UNSIGNED_LT:
      return a < b;
    case TPM_EO.SIGNED_GE:
      return signedA >= signedB;
    case TPM_EO.UNSIGNED_GE:
      return a >= b;
    case TPM_EO.SIGNED_LE:
      return signedA <= signedB;
    case TPM_EO.UNSIGNED_LE:
      return a <= b;
    case TPM_EO.BITSET:
      return (a & b) === b;
    default:
      return (a & b) === 0n;
  }
}

interface Comparison {
  readonly operandB: Uint8Array;
  readonly offset: number;
  readonly operation: number;
}

/** H(operandB ‖ offset ‖ operation), the part of the policy that says what is compared. */
function comparisonHash(session: Session, { operandB, offset, operation }: Comparison): Uint8Array {
  const tail = new Uint8Array([offset >> 8, offset & 0xff, operation >> 8, operation & 0xff]);
  return hashWith(session.authHash, concat(operandB, tail));
}

function compare(data: Uint8Array, comparison: Comparison): void {
  const { operandB, offset, operation } = comparison;
  if (!holds(operation, data.subarray(offset, offset + operandB.length), operandB)) throw refuse(TPM_RC.POLICY);
}

const nv = action(PolicyNV, (tpm, input) => {
  const { authHandle, nvIndex, policySession } = input;
  const session = policySessionOf(tpm, policySession);
  const index = nvOf(tpm, nvIndex);
  if (!isTrial(session)) {
    const rc = readAccess(authHandle, index);
    if (rc !== 0) throw refuse(rc);
    const { dataSize } = index.publicArea;
    if (input.offset > dataSize) throw refuse(TPM_RC.VALUE, 'offset');
    if (dataSize - input.offset < input.operandB.length) throw refuse(TPM_RC.SIZE, 'operandB');
    compare(index.data, input);
  }
  extendPolicy(session, TPM_CC.PolicyNV, comparisonHash(session, input), entityName(tpm, nvIndex));
});

const counterTimer = action(PolicyCounterTimer, (tpm, input) => {
  const session = policySessionOf(tpm, input.policySession);
  const data = encode(TPMS_TIME_INFO, timeInfo(tpm));
  if (input.offset > data.length) throw refuse(TPM_RC.VALUE, 'offset');
  if (data.length - input.offset < input.operandB.length) throw refuse(TPM_RC.RANGE);
  if (!isTrial(session)) compare(data, input);
  extendPolicy(session, TPM_CC.PolicyCounterTimer, comparisonHash(session, input));
});

/** The policy an index holds: a TPMT_HA at its beginning. */
function storedPolicy(data: Uint8Array) {
  try {
    return TPMT_HA.read(new ByteReader(data, 'TPMT_HA'));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw refuse(responseCodeOf(error) === TPM_RC.HASH ? TPM_RC.HASH : TPM_RC.INSUFFICIENT);
  }
}

function checkStoredPolicy(tpm: Tpm, session: Session, authHandle: number, nvIndex: number): void {
  const index = nvOf(tpm, nvIndex);
  const rc = readAccess(authHandle, index);
  if (rc !== 0) throw refuse(rc);
  const { hashAlg, digest } = storedPolicy(index.data);
  if (hashAlg !== session.authHash) throw refuse(TPM_RC.HASH);
  if (!equalBytes(digest, session.policyDigest)) throw refuse(TPM_RC.VALUE);
}

const authorizeNv = action(PolicyAuthorizeNV, (tpm, { authHandle, nvIndex, policySession }) => {
  const session = policySessionOf(tpm, policySession);
  if (!isTrial(session)) checkStoredPolicy(tpm, session, authHandle, nvIndex);
  clearPolicyDigest(session);
  extendPolicy(session, TPM_CC.PolicyAuthorizeNV, entityName(tpm, nvIndex));
});

export const policyStateHandlers = [or, pcr, nv, counterTimer, authorizeNv];
