/** Random numbers (TPM 2.0 Library specification, Part 3, chapter 16). */
import { GetRandom, StirRandom } from '../../../src/tpm2/commands/pcr.ts';
import { MAX_DIGEST } from '../../../src/tpm2/structures/index.ts';
import { random } from '../context.ts';
import { stir } from '../drbg.ts';
import { action, handler } from '../handler.ts';

const getRandom = handler(GetRandom, (tpm, { bytesRequested }) => ({
  randomBytes: random(tpm, Math.min(bytesRequested, MAX_DIGEST)),
}));

const stirRandom = action(StirRandom, (tpm, { inData }) => {
  stir(tpm.state.drbg, inData);
});

export const randomHandlers = [getRandom, stirRandom];
