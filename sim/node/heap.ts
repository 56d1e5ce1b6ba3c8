/**
 * Memory of work on large files. Their bytes pass through short-lived buffers outside of the JavaScript heap, and the collector
 * frees those late where the heap's young part has grown large: a boot of a 350 MB image then takes 30 MB more (measured with
 * Node 20, 22 and 24).
 */
import { setFlagsFromString } from 'node:v8';

let said = false;

/** Keeps the young part of the heap from growing further. Work on small files is not slower without it. */
export function expectLargeFiles(): void {
  if (said) return;
  said = true;
  setFlagsFromString('--semi-space-growth-factor=1');
}
