/** What callers ask swtpm(8) before they start it: `--print-capabilities` and `--print-states`. */
import { statSync } from 'node:fs';
import type { StatePlace } from './swtpm-options.ts';
import { VERSION } from './version.ts';

/** Features in swtpm's words, those of them that are here. */
const FEATURES = [
  'tpm-2.0',
  'tpm-send-command-header',
  'flags-opt-startup',
  'cmdarg-seccomp',
  'cmdarg-print-states',
  'nvram-backend-dir',
  'nvram-backend-file',
  'rsa-keysize-1024',
  'rsa-keysize-2048',
  'rsa-keysize-3072',
] as const;

/** The answer to `--print-capabilities`; the version is this program's. */
export const capabilities = () => ({ type: 'swtpm', features: FEATURES, version: VERSION });

/** The answer to `--print-states`: the permanent state, where there is one. */
export function states(place: StatePlace | undefined) {
  const file = place === undefined ? undefined : statSync(place.path, { throwIfNoEntry: false });
  return { type: 'swtpm', states: file?.isFile() ? [{ name: 'permall', size: file.size }] : [] };
}
