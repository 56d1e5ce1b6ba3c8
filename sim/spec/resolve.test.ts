import { describe, expect, it } from 'vitest';
import { PROFILES } from '../profiles/index.ts';
import { resolveSpec } from './resolve.ts';
import { type HostSpecInput, hostSpecSchema } from './schema.ts';
import { tpmConfigOf } from './tpm-config.ts';
import { tpmFirmwareVersion } from './tpm-version.ts';

describe('host spec', () => {
  it.each(Object.entries(PROFILES))('profile %s is complete and valid by itself', (name, profile) => {
    expect(hostSpecSchema.parse(profile)).toEqual(profile);
    expect(resolveSpec({ profile: name })).toEqual(profile);
  });

  it('overrides parts and keeps the rest; lists replace', () => {
    const spec = resolveSpec({ hardware: { tpm: { banks: ['sha384'] } } }, { seed: 7, profile: 'esxi-6.7-txt' });
    expect(spec.hardware.tpm.banks).toEqual(['sha384']);
    expect(spec.hardware.txt.enabled).toBe(true);
    expect(spec.seed).toBe('7');
  });

  it('a resolved spec resolves to itself', () => {
    const spec = resolveSpec({}, { seed: 'random' });
    expect(spec.seed).toMatch(/^[0-9a-f]{16}$/);
    expect(resolveSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it.each<[string, unknown, RegExp]>([
    ['no object', [], /must be an object/],
    ['unknown profile', { profile: 'toString' }, /unknown profile "toString"/],
    [
      'wrong type deep inside',
      { hardware: { tpm: { banks: ['sha1', 1] } } },
      /^host spec: hardware\.tpm\.banks\[1\]: /,
    ],
    ['unknown key', { identity: { nmae: 'x' } }, /^host spec: identity: .*nmae/],
    ['prototype key', JSON.parse('{"__proto__": {"seed": 1}, "identity": {"__proto__": 1}}'), /host spec/],
    [
      'unknown endorsement key',
      { hardware: { tpm: { endorsementKeys: ['eccP256', 'sm2'] } } },
      /^host spec: hardware\.tpm\.endorsementKeys\[1\]: /,
    ],
    [
      'an algorithm that no TPM has',
      { hardware: { tpm: { extraAlgorithms: ['aes192', 'aes512'] } } },
      /^host spec: hardware\.tpm\.extraAlgorithms\[1\]: /,
    ],
    ['bad host name', { identity: { name: 'a b' } }, /identity\.name: must be a host name/],
    ['bad UUID', { boot: { bootUuid: 'XYZ' } }, /boot\.bootUuid: must be 32 lower-case/],
    ['impossible date', { time: '2026-13-01T00:00:00Z' }, /^host spec: time: /],
  ])('refuses %s on one line with its path', (_, document, message) => {
    expect(() => resolveSpec(document)).toThrow(message);
    expect(() => resolveSpec(document)).not.toThrow(/\n/);
  });

  it("makes a TPM with the certificates that are asked for, and that of the host's own EK", () => {
    const of = (tpm: HostSpecInput['hardware']) => tpmConfigOf(resolveSpec({}, { hardware: tpm }));
    expect(of({}).endorsementKeys).toEqual(['rsa2048', 'eccP256', 'eccP384']);
    expect(of({ tpm: { ekAlgorithm: 'eccP521' } }).endorsementKeys).toEqual([
      'rsa2048',
      'eccP256',
      'eccP384',
      'eccP521',
    ]);
    const alone = of({ tpm: { ekAlgorithm: 'rsa3072', endorsementKeys: [], platformCertificate: true } });
    expect(alone.endorsementKeys).toEqual(['rsa3072']);
    expect(alone.platformCertificate).toMatchObject({ ek: 'rsa3072', serial: 'SIM0B5SN3', dynamicRtm: false });
  });

  it('makes a TPM of the algorithms of swtpm, and of those that are asked for', () => {
    expect(tpmConfigOf(resolveSpec({})).extraAlgorithms).toEqual([]);
    const asked = { hardware: { tpm: { extraAlgorithms: ['rsa4096' as const] } } };
    expect(tpmConfigOf(resolveSpec({}, asked)).extraAlgorithms).toEqual(['rsa4096']);
  });

  it('packs a TPM firmware version into its two properties', () => {
    expect(tpmFirmwareVersion('1.59')).toBe(0x0001_003b_0000_0000n);
    expect(tpmFirmwareVersion('7.85.4555.2')).toBe(0x0007_0055_11cb_0002n);
  });

  it('takes manufacturers and firmware versions as real TPMs have them, and no others', () => {
    const tpm = (changes: object) => resolveSpec({ hardware: { tpm: changes } }).hardware.tpm;
    expect(tpm({ manufacturer: 'STM ', firmwareVersion: '73.65535' })).toMatchObject({
      manufacturer: 'STM ',
      firmwareVersion: '73.65535',
    });
    for (const manufacturer of ['', ' STM', 'stm', 'TOOLONG', 'S M']) {
      expect(() => tpm({ manufacturer })).toThrow('hardware.tpm.manufacturer: must be 1 to 4 capital letters');
    }
    expect(() => tpm({ firmwareVersion: '1.65536' })).toThrow('hardware.tpm.firmwareVersion: has a part above 65535');
  });
});
