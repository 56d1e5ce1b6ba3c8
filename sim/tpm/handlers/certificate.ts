/** X.509 certificates that a key of the TPM signs (TPM 2.0 Library specification, Part 3, 18.8). */
import { concat } from '../../../src/bytes/bytes.ts';
import {
  ECDSA_SIGNATURE_OID,
  HASH_OID,
  hasCurveOid,
  KEY_OID,
  MGF1_OID,
  RSA_SIGNATURE_OID,
} from '../../../src/crypto/asn1-oids.ts';
import { derContext, derInteger, derNull, derOid, derSequence } from '../../../src/crypto/asn1-write.ts';
import { HASH_SIZE } from '../../../src/crypto/hash.ts';
import { encodeSpki, encodeSpkiAsGiven } from '../../../src/crypto/keys.ts';
import { CertifyX509 } from '../../../src/tpm2/commands/attest.ts';
import { TPM_ALG, TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashWith, requireHash } from '../../../src/tpm2/hash-alg.ts';
import { curveName, givenKeyOf } from '../../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { checkExtensions, readPartialCertificate } from '../partial-certificate.ts';
import { refuse } from '../refusal.ts';
import { type SigningScheme, selectSigningScheme, signDigest } from '../signing.ts';
import type { TpmObject } from '../state.ts';

/** Bytes of the digest that serial numbers are made of. */
const SERIAL_SIZE = 20;

/**
 * The handles to blame, as swtpm counts them: its response codes have the two the other way round than the command has them.
 */
const BLAME = { object: 'signHandle', signer: 'objectHandle' } as const;

/** `version [0]` of TBSCertificate: v3 (RFC 5280, 4.1). */
const VERSION_3 = derContext(0, derInteger(2));

/** AlgorithmIdentifier with NULL parameters. */
const identifier = (oid: string): Uint8Array => derSequence(derOid(oid), derNull());

/** AlgorithmIdentifier of RSASSA-PSS (RFC 4055, 3.1): SHA-1 is the default and left out, with NULL as swtpm writes it. */
function pssIdentifier({ key }: TpmObject, hashAlg: number): Uint8Array {
  const name = requireHash(hashAlg);
  if (name === 'sha1') return identifier(KEY_OID.rsassaPss);
  const size = HASH_SIZE[name];
  const room = key?.kind === 'rsa' ? key.n.length - size - 2 : size;
  const hash = identifier(HASH_OID[name]);
  const parameters = derSequence(
    derContext(0, hash),
    derContext(1, derSequence(derOid(MGF1_OID), hash)),
    derContext(2, derInteger(Math.max(0, Math.min(size, room)))),
  );
  return derSequence(derOid(KEY_OID.rsassaPss), parameters);
}

/** AlgorithmIdentifier of a signature; undefined where X.509 has none for the scheme. */
function signatureIdentifier(signer: TpmObject, { scheme, hashAlg }: SigningScheme): Uint8Array | undefined {
  switch (scheme) {
    case TPM_ALG.RSASSA:
      return identifier(RSA_SIGNATURE_OID[requireHash(hashAlg)]);
    case TPM_ALG.RSAPSS:
      return pssIdentifier(signer, hashAlg);
    case TPM_ALG.ECDSA:
      return derSequence(derOid(ECDSA_SIGNATURE_OID[requireHash(hashAlg)]));
    default:
      return undefined;
  }
}

/** SubjectPublicKeyInfo of an object; undefined where X.509 has no name for its kind of key or its curve. */
function publicKeyInfo({ publicArea }: TpmObject): Uint8Array | undefined {
  if (publicArea.type === TPM_ALG.ECC) {
    const curve = curveName(publicArea.parameters.curveID);
    // The coordinates as they were given, of whatever length.
    return curve !== undefined && hasCurveOid(curve) ? encodeSpkiAsGiven(curve, publicArea.unique) : undefined;
  }
  const key = publicArea.type === TPM_ALG.RSA ? givenKeyOf(publicArea) : undefined;
  return key?.kind === 'rsa' ? encodeSpki(key) : undefined;
}

const certifyX509 = handler(CertifyX509, (tpm, input) => {
  const object = objectOf(tpm, input.objectHandle);
  if (input.reserved.length !== 0) throw refuse(TPM_RC.SIZE, 'reserved');
  // A certificate without a signature is none (swtpm crashes here).
  if (input.signHandle === TPM_RH.NULL) throw refuse(TPM_RC.KEY, BLAME.signer);
  const signer = objectOf(tpm, input.signHandle);
  // Its hash makes the serial number (swtpm goes into failure mode here).
  if (signer.publicArea.nameAlg === TPM_ALG.NULL) throw refuse(TPM_RC.KEY, BLAME.signer);
  const scheme = selectSigningScheme(signer, input.inScheme, { key: BLAME.signer, scheme: 'inScheme' });
  const publicKey = publicKeyInfo(object);
  if (publicKey === undefined) throw refuse(TPM_RC.ASYMMETRIC, BLAME.object);
  const partial = readPartialCertificate(input.partialCertificate);
  const signature = partial.signature ?? signatureIdentifier(signer, scheme);
  if (signature === undefined) throw refuse(TPM_RC.SCHEME, BLAME.signer);
  checkExtensions(partial, object.publicArea.objectAttributes, BLAME.object);

  const { issuer, validity, subject, extensions } = partial;
  const rest = concat(signature, issuer, validity, subject, publicKey, extensions);
  const unique = hashWith(signer.publicArea.nameAlg, concat(rest, signer.name, object.name));
  const serial = derInteger(unique.subarray(0, SERIAL_SIZE));
  const added = partial.signature === undefined ? [signature, publicKey] : [publicKey];
  const tbsDigest = hashWith(scheme.hashAlg, derSequence(VERSION_3, serial, rest));
  return {
    addedToCertificate: derSequence(VERSION_3, serial, ...added),
    tbsDigest,
    signature: signDigest(tpm, signer, scheme, tbsDigest),
  };
});

export const certificateHandlers = [certifyX509];
