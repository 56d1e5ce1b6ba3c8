/**
 * The certificate without its key that TPM2_CertifyX509 is given (TPM 2.0 Library specification, Part 3, 18.8): its parts and
 * what its extensions promise of the key. The reading follows swtpm: DER lengths of at most two bytes, and content that nothing
 * depends on is not looked into.
 */
import { equalBytes, fromHex } from '../../src/bytes/bytes.ts';
import { contextTag, TAG } from '../../src/crypto/asn1.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { refuse } from './refusal.ts';

const FIELD = 'partialCertificate';
/** `extensions [3]` of TBSCertificate (RFC 5280, 4.1). */
const EXTENSIONS = contextTag(3);
/** OBJECT IDENTIFIER 2.23.133.10.1.1.1, tcg-tpmaObject. */
const TPMA_OBJECT_OID = fromHex('06076781050a010101');
/** OBJECT IDENTIFIER 2.5.29.15, keyUsage. */
const KEY_USAGE_OID = fromHex('0603551d0f');

/** Bits of keyUsage (RFC 5280, 4.2.1.3): the first is the highest. */
const usage = (...bits: readonly number[]): number => bits.reduce((all, bit) => all | (0x8000_0000 >>> bit), 0);

/** Usages (bits of keyUsage) that a key may only be certified for with an attribute. */
const USAGE_NEEDS: readonly (readonly [usages: number, attribute: number])[] = [
  // digitalSignature, keyCertSign, cRLSign
  [usage(0, 5, 6), TPMA_OBJECT.sign],
  // keyEncipherment, dataEncipherment, keyAgreement, encipherOnly, decipherOnly
  [usage(2, 3, 4, 7, 8), TPMA_OBJECT.decrypt],
  // nonRepudiation
  [usage(1), TPMA_OBJECT.fixedTPM],
  // keyAgreement
  [usage(4), TPMA_OBJECT.restricted],
];

/** What is certified, part by part; each is a complete encoding. */
export interface PartialCertificate {
  /** Undefined where the TPM is to write it. */
  readonly signature: Uint8Array | undefined;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly extensions: Uint8Array;
}

/** Steps over values; going into a constructed one does not narrow the view. */
class Steps {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether nothing is left. */
  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  #octet(): number | undefined {
    return this.bytes[this.at++];
  }

  #length(): number | undefined {
    const first = this.#octet();
    if (first === undefined || first < 0x80) return first;
    const high = first === 0x82 ? this.#octet() : 0;
    const low = first === 0x81 || first === 0x82 ? this.#octet() : undefined;
    return high === undefined || low === undefined || high >= 0x80 ? undefined : high * 256 + low;
  }

  /** Tag and length of the next value, now standing at its content; undefined where they are bad or it ends outside. */
  next(): { readonly tag: number; readonly length: number } | undefined {
    const tag = this.#octet();
    if (tag === undefined || (tag & 0x1f) === 0x1f) return undefined;
    const length = this.#length();
    return length === undefined || length > this.bytes.length - this.at ? undefined : { tag, length };
  }

  /** The content the steps stand at. */
  content(length: number): Uint8Array {
    return this.bytes.subarray(this.at, this.at + length);
  }
}

const bad = () => refuse(TPM_RC.VALUE, FIELD);

/** Takes a partial certificate apart; a Refusal where it is none. */
export function readPartialCertificate(bytes: Uint8Array): PartialCertificate {
  if (bytes.length === 0) throw bad();
  const steps = new Steps(bytes);
  const outer = steps.next();
  if (outer?.tag !== TAG.SEQUENCE || steps.at + outer.length !== bytes.length) throw refuse(TPM_RC.SIZE, FIELD);
  const sequences: Uint8Array[] = [];
  let extensions: Uint8Array | undefined;
  while (!steps.done) {
    const start = steps.at;
    const value = steps.next();
    if (value === undefined) throw bad();
    steps.at += value.length;
    const raw = bytes.subarray(start, steps.at);
    if (value.tag === TAG.SEQUENCE && sequences.length < 4) sequences.push(raw);
    else if (value.tag === EXTENSIONS && extensions === undefined) extensions = raw;
    else throw bad();
  }
  const [subject, validity, issuer, signature] = sequences.reverse();
  if (subject === undefined || validity === undefined || issuer === undefined || extensions === undefined) throw bad();
  return { signature, issuer, validity, subject, extensions };
}

/** Up to 32 bits of a BIT STRING, the first as the highest; undefined where the next value is none. */
function bitString(steps: Steps): number | undefined {
  const value = steps.next();
  if (value?.tag !== TAG.BIT_STRING || value.length < 1) return undefined;
  const [unused = 0, ...octets] = steps.content(value.length);
  if (unused > 7 || (octets.length === 0 && unused !== 0)) return undefined;
  let bits = 0n;
  for (const octet of octets) bits = (bits << 8n) | BigInt(octet);
  const size = octets.length * 8 - unused;
  bits >>= BigInt(unused);
  if (bits > 0xffff_ffffn) return undefined;
  return Number(BigInt.asUintN(32, size <= 32 ? bits << BigInt(32 - size) : bits));
}

/** Bits of the extension with an object identifier; undefined where there is none. */
function extensionBits(extensions: Uint8Array, oid: Uint8Array): number | undefined {
  const steps = new Steps(extensions);
  if (steps.next() === undefined || steps.next()?.tag !== TAG.SEQUENCE) throw bad();
  while (!steps.done) {
    const extension = steps.next();
    if (extension?.tag !== TAG.SEQUENCE) throw bad();
    const fields = new Steps(steps.content(extension.length));
    steps.at += extension.length;
    if (!equalBytes(fields.content(oid.length), oid)) continue;
    let field = fields.next();
    while (field !== undefined && field.tag !== TAG.OCTET_STRING) {
      fields.at += field.length;
      field = fields.next();
    }
    const bits = field === undefined ? undefined : bitString(fields);
    if (bits === undefined) throw bad();
    return bits;
  }
  return undefined;
}

/**
 * Refuses extensions that promise what the attributes of the key do not allow. keyUsage must be there. `blame` is the handle at
 * fault where the attributes are others than the certificate says.
 */
export function checkExtensions({ extensions }: PartialCertificate, objectAttributes: number, blame: string): void {
  const attributes = extensionBits(extensions, TPMA_OBJECT_OID);
  if (attributes !== undefined && attributes !== objectAttributes) throw refuse(TPM_RC.ATTRIBUTES, blame);
  const keyUsage = extensionBits(extensions, KEY_USAGE_OID);
  if (keyUsage === undefined) throw bad();
  for (const [usages, attribute] of USAGE_NEEDS) {
    if ((keyUsage & usages) !== 0 && !has(objectAttributes, attribute)) throw bad();
  }
}
