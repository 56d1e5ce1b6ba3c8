/** Event data that is text or a plain number: actions, separators, S-CRTM versions (PFP 10.4.1). */
import { ByteReader, ByteWriter, fromLatin1, fromUtf16le, latin1 } from '../../bytes/index.ts';
import { guidText } from '../../uefi/guid.ts';

/** EV_SEPARATOR: 0 or all ones = firmware hands over to the OS; another value = an error happened. */
export interface SeparatorEvent {
  readonly kind: 'separator';
  readonly value: number;
}

/** EV_ACTION, EV_EFI_ACTION: a text without terminator (a trailing NUL of some firmware is dropped here). */
export interface ActionEvent {
  readonly kind: 'action';
  readonly text: string;
}

/** EV_S_CRTM_VERSION: a UCS-2 text or a GUID. */
export interface VersionEvent {
  readonly kind: 'crtmVersion';
  readonly version: string;
}

/** Text of any other kind. */
export interface TextEvent {
  readonly kind: 'text';
  readonly text: string;
}

/** Action texts that firmware logs (PFP 10.4.4). */
export const ACTION = {
  CALLING_EFI_APPLICATION: 'Calling EFI Application from Boot Option',
  RETURNING_FROM_EFI_APPLICATION: 'Returning from EFI Application from Boot Option',
  EXIT_BOOT_SERVICES_INVOCATION: 'Exit Boot Services Invocation',
  EXIT_BOOT_SERVICES_SUCCESS: 'Exit Boot Services Returned with Success',
  EXIT_BOOT_SERVICES_FAILURE: 'Exit Boot Services Returned with Failure',
  DEBUG_MODE: 'UEFI Debug Mode',
  DMA_PROTECTION_DISABLED: 'DMA Protection Disabled',
} as const;

export function encodeSeparator(value = 0): Uint8Array {
  return new ByteWriter('little').u32(value).finish();
}

export function decodeSeparator(data: Uint8Array, base = 0): SeparatorEvent {
  const r = new ByteReader(data, 'EV_SEPARATOR', 'little', base);
  const value = r.u32('value');
  r.end();
  return { kind: 'separator', value };
}

export function encodeAction(text: string): Uint8Array {
  return latin1(text);
}

export function decodeAction(data: Uint8Array): ActionEvent {
  return { kind: 'action', text: fromLatin1(data).replace(/\0$/, '') };
}

export function decodeText(data: Uint8Array): TextEvent {
  return { kind: 'text', text: fromLatin1(data).replace(/\0$/, '') };
}

/** An S-CRTM version text as UCS-2 with its NUL. */
export function encodeCrtmVersion(version: string): Uint8Array {
  const w = new ByteWriter('little');
  for (let i = 0; i < version.length; i++) w.u16(version.charCodeAt(i));
  return w.u16(0).finish();
}

/** 16 bytes that are not UCS-2 text ending in NUL are a GUID, as on boards that use one. */
export function decodeCrtmVersion(data: Uint8Array): VersionEvent {
  const text = fromUtf16le(data);
  const terminated = data.length % 2 === 0 && text.endsWith('\0');
  if (data.length === 16 && !terminated) return { kind: 'crtmVersion', version: guidText(data) };
  return { kind: 'crtmVersion', version: text.replace(/\0+$/, '') };
}
