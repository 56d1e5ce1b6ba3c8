/** Checks of the quote: made by a TPM, signed by the AK, fresh, over the right PCRs, and over the values given. */
import { concat, equalBytes, toBase64, toHex, utf8 } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import { algorithmById } from '../eventlog/index.ts';
import { verifyAttestSignature } from '../tpm2/quote.ts';
import { selectedPcrs } from '../tpm2/structures/index.ts';
import { type Context, report } from './context.ts';
import { limit } from './findings.ts';
import { fitsKey } from './tpm-evidence.ts';

const ATTEST = { file: 'quote.attest' };
const SIGNATURE = { file: 'quote.sig' };

const hex = (value: number): string => `0x${value.toString(16)}`;

/** The attestation was made inside a TPM, and it is a quote. */
export function checkAttest(ctx: Context) {
  const { attest } = ctx.evidence;
  if (attest?.kind === 'foreign') {
    report(ctx, 'ATTEST_MAGIC', 'the signed bytes were not made by a TPM: their marker is missing', {
      where: ATTEST,
      expected: '0xff544347',
      actual: hex(attest.magic),
      scenario: 'attest-magic-missing',
    });
  } else if (attest?.kind === 'other') {
    report(ctx, 'ATTEST_TYPE', 'the attestation is not a quote', {
      where: ATTEST,
      expected: '0x8018',
      actual: hex(attest.type),
      scenario: 'attest-type-swap',
    });
  }
}

/** The AK signed these bytes, with an algorithm that fits it. */
export function checkSignature(ctx: Context) {
  const { attest, signature, ak } = ctx.evidence;
  if (attest === undefined || signature === undefined || ak === undefined) return;
  if (!fitsKey(signature, ak)) {
    const actual = `${hex(signature.value.sigAlg)} with ${signature.hash ?? 'no known hash'}`;
    const message = 'the signature is not of the scheme that the attestation key prescribes';
    return report(ctx, 'SIGNATURE_ALGORITHM', message, {
      where: SIGNATURE,
      expected: ak.key.kind,
      actual,
      scenario: 'sig-alg-mismatch',
    });
  }
  if (signature.hash === 'sha1') {
    report(ctx, 'SIGNATURE_ALGORITHM', 'the quote is signed with SHA-1', {
      where: SIGNATURE,
      scenario: 'sig-alg-mismatch',
    });
  }
  if (!verifyAttestSignature(attest.bytes, signature.value, ak.area)) {
    report(ctx, 'SIGNATURE_INVALID', 'the signature is not the attestation key’s over this quote', {
      where: SIGNATURE,
      scenario: 'error-fails-open',
    });
  }
}

/** The quote answers this challenge: byte for byte, in one encoding. */
export function checkNonce(ctx: Context) {
  const { attest } = ctx.evidence;
  const { nonce } = ctx.options;
  if (nonce === undefined) {
    ctx.limits.push(limit('FRESHNESS_NOT_CHECKED'));
    return;
  }
  if (attest?.kind !== 'quote') return;
  const { extraData } = attest.quote;
  if (equalBytes(extraData, nonce)) return;
  const texts = [toHex(nonce), toHex(nonce).toUpperCase(), toBase64(nonce)].map(utf8);
  const encoded = texts.some((text) => equalBytes(text, extraData));
  report(
    ctx,
    'NONCE_MISMATCH',
    encoded ? 'the quote holds the nonce as text instead of its bytes' : 'the quote answers another nonce',
    {
      where: ATTEST,
      expected: toHex(nonce),
      actual: toHex(extraData),
      scenario: encoded ? 'nonce-encoding-ambiguity' : 'nonce-stale',
    },
  );
}

