/** GUIDs, signature databases, device paths, boot options, GPT. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { primitives } from '#primitives';
import { concat, fromHex, toHex, utf8, utf16le } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { hash } from '../crypto/hash.ts';
import { buildDevicePath, type DevicePathNode, devicePathText, PCI_ROOT_HID, parseDevicePath } from './device-path.ts';
import { buildGpt, gptEvent, PARTITION_TYPE, parseGptEvent } from './gpt.ts';
import { GLOBAL_VARIABLE_GUID, guid, guidText, IMAGE_SECURITY_GUID } from './guid.ts';
import {
  bootOptionName,
  buildBootOrder,
  buildLoadOption,
  LOAD_OPTION_ACTIVE,
  parseBootOrder,
  parseLoadOption,
} from './load-option.ts';
import {
  buildSignatureDatabase,
  CERT_SHA256_GUID,
  certificateDatabase,
  digestDatabase,
  parseSignatureDatabase,
  signatureKind,
} from './signature-list.ts';

function onlyInputErrors(parse: (bytes: Uint8Array) => unknown, good: Uint8Array): void {
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
}

describe('GUID', () => {
  it('stores the first three groups little-endian (UEFI 2.10, appendix A)', () => {
    expect(toHex(GLOBAL_VARIABLE_GUID)).toBe('61dfe48bca93d211aa0d00e098032b8c');
    expect(guidText(IMAGE_SECURITY_GUID)).toBe('d719b2cb-3d3a-4596-a3bc-dad00e67656f');
    expect(() => guid('d719b2cb')).toThrow(InputError);
  });

  // Digests of PCR 7 events with empty data and of SecureBoot = 0 and 1: facts, esxi-measured-boot §20.
  it.each([
    ['SecureBoot', GLOBAL_VARIABLE_GUID, '01', 'ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e'],
    ['SecureBoot', GLOBAL_VARIABLE_GUID, '00', '115aa827dbccfb44d216ad9ecfda56bdea620b860a94bed5b7a27bba1c4d02d8'],
    ['PK', GLOBAL_VARIABLE_GUID, '', 'dea7b80ab53a3daaa24d5cc46c64e1fa9ffd03739f90aadbd8c0867c4a5b4890'],
    ['KEK', GLOBAL_VARIABLE_GUID, '', 'e670e121fcebd473b8bc41bb801301fc1d9afa33904f06f7149b74f12c47a68f'],
    ['db', IMAGE_SECURITY_GUID, '', 'baf89a3ccace52750c5f0128351e0422a41597a1adfd50822aa363b9d124ea7c'],
    ['dbx', IMAGE_SECURITY_GUID, '', '9f75b6823bff6af1024a4e2036719cdd548d3cbc2bf1de8e7ef4d0ed01f94bf9'],
  ])('belongs to variable %s', (name, owner, data, digest) => {
    const bytes = fromHex(data);
    const sizes = new ByteWriter('little').u64(name.length).u64(bytes.length).finish();
    expect(toHex(hash('sha256', concat(owner, sizes, utf16le(name), bytes)))).toBe(digest);
  });
});

describe('signature database', () => {
  const owner = guid('00112233-4455-6677-8899-aabbccddeeff');
  const certificates = [fromHex('3001ff'), fromHex('300102030405')];

  it('writes one list per certificate (UEFI 2.10, 32.4.1)', () => {
    const bytes = certificateDatabase(owner, certificates.slice(0, 1));
    expect(toHex(bytes)).toBe(
      'a159c0a5e494a74a87b5ab155c2bf072' +
        '2f000000' +
        '00000000' +
        '13000000' +
        '33221100554477668899aabbccddeeff' +
        '3001ff',
    );
  });

  it('reads certificates and digests with their owner', () => {
    const digests = [hash('sha256', utf8('a')), hash('sha256', utf8('b'))];
    const bytes = concat(certificateDatabase(owner, certificates), digestDatabase(owner, digests));
    const entries = parseSignatureDatabase(bytes);
    expect(entries.map(signatureKind)).toEqual(['x509', 'x509', 'sha256', 'sha256']);
    expect(entries.map(({ data }) => data)).toEqual([...certificates, ...digests]);
    expect(entries[1]?.raw).toEqual(concat(owner, fromHex('300102030405')));
    expect(parseSignatureDatabase(new Uint8Array(0))).toEqual([]);
    expect(digestDatabase(owner, [])).toEqual(new Uint8Array(0));
    onlyInputErrors(parseSignatureDatabase, bytes);
  });

  it('refuses lists whose sizes contradict each other', () => {
    const bytes = digestDatabase(owner, [hash('sha256', utf8('a'))]);
    const withField = (at: number, value: number) => {
      const bad = bytes.slice();
      new DataView(bad.buffer).setUint32(at, value, true);
      return () => parseSignatureDatabase(bad);
    };
    expect(withField(16, 20)).toThrow(/SignatureListSize/);
    expect(withField(16, 0xffffffff)).toThrow(InputError);
    expect(withField(24, 16)).toThrow(/SignatureSize/);
    expect(withField(24, 47)).toThrow(/SignatureSize/);
    const uneven = [
      { owner, data: fromHex('00') },
      { owner, data: fromHex('0000') },
    ];
    expect(() => buildSignatureDatabase([{ type: CERT_SHA256_GUID, entries: uneven }])).toThrow(RangeError);
  });
});

const path: DevicePathNode[] = [
  { kind: 'acpi', hid: PCI_ROOT_HID, uid: 0 },
  { kind: 'pci', device: 0x1f, function: 2 },
  { kind: 'sata', port: 0, multiplier: 0xffff, lun: 0 },
  {
    kind: 'hard-drive',
    partition: 1,
    start: 64n,
    size: 204800n,
    signature: guid('12345678-9abc-def0-1122-334455667788'),
    format: 'gpt',
  },
  { kind: 'file', path: '\\EFI\\BOOT\\BOOTX64.EFI' },
];

describe('device path', () => {
  it('has the bytes of the specification (UEFI 2.10, 10.3)', () => {
    const hex = toHex(buildDevicePath(path));
    expect(
      hex.startsWith('02010c00d041030a00000000' + '01010600021f' + '03120a000000ffff0000' + '04012a0001000000'),
    ).toBe(true);
    expect(hex.endsWith('460049000000' + '7fff0400')).toBe(true);
  });

  it('reads back and prints', () => {
    const bytes = buildDevicePath(path);
    expect(parseDevicePath(bytes)).toEqual(path);
    expect(devicePathText(path)).toBe(
      'PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)/HD(1,GPT,12345678-9ABC-DEF0-1122-334455667788,0x40,0x32000)/\\EFI\\BOOT\\BOOTX64.EFI',
    );
    onlyInputErrors((bad) => devicePathText(parseDevicePath(bad)), bytes);
  });

  it('keeps nodes it does not know', () => {
    const bytes = fromHex('03630600abcd7fff0400');
    const nodes = parseDevicePath(bytes);
    expect(devicePathText(nodes)).toBe('Path(3,99,ABCD)');
    expect(buildDevicePath(nodes)).toEqual(bytes);
  });

  it.each([
    ['node shorter than its header', '010103007fff0400', /Length/],
    ['no end node', '010106000100', /Type/],
    ['node with bytes left over', '01010700001f007fff0400', /left over/],
    ['bytes after the end', '7fff040000', /left over/],
  ])('refuses a %s', (_, hex, message) => {
    expect(() => parseDevicePath(fromHex(hex))).toThrow(message);
  });
});

describe('boot option', () => {
  const option = { attributes: LOAD_OPTION_ACTIVE, description: 'VMware ESXi', path, optionalData: fromHex('0102') };

  it('reads back what it writes', () => {
    const bytes = buildLoadOption(option);
    expect(parseLoadOption(bytes)).toEqual(option);
    expect(new DataView(bytes.buffer).getUint16(4, true)).toBe(buildDevicePath(path).length);
    onlyInputErrors(parseLoadOption, bytes);
  });

  it('names options with four upper-case digits', () => {
    expect(bootOptionName(0x1a)).toBe('Boot001A');
    expect(parseBootOrder(buildBootOrder([0, 0x1a]))).toEqual([0, 0x1a]);
    expect(() => parseBootOrder(fromHex('000001'))).toThrow(InputError);
  });
});

describe('GPT', () => {
  const gpt = {
    diskId: guid('00112233-4455-6677-8899-aabbccddeeff'),
    blocks: 0x2000000n,
    partitions: [
      {
        type: PARTITION_TYPE.efiSystem,
        id: guid('12345678-9abc-def0-1122-334455667788'),
        first: 64n,
        last: 8191n,
        name: 'BOOT',
      },
      {
        type: PARTITION_TYPE.basicData,
        id: guid('22345678-9abc-def0-1122-334455667788'),
        first: 8224n,
        last: 99999n,
        name: 'BOOTBANK1',
      },
    ],
  };

  it('has the CRC-32 of the check value in every CRC catalogue', () => {
    expect(primitives.crc32(utf8('123456789'))).toBe(0xcbf43926);
  });

  it('has a header of 92 bytes with both CRCs (UEFI 2.10, 5.3.2)', () => {
    const { header, entries } = buildGpt(gpt);
    const view = new DataView(header.buffer);
    expect([header.length, entries.length]).toEqual([92, 128 * 128]);
    expect(view.getUint32(88, true)).toBe(primitives.crc32(entries));
    const stated = view.getUint32(16, true);
    view.setUint32(16, 0, true);
    expect(primitives.crc32(header)).toBe(stated);
  });

  it('is measured as header, count and used entries', () => {
    const bytes = gptEvent(gpt);
    expect(bytes.length).toBe(92 + 8 + 2 * 128);
    const event = parseGptEvent(bytes);
    expect(event).toMatchObject({ diskId: gpt.diskId, headerCrcOk: true });
    expect(event.partitions.map(({ name, last }) => [name, last])).toEqual([
      ['BOOT', 8191n],
      ['BOOTBANK1', 99999n],
    ]);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    expect(parseGptEvent(bytes).headerCrcOk).toBe(false);
    onlyInputErrors(parseGptEvent, bytes);
  });
});
