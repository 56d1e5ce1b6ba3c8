/** What TPM2_GetCapability reports, as data (TPM 2.0 Library specification, Part 2, 6.12 to 6.14 and 8.2). */
import { latin1, u32At } from '../../src/bytes/bytes.ts';
import { TPMA_PERMANENT, TPMA_STARTUP_CLEAR } from '../../src/tpm2/attributes.ts';
import { TPM_PT, TPM_PT_PCR } from '../../src/tpm2/capability-constants.ts';
import type { Infer } from '../../src/tpm2/codec.ts';
import { handleType, TPM_ALG, TPM_ECC_CURVE, TPM_HT, TPM_RH } from '../../src/tpm2/constants.ts';
import { PCR_COUNT, pcrSelection, type TPMT_HA_NULL } from '../../src/tpm2/structures/index.ts';
import type { TpmConfig } from './config.ts';
import type { Tpm } from './context.ts';
import { inLockout } from './dictionary.ts';
import { counterCount, countersAvailable, MIN_PERSISTENT, persistentAvailable } from './nv-space.ts';
import { MAX_ORDERLY_COUNT } from './nv-startup.ts';
import { MAX_LOADED_OBJECTS } from './object-store.ts';
import { type PcrAttributes, pcrsWhere } from './pcr-table.ts';
import { allows } from './pcrs.ts';
import { MAX_ACTIVE_SESSIONS, MAX_LOADED_SESSIONS, savedSessions } from './sessions.ts';
import { maxObjectContext } from './sizes.ts';

/** TPMA_ALGORITHM bits (Part 2, 8.2). */
const ASYMMETRIC = 0x001;
const SYMMETRIC = 0x002;
const HASH = 0x004;
const OBJECT = 0x008;
const SIGNING = 0x100;
const ENCRYPTING = 0x200;
const METHOD = 0x400;

const A = TPM_ALG;
const ALGORITHM_TABLE: readonly (readonly [number, number])[] = [
  [A.RSA, ASYMMETRIC | OBJECT],
  [A.TDES, SYMMETRIC],
  [A.SHA1, HASH],
  [A.HMAC, HASH | SIGNING],
  [A.AES, SYMMETRIC],
  [A.MGF1, HASH | METHOD],
  [A.KEYEDHASH, HASH | OBJECT | SIGNING | ENCRYPTING],
  [A.XOR, HASH | SYMMETRIC],
  [A.SHA256, HASH],
  [A.SHA384, HASH],
  [A.SHA512, HASH],
  [A.RSASSA, ASYMMETRIC | SIGNING],
  [A.RSAES, ASYMMETRIC | ENCRYPTING],
  [A.RSAPSS, ASYMMETRIC | SIGNING],
  [A.OAEP, ASYMMETRIC | ENCRYPTING],
  [A.ECDSA, ASYMMETRIC | SIGNING],
  [A.ECDH, ASYMMETRIC | METHOD],
  [A.ECDAA, ASYMMETRIC | SIGNING],
  [A.SM2, ASYMMETRIC | SIGNING | METHOD],
  [A.ECSCHNORR, ASYMMETRIC | SIGNING],
  [A.ECMQV, ASYMMETRIC | METHOD],
  [A.KDF1_SP800_56A, HASH | METHOD],
  [A.KDF2, HASH | METHOD],
  [A.KDF1_SP800_108, HASH | METHOD],
  [A.ECC, ASYMMETRIC | OBJECT],
  [A.SYMCIPHER, OBJECT],
  [A.CAMELLIA, SYMMETRIC],
  [A.CMAC, SYMMETRIC | SIGNING],
  [A.CTR, SYMMETRIC | ENCRYPTING],
  [A.OFB, SYMMETRIC | ENCRYPTING],
  [A.CBC, SYMMETRIC | ENCRYPTING],
  [A.CFB, SYMMETRIC | ENCRYPTING],
  [A.ECB, SYMMETRIC | ENCRYPTING],
];
/** Algorithms in ascending order with their attributes. */
export const ALGORITHMS = ALGORITHM_TABLE.map(([alg, algProperties]) => ({ alg, algProperties }));

