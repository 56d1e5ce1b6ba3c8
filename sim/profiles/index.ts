import type { HostSpec } from '../spec/schema.ts';
import { ESXI_6_7_TXT } from './esxi-6.7-txt.ts';
import { ESXI_8_0_UEFI } from './esxi-8.0-uefi.ts';

/** Profile used where none is named. */
export const DEFAULT_PROFILE = ESXI_8_0_UEFI.profile;

/** All profiles by name; each is a complete spec. */
export const PROFILES: Readonly<Record<string, HostSpec>> = {
  [ESXI_8_0_UEFI.profile]: ESXI_8_0_UEFI,
  [ESXI_6_7_TXT.profile]: ESXI_6_7_TXT,
};
