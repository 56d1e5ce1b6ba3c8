/**
 * Evidence of a boot made by hand for tests of the verifier: events are extended into PCR values by this file's own few
 * lines, a key made here signs the quote. Every part can be changed before or after it is signed.
 */
import { concat, fromHex, toHex, utf8 } from '../../src/bytes/index.ts';
import { ecKeyPair, signEcdsa } from '../../src/crypto/ecdsa.ts';
import { hash } from '../../src/crypto/hash.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import type { EcPrivateKey } from '../../src/crypto/primitives.ts';
import { basicConstraints, createCertificate, keyUsage, subjectAltName } from '../../src/crypto/x509-build.ts';
import * as log from '../../src/eventlog/index.ts';
import { encode } from '../../src/tpm2/codec.ts';
import { TPM_ALG, TPM_GENERATED_VALUE, TPM_ST } from '../../src/tpm2/constants.ts';
import { EK_ECC_P256 } from '../../src/tpm2/ek-profile.ts';
import { withPublicKey } from '../../src/tpm2/public-key.ts';
import {
  pcrSelection,
  TPM2B_PUBLIC,
  TPMS_ATTEST,
  type TPMT_PUBLIC,
  TPMT_SIGNATURE,
} from '../../src/tpm2/structures/index.ts';
import { AK_ECC_P256 } from '../../src/tpm2/templates.ts';

const BANKS = ['sha1', 'sha256'] as const;
type Bank = (typeof BANKS)[number];
const { EV } = log;

/** One measurement: the log holds `data`, the PCR gets the hash of `hashed`. */
export interface Step {
  pcr: number;
  type: number;
  data: Uint8Array;
  hashed: Uint8Array;
  /** Report event without digest, or none in the report. */
  told?: Record<string, unknown>;
  /** Log that holds it: `eventlog.bin` unless said otherwise; `report` = none. */
  file?: 'txt' | 'report';
}

const step = (pcr: number, type: number, data: Uint8Array, hashed = data): Step => ({ pcr, type, data, hashed });

const esxi = (pcr: number, event: log.EsxiEvent, hashed: Uint8Array, told: Record<string, unknown>): Step => ({
  ...step(pcr, EV.EVENT_TAG, log.encodeEsxiEvent(event), hashed),
  told,
});

/** A boot module and the VIB the report names for it. */
export function moduleStep(name: string, content: string, vibName = 'esx-base', version = '8.0.3', pcr = 13): Step {
  const vib = { vibName, vibVersion: vibName === '' ? '' : version, vibVendor: vibName === '' ? '' : 'VMware' };
  const told = { _typeName: 'HostTpmSoftwareComponentEventDetails', componentName: name, ...vib };
  return esxi(pcr, { kind: 'module', name }, utf8(content), told);
}

/** The kernel command line. */
export function commandLineStep(text: string): Step {
  const told = { _typeName: 'HostTpmCommandEventDetails', commandLine: text };
  return esxi(14, { kind: 'commandLine', text }, utf8(text), told);
}

/** A boot security option. */
export function optionStep(text: string): Step {
  const told = { _typeName: 'HostTpmBootSecurityOptionEventDetails', bootSecurityOption: text };
  return esxi(14, { kind: 'securityOption', text }, utf8(`${text}\0`), told);
}

/** A Secure Boot variable in PCR 7. */
export function variableStep(name: string, value: Uint8Array): Step {
  const image = name === 'db' || name === 'dbx';
  const guid = image ? log.EFI_IMAGE_SECURITY_DATABASE : log.EFI_GLOBAL_VARIABLE;
  return step(7, EV.EFI_VARIABLE_DRIVER_CONFIG, log.encodeVariable({ guid, name, data: value }));
}

/** Content of a signature database with one SHA-256 entry for each text. */
export function database(...texts: string[]): Uint8Array {
  const entry = (text: string) => concat(new Uint8Array(16), hash('sha256', utf8(text)));
  const size = 28 + 48 * texts.length;
  const head = new Uint8Array(28);
  head.set(fromHex('2616c4c14c509240aca941f936934328'));
  const view = new DataView(head.buffer);
  view.setUint32(16, size, true);
  view.setUint32(24, 48, true);
  return concat(head, ...texts.map(entry));
}

const separator = (pcr: number): Step => step(pcr, EV.SEPARATOR, log.encodeSeparator());
const action = (pcr: number, text: string): Step => step(pcr, EV.EFI_ACTION, log.encodeAction(text));

