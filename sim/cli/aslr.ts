import { InputError } from '../../src/bytes/errors.ts';
import { Host } from '../host.ts';
import { openImage } from '../node/image-files.ts';
import { type LayoutRegion, layoutJson } from '../vmkernel/address-space.ts';
import type { CommandInput, CommandIo, CommandResult } from './command.ts';
import { readSpec } from './spec-options.ts';
import { table } from './text.ts';

const MAX_BOOTS = 100_000;

export async function run({ options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const boots = Number(options.text('boots'));
  if (!Number.isInteger(boots) || boots < 1 || boots > MAX_BOOTS) {
    throw new InputError(`--boots: expected a whole number from 1 to ${MAX_BOOTS}`);
  }
  // Addresses are never measured: without a TPM the boots are the same and much faster.
  const read = readSpec(options);
  const spec = {
    ...read,
    hardware: {
      ...read.hardware,
      tpm: { ...read.hardware.tpm, present: false },
      txt: { ...read.hardware.txt, enabled: false },
    },
  };
  const host = new Host(spec, await openImage(spec));
  const layouts: LayoutRegion[][] = [];
  for (let i = 0; i < boots; i++) {
    const result = await host.powerOn();
    layouts.push(layoutJson(result.layout).regions);
    if (i % 50 === 49) io.progress(`${i + 1} of ${boots} boots`);
  }
  const names = (layouts[0] ?? []).map((r) => `${r.owner} ${r.name}`).toSorted();
  const rows = names.map((name) => {
    const regions = layouts.flatMap((layout) => layout.filter((r) => `${r.owner} ${r.name}` === name));
    const bases = new Set(regions.map((r) => r.base));
    const sorted = [...bases].toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    const [first] = regions;
    return {
      region: name,
      permissions: first?.permissions ?? '',
      distinctBases: bases.size,
      lowest: sorted[0] ?? '',
      highest: sorted.at(-1) ?? '',
      entropyBits: first?.entropyBits ?? 0,
    };
  });
  const text = table(
    ['REGION', 'PERM', 'DISTINCT', 'LOWEST', 'HIGHEST', 'BITS'],
    rows.map((r) => [
      r.region,
      r.permissions,
      `${r.distinctBases}/${boots}`,
      r.lowest,
      r.highest,
      String(r.entropyBits),
    ]),
  );
  return { text, json: { seed: spec.seed, boots, regions: rows, layouts }, exitCode: 0 };
}
