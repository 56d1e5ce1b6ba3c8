import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import {
  buildVib,
  type DescriptorInput,
  readVib,
  signVib,
  type Vib,
  type VibRelationships,
} from '../../src/vib/index.ts';
import { installImage, installLog, planChecked, planInstall } from '../install.ts';
import { listFolder, packageRoot } from '../node/files.ts';
import { loadImage } from '../node/image-files.ts';
import { readSigners } from '../node/signers.ts';
import { openVibs } from '../node/vib-files.ts';
import { resolveSpec } from '../spec/resolve.ts';

const spec = resolveSpec({});
const samples = ['esxi-8.0', 'esxi-6.7'].map((set) => {
  const folder = `${packageRoot()}/vib-samples/${set}`;
  const files = listFolder(folder).filter((name) => name.endsWith('.vib'));
  return openVibs(files.map((name) => `${folder}/${name}`)).map(({ vib }) => vib);
});
const [image80 = [], image67 = []] = samples;

type Relations = Partial<VibRelationships>;
const NONE: VibRelationships = { depends: [], conflicts: [], replaces: [], provides: [], compatibleWith: [] };
const partner = readSigners({ keys: [], certificates: [], chain: [], testSigners: ['partner'], hash: 'sha256' });

function make(
  name: string,
  version: string,
  more: Partial<Omit<DescriptorInput, 'relationships'>> & { relations?: Relations } = {},
): Vib {
  const { relations, ...fields } = more;
  const relationships = { ...NONE, ...relations };
  const descriptor = {
    type: 'bootbank',
    vendor: 'ACME',
    acceptanceLevel: 'partner',
    ...fields,
    name,
    version,
    relationships,
  };
  const files = [{ name: `opt/${name}/file`, data: utf8(version) }];
  return readVib(buildVib({ descriptor, payloads: [{ name: name.slice(0, 16), type: 'tgz', files }] }, partner));
}

const policy = { level: 'PartnerSupported', hardware: { vendor: 'Dell', model: 'R1' }, bypass: [] } as const;
const plan = (...vibs: Vib[]) => planInstall(vibs, policy);
const names = (vibs: readonly Vib[]) => vibs.map((vib) => `${vib.descriptor.name} ${vib.descriptor.version}`);

describe('selection', () => {
  it('takes the newest of each name, whatever the order, and says what it leaves out', () => {
    const vibs = [make('a', '1.2-1'), make('a', '1.10-1'), make('b', '1-1'), make('a', '1.10-1')];
    const { vibs: taken, skipped } = plan(...vibs);
    expect(names(taken)).toEqual(['a 1.10-1', 'b 1-1']);
    expect(names(plan(...vibs.toReversed()).vibs)).toEqual(names(taken));
    expect(skipped).toEqual([
      { vib: 'ACME_bootbank_a_1.10-1', why: 'given twice' },
      { vib: 'ACME_bootbank_a_1.2-1', why: 'superseded by ACME_bootbank_a_1.10-1' },
    ]);
  });

  it('removes what another VIB replaces, by version', () => {
    const old = make('old', '1.0-1');
    const fresh = make('fresh', '2.0-1', {
      relations: { replaces: [{ name: 'old', relation: '<<', version: '1.5-0' }] },
    });
    expect(names(plan(old, fresh).vibs)).toEqual(['fresh 2.0-1']);
    expect(names(plan(make('old', '1.6-1'), fresh).vibs)).toEqual(['fresh 2.0-1', 'old 1.6-1']);
  });

  it('refuses two different VIBs of one id', () => {
    expect(() => plan(make('a', '1-1'), make('a', '1-1', { summary: 'other' }))).toThrow(
      /two different VIBs have the id/,
    );
  });
});

