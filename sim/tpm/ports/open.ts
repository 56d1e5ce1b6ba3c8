/** The `--tpm` option: which TPM a host gets. */
import { InputError } from '../../../src/bytes/errors.ts';
import type { TpmTransport } from '../../../src/tpm2/transport.ts';
import { DeviceTransport } from './device.ts';
import { MssimTransport } from './mssim.ts';
import type { Address } from './stream.ts';
import { SwtpmTransport } from './swtpm.ts';

/** A parsed `--tpm` option. */
export type TpmChoice =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'device'; readonly path: string }
  | { readonly kind: 'swtpm' | 'mssim'; readonly data: Address; readonly control: Address };

const FORMS = 'embedded, swtpm:HOST:PORT, swtpm:unix:PATH, mssim:HOST:PORT or device:PATH';

/**
 * Parses `embedded`, `swtpm:HOST:PORT`, `swtpm:unix:PATH` (control socket: PATH.ctrl), `mssim:HOST:PORT` or
 * `device:/dev/tpmrm0`. The control or platform port is the next one. InputError for anything else.
 */
export function parseTpmChoice(text: string): TpmChoice {
  if (text === 'embedded') return { kind: 'embedded' };
  const device = /^device:(.+)$/.exec(text)?.[1];
  if (device !== undefined) return { kind: 'device', path: device };
  const unix = /^swtpm:unix:(.+)$/.exec(text)?.[1];
  if (unix !== undefined) return { kind: 'swtpm', data: { path: unix }, control: { path: `${unix}.ctrl` } };
  const match = /^(swtpm|mssim):(\[[0-9a-fA-F:]+\]|[^:[\]]+):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match?.[2] === undefined || !Number.isInteger(port) || port < 1 || port > 65_534) {
    throw new InputError(`--tpm ${text}: expected ${FORMS}, with a port from 1 to 65534`);
  }
  const host = match[2].replace(/^\[|\]$/g, '');
  return { kind: match[1] === 'swtpm' ? 'swtpm' : 'mssim', data: { host, port }, control: { host, port: port + 1 } };
}

/** Opens a TPM behind sockets. They connect at first use: an unreachable one is an InputError then. */
export function openTpm(choice: Exclude<TpmChoice, { kind: 'embedded' }>): TpmTransport {
  if (choice.kind === 'device') return new DeviceTransport(choice.path);
  return choice.kind === 'swtpm'
    ? new SwtpmTransport(choice.data, choice.control)
    : new MssimTransport(choice.data, choice.control);
}
