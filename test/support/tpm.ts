/** A started TPM for tests. */

import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import type { TpmConfig } from '../../sim/tpm/config.ts';
import { type EmbeddedTransport, embeddedTransport } from '../../sim/tpm/embedded.ts';
import { Tpm2Client } from '../../src/tpm2/client.ts';
import { COMMANDS } from '../../src/tpm2/commands.ts';
import { pcrSelection } from '../../src/tpm2/structures/index.ts';

/** A TPM of one seed with its client; errors inside the engine end the test. */
export interface TestTpm {
  readonly transport: EmbeddedTransport;
  readonly client: Tpm2Client;
  readonly clock: VirtualClock;
  /** One PCR of one bank. */
  pcr(hashAlg: number, pcr: number): Promise<Uint8Array>;
}

/** A TPM as it comes from the factory; `start` also sends TPM2_Startup(CLEAR). */
export async function testTpm(
  options: { seed?: string; config?: Partial<TpmConfig>; start?: boolean } = {},
): Promise<TestTpm> {
  const clock = new VirtualClock();
  const transport = embeddedTransport({
    entropy: new Entropy(options.seed ?? 'test').stream('tpm'),
    clock,
    ...(options.config === undefined ? {} : { config: options.config }),
    onFault: (error) => {
      throw error;
    },
  });
  const client = new Tpm2Client(transport);
  if (options.start !== false) await client.call(COMMANDS.Startup, { startupType: 0 });
  return {
    transport,
    client,
    clock,
    async pcr(hashAlg, pcr) {
      const selection = [pcrSelection(hashAlg, [pcr])];
      const { pcrValues } = await client.call(COMMANDS.PCR_Read, { pcrSelectionIn: selection });
      return pcrValues[0] ?? new Uint8Array(0);
    },
  };
}