/** The events of a healthy UEFI boot of ESXi, in order. */
export function healthySteps(): Step[] {
  const authority = log.encodeVariable({
    guid: log.EFI_IMAGE_SECURITY_DATABASE,
    name: 'db',
    data: utf8('certificate'),
  });
  const image = log.encodeImageLoad({ location: 1n, length: 2n, linkTimeAddress: 0n, devicePath: fromHex('7fff0400') });
  return [
    step(0, EV.S_CRTM_VERSION, log.encodeCrtmVersion('2.19')),
    step(0, EV.EFI_PLATFORM_FIRMWARE_BLOB, log.encodeFirmwareBlob({ base: 1n, length: 2n }), utf8('firmware')),
    variableStep('SecureBoot', fromHex('01')),
    variableStep('PK', database('pk')),
    variableStep('KEK', database('kek')),
    variableStep('db', database('vmware')),
    variableStep('dbx', database('revoked 1', 'revoked 2')),
    separator(7),
    action(4, log.ACTION.CALLING_EFI_APPLICATION),
    ...[0, 1, 2, 3, 4, 5, 6].map(separator),
    step(7, EV.EFI_VARIABLE_AUTHORITY, authority),
    step(4, EV.EFI_BOOT_SERVICES_APPLICATION, image, utf8('mboot')),
    moduleStep('b.b00', 'trusted boot', 'esx-base', '8.0.3', 12),
    esxi(14, { kind: 'bootOptions', name: 'useropts.gz' }, utf8('\n'), {
      _typeName: 'HostTpmOptionEventDetails',
      optionsFileName: 'useropts.gz',
      bootOptions: [10],
    }),
    moduleStep('k.b00', 'kernel', 'esx-base', '8.0.3', 12),
    moduleStep('net_bnx2.v00', 'driver one', 'net-bnx2', '1.0'),
    moduleStep('lsi_mr3.v00', 'driver two', 'lsi-mr3', '2.0'),
    moduleStep('state.tgz', 'state', ''),
    esxi(14, { kind: 'signer', certificate: utf8('certificate') }, utf8('certificate'), {
      _typeName: 'HostTpmSignerEventDetails',
      bootSecurityOption: 'vmware_esx67',
    }),
    commandLineStep('/b.b00 bootUUID=00112233445566778899aabbccddeeff'),
    action(5, log.ACTION.EXIT_BOOT_SERVICES_INVOCATION),
    action(5, log.ACTION.EXIT_BOOT_SERVICES_SUCCESS),
    optionStep('execInstalledOnly = TRUE'),
    optionStep('uefiSecureBootEnabled = TRUE'),
    esxi(14, { kind: 'bootComplete' }, utf8('Boot Complete\0'), { _typeName: 'HostTpmBootCompleteEventDetails' }),
  ];
}

const told = (name: string) => ({
  _typeName: 'HostTpmSoftwareComponentEventDetails',
  componentName: name,
  vibName: name === 'b' ? 'esx-base' : '',
  vibVersion: name === 'b' ? '6.7.0' : '',
  vibVendor: name === 'b' ? 'VMware' : '',
});

/** The events of a healthy boot through TXT (facts, 11.1 and 12.1): firmware, launch, then what only the report tells. */
export function txtSteps(inputs: Partial<log.TxtLaunchInputs> = {}): Step[] {
  const launch = log.txtLaunchEvents({
    sinitAcm: utf8('acm'),
    edxSenterFlags: 0,
    biosAcmRegistration: utf8('bios'),
    processorScrtmStatus: 1,
    lcpPolicyControl: 0,
    lcpDetails: undefined,
    lcpAuthorities: undefined,
    stm: undefined,
    osSinitCapabilities: 0x221,
    mle: utf8('mle'),
    nvInfo: utf8('nv'),
    sinitPublicKey: utf8('key'),
    ...inputs,
  });
  const kernel = [
    { ...commandLineStep('/b.b00 vmbTrustedBoot=true'), pcr: 21 },
    moduleStep('k.b00', 'kernel', 'esx-base', '6.7.0', 19),
    moduleStep('net_bnx2.v00', 'driver one', 'net-bnx2', '1.0', 20),
    moduleStep('state.tgz', 'state', '', '', 20),
    { ...optionStep('execInstalledOnly = FALSE'), pcr: 21 },
    { ...optionStep('uefiSecureBootEnabled = TRUE'), pcr: 21 },
  ];
  return [
    ...healthySteps().filter((s) => s.pcr < 8),
    ...launch.map(({ pcr, type, data, preimage }): Step => {
      const name = type === EV.TXT_MLE_HASH ? 'b' : 'TPM_EVENT_LOG_PREBOOT';
      return { ...step(pcr, type, data, preimage), file: 'txt', told: told(name) };
    }),
    ...kernel.map((s): Step => ({ ...s, file: 'report' })),
  ];
}

