/** Contents that stand for compiled code and data: pseudo-random bytes that depend on nothing but their label. */
import { Entropy } from '../../sim/entropy.ts';

const entropy = new Entropy('esxsim sample VIBs');

/** `size` bytes for a label. */
export const filler = (label: string, size: number): Uint8Array => entropy.bytes(label, size);
