import { describe, expect, it } from 'vitest';
import { BANKS, digestsOf, sampleLog } from '../../test/support/sample-log.ts';
import { ByteWriter, FormatError, fromHex, toHex, utf8 } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import * as log from './index.ts';

const { EV } = log;

describe('event log writer', () => {
  it('writes the Spec ID header of a SHA-1 and SHA-256 log (facts, chapter 20)', () => {
    const event = log.specIdEvent({ algorithms: BANKS, platformClass: 0 });
    expect(toHex(log.encodeSpecId(event))).toBe(
      '53706563204944204576656e743033000000000000020002020000000400140' + '00b00200000',
    );
  });

  it('writes a module event (facts, chapter 20)', () => {
    const w = new log.EventLogWriter({ algorithms: ['sha256'] });
    const start = w.length;
    w.append({
      pcr: 12,
      type: EV.EVENT_TAG,
      digests: [{ alg: 'sha256', digest: hash('sha256', utf8('abc')) }],
      data: log.encodeEsxiEvent({ kind: 'module', name: 's.v00' }),
    });
    expect(toHex(w.bytes().subarray(start))).toBe(
      '0c00000006000000010000000b00ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' +
        '0e0000000200000006000000732e76303000',
    );
  });

  it('refuses a record that leaves out a bank or has a digest of another size', () => {
    const w = new log.EventLogWriter({ algorithms: BANKS });
    const record = { pcr: 0, type: EV.ACTION, data: utf8('x') };
    expect(() => w.append({ ...record, digests: digestsOf(utf8('x')).slice(1) })).toThrow(TypeError);
    const short = [{ alg: 'sha1', digest: new Uint8Array(19) } as const, ...digestsOf(utf8('x')).slice(1)];
    expect(() => w.append({ ...record, digests: short })).toThrow(TypeError);
  });

  it('writes the SHA-1 format without a header', () => {
    const w = new log.EventLogWriter({ algorithms: ['sha1'], format: 'sha1' });
    const data = log.encodeSeparator();
    w.append({ pcr: 4, type: EV.SEPARATOR, digests: [{ alg: 'sha1', digest: hash('sha1', data) }], data });
    expect(toHex(w.bytes())).toBe('0400000004000000' + '9069ca78e7450a285173431b3e52c5c25299e473' + '0400000000000000');
    const parsed = log.parseEventLog(w.bytes());
    expect(parsed.format).toBe('sha1');
    expect(toHex(log.replayEventLog(parsed).banks.get('sha1')?.[4]?.value ?? new Uint8Array(0))).toBe(
      'b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236',
    );
  });
});

