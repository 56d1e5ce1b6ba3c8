import { describe, expect, it } from 'vitest';
import { fleetSpecs } from './fleet.ts';
import { resolveSpec } from './spec/resolve.ts';

const spec = resolveSpec({});

describe('fleet', () => {
  it('numbers names and UUIDs, gives each host its own seed, and leaves what is measured alone', () => {
    const hosts = fleetSpecs(spec, 12);
    expect(hosts[0]).toEqual(spec);
    expect(hosts.at(-1)?.identity.name).toBe('esx12.example.test');
    for (const key of ['uuid', 'serialNumber', 'name'] as const)
      expect(new Set(hosts.map((h) => h.identity[key])).size).toBe(12);
    expect(new Set(hosts.map((h) => h.seed)).size).toBe(12);
    expect(new Set(hosts.map((h) => h.boot.bootUuid)).size).toBe(1);
  });

  it('assigns faults to all hosts or to one', () => {
    const hosts = fleetSpecs(spec, 3, ['vib-payload-swap', 'esx02.example.test=cmdline-tamper', 'cmdline-tamper:a=b']);
    expect(hosts.map((h) => h.faults)).toEqual([
      ['vib-payload-swap', 'cmdline-tamper:a=b'],
      ['vib-payload-swap', 'cmdline-tamper', 'cmdline-tamper:a=b'],
      ['vib-payload-swap', 'cmdline-tamper:a=b'],
    ]);
  });

  it.each([0, -1, 1.5, Number.NaN, 1e9])('refuses %d hosts', (n) => {
    expect(() => fleetSpecs(spec, n)).toThrow(/number of hosts/);
  });

  it('refuses a fault of a host that is not there', () => {
    expect(() => fleetSpecs(spec, 1, ['esx77=cmdline-tamper'])).toThrow(/no host "esx77"/);
  });
});
