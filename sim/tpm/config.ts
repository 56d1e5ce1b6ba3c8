/** What a person may choose about the simulated TPM. */
import { needKnownKeys, needObject, shownValue } from '../../src/bytes/arguments.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { HASH_NAMES } from '../../src/crypto/hash.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { EK_KINDS, type EkKind } from '../../src/tpm2/ek-profile.ts';
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

/** Settings, in the order in which errors list them. */
const SETTINGS: readonly string[] = [...Object.keys(DEFAULT_TPM_CONFIG), 'platformCertificate'];

/** InputError where a setting is no list of these words. */
function words(field: string, list: unknown, known: readonly string[]): void {
  if (!Array.isArray(list)) throw new InputError(`TPM ${field}: expected an array, not ${shownValue(list)}`);
  for (const one of list) {
    if (!known.includes(one))
      throw new InputError(
        `TPM ${field}: expected ${known.join(' or ')}, not ${typeof one === 'string' ? JSON.stringify(one) : shownValue(one)}`,
      );
  }
}

/** The default with `changes`; InputError where there is no such setting, or a value does not fit a TPM. */
export function tpmConfig(changes: Partial<TpmConfig> = {}): TpmConfig {
  needObject('TPM config', changes);
  needKnownKeys('TPM config', changes, SETTINGS);
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const config = { ...DEFAULT_TPM_CONFIG, ...given };
  const ascii = (field: string, text: string, max: number): void => {
    if (typeof text !== 'string') throw new InputError(`TPM ${field}: expected a text, not ${shownValue(text)}`);
    if (!/^[\x20-\x7e]*$/.test(text) || text.length > max) {
      throw new InputError(`TPM ${field}: at most ${max} ASCII characters, not "${text}"`);
    }
  };
  ascii('manufacturer', config.manufacturer, 4);
  ascii('vendorString', config.vendorString, 16);
  if (typeof config.firmwareVersion !== 'bigint') {
    throw new InputError(`TPM firmwareVersion: expected a bigint, not ${shownValue(config.firmwareVersion)}`);
  }
  if (config.firmwareVersion < 0n || config.firmwareVersion >= 1n << 64n) {
    throw new InputError(`TPM firmwareVersion: ${config.firmwareVersion} does not fit in 64 bits`);
  }
  words('banks', config.banks, HASH_NAMES);
  words('endorsementKeys', config.endorsementKeys, EK_KINDS);
  words('extraAlgorithms', config.extraAlgorithms, EXTRA_ALGORITHMS);
  if (config.banks.length === 0) throw new InputError('TPM banks: at least one bank is needed');
  return config;
}
