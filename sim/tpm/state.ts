/** The whole state of the embedded TPM as plain data; handlers change it, nothing else holds any. */
import { allBytes } from '../../src/bytes/bytes.ts';
import type { CmacState } from '../../src/crypto/cmac.ts';
import type { EcPrivateKey, HashName, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import type { HashState } from '../../src/crypto/resumable-hash.ts';
import { TPM_ALG, TPM_RH, TPM_SU } from '../../src/tpm2/constants.ts';
import type { EkKind } from '../../src/tpm2/ek-profile.ts';
import { HASH_ALG, hashSize, requireHash } from '../../src/tpm2/hash-alg.ts';
import {
  HASH_ALGORITHMS,
  pcrSelection,
  type TPML_PCR_SELECTION,
  type TPMS_NV_PUBLIC,
  type TPMT_PUBLIC,
} from '../../src/tpm2/structures/index.ts';
import type { RandomStream } from '../entropy.ts';
import { type AccessState, newAccess } from './access-state.ts';
import { CLOCK_NOMINAL } from './clock-rate.ts';
import type { TpmConfig } from './config.ts';
import type { DrbgState } from './drbg.ts';
import { PCR_TABLE } from './pcr-table.ts';
import type { PlatformDescription } from './platform-description.ts';
import { TESTED_ON_DEMAND } from './self-test.ts';
import type { Session } from './sessions.ts';

/** One PCR bank. An extend changes `values[n]` in place: whoever keeps a value copies it. */
export interface PcrBank {
  readonly alg: number;
  readonly hash: HashName;
  readonly size: number;
  /** Bit map of the allocated PCRs; the others do not exist in this bank. */
  readonly select: Uint8Array;
  values: Uint8Array[];
}

/** Seed, proof and authorisation of a hierarchy. */
export interface Hierarchy {
  seed: Uint8Array;
  proof: Uint8Array;
  auth: Uint8Array;
  policy: Uint8Array;
  policyAlg: number;
  enabled: boolean;
}

/** Secret part of an object. */
export interface Sensitive {
  readonly authValue: Uint8Array;
  /** Protection seed of a storage key, obfuscation value of a symmetric object; empty otherwise. */
  readonly seedValue: Uint8Array;
  /** Symmetric key or sealed data; asymmetric keys keep theirs in `key`. */
  readonly data: Uint8Array;
}

/** A loaded or persistent object. */
export interface TpmObject {
  readonly publicArea: TPMT_PUBLIC;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  /** TPM_RH_OWNER, ENDORSEMENT, PLATFORM or NULL. */
  readonly hierarchy: number;
  readonly sensitive: Sensitive;
  readonly key: RsaPrivateKey | EcPrivateKey | undefined;
  /** Only the public area was loaded. */
  readonly publicOnly?: boolean;
  /** Loaded by TPM2_LoadExternal: never a parent. */
  readonly external?: boolean;
  /** An ancestor or the object itself does not survive TPM2_Startup(CLEAR). */
  readonly stClear?: boolean;
  /** A hash, MAC or event sequence, which takes the place of an object but has no Name. */
  readonly sequence?: Sequence;
}

/** A sequence of TPM2_SequenceUpdate; plain data, changed by each update. */
export interface Sequence {
  readonly kind: 'hash' | 'hmac' | 'event' | 'cmac';
  /** One running hash, or one for each bank of an event sequence; none of a CMAC. */
  readonly hashes: HashState[];
  /** Key of an HMAC sequence, already as long as a block. */
  readonly hmacKey: Uint8Array;
  readonly cmac?: CmacState;
  /** The first data has been seen, and did not look like a structure made by a TPM. */
  started: boolean;
  safe: boolean;
}

/** Ephemeral scalars of TPM2_Commit and TPM2_EC_Ephemeral: made from a secret and a counter when they are used (Part 1, C.2.3). */
export interface Commitments {
  readonly nonce: Uint8Array;
  counter: number;
  /** Bit n % 128: the scalar of counter n may still be used once. */
  readonly open: Uint8Array;
}

/** An NV index. */
export interface NvIndex {
  publicArea: TPMS_NV_PUBLIC;
  auth: Uint8Array;
  data: Uint8Array;
  /** What non-volatile memory holds of an index with TPMA_NV_ORDERLY; undefined for the others. */
  backing?: { readonly attributes: number; readonly data: Uint8Array };
}

/**
 * What an NV index of the manufacturer will hold once somebody looks: the certificate of an EK, the CA certificates above it, or a
 * platform certificate.
 */
export type PendingCertificate = EkKind | 'chain' | PlatformDescription;

/** An open _TPM_Hash_Start sequence: one running digest for each bank. */
export interface HashSequence {
  readonly digests: readonly HashState[];
  /** Opened before TPM2_Startup. */
  readonly hcrtm: boolean;
}

/** Everything that changes. */
export interface TpmState {
  /** TPM2_Startup was done since the last _TPM_Init. */
  started: boolean;
  /** A hash sequence before TPM2_Startup already set PCR 0. */
  hcrtmDone: boolean;
  hashSequence: HashSequence | undefined;
  /** Type of the last TPM2_Shutdown; undefined after any command that follows it: the next start is not orderly. */
  shutdown: number | undefined;
  /** PCR values kept by TPM2_Shutdown(STATE), by bank algorithm. */
  savedPcrs: Map<number, Uint8Array[]> | undefined;
  /** pcrUpdateCounter at TPM2_Shutdown(STATE). */
  savedPcrUpdateCounter: number;
  /** The last TPM2_Startup followed a TPM2_Shutdown. */
  startedOrderly: boolean;
  resetCount: number;
  restartCount: number;
  /** Clock (ms of powered time) at `initAt`. */
  clockAtInit: bigint;
  /** Simulated time (ms) of the last _TPM_Init, or of the last change of the clock's rate or value. */
  initAt: number;
  /** Time (ms since _TPM_Init) at `initAt`. */
  timeAtInit: number;
  /** Rate of the clock, see clock-rate.ts: `CLOCK_NOMINAL` keeps real time. */
  clockRate: number;
  /** Clock never reported a higher value than at `initAt`; it becomes so again when the clock passes its next save. */
  clockSafe: boolean;
  /** The last TPM2_Startup found PCR 0 set by a hash sequence. */
  startedByHcrtm: boolean;
  /** Locality of TPM2_Startup: 0 or 3. */
  startupLocality: number;
  banks: PcrBank[];
  /** Allocation of every bank the TPM could have, as GetCapability reports it. */
  pcrAllocation: TPML_PCR_SELECTION;
  /** Allocation after the next _TPM_Init, where TPM2_PCR_Allocate changed it. */
  nextPcrAllocation: TPML_PCR_SELECTION | undefined;
  /** Authorisation of the PCRs with `group` in the PCR table. */
  pcrGroup: { auth: Uint8Array; policy: Uint8Array; policyAlg: number };
  pcrUpdateCounter: number;
  owner: Hierarchy;
  endorsement: Hierarchy;
  platform: Hierarchy;
  nullHierarchy: Hierarchy;
  /** Indices created by the platform can be used (phEnableNV). */
  platformNv: boolean;
  /** TPM2_Clear is switched off (TPM2_ClearControl). */
  disableClear: boolean;
  /** Vendor's number of the algorithm set (TPM2_SetAlgorithmSet). */
  algorithmSet: number;
  /** Algorithms whose self test has not run since _TPM_Init, ascending. */
  untested: number[];
  /** Set in failure mode: the code TPM2_GetTestResult tells. Only _TPM_Init ends it. */
  failure: number | undefined;
  /** TPM_ESTABLISHMENT of the interface: a dynamic launch happened; only the platform clears it. */
  tpmEstablished: boolean;
  lockout: { auth: Uint8Array; policy: Uint8Array; policyAlg: number };
  drbg: DrbgState;
  transient: Map<number, TpmObject>;
  /** Undefined until the first commitment after a TPM Reset. */
  commitments: Commitments | undefined;
  persistent: Map<number, TpmObject>;
  sessions: Map<number, Session>;
  access: AccessState;
  nv: Map<number, NvIndex>;
  /** Highest value any deleted counter had: a new counter starts above it. */
  maxCounter: bigint;
  /** NV indices whose certificate is made at first touch. */
  pendingCertificates: Map<number, PendingCertificate>;
}

const EMPTY = new Uint8Array(0);
/** Bytes of primary seeds and proofs: 256 bits of strength. */
const SEED_SIZE = 32;

function hierarchy(random: RandomStream): Hierarchy {
  return {
    seed: random.bytes(SEED_SIZE),
    proof: random.bytes(SEED_SIZE),
    auth: EMPTY,
    policy: EMPTY,
    policyAlg: TPM_ALG.NULL,
    enabled: true,
  };
}

/** Value of a PCR after TPM2_Startup(CLEAR). */
export function startupValue(pcr: number, size: number): Uint8Array {
  const zeros = new Uint8Array(size);
  return PCR_TABLE[pcr]?.dynamic ? zeros.fill(0xff) : zeros;
}

/** A PCR bank with every PCR at its startup value. */
function bank(alg: number, select: Uint8Array): PcrBank {
  const hash = requireHash(alg);
  const size = hashSize(alg);
  return { alg, hash, size, select, values: PCR_TABLE.map((_, pcr) => startupValue(pcr, size)) };
}

/** The banks of an allocation that have a PCR at all. */
export const allocatedBanks = (allocation: TPML_PCR_SELECTION): PcrBank[] =>
  allocation.filter(({ pcrSelect }) => !allBytes(pcrSelect, 0)).map((one) => bank(one.hash, one.pcrSelect));

/** Every bank the TPM could have: those of `banks` whole, the others empty. */
function wholeBanks(banks: readonly HashName[]): TPML_PCR_SELECTION {
  const algorithms = new Set(banks.map((name) => HASH_ALG[name]));
  return HASH_ALGORITHMS.map((alg) => pcrSelection(alg, algorithms.has(alg) ? PCR_TABLE.keys() : []));
}

/** State of a TPM as it leaves the factory; all secrets come from `random`. Powered on, TPM2_Startup not yet done. */
export function manufacture(config: TpmConfig, random: RandomStream, now: number): TpmState {
  const pcrAllocation = wholeBanks(config.banks);
  return {
    started: false,
    hcrtmDone: false,
    hashSequence: undefined,
    // The factory leaves the TPM in order: the first start finds a trustworthy clock.
    shutdown: TPM_SU.CLEAR,
    savedPcrs: undefined,
    savedPcrUpdateCounter: 0,
    startedOrderly: true,
    resetCount: 0,
    restartCount: 0,
    clockAtInit: 0n,
    initAt: now,
    timeAtInit: 0,
    clockRate: CLOCK_NOMINAL,
    clockSafe: true,
    startedByHcrtm: false,
    startupLocality: 0,
    banks: allocatedBanks(pcrAllocation),
    pcrAllocation,
    nextPcrAllocation: undefined,
    pcrGroup: { auth: EMPTY, policy: EMPTY, policyAlg: TPM_ALG.NULL },
    pcrUpdateCounter: 0,
    endorsement: hierarchy(random),
    platform: hierarchy(random),
    owner: hierarchy(random),
    nullHierarchy: hierarchy(random),
    platformNv: true,
    disableClear: false,
    algorithmSet: 0,
    untested: [...TESTED_ON_DEMAND],
    failure: undefined,
    tpmEstablished: false,
    lockout: { auth: EMPTY, policy: EMPTY, policyAlg: TPM_ALG.NULL },
    drbg: { key: random.bytes(SEED_SIZE), counter: 0 },
    transient: new Map(),
    commitments: undefined,
    persistent: new Map(),
    sessions: new Map(),
    access: newAccess(),
    nv: new Map(),
    maxCounter: 0n,
    pendingCertificates: new Map(),
  };
}

/** The hierarchy of TPM_RH_OWNER, ENDORSEMENT, PLATFORM or NULL; undefined for another handle. */
export function hierarchyOf(state: TpmState, handle: number): Hierarchy | undefined {
  switch (handle) {
    case TPM_RH.OWNER:
      return state.owner;
    case TPM_RH.ENDORSEMENT:
      return state.endorsement;
    case TPM_RH.PLATFORM:
      return state.platform;
    case TPM_RH.NULL:
      return state.nullHierarchy;
    default:
      return undefined;
  }
}