describe('event data', () => {
  const variable = (name: string, guid: string, data: string) =>
    log.encodeVariable({ guid, name, data: fromHex(data) });
  it.each([
    ['SecureBoot', log.EFI_GLOBAL_VARIABLE, '01', 'ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e'],
    ['SecureBoot', log.EFI_GLOBAL_VARIABLE, '00', '115aa827dbccfb44d216ad9ecfda56bdea620b860a94bed5b7a27bba1c4d02d8'],
    ['PK', log.EFI_GLOBAL_VARIABLE, '', 'dea7b80ab53a3daaa24d5cc46c64e1fa9ffd03739f90aadbd8c0867c4a5b4890'],
    ['KEK', log.EFI_GLOBAL_VARIABLE, '', 'e670e121fcebd473b8bc41bb801301fc1d9afa33904f06f7149b74f12c47a68f'],
    ['db', log.EFI_IMAGE_SECURITY_DATABASE, '', 'baf89a3ccace52750c5f0128351e0422a41597a1adfd50822aa363b9d124ea7c'],
    ['dbx', log.EFI_IMAGE_SECURITY_DATABASE, '', '9f75b6823bff6af1024a4e2036719cdd548d3cbc2bf1de8e7ef4d0ed01f94bf9'],
  ])(
    'hashes the event of variable %s with value "%s" as real firmware does (facts, chapter 20)',
    (name, guid, data, digest) => {
      expect(toHex(hash('sha256', variable(name, guid, data)))).toBe(digest);
    },
  );

  it.each([
    [log.ACTION.CALLING_EFI_APPLICATION, '3d6772b4f84ed47595d72a2c4c5ffd15f5bb72c7507fe26f2aaee2c69d5633ba'],
    [log.ACTION.EXIT_BOOT_SERVICES_INVOCATION, 'd8043d6b7b85ad358eb3b6ae6a873ab7ef23a26352c5dc4faa5aeedacf5eb41b'],
    [log.ACTION.EXIT_BOOT_SERVICES_SUCCESS, 'b54f7542cbd872a81a9d9dea839b2b8d747c7ebd5ea6615c40f42f44a6dbeba0'],
  ])('hashes the action "%s" as real firmware does (facts, chapter 20)', (text, digest) => {
    expect(toHex(hash('sha256', log.encodeAction(text)))).toBe(digest);
  });

  it.each([
    ['execInstalledOnly', false, 'f0e0032641b9438941346480ae1564eee57ab378abb155c7cd49dbdd770d55af'],
    ['execInstalledOnly', true, '448110ff700ad707c44128873586c79884384d25dc954b29f4815742f0d1cb1b'],
    ['uefiSecureBootEnabled', true, 'f0ae8cb4bb9a16ddc90443ccad01fbe5739250e5eaae1d6f06f4f6bb7af10acb'],
    ['uefiSecureBootEnabled', false, 'bd023acb9f2ecdbaf11a3aed4513fa598e5b9eeba3bc5440916d1b2af10c45eb'],
  ])('hashes the security option %s = %s as real hosts do (facts, 12.2)', (key, value, digest) => {
    const text = log.securityOptionText(key, value);
    expect(toHex(hash('sha256', log.esxiTaggedData({ kind: 'securityOption', text })))).toBe(digest);
  });

  it('hashes "Boot Complete" and command lines as real hosts do (facts, chapter 20)', () => {
    expect(toHex(hash('sha256', log.esxiTaggedData({ kind: 'bootComplete' })))).toBe(
      '3c3c02fc92bb82d126b7333dddd788a3a64d27b01ac7e46787a5176e5b401281',
    );
    const text =
      '/b.b00 vmbTrustedBoot=true tboot=0x0x101a000 no-auto-partition bootUUID=772753050c0a140bdfbf92e306b9793d';
    expect(toHex(hash('sha1', log.esxiTaggedData({ kind: 'commandLine', text })))).toBe(
      '2213253cbdf7a0d8b3709e971e6beb7ea6a81a92',
    );
  });

  it('gives back what was encoded, for every ESXi event', () => {
    const events: log.EsxiEvent[] = [
      { kind: 'module', name: 'net_bnx2.v00' },
      { kind: 'bootOptions', name: 'useropts.gz' },
      { kind: 'commandLine', text: '/b.b00 bootUUID=00 ünï' },
      { kind: 'assetTag', tag: fromHex('00ff') },
      { kind: 'signer', certificate: fromHex('3000') },
      { kind: 'securityOption', text: 'execInstalledOnly = TRUE' },
      { kind: 'bootComplete' },
    ];
    for (const event of events) {
      const decoded = log.decodeEventData(EV.EVENT_TAG, log.encodeEsxiEvent(event));
      expect(decoded).toMatchObject({ kind: 'tagged', esxi: event });
    }
  });

  it('takes a version record with ranges outside of it as unreadable (version-record-hostile)', () => {
    const record = new ByteWriter('little').u32(32).u32(1).u64(0).u16(32).u16(0xffff).fill(12).finish();
    const decoded = log.decodeEventData(EV.EVENT_TAG, log.encodeTagged(log.ESXI_TAG.VERSION, record));
    expect(decoded.kind).toBe('invalid');
  });

  it.each([
    [EV.SEPARATOR, '0000'],
    [EV.EVENT_TAG, '02000000ffffffff61'],
    [EV.EFI_VARIABLE_DRIVER_CONFIG, `${'00'.repeat(16)}ffffffffffffffff0000000000000000`],
    [EV.EFI_GPT_EVENT, `${'00'.repeat(92)}ffffffff00000000`],
    [EV.EFI_HANDOFF_TABLES, 'ffffffffffffffff'],
    [EV.EFI_BOOT_SERVICES_APPLICATION, '00'.repeat(31)],
  ])('keeps data that type 0x%s does not allow as a value with the reason', (type, data) => {
    const decoded = log.decodeEventData(type, fromHex(data), 100);
    expect(decoded.kind).toBe('invalid');
    if (decoded.kind === 'invalid') expect(decoded.why.offset).toBeGreaterThanOrEqual(100);
  });
});

