import { fromLatin1, latin1 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { findFile } from '../image.ts';
import type { Fault, MutableImage } from './fault.ts';

const DEFAULT_OPTION = 'debugLogToSerial=1';

function patchImage(image: MutableImage, parameter: string | undefined): void {
  const option = parameter ?? DEFAULT_OPTION;
  if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(option)) {
    throw new InputError(`fault cmdline-tamper: ${JSON.stringify(option)} is not a printable kernel option`);
  }
  const config = findFile(image.bootbank, 'boot.cfg');
  if (config === undefined) throw new InputError('fault cmdline-tamper: the boot bank has no boot.cfg');
  const lines = fromLatin1(config).split('\n');
  const at = lines.findIndex((line) => line.startsWith('kernelopt='));
  const changed =
    at < 0 ? [`kernelopt=${option}`, ...lines] : lines.with(at, `${(lines[at] ?? '').trimEnd()} ${option}`);
  image.bootbank.set('boot.cfg', latin1(changed.join('\n')));
}

/** Catalogue entry 30. */
export const CMDLINE_TAMPER: Fault = {
  id: 'cmdline-tamper',
  title: 'Kernel option added in boot.cfg',
  about: 'A kernel option is appended to kernelopt in boot.cfg, as somebody with access to the boot bank would.',
  shows: 'Text and digest of the command-line event differ; nothing else does.',
  parameter: { name: 'option', about: 'the option to append', default: DEFAULT_OPTION },
  expect: { verdict: 'UNTRUSTED', finding: 'COMMAND_LINE_MISMATCH' },
  patchImage,
};
