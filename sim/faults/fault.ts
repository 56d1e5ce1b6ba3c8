/** The shape of a fault: a documented entry that changes one point of a simulated host, and what a good verifier must find. */
import type { LazyFiles } from '../../src/archive/index.ts';
import type { BootImage } from '../image.ts';
import type { HostSpec } from '../spec/schema.ts';

/** Verdict words of the catalogue (facts: attestation-failures). */
export type VerdictWord = 'TRUSTED' | 'UNTRUSTED' | 'REJECT' | 'MALFORMED' | 'INCONCLUSIVE' | 'DRIFT';

/** A boot disk that a fault may change. */
export interface MutableImage extends BootImage {
  readonly bootbank: LazyFiles;
  readonly esp: LazyFiles;
  installLog: Uint8Array | undefined;
}

/** One entry of the catalogue. */
export interface Fault {
  /** Slug, as in the catalogue. */
  readonly id: string;
  readonly title: string;
  /** What is done to the host. */
  readonly about: string;
  /** What the evidence then shows. */
  readonly shows: string;
  /** What may follow the id after a colon, e.g. the module to change. */
  readonly parameter: { readonly name: string; readonly about: string; readonly default: string };
  /** What a sound verifier says of the default form. */
  readonly expect: { readonly verdict: VerdictWord; readonly finding: string };
  /** Changes settings of the host that are no part of its disk. */
  patchSpec?(spec: HostSpec): HostSpec;
  /** Changes the boot disk before the boot. @param time milliseconds since 1970 at which the host is powered on */
  patchImage(image: MutableImage, parameter: string | undefined, time: number): void;
}