const key = (fill: number): EcPrivateKey<'P-256'> => {
  const pair = ecKeyPair('P-256', new Uint8Array(32).fill(fill));
  if (pair === undefined) throw new Error('bad scalar');
  return pair;
};

const AK = key(3);
const EK = key(4);
const CA = key(5);
const OTHER_CA = key(6);
/** 2026-01-01 and 2036-01-01. */
export const VALID = { from: 1_767_225_600_000, to: 2_082_758_400_000 };
/** The challenge of these tests. */
export const NONCE: Uint8Array = fromHex('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff');

function certificate(
  subjectKey: EcPrivateKey<'P-256'>,
  name: string,
  issuer: EcPrivateKey<'P-256'>,
  issuerName: string,
): Uint8Array {
  const isCa = name === issuerName;
  return createCertificate(
    {
      serial: isCa ? 1n : 2n,
      subject: isCa ? [['CN', name]] : [],
      issuer: [['CN', issuerName]],
      notBefore: VALID.from,
      notAfter: VALID.to,
      publicKey: subjectKey,
      hash: 'sha256',
      extensions: isCa
        ? [basicConstraints(true), keyUsage(['keyCertSign'])]
        : [basicConstraints(false), subjectAltName([{ kind: 'uri', value: 'tpm:test' }], true)],
    },
    issuer,
  );
}

/** Parts of the evidence that a test may change before signing. */
export interface Forge {
  steps?: Step[];
  /** Changes the log's records after the PCRs were extended. */
  log?: (records: log.EventRecord[]) => log.EventRecord[];
  attest?: (bytes: Uint8Array) => Uint8Array;
  quotedPcrs?: number[];
  quotedBank?: Bank;
  selection?: { hash: number; pcrSelect: Uint8Array }[];
  nonce?: Uint8Array;
  akAttributes?: (attributes: number) => number;
  /** Changes the PCR values that the TPM holds. */
  pcrs?: (pcrs: Map<Bank, Uint8Array[]>) => void;
  report?: (report: SyntheticReport) => void;
  ekIssuer?: 'other';
  ekSubject?: 'other';
  safe?: 0 | 1;
}

/** The report as it is before it becomes text. */
export interface SyntheticReport {
  tpmPcrValues: { _typeName: string; digestMethod: string; digestValue: number[]; pcrNumber: number }[];
  tpmEvents: { _typeName: string; pcrIndex: number; eventDetails: Record<string, unknown> }[];
  tpmLogReliable: boolean;
}

const METHOD = { sha1: 'SHA1', sha256: 'SHA256' } as const;

const isLaunch = (s: Step): boolean => s.type === EV.TXT_HASH_START;

function extendAll(steps: readonly Step[]): Map<Bank, Uint8Array[]> {
  const out = new Map<Bank, Uint8Array[]>();
  for (const bank of BANKS) {
    const size = bank === 'sha1' ? 20 : 32;
    const values: Uint8Array[] = Array.from({ length: 24 }, (_, i) =>
      new Uint8Array(size).fill(i >= 17 && i <= 22 && !steps.some(isLaunch) ? 0xff : 0),
    );
    for (const { pcr, hashed } of steps) {
      values[pcr] = hash(bank, concat(values[pcr] ?? new Uint8Array(0), hash(bank, hashed)));
    }
    out.set(bank, values);
  }
  return out;
}