/** Curves in ascending order. */
export const CURVES: readonly number[] = Object.values(TPM_ECC_CURVE).filter((curve) => curve !== TPM_ECC_CURVE.NONE);

const PERMANENT_HANDLES: readonly number[] = [
  TPM_RH.OWNER,
  TPM_RH.NULL,
  TPM_RH.PW,
  TPM_RH.LOCKOUT,
  TPM_RH.ENDORSEMENT,
  TPM_RH.PLATFORM,
  TPM_RH.PLATFORM_NV,
];

/** The part of a session handle that both kinds share. */
const INDEX = 0xff_ffff;

const ascending = (handles: Iterable<number>): number[] => [...handles].sort((a, b) => a - b);

/** All handles of the type of `first`, ascending; undefined for a type that cannot be listed. */
export function handlesFrom(tpm: Tpm, first: number): number[] | undefined {
  const { state } = tpm;
  switch (handleType(first)) {
    case TPM_HT.PCR:
      return Array.from({ length: PCR_COUNT }, (_, pcr) => pcr);
    case TPM_HT.NV_INDEX:
      return ascending([...state.nv.keys(), ...state.pendingCertificates.keys()]);
    // Asked for by these types, the loaded and the saved sessions of both kinds.
    case TPM_HT.HMAC_SESSION:
      return [...state.sessions.keys()].sort((a, b) => (a & INDEX) - (b & INDEX));
    case TPM_HT.POLICY_SESSION:
      return savedSessions(state);
    case TPM_HT.PERMANENT:
      return [...PERMANENT_HANDLES];
    case TPM_HT.TRANSIENT:
      return ascending(state.transient.keys());
    case TPM_HT.PERSISTENT:
      return ascending(state.persistent.keys());
    default:
      return undefined;
  }
}

/** Authorisation policies of the permanent entities, ascending by handle; TPM_ALG_NULL and no digest where there is none. */
export function hierarchyPolicies(tpm: Tpm) {
  const { owner, lockout, endorsement, platform } = tpm.state;
  const entities = [
    [TPM_RH.OWNER, owner],
    [TPM_RH.LOCKOUT, lockout],
    [TPM_RH.ENDORSEMENT, endorsement],
    [TPM_RH.PLATFORM, platform],
  ] as const;
  return entities.map(([handle, { policy, policyAlg }]) => ({ handle, policyHash: policyOf(policyAlg, policy) }));
}

function policyOf(hashAlg: number, digest: Uint8Array): Infer<typeof TPMT_HA_NULL> {
  switch (hashAlg) {
    case A.SHA1:
    case A.SHA256:
    case A.SHA384:
    case A.SHA512:
      return { hashAlg, digest };
    default:
      return { hashAlg: A.NULL };
  }
}

/** Four ASCII characters as a number, zero bytes after a shorter text. */
function characters(text: string): number {
  const bytes = new Uint8Array(4);
  bytes.set(latin1(text.slice(0, 4)));
  return u32At(bytes, 0);
}

function permanentAttributes(tpm: Tpm): number {
  const { owner, endorsement, lockout, disableClear } = tpm.state;
  return (
    (owner.auth.length > 0 ? TPMA_PERMANENT.ownerAuthSet : 0) |
    (endorsement.auth.length > 0 ? TPMA_PERMANENT.endorsementAuthSet : 0) |
    (lockout.auth.length > 0 ? TPMA_PERMANENT.lockoutAuthSet : 0) |
    (disableClear ? TPMA_PERMANENT.disableClear : 0) |
    (inLockout(tpm) ? TPMA_PERMANENT.inLockout : 0) |
    TPMA_PERMANENT.tpmGeneratedEPS
  );
}

function startupClearAttributes(tpm: Tpm): number {
  const { owner, endorsement, platform, platformNv, startedOrderly } = tpm.state;
  return (
    ((platform.enabled ? TPMA_STARTUP_CLEAR.phEnable : 0) |
      (platformNv ? TPMA_STARTUP_CLEAR.phEnableNV : 0) |
      (owner.enabled ? TPMA_STARTUP_CLEAR.shEnable : 0) |
      (endorsement.enabled ? TPMA_STARTUP_CLEAR.ehEnable : 0) |
      (startedOrderly ? TPMA_STARTUP_CLEAR.orderly : 0)) >>>
    0
  );
}

