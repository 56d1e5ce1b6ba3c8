import { challengeHost } from '../../sim/attest.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { evidenceFiles } from '../../sim/evidence.ts';
import { Host } from '../../sim/host.ts';
import { loadImage } from '../../sim/node/image-files.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { embeddedTransport } from '../../sim/tpm/embedded.ts';
import type { TpmTransport } from '../../src/tpm2/transport.ts';

/** The distinct commands of whole boots with keys, quotes and a credential challenge, in the order they were sent. */
export async function recordCommands(): Promise<Uint8Array[]> {
  const commands = new Map<string, Uint8Array>();
  for (const profile of ['esxi-8.0-uefi', 'esxi-6.7-txt']) {
    const inner = embeddedTransport({ entropy: new Entropy('record').stream('tpm'), clock: new VirtualClock() });
    const recorder: TpmTransport = {
      transmit: (command, locality) => {
        commands.set(Buffer.from(command).toString('hex'), command.slice());
        return inner.transmit(command, locality);
      },
      powerOn: () => inner.powerOn(),
      hashStart: () => inner.hashStart(),
      hashData: (data) => inner.hashData(data),
      hashEnd: () => inner.hashEnd(),
      close: () => inner.close(),
    };
    const spec = resolveSpec({}, { profile, hardware: { tpm: { assetTag: 'rack-12', ekAlgorithm: 'eccP256' } } });
    const host = new Host(spec, loadImage(spec), { tpm: recorder });
    await challengeHost(host, evidenceFiles(await host.powerOn()));
  }
  return [...commands.values()];
}
