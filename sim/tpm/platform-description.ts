/** What a platform certificate says about a machine; plain data. */
import type { EkKind } from '../../src/tpm2/ek-profile.ts';

/** Component classes of the TCG Component Class Registry: category in the upper half, component in the lower. */
export const COMPONENT_CLASS = {
  cpu: 0x0001_0002,
  rackMountChassis: 0x0002_0016,
  tpm: 0x0004_0009,
  uefi: 0x0013_0002,
} as const;

/** One component of the platform configuration. */
export interface PlatformComponent {
  /** One of {@link COMPONENT_CLASS}. */
  readonly componentClass: number;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial?: string;
  readonly revision?: string;
}

/** A platform as its manufacturer describes it. Texts have 1 to 256 characters. */
export interface PlatformDescription {
  /** The EK whose certificate stands for the platform's TPM. */
  readonly ek: EkKind;
  readonly manufacturer: string;
  readonly model: string;
  readonly version: string;
  readonly serial: string;
  /** Whether the root of trust for measurement is also dynamic (Intel TXT), beside the static one. */
  readonly dynamicRtm: boolean;
  readonly components: readonly PlatformComponent[];
}
