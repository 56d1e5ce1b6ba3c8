/** Attesting a booted host with the reference verifier, the way an operator's verifier would: quote, logs, credential challenge. */
import { type Activation, type Appraisal, challengeKeys, type Reference, verifyEvidence } from '../src/verify/index.ts';
import { Entropy } from './entropy.ts';
import type { BootResult, Host } from './host.ts';

/** Challenges the host to prove that its AK and EK are in one TPM. */
export async function challengeHost(host: Host, files: ReadonlyMap<string, Uint8Array>): Promise<Activation> {
  const random = new Entropy(host.spec.seed).stream('verifier challenge');
  const { secret, credential } = challengeKeys(files, (size) => random.bytes(size));
  return { secret, recovered: await host.activateCredential(credential) };
}

/** The appraisal of a boot that just took place. */
export async function attestHost(
  host: Host,
  result: BootResult,
  files: ReadonlyMap<string, Uint8Array>,
  reference: Reference,
): Promise<Appraisal> {
  const activation = await challengeHost(host, files);
  return verifyEvidence(files, reference, { nonce: result.tpm?.nonce, time: result.endedAt, activation });
}
