import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gunzip, gzip, readVib, type Vib } from '../vib/index.ts';
import { stripTrailer } from './module-signature.ts';
import { moduleRule, payloadModuleSignatures } from './vib-modules.ts';

const folder = new URL('../../vib-samples/', import.meta.url);
const sample = (set: string, name: string): Vib => {
  const files = readdirSync(new URL(`${set}/`, folder));
  const file = files.find((each) => each.includes(`_bootbank_${name}_`)) ?? '';
  return readVib(new Uint8Array(readFileSync(new URL(`${set}/${file}`, folder))));
};
const base = sample('esxi-8.0', 'esx-base');
const update = sample('esxi-8.0', 'esx-update');

/** The package with one payload's content changed, whatever its checksums then say. */
function changed(vib: Vib, name: string, change: (content: Uint8Array) => Uint8Array): Vib {
  const payloads = vib.payloads.map((payload) =>
    payload.name === name ? { ...payload, data: gzip(change(gunzip(payload.data, name))) } : payload,
  );
  return { ...vib, payloads };
}
const states = async (vib: Vib, set: readonly Vib[] = [vib]) =>
  (await payloadModuleSignatures(vib, moduleRule(set))).map(
    (m) => `${m.payload} ${m.required ?? '-'}: ${m.status} ${m.ok}`,
  );

describe('module signatures of packages', () => {
  it('wants module 0, ELF modules and the names of the schema signed', async () => {
    expect(moduleRule([base])).toMatchObject({
      schema: 4,
      keys: [{ keyId: 'esxsim_test67' }, { keyId: 'esxsim_test40' }],
    });
    expect(await states(base)).toEqual([
      'b module 0: ok true',
      'k ELF module: ok true',
      'procfs ELF module: ok true',
      'sb named by schema 4: ok true',
      's named by schema 4: ok true',
    ]);
    expect(await states(update, [base, update])).toEqual(['esxupdt named by schema 4: ok true']);
  });

  it('schema 2 of 6.7 does not name esxupdt', async () => {
    const old = sample('esxi-6.7', 'esx-base');
    expect(moduleRule([old]).schema).toBe(2);
    expect(await states(sample('esxi-6.7', 'esx-update'), [old])).toEqual([]);
  });

  it('finds cut, altered and foreign trailers', async () => {
    const cut = changed(base, 'k', stripTrailer);
    expect(await states(cut)).toContain('k ELF module: unsigned false');
    const altered = changed(base, 's', (content) => content.with(100, (content[100] ?? 0) ^ 1));
    expect(await states(altered)).toContain('s named by schema 4: bad-signature false');
    const first = changed(base, 'b', stripTrailer);
    expect((await states(first))[0]).toBe('b module 0: unsigned false');
    const schema = changed(base, 'b', (content) => {
      const out = content.slice();
      const view = new DataView(out.buffer);
      view.setUint32(out.length - 8 - view.getUint32(out.length - 8, true) - 4, 9, true);
      return out;
    });
    expect((await states(schema))[0]).toBe('b module 0: wrong-schema false');
  });

  it.each(['insttar', 'upgrade'])('payloads of type %s are no boot modules, whatever they hold', async (type) => {
    const elf = gunzip(base.payloads.find(({ name }) => name === 'procfs')?.data ?? new Uint8Array(0), 'procfs');
    const payload = (of: string) => [{ name: 'tool', type: of, data: gzip(stripTrailer(elf)) }];
    expect(await states({ ...base, payloads: payload(type) }, [base])).toEqual([]);
    expect(await states({ ...base, payloads: payload('boot') }, [base])).toEqual(['tool ELF module: unsigned false']);
  });

  it('says what it cannot know: a package without module 0, loaders without keys', async () => {
    expect(moduleRule([update])).toEqual({ schema: undefined, keys: [] });
    expect(await states(update)).toEqual([]);
    const bare = { ...base, payloads: base.payloads.filter(({ name }) => name === 'b' || name === 's') };
    expect(await states(bare)).toEqual(['b module 0: not-checked true', 's named by schema 4: not-checked true']);
    const damaged = {
      ...base,
      payloads: base.payloads.map((p) => (p.name === 's' ? { ...p, data: p.data.subarray(0, 50) } : p)),
    };
    expect((await states(damaged)).length).toBe(4);
  });
});
