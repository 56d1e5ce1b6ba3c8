/** Version record, module information, key table, file names. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { buildKeyTable, parseKeyTable } from './key-table.ts';
import { buildModInfo, buildRequiredNamespaces, parseModInfo, parseRequiredNamespaces } from './modinfo.ts';
import { bootbankName, bootOrder, splitModuleName } from './module-names.ts';
import { appendModulePath, buildVersionRecord, parseVersionRecord } from './version-record.ts';

const onlyInputErrors = (parse: (bytes: Uint8Array) => unknown, good: Uint8Array) =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat(), (changes, cut) => {
      const bad = good.slice(0, cut % (good.length + 1));
      for (const [at, value] of changes) if (bad.length > 0) bad[at % bad.length] = value;
      try {
        parse(bad);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
  );

describe('version record', () => {
  const section = buildVersionRecord({ componentName: 'k', productName: 'VMware ESXi', productVersion: '8.0.3' });

  it('has the layout of the facts (§4.3)', () => {
    // 32 bytes of header, then "k\0", "VMware ESXi\0", "8.0.3\0".
    expect(toHex(section.subarray(0, 32))).toBe(
      '34000000' + '01000000' + '0000000000000000' + '20000200' + '22000c00' + '2e000600' + '00000000',
    );
    expect(fromUtf8(section.subarray(32))).toBe('k\0VMware ESXi\x008.0.3\0');
  });

  it('is measured with the full path appended', () => {
    const record = appendModulePath(section, '/k.b00');
    expect(record.length).toBe(52 + 7);
    expect(parseVersionRecord(record)).toMatchObject({
      totalSize: 59,
      fileName: '/k.b00',
      productVersion: '8.0.3',
      findings: [],
    });
    expect(toHex(record.subarray(28, 32))).toBe('34000700');
  });

  it('uses only the first record of the section', () => {
    const two = new Uint8Array([...section, ...section]);
    expect(appendModulePath(two, '/k.b00')).toEqual(appendModulePath(section, '/k.b00'));
  });

  it('reports offsets that mboot does not check', () => {
    const bad = section.slice();
    bad.set(fromHex('ffff0200'), 16);
    bad.set(fromHex('04000800'), 20);
    const { findings, componentName } = parseVersionRecord(bad);
    expect(findings.map(({ field }) => field)).toEqual(['componentName', 'productName']);
    expect(componentName).toBe('');
  });

  it('refuses format version 0 and a total size beyond the section', () => {
    const zero = section.slice();
    zero[4] = 0;
    expect(() => parseVersionRecord(zero)).toThrow(/formatVersion/);
    expect(() => parseVersionRecord(section.subarray(0, 40))).toThrow(/totalSize/);
    onlyInputErrors(parseVersionRecord, section);
  });
});

describe('module information', () => {
  it('pads each string with NULs to eight bytes', () => {
    const bytes = buildModInfo([
      ['version', '1.0'],
      ['license', 'MIT'],
    ]);
    expect(fromUtf8(bytes)).toBe('version=1.0\0\0\0\0\0license=MIT\0\0\0\0\0');
    expect(parseModInfo(bytes)).toEqual([
      ['version', '1.0'],
      ['license', 'MIT'],
    ]);
  });

  it('reads required namespaces', () => {
    const names = ['com.vmware.vmkapi#v2_6_0_0', 'com.example#1'];
    expect(parseRequiredNamespaces(buildRequiredNamespaces(names))).toEqual(names);
    expect(() => parseModInfo(utf8('version=1'))).toThrow(/NUL/);
    onlyInputErrors(parseModInfo, buildModInfo([['a', 'b']]));
  });
});

describe('key table', () => {
  const keys = [
    { keyId: 'esxsim_test67', digest: 'sha512', certificate: fromHex('3003020101') },
    { keyId: 'x', digest: 'sha256', certificate: fromHex('30030201020000') },
  ] as const;

  it('has the documented layout', () => {
    const bytes = buildKeyTable(keys.slice(0, 1));
    expect(fromUtf8(bytes.subarray(0, 8))).toBe('VMKEYTAB');
    expect(toHex(bytes.subarray(8, 16))).toBe('0100000001000000');
    expect(toHex(bytes.subarray(32, 45))).toBe('0d000000050000003003020101');
    expect(bytes.length % 8).toBe(0);
  });

  it('reads back, padding after it ignored', () => {
    const bytes = buildKeyTable(keys);
    expect(parseKeyTable(new Uint8Array([...bytes, ...new Uint8Array(100)]))).toEqual(keys);
    onlyInputErrors(parseKeyTable, bytes);
    const many = bytes.slice();
    many[14] = 1;
    expect(() => parseKeyTable(many)).toThrow(/count/);
  });
});

describe('bootbank names (facts §12.3)', () => {
  it.each([
    ['net-bnx2', 'vgz', 'net_bnx2.v00'],
    ['elx-esx-libelxima.so', 'vgz', 'elx_esx_.v00'],
    ['vmware-esx-esxcli-nvme-plugin', 'vgz', 'vmware_e.v00'],
    ['lsu-hp-hpsa-plugin', 'vgz', 'lsu_hp_h.v00'],
    ['weaselin', 'tgz', 'weaselin.t00'],
    ['btldr', 'tgz', 'btldr.t00'],
    ['b', 'boot', 'b.b00'],
    ['k', 'boot', 'k.b00'],
    ['jumpstrt.gz', 'boot', 'jumpstrt.gz'],
    ['imgdb.tgz', 'tgz', 'imgdb.tgz'],
  ])('%s (%s) is %s', (name, type, expected) => {
    expect(bootbankName({ name, type }, new Set())).toBe(expected);
  });

  it('counts collisions in list order', () => {
    const used = new Set<string>();
    const names = ['ipmi-ipmi-devintf', 'ipmi-ipmi-msghandler', 'ipmi-ipmi-si-drv', 'nvmxnet3-ens', 'nvmxnet3'];
    expect(names.map((name) => bootbankName({ name, type: 'vgz' }, used))).toEqual([
      'ipmi_ipm.v00',
      'ipmi_ipm.v01',
      'ipmi_ipm.v02',
      'nvmxnet3.v00',
      'nvmxnet3.v01',
    ]);
  });

  it('gives up with an InputError after a hundred', () => {
    const used = new Set<string>();
    for (let n = 0; n < 100; n++) bootbankName({ name: 'driver', type: 'vgz' }, used);
    expect(() => bootbankName({ name: 'driver', type: 'vgz' }, used)).toThrow(InputError);
  });

  it('orders early payloads, then VIB ids in ASCII order, then late ones', () => {
    const payload = (id: string, vibName: string, name: string) => ({
      vibId: id,
      vibName,
      overlay: false,
      payload: { name, type: 'vgz' },
    });
    const list = [
      payload('VMware_bootbank_esx-xserver_1', 'esx-xserver', 'xorg'),
      payload('VMware_bootbank_gc_1', 'gc', 'gc'),
      payload('VMW_bootbank_nvmxnet3_1', 'nvmxnet3', 'nvmxnet3'),
      payload('VMW_bootbank_nvmxnet3-ens_1', 'nvmxnet3-ens', 'nvmxnet3-ens'),
      payload('VMW_bootbank_lsi-msgpt3_17', 'lsi-msgpt3', 'lsi-msgpt3'),
      payload('VMW_bootbank_lsi-msgpt35_1', 'lsi-msgpt35', 'lsi-msgpt35'),
      payload('VMW_bootbank_lsi-msgpt2_20', 'lsi-msgpt2', 'lsi-msgpt2'),
      payload('VMware_bootbank_vsanhealth_1', 'vsanhealth', 'vsanmgmt'),
      payload('VMware_bootbank_vsanhealth_1', 'vsanhealth', 'vsanheal'),
      payload('VMware_bootbank_esx-base_1', 'esx-base', 's'),
      payload('VMware_bootbank_esx-base_1', 'esx-base', 'k'),
      payload('VMware_bootbank_esx-base_1', 'esx-base', 'b'),
      payload('OTHER_bootbank_k_1', 'k', 'k'),
    ];
    expect(bootOrder(list, '6.7').map(({ vibName, payload: { name } }) => `${vibName}/${name}`)).toEqual([
      'esx-base/b',
      'esx-base/k',
      'esx-base/s',
      'k/k',
      'lsi-msgpt2/lsi-msgpt2',
      'lsi-msgpt35/lsi-msgpt35',
      'lsi-msgpt3/lsi-msgpt3',
      'nvmxnet3-ens/nvmxnet3-ens',
      'nvmxnet3/nvmxnet3',
      'vsanhealth/vsanheal',
      'vsanhealth/vsanmgmt',
      'esx-xserver/xorg',
      'gc/gc',
    ]);
  });

  // Attributes of the payloads in the descriptors of esx-base and cpu-microcode of ESXi 7.0.0 build 15843807, as the image database
  // of an installed host has them; the order is that of the boot.cfg of 7.0 media.
  it('takes name and place from the descriptors', () => {
    const base =
      'b 10,k 50,jumpstrt 47 jumpstrt.gz,useropts 48 useropts.gz,features 49 features.gz,procfs 99,s 100,sb 100';
    const of = (vibName: string, text: string) =>
      text.split(',').map((item) => {
        const [name = '', order, file] = item.split(' ');
        const attributes = {
          ...(order === undefined ? {} : { 'boot-order': order }),
          ...(file === undefined ? {} : { 'vfat-name': file }),
        };
        const type = /^(s|sb|tpm|vim|vmx|btldr|bnxtnet)$/.test(name) ? 'vgz' : 'boot';
        return {
          vibId: `VMware_bootbank_${vibName}_7`,
          vibName,
          overlay: vibName === 'a-overlay',
          payload: { name, type, attributes },
        };
      });
    const list = [
      ...of('esx-base', `${base},tpm 100,vim 100,vmx 100,btldr`),
      ...of('cpu-microcode', 'uc_amd 52,uc_hygon 52,uc_intel 51'),
      ...of('a-overlay', 'over'),
      ...of('bnxtnet', 'bnxtnet'),
    ];
    const used = new Set<string>();
    expect(bootOrder(list, '8.0').map(({ payload }) => bootbankName(payload, used))).toEqual(
      'b.b00 jumpstrt.gz useropts.gz features.gz k.b00 uc_intel.b00 uc_amd.b00 uc_hygon.b00 procfs.b00 vmx.v00 vim.v00 tpm.v00 sb.v00 s.v00 bnxtnet.v00 btldr.v00 over.b00'.split(
        ' ',
      ),
    );
  });

  it.each([
    ['../up.gz', 'stage.v00'],
    ['LONGER_THAN_EIGHT.gz', 'stage.v00'],
    ['UPPER.GZ', 'upper.gz'],
    ['', 'stage.v00'],
  ])('a vfat-name of %j gives %s', (vfat, expected) => {
    expect(bootbankName({ name: 'stage', type: 'vgz', attributes: { 'vfat-name': vfat } }, new Set())).toBe(expected);
  });

  it('splits names as mboot does', () => {
    expect(splitModuleName('/altbank/k.b00')).toEqual({ base: 'k.b00', stem: 'k', extension: 'b00' });
    expect(splitModuleName('a.b.gz')).toEqual({ base: 'a.b.gz', stem: 'a.b', extension: 'gz' });
    expect(splitModuleName('plain')).toEqual({ base: 'plain', stem: 'plain', extension: '' });
  });
});
