/** `--max-size` and `--max-ratio`: how far decompression may go. */
import { InputError } from '../../src/bytes/errors.ts';
import type { GunzipLimits } from '../../src/vib/index.ts';
import type { OptionRow, Options } from './command.ts';

/** The options, for the table of commands. */
export const LIMIT_OPTIONS: readonly OptionRow[] = [
  { flags: '--max-size <bytes>', about: 'largest payload after decompression', default: '4294967295' },
  { flags: '--max-ratio <n>', about: 'most bytes out per byte in', default: '1000' },
];

/** The same for the files of an offline bundle. */
export const BUNDLE_LIMIT_OPTIONS: readonly OptionRow[] = [
  { flags: '--max-size <bytes>', about: 'largest file of a bundle after decompression (default 4294967295)' },
  { flags: '--max-ratio <n>', about: 'most bytes out per byte in, of files of a bundle (default 1000)' },
];

/** The same for the files of bundles and the payloads in them. */
export const INSTALL_LIMIT_OPTIONS: readonly OptionRow[] = [
  {
    flags: '--max-size <bytes>',
    about: 'largest file of a bundle and largest payload after decompression (default 4294967295)',
  },
  { flags: '--max-ratio <n>', about: 'most bytes out per byte in, of both (default 1000)' },
];

function positive(options: Options, name: string, flag: string): number | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < 1)
    throw new InputError(`${flag}: ${JSON.stringify(text)} is not a positive number`);
  return value;
}

/** The limits given. */
export function readLimits(options: Options): GunzipLimits {
  const maxBytes = positive(options, 'maxSize', '--max-size');
  const maxRatio = positive(options, 'maxRatio', '--max-ratio');
  return { ...(maxBytes === undefined ? {} : { maxBytes }), ...(maxRatio === undefined ? {} : { maxRatio }) };
}
