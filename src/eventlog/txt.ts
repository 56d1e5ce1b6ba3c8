/**
 * The measurements of a TXT launch on TPM 2.0 (details/authorities mapping): nine events of PCR 17 and six of PCR 18, in
 * order, each with what is hashed. The launch code hashes these bytes, extends, and logs; nothing here hashes.
 *
 * Preimages: known values recomputed from real ESXi 6.7 and Linux reports; HASH_START, BIOSAC_REG_DATA, SINIT_PUBKEY_HASH
 * and MLE_HASH as the MLE Developer's Guide describes them; NV_INFO_HASH is opaque (docs/assumptions-eventlog.md).
 */
import { ByteWriter, concat } from '../bytes/index.ts';
import { EV } from './event-types.ts';

/** Everything a launch measures. */
export interface TxtLaunchInputs {
  /** SINIT ACM as loaded. */
  readonly sinitAcm: Uint8Array;
  /** EDX of GETSEC[SENTER]; hashed after the ACM at locality 4. */
  readonly edxSenterFlags: number;
  /** Registration data of the BIOS ACM. */
  readonly biosAcmRegistration: Uint8Array;
  /** 0 = S-CRTM in the BIOS, 1 = established by the processor. */
  readonly processorScrtmStatus: number;
  /** PolicyControl of the launch control policy; 0 without a policy. */
  readonly lcpPolicyControl: number;
  /** Policy details; undefined without a policy (one zero byte is hashed). */
  readonly lcpDetails: Uint8Array | undefined;
  /** Policy authorities; undefined without a policy (one zero byte is hashed). */
  readonly lcpAuthorities: Uint8Array | undefined;
  /** SMI transfer monitor image; undefined without one (one zero byte is hashed). */
  readonly stm: Uint8Array | undefined;
  /** OsSinitData.Capabilities, e.g. 0x221. */
  readonly osSinitCapabilities: number;
  /** The pages of the MLE. */
  readonly mle: Uint8Array;
  /** NV index information; opaque. */
  readonly nvInfo: Uint8Array;
  /** Public key of the ACM's signer. */
  readonly sinitPublicKey: Uint8Array;
}

/** One launch measurement. */
export interface TxtLaunchEvent {
  readonly pcr: 17 | 18;
  readonly type: number;
  /** Bytes whose hash is extended. */
  readonly preimage: Uint8Array;
  /** Event data of the log record: the preimage where it is a short value, else nothing. */
  readonly data: Uint8Array;
}

interface Row {
  readonly pcr: 17 | 18;
  readonly type: number;
  readonly preimage: (inputs: TxtLaunchInputs) => Uint8Array;
  /** Whether the log holds the preimage. */
  readonly logged: boolean;
}

const u32 = (value: number): Uint8Array => new ByteWriter('little', 4).u32(value).finish();
const orZeroByte = (bytes: Uint8Array | undefined): Uint8Array => bytes ?? new Uint8Array(1);

const scrtm = (i: TxtLaunchInputs): Uint8Array => u32(i.processorScrtmStatus);
const control = (i: TxtLaunchInputs): Uint8Array => u32(i.lcpPolicyControl);
const capabilities = (i: TxtLaunchInputs): Uint8Array => u32(i.osSinitCapabilities);
const nvInfo = (i: TxtLaunchInputs): Uint8Array => i.nvInfo;

/** The launch in order. HASH_START is done by the processor through the hash-start/data/end signals of the TPM. */
const LAUNCH: readonly Row[] = [
  {
    pcr: 17,
    type: EV.TXT_HASH_START,
    preimage: (i) => concat(i.sinitAcm, u32(i.edxSenterFlags)),
    logged: false,
  },
  { pcr: 17, type: EV.TXT_BIOSAC_REG_DATA, preimage: (i) => i.biosAcmRegistration, logged: true },
  { pcr: 17, type: EV.TXT_CPU_SCRTM_STAT, preimage: scrtm, logged: true },
  { pcr: 17, type: EV.TXT_LCP_CONTROL_HASH, preimage: control, logged: true },
  { pcr: 17, type: EV.TXT_LCP_DETAILS_HASH, preimage: (i) => orZeroByte(i.lcpDetails), logged: true },
  { pcr: 17, type: EV.TXT_STM_HASH, preimage: (i) => orZeroByte(i.stm), logged: false },
  { pcr: 17, type: EV.TXT_OSSINITDATA_CAP_HASH, preimage: capabilities, logged: true },
  { pcr: 17, type: EV.TXT_MLE_HASH, preimage: (i) => i.mle, logged: false },
  { pcr: 17, type: EV.TXT_NV_INFO_HASH, preimage: nvInfo, logged: true },
  { pcr: 18, type: EV.TXT_SINIT_PUBKEY_HASH, preimage: (i) => i.sinitPublicKey, logged: false },
  { pcr: 18, type: EV.TXT_CPU_SCRTM_STAT, preimage: scrtm, logged: true },
  { pcr: 18, type: EV.TXT_OSSINITDATA_CAP_HASH, preimage: capabilities, logged: true },
  { pcr: 18, type: EV.TXT_LCP_CONTROL_HASH, preimage: control, logged: true },
  { pcr: 18, type: EV.TXT_LCP_AUTHORITIES_HASH, preimage: (i) => orZeroByte(i.lcpAuthorities), logged: true },
  { pcr: 18, type: EV.TXT_NV_INFO_HASH, preimage: nvInfo, logged: true },
];

/** The fifteen measurements of a launch, in the order they are extended. */
export function txtLaunchEvents(inputs: TxtLaunchInputs): TxtLaunchEvent[] {
  return LAUNCH.map(({ pcr, type, preimage, logged }) => {
    const bytes = preimage(inputs);
    return { pcr, type, preimage: bytes, data: logged ? bytes : new Uint8Array(0) };
  });
}
