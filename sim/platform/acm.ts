/**
 * Authenticated code modules (ACM) of the simulated chipset, in Intel's layout so that tools which read ACM headers read
 * ours. The code inside is filler that follows from the module's name; key and signature are real (test key).
 * Layout: Intel TXT MLE Developer's Guide, appendix A.1 (general knowledge, all fields little-endian).
 */
import { fromBigInt, toBigInt } from '../../src/bytes/bytes.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { hash } from '../../src/crypto/hash.ts';
import { signPkcs1 } from '../../src/crypto/rsa.ts';
import { Entropy } from '../entropy.ts';
import { ACM_SIGNER } from '../pki/acm-signer.ts';

const HEADER_DWORDS = 161;
const SCRATCH_DWORDS = 143;
const KEY_DWORDS = 64;
const SIGNATURE_AT = 388;
const CODE_BYTES = 60 * 1024;

/** A built module. */
export interface Acm {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Modulus of the signing key as it stands in the header (little-endian), the preimage of SINIT_PUBKEY_HASH. */
  readonly publicKey: Uint8Array;
}

const reversed = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).reverse();

/** Builds the SINIT module of a name; the same name gives the same bytes. */
export function buildSinitAcm(name: string): Acm {
  const publicKey = reversed(ACM_SIGNER.n);
  const bytes = new ByteWriter('little', 64 * 1024 + 4096)
    .u16(2) // ModuleType: chipset ACM
    .u16(0) // ModuleSubType: SINIT
    .u32(HEADER_DWORDS)
    .u32(0x0003_0000) // HeaderVersion 3.0: RSA-2048 with SHA-256
    .u16(0xb002) // ChipsetID
    .u16(0) // Flags: production
    .u32(0x8086)
    .u32(0x2018_0901) // Date, BCD
    .u32(HEADER_DWORDS + SCRATCH_DWORDS + CODE_BYTES / 4)
    .u16(2) // TXT SVN
    .u16(0)
    .u32(0) // CodeControl
    .u32(0x410) // ErrorEntryPoint
    .u32(0x2f) // GDTLimit
    .u32(0x4f0) // GDTBasePtr
    .u32(8) // SegSel
    .u32(0x4e70) // EntryPoint
    .fill(64)
    .u32(KEY_DWORDS)
    .u32(SCRATCH_DWORDS)
    .bytes(publicKey)
    .u32(ACM_SIGNER.e)
    .fill(256) // signature, below
    .fill(SCRATCH_DWORDS * 4)
    .bytes(new Entropy(`acm ${name}`).bytes('code', CODE_BYTES))
    .finish();
  bytes.set(reversed(signPkcs1(ACM_SIGNER, 'sha256', acmDigest(bytes))), SIGNATURE_AT);
  return { name, bytes, publicKey };
}

/** Digest the signature covers: everything except key, exponent, signature and scratch space. */
export function acmDigest(acm: Uint8Array): Uint8Array {
  const after = SIGNATURE_AT + 256 + SCRATCH_DWORDS * 4;
  return hash('sha256', new ByteWriter().bytes(acm.subarray(0, 128)).bytes(acm.subarray(after)).finish());
}

/** Registration data of the BIOS ACM (its layout for TPM 2.0 is not public): an opaque value that follows from the name. */
export function biosAcmRegistration(name: string): Uint8Array {
  return new Entropy(`bios acm ${name}`).bytes('registration', 36);
}

/** The signature in the header as a big-endian number of 256 bytes. */
export function acmSignature(acm: Uint8Array): Uint8Array {
  return fromBigInt(toBigInt(reversed(acm.subarray(SIGNATURE_AT, SIGNATURE_AT + 256))), 256);
}