/** All files of a boot that measured `forge.steps` (a healthy one by default), changed as `forge` says. */
export function syntheticEvidence(forge: Forge = {}): Map<string, Uint8Array> {
  const steps = forge.steps ?? healthySteps();
  const pcrs = extendAll(steps);
  forge.pcrs?.(pcrs);
  const toRecord = ({ pcr, type, data, hashed }: Step): log.EventRecord => {
    return { pcr, type, data, digests: new Map(BANKS.map((bank) => [bank, hash(bank, hashed)])) };
  };
  const records = steps.filter((s) => s.file === undefined).map(toRecord);
  const txt = steps.filter((s) => s.file === 'txt').map(toRecord);
  const header = { digest: new Uint8Array(20), data: log.encodeSpecId(log.specIdEvent({ algorithms: BANKS })) };
  const events = forge.log?.(records) ?? records;
  const json = Object.fromEntries([...pcrs].map(([bank, values]) => [bank, { ...values.map(toHex) }]));
  const report = syntheticReport(steps, pcrs);
  forge.report?.(report);
  const quote = syntheticQuote(pcrs, forge);
  const ca = forge.ekIssuer === 'other' ? OTHER_CA : CA;
  const area = withPublicKey(AK_ECC_P256, AK);
  const attributes = forge.akAttributes?.(area.objectAttributes) ?? area.objectAttributes;
  const ak: TPMT_PUBLIC = { ...area, objectAttributes: attributes };
  const subject = forge.ekSubject === 'other' ? AK : EK;
  const launchLog = log.encodeEventLog({ format: 'crypto-agile', header, events: txt });
  return new Map([
    ...(txt.length === 0 ? [] : ([['txt-eventlog.bin', launchLog]] as const)),
    ['eventlog.bin', log.encodeEventLog({ format: 'crypto-agile', header, events })],
    ['pcrs.json', utf8(JSON.stringify(json))],
    ['report.json', utf8(JSON.stringify({ _typeName: 'HostTpmAttestationReport', ...report }))],
    ['quote.attest', quote.attest],
    ['quote.sig', quote.signature],
    ['ak.pub', encode(TPM2B_PUBLIC, ak)],
    ['ek.pub', encode(TPM2B_PUBLIC, withPublicKey(EK_ECC_P256, EK))],
    ['ek.crt', certificate(subject, 'EK', ca, 'Test CA')],
    ['ek-ca.pem', utf8(encodePem('CERTIFICATE', certificate(ca, 'Test CA', ca, 'Test CA')))],
  ]);
}

function syntheticReport(steps: readonly Step[], pcrs: ReadonlyMap<Bank, Uint8Array[]>): SyntheticReport {
  const bytes = (value: Uint8Array) => [...value];
  return {
    tpmPcrValues: (pcrs.get('sha256') ?? []).map((value, pcrNumber) => ({
      _typeName: 'HostTpmDigestInfo',
      digestMethod: METHOD.sha256,
      digestValue: bytes(value),
      pcrNumber,
    })),
    tpmEvents: steps.flatMap(({ pcr, hashed, told }) =>
      told === undefined
        ? []
        : [
            {
              _typeName: 'HostTpmEventLogEntry',
              pcrIndex: pcr,
              eventDetails: { ...told, dataHash: bytes(hash('sha256', hashed)), dataHashMethod: METHOD.sha256 },
            },
          ],
    ),
    tpmLogReliable: true,
  };
}

function syntheticQuote(pcrs: ReadonlyMap<Bank, Uint8Array[]>, forge: Forge) {
  const bank = forge.quotedBank ?? 'sha256';
  const quoted = forge.quotedPcrs ?? Array.from({ length: 24 }, (_, i) => i);
  const alg = bank === 'sha1' ? TPM_ALG.SHA1 : TPM_ALG.SHA256;
  const pcrSelect = forge.selection ?? [pcrSelection(alg, quoted)];
  const values = quoted.map((pcr) => pcrs.get(bank)?.[pcr] ?? new Uint8Array(0));
  const all = pcrSelect.flatMap(() => values);
  const bytes = encode(TPMS_ATTEST, {
    magic: TPM_GENERATED_VALUE,
    type: TPM_ST.ATTEST_QUOTE,
    qualifiedSigner: concat(fromHex('000b'), hash('sha256', utf8('signer'))),
    extraData: forge.nonce ?? NONCE,
    clockInfo: { clock: 1000n, resetCount: 1, restartCount: 0, safe: forge.safe ?? 1 },
    firmwareVersion: 0x2000_0000_0000n,
    attested: { pcrSelect, pcrDigest: hash('sha256', concat(...all)) },
  });
  const attest = forge.attest?.(bytes) ?? bytes;
  const { r, s } = signEcdsa(AK, 'sha256', hash('sha256', attest));
  const signature = { sigAlg: TPM_ALG.ECDSA, hash: TPM_ALG.SHA256, signatureR: r, signatureS: s } as const;
  return { attest, signature: encode(TPMT_SIGNATURE, signature) };
}
