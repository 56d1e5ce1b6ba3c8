/** The whole state of the embedded TPM as plain data; handlers change it, nothing else holds any. */
import type { EcPrivateKey, HashName, IncrementalHash, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import { TPM_ALG, TPM_RH, TPM_SU } from '../../src/tpm2/constants.ts';
import { HASH_ALG } from '../../src/tpm2/hash-alg.ts';
import type { TPMS_NV_PUBLIC, TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import type { RandomStream } from '../entropy.ts';
import type { TpmConfig } from './config.ts';
import type { DrbgState } from './drbg.ts';
import { PCR_TABLE } from './pcr-table.ts';
import type { Session } from './sessions.ts';

/** One PCR bank; `values[n]` is replaced, never changed in place. */
export interface PcrBank {
  readonly alg: number;
  readonly hash: HashName;
  readonly size: number;
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
}

/** An NV index. */
export interface NvIndex {
  publicArea: TPMS_NV_PUBLIC;
  auth: Uint8Array;
  data: Uint8Array;
}

/** Which EK certificate an NV index will hold once somebody looks. */
export type EkKind = 'rsa2048' | 'eccP256';

/** An open _TPM_Hash_Start sequence: one running digest for each bank. */
export interface HashSequence {
  readonly digests: readonly IncrementalHash[];
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
  /** PCR values kept by TPM2_Shutdown(STATE). */
  savedPcrs: Uint8Array[][] | undefined;
  resetCount: number;
  restartCount: number;
  /** Clock (ms of powered time) at the last _TPM_Init. */
  clockAtInit: number;
  /** Simulated time (ms) of the last _TPM_Init. */
  initAt: number;
  /** Clock never reported a higher value than now. */
  clockSafe: boolean;
  /** The last TPM2_Startup found PCR 0 set by a hash sequence. */
  startedByHcrtm: boolean;
  /** Locality of TPM2_Startup: 0 or 3. */
  startupLocality: number;
  banks: PcrBank[];
  pcrUpdateCounter: number;
  owner: Hierarchy;
  endorsement: Hierarchy;
  platform: Hierarchy;
  nullHierarchy: Hierarchy;
  lockout: { auth: Uint8Array; policy: Uint8Array; policyAlg: number };
  drbg: DrbgState;
  transient: Map<number, TpmObject>;
  persistent: Map<number, TpmObject>;
  sessions: Map<number, Session>;
  nv: Map<number, NvIndex>;
  /** NV indices whose EK certificate is made at first touch. */
  pendingCertificates: Map<number, EkKind>;
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
  return new Uint8Array(size).fill(PCR_TABLE[pcr]?.dynamic ? 0xff : 0);
}

/** A PCR bank with every PCR at its startup value. */
function bank(hash: HashName, size: number): PcrBank {
  return { alg: HASH_ALG[hash], hash, size, values: PCR_TABLE.map((_, pcr) => startupValue(pcr, size)) };
}

const SIZES: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** State of a TPM as it leaves the factory; all secrets come from `random`. Powered on, TPM2_Startup not yet done. */
export function manufacture(config: TpmConfig, random: RandomStream, now: number): TpmState {
  return {
    started: false,
    hcrtmDone: false,
    hashSequence: undefined,
    // The factory leaves the TPM in order: the first start finds a trustworthy clock.
    shutdown: TPM_SU.CLEAR,
    savedPcrs: undefined,
    resetCount: 0,
    restartCount: 0,
    clockAtInit: 0,
    initAt: now,
    clockSafe: true,
    startedByHcrtm: false,
    startupLocality: 0,
    banks: config.banks.map((name) => bank(name, SIZES[name])),
    pcrUpdateCounter: 0,
    endorsement: hierarchy(random),
    platform: hierarchy(random),
    owner: hierarchy(random),
    nullHierarchy: hierarchy(random),
    lockout: { auth: EMPTY, policy: EMPTY, policyAlg: TPM_ALG.NULL },
    drbg: { key: random.bytes(SEED_SIZE), counter: 0 },
    transient: new Map(),
    persistent: new Map(),
    sessions: new Map(),
    nv: new Map(),
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
