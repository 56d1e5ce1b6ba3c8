/** Many hosts of one spec: they differ in name, identity and seed, not in what is measured. */
import { InputError } from '../src/bytes/errors.ts';
import type { HostSpec } from './spec/schema.ts';

/** Most hosts of a fleet. */
export const MAX_HOSTS = 10_000;

/** `esx01.example.test` → `esx07.example.test`: the number at the end of the first label counts up, or is appended. */
function numberedName(name: string, index: number): string {
  const [label = name, ...domain] = name.split('.');
  const [, stem = label, digits = ''] = /^(.*?)(\d*)$/.exec(label) ?? [];
  const number = String((digits === '' ? 1 : Number(digits)) + index).padStart(Math.max(digits.length, 2), '0');
  return [`${stem}${number}`, ...domain].join('.');
}

/** The last group of a UUID counts up. */
function numberedUuid(uuid: string, index: number): string {
  const last = (BigInt(`0x${uuid.slice(-12)}`) + BigInt(index)) & 0xffff_ffff_ffffn;
  return `${uuid.slice(0, -12)}${last.toString(16).padStart(12, '0')}`;
}

/**
 * The specs of `count` hosts; the first is `spec` itself. Faults are given as `ID` (every host) or `HOST=ID`.
 * @throws InputError where a fault names a host that the fleet does not have
 */
export function fleetSpecs(spec: HostSpec, count: number, faults: readonly string[] = []): HostSpec[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_HOSTS) {
    throw new InputError(`number of hosts: expected a whole number from 1 to ${MAX_HOSTS}`);
  }
  const specs = Array.from({ length: count }, (_, i): HostSpec => {
    if (i === 0) return spec;
    const { identity } = spec;
    return {
      ...spec,
      identity: {
        ...identity,
        name: numberedName(identity.name, i),
        uuid: numberedUuid(identity.uuid, i),
        serialNumber: `${identity.serialNumber}-${i + 1}`,
      },
      seed: `${spec.seed}/host ${i + 1}`,
    };
  });
  const names = specs.map((s) => s.identity.name);
  const assigned = faults.map((text) => {
    const equals = text.indexOf('=');
    const head = text.slice(0, Math.max(equals, 0));
    // `cmdline-tamper:a=b` has an equals sign in its parameter, behind the colon.
    if (equals < 0 || head.includes(':')) return { host: undefined, fault: text };
    if (names.includes(head)) return { host: head, fault: text.slice(equals + 1) };
    throw new InputError(
      `fault ${JSON.stringify(text)}: no host ${JSON.stringify(head)}; there are ${names.slice(0, 8).join(', ')}`,
    );
  });
  return specs.map((s) => ({
    ...s,
    faults: [
      ...s.faults,
      ...assigned.filter((a) => a.host === undefined || a.host === s.identity.name).map((a) => a.fault),
    ],
  }));
}
