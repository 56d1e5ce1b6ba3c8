/** Evidence of a boot as files (design §6): the contract with verifiers and with `esxsim verify`. */
import { toHex, utf8 } from '../src/bytes/bytes.ts';
import { encodeSpki } from '../src/crypto/keys.ts';
import { encodePem } from '../src/crypto/pem.ts';
import { decode, TPM2B_PUBLIC, x509KeyOf } from '../src/tpm2/index.ts';
import { INSTALL_LOG_FILE, tellsOfBypass } from '../src/verify/index.ts';
import { type ApiVersion, encodeReportJson, encodeReportXml } from '../src/vim/index.ts';
import type { BootResult, BootTpmEvidence } from './host.ts';
import { PCR_NUMBERS, type PcrBanks } from './pcrs.ts';
import { ekCertificateChain } from './tpm/ek-certificate.ts';
import { platformCertificateChain } from './tpm/platform-certificate.ts';
import { layoutJson } from './vmkernel/address-space.ts';

/** Every file name of the contract; a later run into the same folder removes those it does not write itself. */
export const EVIDENCE_FILES: readonly string[] = [
  'host.json',
  'report.xml',
  'report.json',
  'eventlog.bin',
  'txt-eventlog.bin',
  'pcrs.json',
  'quote.attest',
  'quote.sig',
  'ak.pub',
  'ak.pem',
  'ek.pub',
  'ek.pem',
  'ek.crt',
  'ek-ca.pem',
  'platform.crt',
  'platform-ca.pem',
  'layout.json',
  'boot.log',
  INSTALL_LOG_FILE,
];

const jsonFile = (value: unknown): Uint8Array => utf8(`${JSON.stringify(value, null, 2)}\n`);

/** The `pcrs.json` form: strongest bank first, all 24 PCRs. */
export function pcrsJson(pcrs: PcrBanks): Record<string, Record<string, string>> {
  const banks = [...pcrs].toReversed();
  return Object.fromEntries(
    banks.map(([bank, values]) => [
      bank,
      Object.fromEntries(PCR_NUMBERS.map((pcr) => [String(pcr), toHex(values[pcr] ?? new Uint8Array(0))])),
    ]),
  );
}

/** The resolved spec as `host.json` holds it: with the seed and the nonce that were used, so it repeats the boot. */
export function hostJson(result: BootResult): unknown {
  return result.tpm === undefined ? result.spec : { ...result.spec, nonce: toHex(result.tpm.nonce) };
}

/** All evidence files of a boot, by name. */
export function evidenceFiles(result: BootResult): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([
    ['host.json', jsonFile(hostJson(result))],
    ['layout.json', jsonFile(layoutJson(result.layout))],
    ['boot.log', utf8(result.consoleText)],
  ]);
  const { installLog } = result;
  // One that tells of nothing proves nothing.
  if (installLog !== undefined && tellsOfBypass(installLog)) files.set(INSTALL_LOG_FILE, installLog);
  if (result.tpm !== undefined) addTpmFiles(files, result.tpm, result.spec.release.apiVersion);
  return files;
}

function addTpmFiles(files: Map<string, Uint8Array>, tpm: BootTpmEvidence, apiVersion: ApiVersion): void {
  const { keys } = tpm;
  files.set('report.xml', utf8(encodeReportXml(tpm.report, apiVersion)));
  files.set('report.json', utf8(`${encodeReportJson(tpm.report, apiVersion)}\n`));
  files.set('eventlog.bin', tpm.eventLog);
  if (tpm.txtEventLog !== undefined) files.set('txt-eventlog.bin', tpm.txtEventLog);
  files.set('pcrs.json', jsonFile(pcrsJson(tpm.pcrs)));
  files.set('quote.attest', tpm.quote.attest);
  files.set('quote.sig', tpm.quote.signature);
  files.set('ak.pub', keys.akPublic);
  files.set('ak.pem', publicPem(keys.akPublic));
  files.set('ek.pub', keys.ekPublic);
  files.set('ek.pem', publicPem(keys.ekPublic));
  if (keys.ekCertificate !== undefined) {
    files.set('ek.crt', keys.ekCertificate);
    files.set('ek-ca.pem', certificatesPem(ekCertificateChain()));
  }
  if (tpm.platformCertificate !== undefined) {
    files.set('platform.crt', tpm.platformCertificate);
    files.set('platform-ca.pem', certificatesPem(platformCertificateChain()));
  }
}

const certificatesPem = (chain: readonly Uint8Array[]): Uint8Array =>
  utf8(chain.map((der) => encodePem('CERTIFICATE', der)).join(''));

const publicPem = (publicArea: Uint8Array): Uint8Array =>
  utf8(encodePem('PUBLIC KEY', encodeSpki(x509KeyOf(decode(TPM2B_PUBLIC, publicArea)))));