describe('TXT launch', () => {
  const inputs: log.TxtLaunchInputs = {
    sinitAcm: utf8('acm'),
    edxSenterFlags: 0,
    biosAcmRegistration: utf8('bios'),
    processorScrtmStatus: 1,
    lcpPolicyControl: 0,
    lcpDetails: undefined,
    lcpAuthorities: undefined,
    stm: undefined,
    osSinitCapabilities: 0x221,
    mle: utf8('mle'),
    nvInfo: utf8('nv'),
    sinitPublicKey: utf8('key'),
  };

  it('measures the values that a real 6.7 host reports (facts, 11.1)', () => {
    const events = log.txtLaunchEvents(inputs).map((e) => [e.pcr, e.type, toHex(hash('sha256', e.preimage))] as const);
    expect(events.map(([pcr]) => pcr)).toEqual([17, 17, 17, 17, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18]);
    const digest = (pcr: number, type: number) => events.find((e) => e[0] === pcr && e[1] === type)?.[2];
    const zero = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';
    expect(digest(17, EV.TXT_CPU_SCRTM_STAT)).toBe('67abdd721024f0ff4e0b3f4c2fc13bc5bad42d0b7851d456d88d203d15aaa450');
    expect(digest(17, EV.TXT_LCP_CONTROL_HASH)).toBe(
      'df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119',
    );
    expect(digest(17, EV.TXT_LCP_DETAILS_HASH)).toBe(zero);
    expect(digest(17, EV.TXT_STM_HASH)).toBe(zero);
    expect(digest(18, EV.TXT_LCP_AUTHORITIES_HASH)).toBe(zero);
    expect(digest(18, EV.TXT_OSSINITDATA_CAP_HASH)).toBe(
      '87e44776d6916f7ab2e80aaa0320138009b6efe7dbfdf733eb55166ef969346e',
    );
    const linux = log.txtLaunchEvents({ ...inputs, osSinitCapabilities: 0x201 });
    const capabilities = linux.find((e) => e.type === EV.TXT_OSSINITDATA_CAP_HASH);
    expect(toHex(hash('sha256', capabilities?.preimage ?? new Uint8Array(0)))).toBe(
      'd81fe96dc500bc43e1cd5800bef9d72b3d030bdb7e860e10c522e4246b30bd93',
    );
  });

  it('starts PCR 17 to 22 at zero after a launch and at all ones without one', () => {
    const w = new log.EventLogWriter({ algorithms: ['sha256'] });
    for (const { pcr, type, preimage, data } of log.txtLaunchEvents(inputs)) {
      w.append({ pcr, type, digests: [{ alg: 'sha256', digest: hash('sha256', preimage) }], data });
    }
    const launched = log.replayEventLog(log.parseEventLog(w.bytes()));
    expect(launched.drtm).toBe(true);
    expect(toHex(launched.banks.get('sha256')?.[19]?.value ?? new Uint8Array(0))).toBe('00'.repeat(32));
    const without = log.replayEventLog(log.parseEventLog(sampleLog()));
    expect(toHex(without.banks.get('sha256')?.[17]?.value ?? new Uint8Array(0))).toBe('ff'.repeat(32));
    expect(without.banks.get('sha256')?.[17]?.events).toBe(0);
  });
});

