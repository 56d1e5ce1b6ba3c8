/** Policies about the use of an entity: command, parameters, objects, locality, how its value is shown (Part 3, 23.8 to 23.21). */
import { concat, equalBytes } from '../../../src/bytes/bytes.ts';
import {
  PolicyAuthValue,
  PolicyCommandCode,
  PolicyCpHash,
  PolicyDuplicationSelect,
  PolicyGetDigest,
  PolicyLocality,
  PolicyNameHash,
  PolicyNvWritten,
  PolicyPassword,
  PolicyPhysicalPresence,
  PolicyTemplate,
} from '../../../src/tpm2/commands/policy.ts';
import { TPM_CC } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { handleName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { action, handler } from '../handler.ts';
import { extendPolicy } from '../policy.ts';
import { refuse } from '../refusal.ts';
import type { LimitKind, Session } from '../sessions.ts';
import { HANDLERS } from './index.ts';
import { policySessionOf } from './session.ts';

const commandCode = action(PolicyCommandCode, (tpm, { policySession, code }) => {
  const session = policySessionOf(tpm, policySession);
  if (session.commandCode !== 0 && session.commandCode !== code) throw refuse(TPM_RC.VALUE, 'code');
  if (!HANDLERS.has(code)) throw refuse(TPM_RC.POLICY_CC, 'code');
  extendPolicy(session, TPM_CC.PolicyCommandCode, handleName(code));
  session.commandCode = code;
});

/** Localities 0 to 4 are bits of TPMA_LOCALITY, 32 to 255 are numbers. */
const EXTENDED = 32;
const ALL_LOCALITIES = 0x1f;

/** The localities that both an earlier PolicyLocality (0 for none) and this one allow; 0 where none is left. */
function commonLocality(before: number, locality: number): number {
  if (locality === 0 || (before !== 0 && before < EXTENDED !== locality < EXTENDED)) return 0;
  if (locality < EXTENDED) return (before === 0 ? ALL_LOCALITIES : before) & locality;
  return before === 0 || before === locality ? locality : 0;
}

const locality = action(PolicyLocality, (tpm, { policySession, locality: asked }) => {
  const session = policySessionOf(tpm, policySession);
  const common = commonLocality(session.locality, asked);
  if (common === 0) throw refuse(TPM_RC.RANGE, 'locality');
  extendPolicy(session, TPM_CC.PolicyLocality, new Uint8Array([asked]));
  session.locality = common;
});

const physicalPresence = action(PolicyPhysicalPresence, (tpm, { policySession }) => {
  const session = policySessionOf(tpm, policySession);
  extendPolicy(session, TPM_CC.PolicyPhysicalPresence);
  session.physicalPresence = true;
});

function requireDigestSize(session: Session, digest: Uint8Array, field: string): void {
  if (digest.length !== session.policyDigest.length) throw refuse(TPM_RC.SIZE, field);
}

/** A session holds one limit; the same one may be set again only where `again`. */
function setLimit(session: Session, kind: LimitKind, digest: Uint8Array, again: boolean): void {
  const { limit } = session;
  const same = again && limit?.kind === kind && equalBytes(limit.digest, digest);
  if (limit !== undefined && !same) throw refuse(TPM_RC.CPHASH);
  session.limit = { kind, digest: digest.slice() };
}

const cpHash = action(PolicyCpHash, (tpm, { policySession, cpHashA }) => {
  const session = policySessionOf(tpm, policySession);
  requireDigestSize(session, cpHashA, 'cpHashA');
  setLimit(session, 'cpHash', cpHashA, true);
  extendPolicy(session, TPM_CC.PolicyCpHash, cpHashA);
});

const nameHash = action(PolicyNameHash, (tpm, { policySession, nameHash: digest }) => {
  const session = policySessionOf(tpm, policySession);
  requireDigestSize(session, digest, 'nameHash');
  setLimit(session, 'nameHash', digest, false);
  extendPolicy(session, TPM_CC.PolicyNameHash, digest);
});

const template = action(PolicyTemplate, (tpm, { policySession, templateHash }) => {
  const session = policySessionOf(tpm, policySession);
  const { limit } = session;
  if (limit !== undefined && limit.kind !== 'templateHash') throw refuse(TPM_RC.CPHASH);
  if (limit !== undefined && !equalBytes(limit.digest, templateHash)) throw refuse(TPM_RC.VALUE, 'templateHash');
  requireDigestSize(session, templateHash, 'templateHash');
  setLimit(session, 'templateHash', templateHash, true);
  extendPolicy(session, TPM_CC.PolicyTemplate, templateHash);
});

const duplicationSelect = action(PolicyDuplicationSelect, (tpm, input) => {
  const { policySession, objectName, newParentName, includeObject } = input;
  const session = policySessionOf(tpm, policySession);
  if (session.limit !== undefined) throw refuse(TPM_RC.CPHASH);
  if (session.commandCode !== 0) throw refuse(TPM_RC.COMMAND_CODE);
  session.limit = { kind: 'nameHash', digest: hashWith(session.authHash, concat(objectName, newParentName)) };
  const object = includeObject === 1 ? objectName : new Uint8Array(0);
  extendPolicy(session, TPM_CC.PolicyDuplicationSelect, object, newParentName, new Uint8Array([includeObject]));
  session.commandCode = TPM_CC.Duplicate;
});

const authValue = action(PolicyAuthValue, (tpm, { policySession }) => {
  const session = policySessionOf(tpm, policySession);
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  session.authValueNeeded = true;
  session.passwordNeeded = false;
});

/** The same policy digest as PolicyAuthValue: an entity cannot tell which way its value was shown. */
const password = action(PolicyPassword, (tpm, { policySession }) => {
  const session = policySessionOf(tpm, policySession);
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  session.passwordNeeded = true;
  session.authValueNeeded = false;
});

const nvWritten = action(PolicyNvWritten, (tpm, { policySession, writtenSet }) => {
  const session = policySessionOf(tpm, policySession);
  const wanted = writtenSet === 1;
  if (session.nvWritten !== undefined && session.nvWritten !== wanted) throw refuse(TPM_RC.VALUE, 'writtenSet');
  extendPolicy(session, TPM_CC.PolicyNvWritten, new Uint8Array([writtenSet]));
  session.nvWritten = wanted;
});

const getDigest = handler(PolicyGetDigest, (tpm, { policySession }) => ({
  policyDigest: policySessionOf(tpm, policySession).policyDigest,
}));

export const policyUseHandlers = [
  commandCode,
  locality,
  physicalPresence,
  cpHash,
  nameHash,
  template,
  duplicationSelect,
  authValue,
  password,
  nvWritten,
  getDigest,
];
