/** TPM attestation: the report, its event details, attestation status and state encryption. */
import { object, type TypeTable, values } from './schema.ts';

export const TPM_TYPES = {
  HostDigestInfoDigestMethodType: values('4.0', 'SHA1 MD5 SHA256@6.7 SHA384@6.7 SHA512@6.7 SM3_256@6.7'),
  HostDigestInfo: object('4.0', '', { digestMethod: 'string', digestValue: 'byte[]', objectName: 'string?' }),
  HostTpmDigestInfo: object('4.0', 'HostDigestInfo', { pcrNumber: 'int' }),

  HostTpmAttestationReport: object('5.1', '', {
    tpmPcrValues: 'HostTpmDigestInfo[]',
    tpmEvents: 'HostTpmEventLogEntry[]',
    tpmLogReliable: 'boolean',
  }),
  HostTpmEventLogEntry: object('5.1', '', { pcrIndex: 'int', eventDetails: 'HostTpmEventDetails' }),
  HostTpmEventDetails: object('5.1', '', { dataHash: 'byte[]', dataHashMethod: 'string?@6.7' }),
  HostTpmSoftwareComponentEventDetails: object('5.1', 'HostTpmEventDetails', {
    componentName: 'string',
    vibName: 'string',
    vibVersion: 'string',
    vibVendor: 'string',
  }),
  HostTpmCommandEventDetails: object('5.1', 'HostTpmEventDetails', { commandLine: 'string' }),
  HostTpmOptionEventDetails: object('5.1', 'HostTpmEventDetails', {
    optionsFileName: 'string',
    bootOptions: 'byte[]?',
  }),
  HostTpmBootSecurityOptionEventDetails: object('5.1', 'HostTpmEventDetails', { bootSecurityOption: 'string' }),
  HostTpmNvTagEventDetails: object('7.0.2.0', 'HostTpmBootSecurityOptionEventDetails', {}),
  HostTpmSignerEventDetails: object('8.0.0.1', 'HostTpmBootSecurityOptionEventDetails', {}),
  HostTpmVersionEventDetails: object('8.0.0.1', 'HostTpmEventDetails', { version: 'binary' }),
  HostTpmBootCompleteEventDetails: object('8.0.1.0', 'HostTpmEventDetails', {}),
  HostTpmSystemVersionEventDetails: object('9.1.0.0', 'HostTpmEventDetails', { systemVersion: 'string' }),

  HostTpmAttestationInfoAcceptanceStatus: values('6.7', 'notAccepted accepted'),
  HostTpmAttestationInfo: object('6.7', '', {
    time: 'dateTime',
    status: 'HostTpmAttestationInfoAcceptanceStatus',
    message: 'LocalizableMessage?',
  }),
  HostTrustAuthorityAttestationInfo: object('7.0.1.0', '', {
    attestationStatus: 'string',
    serviceId: 'string?',
    attestedAt: 'dateTime?',
    attestedUntil: 'dateTime?',
    messages: 'LocalizableMessage[]?',
  }),
  HostRuntimeInfoStateEncryptionInfo: object('7.0.3.0', '', {
    protectionMode: 'string',
    requireSecureBoot: 'boolean?',
    requireExecInstalledOnly: 'boolean?',
  }),

  LocalizableMessage: object('2.0', '', { key: 'string', arg: 'KeyAnyValue[]?', message: 'string?' }),
  KeyAnyValue: object('4.0', '', { key: 'string', value: 'anyType' }),
} as const satisfies TypeTable;