describe('replay', () => {
  const value = (events: log.EventRecord[], pcr: number) => {
    const replay = log.replayEvents(events, ['sha256']);
    return toHex(replay.banks.get('sha256')?.[pcr]?.value ?? new Uint8Array(0));
  };
  const record = (pcr: number, type: number, data: Uint8Array, hashed = data): log.EventRecord => ({
    pcr,
    type,
    digests: new Map([['sha256', hash('sha256', hashed)]]),
    data,
  });

  it('gives the published values (facts, chapters 7 and 20)', () => {
    expect(value([record(3, EV.SEPARATOR, log.encodeSeparator())], 3)).toBe(
      '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969',
    );
    expect(value([record(12, EV.EVENT_TAG, new Uint8Array(0), utf8('abc'))], 12)).toBe(
      '589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d',
    );
    const text = '/b.b00 bootUUID=00112233445566778899aabbccddeeff';
    expect(value([record(14, EV.EVENT_TAG, new Uint8Array(0), utf8(text))], 14)).toBe(
      '1adb7d75bdf19b75d5f1e95c623c38516e212aaf25680441dc5747750571c332',
    );
  });

  it('starts PCR 0 at the startup locality, once and only before its first event (evt-startup-locality)', () => {
    const locality = (n: number, pcr = 0) => record(pcr, EV.NO_ACTION, log.encodeStartupLocality(n));
    expect(value([locality(3)], 0)).toBe(`${'00'.repeat(31)}03`);
    expect(value([locality(4), locality(3)], 0)).toBe(`${'00'.repeat(31)}04`);
    expect(value([locality(3, 1)], 0)).toBe('00'.repeat(32));
    expect(value([locality(9)], 0)).toBe('00'.repeat(32));
    const action = record(0, EV.ACTION, utf8('x'));
    expect(value([action, locality(3)], 0)).toBe(value([action], 0));
    expect(log.replayEvents([action, locality(3)], ['sha256']).notes).toHaveLength(1);
  });

  it('never extends EV_NO_ACTION (evt-noaction-extended)', () => {
    expect(value([record(5, EV.NO_ACTION, utf8('anything'))], 5)).toBe('00'.repeat(32));
  });

  it('names the PCRs that disagree, and a bank that the log does not carry', () => {
    const replay = log.replayEvents([record(1, EV.ACTION, utf8('x'))], ['sha256']);
    const zero = new Uint8Array(32);
    const mismatches = log.comparePcrs(
      replay,
      new Map<log.LogAlgorithm, Map<number, Uint8Array>>([
        [
          'sha256',
          new Map([
            [0, zero],
            [1, zero],
          ]),
        ],
        ['sha1', new Map([[0, new Uint8Array(20)]])],
      ]),
    );
    expect(mismatches.map((m) => [m.bank, m.pcr, m.events, m.replayed === undefined])).toEqual([
      ['sha256', 1, 1, false],
      ['sha1', 0, 0, true],
    ]);
  });

  it('may compare only the PCRs that the log extends', () => {
    const replay = log.replayEvents([record(1, EV.ACTION, utf8('x'))], ['sha256']);
    const pcrs = new Map([
      [
        'sha256',
        new Map([
          [1, new Uint8Array(32)],
          [17, new Uint8Array(32)],
        ]),
      ],
    ] as const);
    expect(log.comparePcrs(replay, pcrs).map((m) => m.pcr)).toEqual([1, 17]);
    expect(log.comparePcrs(replay, pcrs, { onlyLogged: true }).map((m) => m.pcr)).toEqual([1]);
  });

  it('reads pcrs.json strictly, and what it prints itself', () => {
    const replay = log.replayEventLog(log.parseEventLog(sampleLog()));
    const printed = log.parsePcrsJson(utf8(JSON.stringify(log.replayJson(replay))));
    expect(log.comparePcrs(replay, printed)).toEqual([]);
    for (const bad of [
      '',
      '[]',
      '{"md5":{}}',
      '{"sha256":[]}',
      '{"sha256":{"24":""}}',
      '{"sha256":{"0":"ab"}}',
      '{"sha256":{"0":1}}',
    ]) {
      expect(() => log.parsePcrsJson(utf8(bad)), bad).toThrow(FormatError);
    }
    expect(() => log.parsePcrsJson(utf8('['.repeat(100_000)))).toThrow(FormatError);
  });

  it('prints as JSON for machines', () => {
    expect(JSON.stringify(log.eventLogJson(log.parseEventLog(sampleLog())))).toContain('module \\"s.v00\\"');
    const json = log.replayJson(log.replayEventLog(log.parseEventLog(sampleLog())));
    expect(Object.keys(json.pcrs)).toEqual(['sha1', 'sha256']);
    expect(json.pcrs.sha256?.['12']).toBe('589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d');
  });
});
