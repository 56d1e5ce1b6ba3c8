/** EV_NO_ACTION events: information for whoever replays the log; never extended (PFP 10.4.5). */
import { ByteReader, ByteWriter, equalBytes, fromLatin1, latin1 } from '../../bytes/index.ts';

const STARTUP_LOCALITY = latin1('StartupLocality\0');

/** Locality of TPM2_Startup: PCR 0 starts with this number in its last byte. */
export interface StartupLocality {
  readonly kind: 'startupLocality';
  readonly locality: number;
  /** Bytes after the 17 that the specification gives; some firmware pads. */
  readonly padding: number;
}

/** An informational event of another kind. */
export interface NoActionEvent {
  readonly kind: 'noAction';
  /** The 16-byte signature without its trailing NULs. */
  readonly signature: string;
}

/** Event data of the StartupLocality event: 16-byte signature, one byte. */
export function encodeStartupLocality(locality: number): Uint8Array {
  return new ByteWriter('little').bytes(STARTUP_LOCALITY).u8(locality).finish();
}

/** Reads EV_NO_ACTION data. The locality must be 0, 3 or 4 (FormatError); anything else is kept as a signature. */
export function decodeNoAction(data: Uint8Array, base = 0): StartupLocality | NoActionEvent {
  const head = data.subarray(0, 16);
  if (!equalBytes(head, STARTUP_LOCALITY)) {
    return { kind: 'noAction', signature: fromLatin1(head).replace(/\0+$/, '') };
  }
  const r = new ByteReader(data, 'TCG_EfiStartupLocalityEvent', 'little', base);
  r.skip('Signature', 16);
  const at = r.offset;
  const locality = r.u8('StartupLocality');
  if (locality !== 0 && locality !== 3 && locality !== 4) {
    throw r.error('StartupLocality', `expected 0, 3 or 4, found ${locality}`, at);
  }
  return { kind: 'startupLocality', locality, padding: r.remaining };
}
