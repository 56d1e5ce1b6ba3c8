/** PCR selections and digests with their algorithm (TPM 2.0 Library specification, Part 2, 10.3, 10.6 and 10.9). */
import { isBytes } from '../../bytes/arguments.ts';
import type { ByteReader } from '../../bytes/reader.ts';
import type { ByteWriter } from '../../bytes/writer.ts';
import { type Codec, fixedBytes, type Infer, list, restBytes, shortBytes, struct, u16, variant } from '../codec.ts';
import { TPM_ALG } from '../constants.ts';
import { HASH_COUNT, PCR_COUNT, TPMI_ALG_HASH, TPMI_ALG_HASH_NULL } from './base.ts';

/** Bytes of a digest, by hash algorithm; undefined for an algorithm this package does not have. */
export function digestSize(hashAlg: number): number | undefined {
  switch (hashAlg) {
    case TPM_ALG.SHA1:
      return 20;
    case TPM_ALG.SHA256:
      return 32;
    case TPM_ALG.SHA384:
      return 48;
    case TPM_ALG.SHA512:
      return 64;
    default:
      return undefined;
  }
}

/** A digest and the algorithm that made it. */
export interface TPMT_HA {
  hashAlg: number;
  digest: Uint8Array;
}

const digest = (size: number) => ({ digest: fixedBytes('TPMU_HA', size) });
const DIGESTS = {
  [TPM_ALG.SHA1]: digest(20),
  [TPM_ALG.SHA256]: digest(32),
  [TPM_ALG.SHA384]: digest(48),
  [TPM_ALG.SHA512]: digest(64),
};

/** A digest of an algorithm this package lacks, which a client may still send: its length is the caller's. */
const ANY_HA = struct('TPMT_HA', 'Part 2, 10.3.2', { hashAlg: u16, digest: restBytes('TPMU_HA') });
const KNOWN_HA = variant('TPMT_HA', 'Part 2, 10.3.2', { hashAlg: TPMI_ALG_HASH }, 'hashAlg', DIGESTS);

/** Part 2, 10.3.2. The digest has no size field: its length follows from the algorithm. */
export const TPMT_HA: Codec<TPMT_HA> = {
  name: 'TPMT_HA',
  spec: 'Part 2, 10.3.2',
  read(reader: ByteReader) {
    const hashAlg = TPMI_ALG_HASH.read(reader);
    return { hashAlg, digest: reader.bytes('digest', digestSize(hashAlg) ?? 0) };
  },
  write(writer: ByteWriter, value: TPMT_HA) {
    const size = digestSize(value?.hashAlg);
    // The way of every measurement: two checks and two writes.
    if (size !== undefined && isBytes(value.digest) && value.digest.length === size) {
      writer.u16(value.hashAlg).bytes(value.digest);
      return;
    }
    (size !== undefined ? (KNOWN_HA as Codec<TPMT_HA>) : ANY_HA).write(writer, value);
  },
};

/** TPMT_HA where the algorithm may be TPM_ALG_NULL (then without digest). */
export const TPMT_HA_NULL = variant('TPMT_HA+', 'Part 2, 10.3.2', { hashAlg: TPMI_ALG_HASH_NULL }, 'hashAlg', {
  [TPM_ALG.NULL]: {},
  ...DIGESTS,
});

/** Part 2, 10.9.6 */
export const TPML_DIGEST_VALUES = list('TPML_DIGEST_VALUES', TPMT_HA, HASH_COUNT);

/** Bytes of a PCR bit map on a PC Client TPM. */
export const PCR_SELECT_SIZE = PCR_COUNT / 8;

/** Bit map of PCRs: bit n % 8 of byte n / 8 is PCR n. */
const PCR_SELECT = shortBytes('TPMS_PCR_SELECT', 'Part 2, 10.6.1', PCR_SELECT_SIZE);

/** Part 2, 10.6.2 */
export const TPMS_PCR_SELECTION = struct('TPMS_PCR_SELECTION', 'Part 2, 10.6.2', {
  hash: TPMI_ALG_HASH,
  pcrSelect: PCR_SELECT,
});
/** PCRs of one bank. */
export type TPMS_PCR_SELECTION = Infer<typeof TPMS_PCR_SELECTION>;

/** Part 2, 10.9.7 */
export const TPML_PCR_SELECTION = list('TPML_PCR_SELECTION', TPMS_PCR_SELECTION, HASH_COUNT);
/** PCRs of several banks. */
export type TPML_PCR_SELECTION = TPMS_PCR_SELECTION[];

/** Adds a PCR to a bit map. */
export function selectPcr(pcrSelect: Uint8Array, pcr: number): void {
  pcrSelect[pcr >> 3] = (pcrSelect[pcr >> 3] ?? 0) | (1 << (pcr & 7));
}

/** A selection of PCRs by number. Numbers above 23 are the caller's mistake (RangeError). */
export function pcrSelection(hashAlg: number, pcrs: Iterable<number>): TPMS_PCR_SELECTION {
  const pcrSelect = new Uint8Array(PCR_SELECT_SIZE);
  for (const pcr of pcrs) {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr >= PCR_COUNT) throw new RangeError(`no PCR ${pcr}`);
    selectPcr(pcrSelect, pcr);
  }
  return { hash: hashAlg, pcrSelect };
}

/** Whether a bit map has this PCR. */
export const isSelected = (pcrSelect: Uint8Array, pcr: number): boolean =>
  ((pcrSelect[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0;

/** Numbers of the PCRs in a bit map, ascending. */
export function selectedPcrs(pcrSelect: Uint8Array): number[] {
  const out: number[] = [];
  for (let pcr = 0; pcr < pcrSelect.length * 8; pcr++) if (isSelected(pcrSelect, pcr)) out.push(pcr);
  return out;
}
