/** VIBs over random access: descriptor and signature are read at once, payloads when their data are taken. */
import type { ByteSource } from '../archive/source.ts';
import { arFromSource, arSource } from './ar.ts';
import { type Vib, vibOfMembers } from './vib.ts';

/**
 * Reads a VIB whose payload data stay in the source: `data` of payloads and members is read each time it is taken. Errors
 * are those of `readVib`.
 */
export function vibFromSource(source: ByteSource, options: { readonly maxDescriptor?: number } = {}): Vib {
  return vibOfMembers(arFromSource(source), options);
}

/** The bytes of `rewriteVib` as a source: payloads stay where they are until it is read. */
export const sourceOfVib = (vib: Vib): ByteSource => arSource(vib.members);
