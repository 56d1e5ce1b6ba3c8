/** Checks of the attestation key and the endorsement key. */
import { equalBytes, toHex } from '../bytes/index.ts';
import { hasPublicKey, parseCertificatesPem } from '../crypto/x509.ts';
import { type ChainProblem, verifyChain } from '../crypto/x509-verify.ts';
import { has, TPMA_OBJECT } from '../tpm2/attributes.ts';
import { type Context, report } from './context.ts';
import type { FindingCode } from './findings.ts';

/** Attributes without which a key can be copied out of the TPM. */
const BOUND = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const;

/** The AK signs only what the TPM made, and cannot leave the TPM. */
export function checkAttestationKey(ctx: Context) {
  const { ak } = ctx.evidence;
  if (ak === undefined) return;
  const { objectAttributes } = ak.area;
  const where = { file: 'ak.pub' };
  const restricted = has(objectAttributes, TPMA_OBJECT.restricted) && has(objectAttributes, TPMA_OBJECT.sign);
  if (!restricted || has(objectAttributes, TPMA_OBJECT.decrypt)) {
    report(ctx, 'AK_NOT_RESTRICTED', 'the attestation key is not a restricted signing key', {
      where,
      expected: 'restricted, sign, not decrypt',
      actual: `0x${objectAttributes.toString(16)}`,
      scenario: 'ak-not-restricted',
    });
  }
  const absent = BOUND.filter((name) => !has(objectAttributes, TPMA_OBJECT[name]));
  if (absent.length > 0) {
    report(ctx, 'AK_EXPORTABLE', `the attestation key is not bound to its TPM: ${absent.join(', ')} not set`, {
      where,
      scenario: 'ak-exportable',
    });
  }
}

/** The TPM of the endorsement key holds the attestation key: it opened a secret that only both together can open. */
export function checkActivation(ctx: Context) {
  const { activation } = ctx.options;
  if (activation === undefined) return;
  const { secret, recovered } = activation;
  if (recovered !== undefined && equalBytes(secret, recovered)) return;
  const why = recovered === undefined ? 'its TPM refused to open' : 'it opened to something else than';
  report(ctx, 'AK_FOREIGN_TPM', `attestation key and endorsement key are not in one TPM: ${why} the secret for both`, {
    where: { file: 'ak.pub' },
    scenario: 'ak-foreign-tpm',
  });
}

/** What each reason of a failed chain means for trust. */
const CHAIN_FINDING: Readonly<Partial<Record<ChainProblem, { code: FindingCode; scenario: string }>>> = {
  expired: { code: 'EK_CERT_DATES', scenario: 'key-cert-dates' },
  'not-yet-valid': { code: 'EK_CERT_DATES', scenario: 'key-cert-dates' },
  'bad-signature': { code: 'EK_CERT_INVALID', scenario: 'ek-cert-mismatch' },
  'weak-digest': { code: 'EK_CERT_INVALID', scenario: 'ek-chain-unknown' },
  'not-a-ca': { code: 'EK_CERT_INVALID', scenario: 'ek-chain-unknown' },
};

/** Subject alternative name: EK certificates put the TPM's identity there and mark it critical (TCG EK profile, 3.2.9). */
const SUBJECT_ALT_NAME = '2.5.29.17';

/** The EK certificate is for the EK, and one of the trusted manufacturers issued it. */
export function checkEndorsementKey(ctx: Context) {
  const { ek, ekCertificate, intermediates, present } = ctx.evidence;
  if (ekCertificate === undefined) {
    if (present.has('ek.crt')) return;
    const message = 'there is no endorsement key certificate, so no manufacturer vouches for this TPM';
    return report(ctx, 'EK_CERT_MISSING', message, { where: { file: 'ek.crt' }, scenario: 'ek-cert-missing' });
  }
  if (ek !== undefined && !hasPublicKey(ekCertificate, ek.key)) {
    report(ctx, 'EK_CERT_MISMATCH', 'the certificate is for another key than the endorsement key', {
      where: { file: 'ek.crt' },
      scenario: 'ek-cert-mismatch',
    });
  }
  const anchors = ctx.reference?.policy.ekAnchors;
  if (anchors === undefined) return;
  const result = verifyChain(ekCertificate, intermediates, anchors.flatMap(parseCertificatesPem), {
    time: ctx.options.time ?? 'ignore',
    allowedCritical: [SUBJECT_ALT_NAME],
  });
  if (result.ok) return;
  const { code, scenario } = CHAIN_FINDING[result.code] ?? { code: 'EK_CHAIN_UNKNOWN', scenario: 'ek-chain-unknown' };
  report(ctx, code, `endorsement key certificate: ${result.where === '' ? '' : `${result.where}: `}${result.message}`, {
    where: { file: 'ek.crt', name: toHex(ekCertificate.serial) },
    scenario,
  });
}
