/** The EFI images of the boot loader, signed for Secure Boot. */
import { utf8 } from '../../src/bytes/bytes.ts';
import { buildKeyTable, KEY_TABLE_SECTION, type ModuleKey } from '../../src/esxboot/index.ts';
import { type PeSectionInput, type PeSigner, signPe, writePe } from '../../src/uefi/index.ts';
import { filler } from './filler.ts';

/** Folder of the boot loader files in the `btldr` payload. */
export const BOOTLOADER_FOLDER = 'usr/lib/vmware/bootloader';

/** Signed safeboot64.efi, mboot64.efi (with the keys it trusts for modules) and crypto64.efi. */
export function bootloaderImages(
  version: string,
  keys: readonly ModuleKey[],
  signer: PeSigner,
): { name: string; data: Uint8Array }[] {
  const image = (
    name: string,
    subsystem: 'application' | 'bootServiceDriver',
    size: number,
    ...more: PeSectionInput[]
  ) => {
    const label = `${name} ${version}`;
    const sections: PeSectionInput[] = [
      { name: '.text', kind: 'code', data: filler(`${label} .text`, size) },
      { name: '.data', kind: 'data', data: filler(`${label} .data`, 1500) },
      { name: '.version', kind: 'readOnly', data: utf8(`${name} ${version}\0`) },
      ...more,
    ];
    return { name, data: signPe(writePe({ subsystem, sections }), signer) };
  };
  return [
    image('safeboot64.efi', 'application', 9_000),
    image('mboot64.efi', 'application', 18_000, {
      name: KEY_TABLE_SECTION,
      kind: 'readOnly',
      data: buildKeyTable(keys),
    }),
    image('crypto64.efi', 'bootServiceDriver', 12_000),
  ];
}
