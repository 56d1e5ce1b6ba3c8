import { tryFromHex } from '../../src/bytes/bytes.ts';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { parseReference, renderAppraisal, verifyEvidence } from '../../src/verify/index.ts';
import { isoTime } from '../clock.ts';
import { EVIDENCE_FILES } from '../evidence.ts';
import { isFolder, listFolder, readFile } from '../node/files.ts';
import type { CommandInput, CommandResult } from './command.ts';

/** Evidence files of a folder; names outside the contract are not looked at. */
export function readEvidence(folder: string): Map<string, Uint8Array> {
  if (!isFolder(folder)) throw new InputError(`${folder}: is not a folder of evidence`);
  const names = listFolder(folder).filter((name) => EVIDENCE_FILES.includes(name));
  if (names.length === 0)
    throw new InputError(`${folder}: holds no evidence files (expected eventlog.bin, quote.attest, …)`);
  return new Map(names.map((name) => [name, readFile(`${folder}/${name}`)]));
}

/** The bytes of `--nonce`. */
export function readNonce(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const nonce = tryFromHex(text);
  if (nonce === undefined || nonce.length === 0 || nonce.length > 64) {
    throw new InputError('--nonce: expected 1 to 64 bytes in hexadecimal');
  }
  return nonce;
}

const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Milliseconds since 1970 of `--time`; without a zone it is UTC. */
export function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const fail = (why: string): InputError => new InputError(`--time: ${JSON.stringify(text)} ${why}`);
  const found = ISO_TIME.exec(text);
  if (found === null) throw fail('is not an ISO 8601 time, e.g. 2026-01-01T00:00:00Z');
  const [, date = '', clock = '00:00', zone = 'Z'] = found;
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const time = Date.parse(`${date}T${clock}${zone}`);
  // Date.parse takes the 30th of February for a day of March.
  if (Number.isNaN(time) || isoTime(midnight).slice(0, date.length) !== date) throw fail('is no time there is');
  return time;
}

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const file = options.text('reference');
  if (file === undefined)
    throw new InputError('verify: --reference FILE is needed (write one with `esxsim predict --out FILE`)');
  const reference = withSource(file, () => parseReference(readFile(file)));
  const appraisal = verifyEvidence(readEvidence(args[0] ?? ''), reference, {
    nonce: readNonce(options.text('nonce')),
    time: readTime(options.text('time')),
  });
  return { text: renderAppraisal(appraisal), json: appraisal, exitCode: appraisal.verdict === 'TRUSTED' ? 0 : 1 };
}