type Property = readonly [property: number, value: number];

/** Who made this TPM: the properties it tells even in failure mode. */
export function identityProperties(config: TpmConfig): readonly Property[] {
  const vendor = config.vendorString;
  return [
    [TPM_PT.MANUFACTURER, characters(config.manufacturer)],
    [TPM_PT.VENDOR_STRING_1, characters(vendor.slice(0, 4))],
    [TPM_PT.VENDOR_STRING_2, characters(vendor.slice(4, 8))],
    [TPM_PT.VENDOR_STRING_3, characters(vendor.slice(8, 12))],
    [TPM_PT.VENDOR_STRING_4, characters(vendor.slice(12, 16))],
    [TPM_PT.VENDOR_TPM_TYPE, 1],
    [TPM_PT.FIRMWARE_VERSION_1, Number(config.firmwareVersion >> 32n)],
    [TPM_PT.FIRMWARE_VERSION_2, Number(config.firmwareVersion & 0xffff_ffffn)],
  ];
}

/** TPM properties in ascending order. `commands` is the number of commands this TPM has. */
export function tpmProperties(tpm: Tpm, commands: number): { property: number; value: number }[] {
  const { config, state } = tpm;
  const nv = state.nv.size + state.pendingCertificates.size;
  const active = state.sessions.size + savedSessions(state).length;
  const { dictionary, audit } = state.access;
  const table: readonly Property[] = [
    // Specification 1.64 of 2021, day 75: what swtpm reports too.
    [TPM_PT.FAMILY_INDICATOR, characters('2.0')],
    [TPM_PT.LEVEL, 0],
    [TPM_PT.REVISION, 164],
    [TPM_PT.DAY_OF_YEAR, 75],
    [TPM_PT.YEAR, 2021],
    ...identityProperties(config),
    [TPM_PT.INPUT_BUFFER, 1024],
    [TPM_PT.HR_TRANSIENT_MIN, MAX_LOADED_OBJECTS],
    [TPM_PT.HR_PERSISTENT_MIN, MIN_PERSISTENT],
    [TPM_PT.HR_LOADED_MIN, MAX_LOADED_SESSIONS],
    [TPM_PT.ACTIVE_SESSIONS_MAX, MAX_ACTIVE_SESSIONS],
    [TPM_PT.PCR_COUNT, PCR_COUNT],
    [TPM_PT.PCR_SELECT_MIN, 3],
    [TPM_PT.CONTEXT_GAP_MAX, 0xffff],
    [TPM_PT.NV_COUNTERS_MAX, 0],
    [TPM_PT.NV_INDEX_MAX, 2048],
    [TPM_PT.MEMORY, 6],
    [TPM_PT.CLOCK_UPDATE, 4096],
    [TPM_PT.CONTEXT_HASH, A.SHA512],
    [TPM_PT.CONTEXT_SYM, A.AES],
    [TPM_PT.CONTEXT_SYM_SIZE, 256],
    [TPM_PT.ORDERLY_COUNT, MAX_ORDERLY_COUNT],
    [TPM_PT.MAX_COMMAND_SIZE, tpm.bufferSize],
    [TPM_PT.MAX_RESPONSE_SIZE, tpm.bufferSize],
    [TPM_PT.MAX_DIGEST, 64],
    [TPM_PT.MAX_OBJECT_CONTEXT, maxObjectContext(config)],
    [TPM_PT.MAX_SESSION_CONTEXT, 404],
    [TPM_PT.PS_FAMILY_INDICATOR, characters('2.0')],
    [TPM_PT.PS_LEVEL, 0],
    [TPM_PT.PS_REVISION, 164],
    [TPM_PT.PS_DAY_OF_YEAR, 75],
    [TPM_PT.PS_YEAR, 2021],
    [TPM_PT.SPLIT_MAX, 128],
    [TPM_PT.TOTAL_COMMANDS, commands],
    [TPM_PT.LIBRARY_COMMANDS, commands],
    [TPM_PT.VENDOR_COMMANDS, 0],
    [TPM_PT.NV_BUFFER_MAX, 1024],
    [TPM_PT.MODES, 0],
    [TPM_PT.MAX_CAP_BUFFER, 1024],
    [TPM_PT.PERMANENT, permanentAttributes(tpm)],
    [TPM_PT.STARTUP_CLEAR, startupClearAttributes(tpm)],
    [TPM_PT.HR_NV_INDEX, nv],
    [TPM_PT.HR_LOADED, state.sessions.size],
    [TPM_PT.HR_LOADED_AVAIL, MAX_LOADED_SESSIONS - state.sessions.size],
    [TPM_PT.HR_ACTIVE, active],
    [TPM_PT.HR_ACTIVE_AVAIL, MAX_ACTIVE_SESSIONS - active],
    [TPM_PT.HR_TRANSIENT_AVAIL, MAX_LOADED_OBJECTS - state.transient.size],
    [TPM_PT.HR_PERSISTENT, state.persistent.size],
    [TPM_PT.HR_PERSISTENT_AVAIL, persistentAvailable(state)],
    [TPM_PT.NV_COUNTERS, counterCount(state)],
    [TPM_PT.NV_COUNTERS_AVAIL, countersAvailable(state)],
    [TPM_PT.ALGORITHM_SET, state.algorithmSet],
    [TPM_PT.LOADED_CURVES, CURVES.length],
    [TPM_PT.LOCKOUT_COUNTER, dictionary.failedTries],
    [TPM_PT.MAX_AUTH_FAIL, dictionary.maxTries],
    [TPM_PT.LOCKOUT_INTERVAL, dictionary.recoveryTime],
    [TPM_PT.LOCKOUT_RECOVERY, dictionary.lockoutRecovery],
    [TPM_PT.NV_WRITE_RECOVERY, 0],
    [TPM_PT.AUDIT_COUNTER_0, Number(audit.counter >> 32n)],
    [TPM_PT.AUDIT_COUNTER_1, Number(audit.counter & 0xffff_ffffn)],
  ];
  return table.map(([property, value]) => ({ property, value }));
}