/** Exactly the judged bank, once, and every PCR that policy needs. */
export function checkSelection(ctx: Context) {
  const { attest } = ctx.evidence;
  if (attest?.kind !== 'quote') return;
  const selection = attest.quote.attested.pcrSelect.map((entry) => ({
    bank: algorithmById(entry.hash)?.name ?? hex(entry.hash),
    pcrs: selectedPcrs(entry.pcrSelect),
  }));
  const shown = selection.map((s) => `${s.bank}:${s.pcrs.join(',')}`).join(' + ') || 'nothing';
  const refuse = (message: string, scenario: string): void =>
    report(ctx, 'PCR_SELECTION', message, { where: ATTEST, actual: shown, scenario });
  const banks = selection.map((s) => s.bank);
  if (new Set(banks).size !== banks.length) {
    return refuse('the quote lists a bank twice, so the order of values is not fixed', 'pcr-selection-repeat');
  }
  if (selection.every((s) => s.pcrs.length === 0)) {
    return refuse('the quote covers no PCR', 'pcr-selection-empty');
  }
  const other = banks.filter((bank) => bank !== ctx.bank);
  if (other.length > 0) return refuse(`the quote is over bank ${other.join(', ')}`, 'pcr-selection-relabel');
  const covered = new Set(selection.flatMap((s) => s.pcrs));
  const absent = (ctx.reference?.policy.quotedPcrs ?? []).filter((pcr) => !covered.has(pcr));
  if (absent.length > 0) refuse(`the quote does not cover PCR ${absent.join(', ')}`, 'pcr-selection-empty');
}

/** The values given hash to the signed digest, and no value is given as attested that the quote does not cover. */
export function checkPcrDigest(ctx: Context) {
  const { attest, signature, pcrs } = ctx.evidence;
  if (attest?.kind !== 'quote' || pcrs === undefined || signature?.hash === undefined) return;
  const values: Uint8Array[] = [];
  const { pcrSelect, pcrDigest } = attest.quote.attested;
  for (const entry of pcrSelect) {
    const bank = algorithmById(entry.hash)?.name;
    for (const pcr of selectedPcrs(entry.pcrSelect)) {
      const value = bank === undefined ? undefined : pcrs.get(bank)?.get(pcr);
      if (value === undefined) {
        const message = `pcrs.json lacks PCR ${pcr} of bank ${bank ?? hex(entry.hash)}, which the quote covers`;
        return report(ctx, 'PCR_DIGEST_MISMATCH', message, {
          where: { file: 'pcrs.json', pcr },
          scenario: 'pcr-selection-relabel',
        });
      }
      values.push(value);
    }
  }
  const composite = hash(signature.hash, concat(...values));
  if (!equalBytes(composite, pcrDigest)) {
    return report(ctx, 'PCR_DIGEST_MISMATCH', 'the PCR values given are not those that the TPM signed', {
      where: { file: 'pcrs.json' },
      expected: toHex(pcrDigest),
      actual: toHex(composite),
      scenario: 'pcr-selection-relabel',
    });
  }
  ctx.valuesProven = true;
  const quoted = new Set(pcrSelect.flatMap((entry) => selectedPcrs(entry.pcrSelect)));
  const extra = [...(pcrs.get(ctx.bank)?.keys() ?? [])].filter((pcr) => !quoted.has(pcr));
  if (extra.length === 0) return;
  report(ctx, 'PCR_NOT_QUOTED', `pcrs.json gives values that the quote does not cover: PCR ${extra.join(', ')}`, {
    where: { file: 'pcrs.json' },
    scenario: 'pcr-extra-unquoted',
  });
}

/** The TPM itself: firmware floor of policy, state of its clock. */
export function checkTpmState(ctx: Context) {
  const { attest } = ctx.evidence;
  if (attest?.kind !== 'quote') return;
  if (attest.quote.clockInfo.safe === 0) ctx.limits.push(limit('CLOCK_NOT_SAFE'));
  const floor = ctx.reference?.policy.minimumTpmFirmware;
  if (floor === undefined || attest.quote.firmwareVersion >= BigInt(`0x${floor}`)) return;
  report(ctx, 'TPM_FIRMWARE_OLD', 'the TPM’s firmware is older than policy allows', {
    where: ATTEST,
    expected: `at least ${floor}`,
    actual: attest.quote.firmwareVersion.toString(16).padStart(16, '0'),
    scenario: 'tpm-firmware-vulnerable',
  });
}
