/** What the decoders of second layers share. */
import { InputError } from '../bytes/errors.ts';

/** A stream that is sound as far as can be told, in a form that is not decoded here. */
export class UnsupportedCompression extends InputError {
  constructor(form: string) {
    super(`${form} is not supported`);
    this.name = 'UnsupportedCompression';
  }
}

/** Outputs up to this size are never refused for their ratio, as of the outer layer. */
const HARMLESS = 1 << 20;

/** Most bytes that a member of `packed` bytes may become through all its layers. Defaults: 4 GiB − 1, ratio 1000. */
export function layerLimit(packed: number, limits: { readonly maxBytes?: number; readonly maxRatio?: number }): number {
  const { maxBytes = 0xffffffff, maxRatio = 1000 } = limits;
  return Math.min(maxBytes, Math.max(HARMLESS, Math.floor(packed * maxRatio)));
}