const extendAt = (locality: number) => (p: PcrAttributes) => allows(p.extend, locality);
const resetAt = (locality: number) => (p: PcrAttributes) => allows(p.reset, locality);

const PCR_PROPERTIES: readonly (readonly [number, (p: PcrAttributes) => boolean])[] = [
  [TPM_PT_PCR.SAVE, (p) => p.saved],
  [TPM_PT_PCR.EXTEND_L0, extendAt(0)],
  [TPM_PT_PCR.RESET_L0, resetAt(0)],
  [TPM_PT_PCR.EXTEND_L1, extendAt(1)],
  [TPM_PT_PCR.RESET_L1, resetAt(1)],
  [TPM_PT_PCR.EXTEND_L2, extendAt(2)],
  [TPM_PT_PCR.RESET_L2, resetAt(2)],
  [TPM_PT_PCR.EXTEND_L3, extendAt(3)],
  [TPM_PT_PCR.RESET_L3, resetAt(3)],
  [TPM_PT_PCR.EXTEND_L4, extendAt(4)],
  [TPM_PT_PCR.RESET_L4, resetAt(4)],
  [TPM_PT_PCR.NO_INCREMENT, (p) => p.noIncrement],
  [TPM_PT_PCR.DRTM_RESET, (p) => p.dynamic],
  [TPM_PT_PCR.POLICY, (p) => p.group],
  [TPM_PT_PCR.AUTH, (p) => p.group],
];

/** PCR properties in ascending order with the PCRs that have them. */
export function pcrProperties(): { tag: number; pcrSelect: Uint8Array }[] {
  return PCR_PROPERTIES.map(([tag, test]) => ({ tag, pcrSelect: pcrSelection(A.NULL, pcrsWhere(test)).pcrSelect }));
}
