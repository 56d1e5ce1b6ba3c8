/** A host on a TPM that runs already: a device of the operating system (`--tpm device:/dev/tpmrm0`). */
import { allBytes } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { MachineTpm } from '../machine.ts';
import { readPcrs } from '../pcrs.ts';
import type { HostSpec } from '../spec/schema.ts';

/** PCRs of the firmware and of the operating system, zero after TPM2_Startup(CLEAR) at locality 0 (PC Client Platform TPM Profile, 4.6). */
const STATIC_PCRS: readonly number[] = Array.from({ length: 16 }, (_, pcr) => pcr);
/** Where Linux measures for itself (IMA) before anybody can ask it not to; no host here has events for it. */
const IMA_PCR = 10;

/**
 * Makes sure that the host's log can explain the PCRs: nothing was measured into them, and the spec asks for nothing that only
 * the platform of a TPM can do. InputError otherwise.
 */
export async function requireUntouched(spec: HostSpec, tpm: MachineTpm): Promise<void> {
  const { txt, firmware } = spec.hardware;
  if (txt.enabled) {
    throw new InputError(
      'hardware.txt.enabled: a launch needs locality 4 of the TPM, which this one keeps for its processor',
    );
  }
  if (firmware.startupLocality !== 0) {
    throw new InputError('hardware.firmware.startupLocality: this TPM was started already, at locality 0');
  }
  for (const [bank, values] of await readPcrs(tpm.client, tpm.measurer.banks)) {
    if (values.length === 0) throw new InputError(`hardware.tpm.banks: the TPM has no bank ${bank}`);
    for (const pcr of STATIC_PCRS) {
      const value = values[pcr];
      if (pcr === IMA_PCR || value === undefined || allBytes(value, 0)) continue;
      throw new InputError(
        `PCR ${pcr} (${bank}) of the TPM is not zero: something was measured into it since the machine started, and this host's log could not explain it`,
      );
    }
  }
}
