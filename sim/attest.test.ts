import { describe, expect, it } from 'vitest';
import type { EkKind } from '../src/tpm2/ek-profile.ts';
import { challengeKeys, verifyEvidence } from '../src/verify/index.ts';
import { attestHost, challengeHost } from './attest.ts';
import { evidenceFiles } from './evidence.ts';
import { Host } from './host.ts';
import { loadImage } from './node/image-files.ts';
import { predictReference } from './predict.ts';
import { resolveSpec } from './spec/resolve.ts';

const base = resolveSpec({});
const image = loadImage(base);
const reference = await predictReference(base, image);

async function boot(seed: string, ekAlgorithm: EkKind) {
  const spec = { ...base, seed, hardware: { ...base.hardware, tpm: { ...base.hardware.tpm, ekAlgorithm } } };
  const host = new Host(spec, image);
  const result = await host.powerOn();
  return { host, result, files: evidenceFiles(result) };
}

describe.each(['rsa2048', 'eccP256', 'eccP384'] as const)('credential activation with an EK of %s', (ekAlgorithm) => {
  it('proves that AK and EK are in one TPM; the limit is gone and every check passes', async () => {
    const { host, result, files } = await boot('a', ekAlgorithm);
    const appraisal = await attestHost(host, result, files, reference);
    expect(appraisal.findings).toEqual([]);
    expect(appraisal.limits.map((l) => l.code)).not.toContain('AK_EK_NOT_PROVEN');
    expect(appraisal.checks.find((c) => c.name.includes('TPM of the endorsement key'))?.result).toBe('passed');
  });

  it('rejects the AK of another TPM beside this EK (cuckoo): the TPM refuses to open', async () => {
    const here = await boot('a', ekAlgorithm);
    const other = await boot('b', ekAlgorithm);
    const mixed = new Map(here.files);
    for (const name of ['ak.pub', 'quote.attest', 'quote.sig'])
      mixed.set(name, other.files.get(name) ?? new Uint8Array(0));
    const activation = await challengeHost(here.host, mixed);
    expect(activation.recovered).toBeUndefined();
    const appraisal = verifyEvidence(mixed, reference, { nonce: other.result.tpm?.nonce, activation });
    expect(appraisal.findings.map((f) => f.code)).toEqual(['AK_FOREIGN_TPM']);
    expect(appraisal.verdict).toBe('REJECT');
  });

  it('rejects a wrong answer', async () => {
    const { result, files } = await boot('a', ekAlgorithm);
    const activation = { secret: new Uint8Array(32), recovered: new Uint8Array(32).fill(1) };
    const { findings } = verifyEvidence(files, reference, { nonce: result.tpm?.nonce, activation });
    expect(findings.map((f) => f.code)).toEqual(['AK_FOREIGN_TPM']);
  });
});

describe('challengeKeys', () => {
  it('refuses evidence without keys', () => {
    expect(() => challengeKeys(new Map(), (n) => new Uint8Array(n))).toThrow(/TPM2B_PUBLIC|size/);
  });
});

describe('asset tag', () => {
  it('is measured from its NV index and named in the report', async () => {
    const tpm = { ...base.hardware.tpm, assetTag: 'rack-12' };
    const result = await new Host({ ...base, hardware: { ...base.hardware, tpm } }, image).powerOn();
    const events = result.tpm?.report.tpmEvents.map((e) => e.eventDetails) ?? [];
    const [tag] = events.filter((e) => e._typeName === 'HostTpmNvTagEventDetails');
    // sha256("rack-12"), computed with sha256sum.
    expect(Buffer.from(tag?.dataHash ?? []).toString('hex')).toBe(
      'da34877237656e1a71b3e9c1a8ff7b551644f4a44d574933f9ce84b9e1b1f54e',
    );
  });
});
