/** What checking a VIB can find: one row per code, so that reports, documentation and tests name the same things. */

/** Codes with their severity and meaning. Errors make `verifyVib` say no; warnings do not. */
export const VIB_FINDINGS = {
  'vib-unreadable': ['error', 'the file is no VIB that can be read; the bundle around it can'],
  'member-missing': ['error', 'the archive lacks a member that every VIB has'],
  'member-order': ['warning', 'members are not in the order descriptor, signature, payloads'],
  'member-form': ['warning', "the archive is written in a form that ESXi's own tools do not use"],
  'payload-missing': ['error', 'the descriptor names a payload that the archive lacks'],
  'payload-undeclared': ['error', 'the archive holds a member that the descriptor does not name'],
  'payload-size': ['error', 'a payload has another size than the descriptor says'],
  'size-missing': ['warning', 'the descriptor does not state the size of a payload'],
  'payload-damaged': ['error', 'a payload cannot be decompressed or read'],
  'checksum-mismatch': ['error', 'a payload has another checksum than the descriptor says'],
  'checksum-unknown': ['warning', 'a checksum is of a type or verify-process that is not known'],
  'checksum-weak': ['warning', 'a payload has no checksum that is better than SHA-1'],
  'checksum-missing': ['error', 'a payload has no checksum that can be checked'],
  'file-unlisted': ['warning', 'a payload holds a file that file-list does not name'],
  'file-absent': ['warning', 'file-list names a file that no payload holds'],
  'file-twice': [
    'warning',
    'an archive or two of a VIB hold a file twice, or a file and a folder of one name, which is not unpacked',
  ],
  'unsafe-path': ['error', 'an archive entry leads outside the directory it is unpacked to'],
  link: ['warning', 'an archive entry is a link'],
  'special-file': ['warning', 'an archive entry is a device or pipe'],
  'payload-type-unknown': ['warning', 'the descriptor gives a payload a type that is not known'],
  'nested-compression': ['warning', 'a payload is compressed a second time in a form that is not opened'],
  'descriptor-unknown': ['warning', 'the descriptor has elements or attributes that are not understood'],
  'descriptor-value': ['warning', 'the descriptor has a value that means nothing to an installer'],
  'level-unknown': ['error', 'the acceptance level is none of the four'],
  'level-unsigned': ['error', 'the acceptance level needs a signature'],
  'level-not-granted': ['error', "the signer's certificate does not allow the acceptance level"],
  'signature-unreadable': ['error', 'the signature is not a CMS SignedData'],
  'signature-empty': ['error', 'the signature names no signer'],
  'signature-no-certificate': ['error', "the signer's certificate is not carried"],
  'signature-weak-digest': ['error', 'the signature uses a digest that is too weak (SHA-1, MD5)'],
  'signature-unsupported-digest': ['error', 'the signature uses a digest that is not supported, so it is not checked'],
  'signature-unsupported-algorithm': [
    'error',
    'the signature is of a kind that is not supported, so it is not checked',
  ],
  'signature-attributes': ['error', 'the signed attributes are missing or contradict the content'],
  'signature-other-content': ['error', 'the signature covers another descriptor'],
  'signature-bad': ['error', "the signature was not made with the signer's key"],
  'signer-without-path': ['warning', 'another signer makes the signature valid, this one has no trusted path'],
  'chain-issuer-unknown': ['error', 'no trusted certificate issued the signer'],
  'chain-untrusted-root': ['error', 'the chain ends at a self-signed certificate that is not trusted'],
  'chain-bad-signature': ['error', 'a certificate of the chain was not signed by its issuer'],
  'chain-weak-digest': ['error', 'a certificate of the chain is signed with a weak digest'],
  'chain-weak-key': ['warning', 'a certificate of the chain has an RSA key under 2,048 bits'],
  'chain-unsupported-algorithm': ['error', 'a certificate of the chain is signed in a way that is not supported'],
  'chain-expired': ['error', 'a certificate of the chain is no longer valid'],
  'chain-not-yet-valid': ['error', 'a certificate of the chain is not yet valid'],
  'chain-revoked': ['error', 'a certificate of the chain is on the revocation list'],
  'chain-not-a-ca': ['error', 'a certificate of the chain may not issue certificates'],
  'chain-path-length': ['error', 'the chain is longer than a CA allows'],
  'chain-key-usage': ['error', 'a key of the chain may not be used for this'],
  'chain-extended-key-usage': ['error', "the signer's key is not meant for code signing"],
  'chain-critical-extension': ['error', 'a certificate has a critical extension that is not understood'],
  'chain-too-deep': ['error', 'no trusted root within the depth limit'],
} as const satisfies Readonly<Record<string, readonly ['error' | 'warning', string]>>;

/** A finding's code. */
export type VibFindingCode = keyof typeof VIB_FINDINGS;

/** One finding: code, place, and the particulars in one line. */
export interface VibFinding {
  readonly code: VibFindingCode;
  /** Member, payload, file or certificate. */
  readonly where: string;
  readonly message: string;
}

/** Whether a finding makes the VIB bad. */
export const isError = (finding: VibFinding): boolean => VIB_FINDINGS[finding.code][0] === 'error';
