/** What a person may choose about the simulated TPM. */
import { InputError } from '../../src/bytes/errors.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import type { EkKind } from '../../src/tpm2/ek-profile.ts';
import { EXTRA_ALGORITHMS, type ExtraAlgorithm } from '../../src/tpm2/extra-algorithms.ts';
import type { PlatformDescription } from './platform-description.ts';

/** The EKs that TPMs of today are delivered with: both of the Low Range, and P-384 (PC Client Platform TPM Profile 1.05). */
export const DEFAULT_ENDORSEMENT_KEYS: readonly EkKind[] = ['rsa2048', 'eccP256', 'eccP384'];

/** Manufacture-time settings of the embedded TPM. */
export interface TpmConfig {
  /** TPM_PT_MANUFACTURER: up to 4 ASCII characters. */
  readonly manufacturer: string;
  /** TPM_PT_VENDOR_STRING_1 to _4: up to 16 ASCII characters. */
  readonly vendorString: string;
  /** TPM_PT_FIRMWARE_VERSION_1 (upper 32 bits) and _2 (lower). */
  readonly firmwareVersion: bigint;
  /** Allocated PCR banks. */
  readonly banks: readonly HashName[];
  /** EKs that the manufacturer certified: the NV indices of their certificates exist, and of the CA certificates above them. */
  readonly endorsementKeys: readonly EkKind[];
  /** Algorithms beyond those of swtpm 0.7.1 (libtpms 0.9). */
  readonly extraAlgorithms: readonly ExtraAlgorithm[];
  /** What the platform certificate in NV says; there is none where absent. */
  readonly platformCertificate?: PlatformDescription | undefined;
}

/** The default TPM: a test manufacturer, SHA-1 and SHA-256 banks, no platform certificate, the algorithms of swtpm. */
export const DEFAULT_TPM_CONFIG: TpmConfig = {
  manufacturer: 'ESXS',
  vendorString: 'esxsim TPM',
  firmwareVersion: 0x0001_0000_0000_0001n,
  banks: ['sha1', 'sha256'],
  endorsementKeys: DEFAULT_ENDORSEMENT_KEYS,
  extraAlgorithms: [],
};

/** The default with `changes`; InputError where a value does not fit a TPM. */
export function tpmConfig(changes: Partial<TpmConfig> = {}): TpmConfig {
  const config = { ...DEFAULT_TPM_CONFIG, ...changes };
  const ascii = (field: string, text: string, max: number): void => {
    if (!/^[\x20-\x7e]*$/.test(text) || text.length > max) {
      throw new InputError(`TPM ${field}: at most ${max} ASCII characters, not "${text}"`);
    }
  };
  ascii('manufacturer', config.manufacturer, 4);
  ascii('vendorString', config.vendorString, 16);
  if (config.firmwareVersion < 0n || config.firmwareVersion >= 1n << 64n) {
    throw new InputError(`TPM firmwareVersion: ${config.firmwareVersion} does not fit in 64 bits`);
  }
  if (config.banks.length === 0) throw new InputError('TPM banks: at least one bank is needed');
  for (const name of config.extraAlgorithms) {
    if (!EXTRA_ALGORITHMS.includes(name)) {
      throw new InputError(`TPM extraAlgorithms: expected ${EXTRA_ALGORITHMS.join(' or ')}, not "${name}"`);
    }
  }
  return config;
}