describe('checks', () => {
  const depends = (name: string, relation?: string, version?: string) =>
    make('d', '1-1', {
      relations: { depends: [{ name, ...(relation ? { relation } : {}), ...(version ? { version } : {}) }] },
    });
  const provider = make('p', '2.0-1', {
    relations: { provides: [{ name: 'api', relation: '=', version: '3.0' }, { name: 'flag' }] },
  });

  it.each<[string, Vib[], RegExp | undefined]>([
    ['a dependency that is met by name', [depends('p', '>=', '2.0'), provider], undefined],
    ['one met by what is provided', [depends('api', '>=', '2.9'), provider], undefined],
    ['one met by a provided name', [depends('flag'), provider], undefined],
    [
      'one of another version',
      [depends('api', '<<', '3.0'), provider],
      /VIB ACME_bootbank_d_1-1 requires api << 3\.0, but/,
    ],
    ['one that is missing', [depends('absent')], /requires absent, but the requirement cannot be satisfied/],
    [
      'a conflict',
      [make('c', '1-1', { relations: { conflicts: [{ name: 'p', relation: '>>', version: '1.0' }] } }), provider],
      /ACME_bootbank_c_1-1 conflicts with p >> 1\.0, which is ACME_bootbank_p_2\.0-1/,
    ],
    [
      'a conflict with what it provides itself',
      [make('c', '1-1', { relations: { conflicts: [{ name: 'x' }], provides: [{ name: 'x' }] } })],
      undefined,
    ],
    [
      'a file of two VIBs',
      [make('a', '1-1', { fileList: ['bin/x'] }), make('b', '1-1', { fileList: ['bin/x'] })],
      /file bin\/x is in VIB ACME_bootbank_a_1-1 and in VIB ACME_bootbank_b_1-1/,
    ],
    [
      'a file laid over another',
      [make('a', '1-1', { fileList: ['bin/x'] }), make('b', '1-1', { fileList: ['bin/x'], overlay: true })],
      undefined,
    ],
    ['an unknown level', [make('a', '1-1', { acceptanceLevel: 'gold' })], /unknown acceptance level "gold"/],
    [
      'a level below the host',
      [make('a', '1-1', { acceptanceLevel: 'community' })],
      /CommunitySupported, which is not compliant with the host's acceptance level PartnerSupported/,
    ],
    [
      'other hardware',
      [
        make('a', '1-1', {
          systemRequires: { maintenanceMode: false, swPlatforms: [], hwPlatforms: [{ vendor: 'HPE' }] },
        }),
      ],
      /is for other hardware than Dell R1/,
    ],
    [
      'this hardware',
      [
        make('a', '1-1', {
          systemRequires: {
            maintenanceMode: false,
            swPlatforms: [],
            hwPlatforms: [{ vendor: 'HPE' }, { vendor: 'Dell' }],
          },
        }),
      ],
      undefined,
    ],
    [
      'any model of this vendor, by an empty attribute',
      [
        make('a', '1-1', {
          systemRequires: { maintenanceMode: false, swPlatforms: [], hwPlatforms: [{ vendor: 'Dell', model: '' }] },
        }),
      ],
      undefined,
    ],
    [
      'another model, any vendor',
      [
        make('a', '1-1', {
          systemRequires: { maintenanceMode: false, swPlatforms: [], hwPlatforms: [{ vendor: '', model: 'R2' }] },
        }),
      ],
      /is for other hardware than Dell R1/,
    ],
  ])('%s', (_, vibs, refusal) => {
    if (refusal === undefined) expect(plan(...vibs).vibs.length).toBe(vibs.length);
    else {
      expect(() => plan(...vibs)).toThrow(refusal);
      expect(() => plan(...vibs)).toThrow(InputError);
    }
  });

  it('the sample images pass every check, signatures by the anchors in their own sb', async () => {
    for (const vibs of [image80, image67]) {
      const { vibs: taken, bypassed, skipped } = await planChecked(spec, vibs);
      expect(taken.length).toBe(vibs.length);
      expect({ bypassed, skipped }).toEqual({ bypassed: [], skipped: [] });
    }
  });
});

describe('signatures at installation', () => {
  const strict = (vib: Vib, bypass: ('force' | 'no-sig-check')[] = [], level = spec.acceptanceLevel) => {
    const vibs = [...image80, vib];
    return planChecked({ ...spec, acceptanceLevel: level }, vibs, { bypass });
  };
  const stripped = (vib: Vib): Vib => readVib(signVib(vib, []));
  const spoofed = stripped(make('spoof', '1-1'));
  const swapped = make('swap', '1-1');
  const damaged = readVib(new Uint8Array(buildVibWith(swapped)));

  /** The VIB with one payload byte changed. */
  function buildVibWith(vib: Vib): Uint8Array {
    const bytes = signVib(vib, partner);
    bytes[bytes.length - 6] = (bytes[bytes.length - 6] ?? 0) ^ 1;
    return bytes;
  }

  it('accepts a signed one and refuses a claim without a signature', async () => {
    expect((await strict(make('good', '1-1'))).vibs.length).toBe(image80.length + 1);
    await expect(strict(spoofed)).rejects.toThrow(
      'VIB ACME_bootbank_spoof_1-1 claims PartnerSupported, but is not signed',
    );
    await expect(strict(make('high', '1-1', { acceptanceLevel: 'certified' }))).rejects.toThrow(
      /claims VMwareCertified, but is signed for PartnerSupported/,
    );
  });

  it.each(['force', 'no-sig-check'] as const)('--%s lets it pass and leaves lines in the log', async (bypass) => {
    const done = await strict(spoofed, [bypass]);
    expect(done.bypassed.map(({ code }) => code)).toEqual(['signature']);
    const log = installLog(done, Date.parse('2026-01-01T00:00:00Z'));
    expect(log).toMatch(bypass === 'force' ? /validation disabled/ : /SECURITY ALERT/);
    expect(log).toMatch(
      /VIB ACME_bootbank_spoof_1-1 claims PartnerSupported, but is not signed \[signature, bypassed\]/,
    );
    expect(log.split('\n')[0]).toMatch(/^2026-01-01T00:00:00/);
  });

  it('nothing lets a damaged package pass, and no-sig-check does not pass a missing dependency', async () => {
    await expect(strict(damaged, ['force', 'no-sig-check'])).rejects.toThrow(/VIB ACME_bootbank_swap_1-1: swap: /);
    const needy = make('needy', '1-1', { relations: { depends: [{ name: 'absent' }] } });
    await expect(strict(needy, ['no-sig-check'])).rejects.toThrow(/requires absent/);
    expect((await strict(needy, ['force'])).bypassed.map(({ code }) => code)).toEqual(['depends']);
  });

  it('a community VIB needs no signature where the host takes its level', async () => {
    const community = stripped(make('c', '1-1', { acceptanceLevel: 'community' }));
    expect((await strict(community, [], 'CommunitySupported')).bypassed).toEqual([]);
  });
});

describe('installImage', () => {
  it('gives the same disk whatever the order of the VIBs, and the disk of loadImage', () => {
    const disk = installImage(spec, image80);
    expect([...installImage(spec, image80.toReversed()).bootbank]).toEqual([...disk.bootbank]);
    expect([...loadImage(spec).bootbank.keys()]).toEqual([...disk.bootbank.keys()]);
  });

  it('has no image without the base system', () => {
    expect(() => installImage(spec, [make('a', '1-1')])).toThrow(/no VIB esx-base with the kernel payload b/);
  });
});
