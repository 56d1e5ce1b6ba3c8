import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { wallClock } from '../clock.ts';
import { listen } from '../endpoints/server.ts';
import { Entropy } from '../entropy.ts';
import { findFault } from '../faults/index.ts';
import { fleetSpecs } from '../fleet.ts';
import { Host } from '../host.ts';
import { checkFileTarget, writeFileAtomic } from '../node/files.ts';
import { openImage } from '../node/image-files.ts';
import { predictReference } from '../predict.ts';
import { serveHost } from '../served.ts';
import { addressText } from '../tpm/ports/stream.ts';
import { listenTpm, protocolOf, type TpmServer } from '../tpm/servers/listen.ts';
import { TpmMachine } from '../tpm/servers/machine.ts';
import type { CommandInput, CommandIo, CommandResult, Options } from './command.ts';
import { askedToEnd } from './server-life.ts';
import { readSpec } from './spec-options.ts';

/** HOST:PORT of an option; the port may be 0 for any free one. */
export function parseAddress(text: string, option: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  const host = match?.[1];
  if (host === undefined || port > 65_535)
    throw new InputError(`${option}: expected HOST:PORT, not ${JSON.stringify(text)}`);
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

/** `--tpm-listen`: the first host's TPM, running, as its operating system left it. */
async function serveTpm(options: Options, host: Host | undefined, io: CommandIo): Promise<TpmServer | undefined> {
  const where = options.text('tpmListen');
  if (where === undefined) return undefined;
  const engine = host?.tpmEngine;
  if (engine === undefined) throw new InputError('--tpm-listen: the first host has no TPM 2.0 of its own');
  const protocol = protocolOf(options.text('tpmProtocol'), '--tpm-protocol');
  const server = await listenTpm(new TpmMachine(engine), protocol, parseAddress(where, '--tpm-listen'));
  io.progress(`TPM of ${host?.spec.identity.name}: ${protocol} at ${addressText(server.address)}`);
  return server;
}

export async function run({ options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const { host: address, port } = parseAddress(options.text('listen') ?? '', '--listen');
  const caFile = options.text('caOut');
  if (caFile !== undefined) checkFileTarget(caFile);
  const spec = readSpec(options, { faults: [] });
  const specs = fleetSpecs(spec, Number(options.text('hosts')), options.list('fault'));
  for (const { faults } of specs) for (const fault of faults) findFault(fault);
  const image = await openImage(spec);
  const reference = spec.hardware.tpm.present ? await predictReference(spec, image) : undefined;
  const hosts = [];
  let first: Host | undefined;
  for (const [i, each] of specs.entries()) {
    const host = new Host(each, image);
    first ??= host;
    hosts.push(await serveHost(host, reference));
    if (i % 20 === 19) io.progress(`${i + 1} of ${specs.length} hosts booted`);
  }
  const tpm = await serveTpm(options, first, io);
  const server = await listen(
    {
      hosts,
      clock: wallClock,
      entropy: new Entropy(spec.seed).child('vcenter'),
      credentials: { user: options.text('user') ?? '', password: options.text('password') ?? '' },
      // The API version is vCenter's own: a current one manages older hosts too.
      mode: 'vCenter',
    },
    { host: address, port, tls: options.on('tls') },
  );
  if (caFile !== undefined && server.caPem !== undefined) writeFileAtomic(caFile, utf8(server.caPem));
  process.stdout.write(`ready ${server.url}\n`);
  await askedToEnd();
  await server.close();
  await tpm?.close();
  return { text: '', json: { url: server.url }, exitCode: 0 };
}
