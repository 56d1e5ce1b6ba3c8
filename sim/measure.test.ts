/** The one path, against digests computed by others (shared facts §20, recomputed there by script). */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../src/bytes/bytes.ts';
import { EventLogWriter, parseEventLog } from '../src/eventlog/index.ts';
import { COMMANDS, TPM_SU, Tpm2Client } from '../src/tpm2/index.ts';
import { measureEsxi } from './boot/esxi-measurer.ts';
import { measureModule, moduleTarget } from './boot/mboot-measure.ts';
import { readModule } from './boot/modules.ts';
import { VirtualClock } from './clock.ts';
import { Entropy } from './entropy.ts';
import { Measurer } from './measure.ts';
import { readPcrs } from './pcrs.ts';
import { embeddedTransport } from './tpm/embedded.ts';
import { measureBootComplete, measureSecurityOptions } from './vmkernel/measure.ts';

async function setUp() {
  const transport = embeddedTransport({
    entropy: new Entropy('measure').stream('tpm'),
    clock: new VirtualClock(),
    config: { banks: ['sha256'] },
  });
  await transport.powerOn();
  const client = new Tpm2Client(transport);
  await client.call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
  const measurer = new Measurer(client, new EventLogWriter({ algorithms: ['sha256'] }), ['sha256']);
  const pcr = async (n: number) => toHex((await readPcrs(client, ['sha256'])).get('sha256')?.[n] ?? new Uint8Array(0));
  const digests = () =>
    parseEventLog(measurer.logBytes()).events.map((e) => toHex(e.digests.get('sha256') ?? new Uint8Array(0)));
  return { measurer, pcr, digests };
}

const module = (path: string, content: Uint8Array) => readModule({ index: 3, path, options: '' }, content);

describe('Measurer', () => {
  it('module s.v00 with content "abc": PCR 12 and the log record, byte for byte', async () => {
    const { measurer, pcr } = await setUp();
    const header = measurer.logBytes().length;
    await measureModule(measurer, await module('/s.v00', utf8('abc')));
    expect(await pcr(12)).toBe('589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d');
    expect(toHex(measurer.logBytes().subarray(header))).toBe(
      toHex(
        fromHex(`0c000000 06000000 01000000 0b00 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 0e000000 02000000 06000000 732e76303000`),
      ),
    );
  });

  it('command line: digest without NUL, and PCR 14', async () => {
    const { measurer, pcr, digests } = await setUp();
    const text = '/b.b00 bootUUID=00112233445566778899aabbccddeeff';
    await measureEsxi(measurer, 14, { kind: 'commandLine', text });
    expect(digests()).toEqual(['19407d8560ab3208246b836f867a6c6404a1c914e53e0f57e9a293561ef5ef75']);
    expect(await pcr(14)).toBe('1adb7d75bdf19b75d5f1e95c623c38516e212aaf25680441dc5747750571c332');
  });

  it('option files and an empty module: decompressed content; one zero byte for nothing', async () => {
    const { measurer, digests } = await setUp();
    await measureModule(measurer, await module('/useropts.gz', utf8('\n')));
    await measureModule(measurer, await module('/empty.v00', new Uint8Array(0)));
    expect(digests()).toEqual([
      '01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    ]);
  });

  it('security options and boot complete: hashed with their NUL', async () => {
    const { measurer, digests } = await setUp();
    await measureSecurityOptions(measurer, 14, { execInstalledOnly: false, uefiSecureBootEnabled: true });
    await measureSecurityOptions(measurer, 14, { execInstalledOnly: true, uefiSecureBootEnabled: false });
    await measureBootComplete(measurer, 14);
    expect(digests()).toEqual([
      'f0e0032641b9438941346480ae1564eee57ab378abb155c7cd49dbdd770d55af',
      'f0ae8cb4bb9a16ddc90443ccad01fbe5739250e5eaae1d6f06f4f6bb7af10acb',
      '448110ff700ad707c44128873586c79884384d25dc954b29f4815742f0d1cb1b',
      'bd023acb9f2ecdbaf11a3aed4513fa598e5b9eeba3bc5440916d1b2af10c45eb',
      '3c3c02fc92bb82d126b7333dddd788a3a64d27b01ac7e46787a5176e5b401281',
    ]);
  });

  it('an extend that the TPM refuses leaves no record', async () => {
    const { measurer } = await setUp();
    await expect(measureEsxi(measurer, 17, { kind: 'bootComplete' })).rejects.toThrow(/LOCALITY/);
    expect(parseEventLog(measurer.logBytes()).events).toEqual([]);
  });
});

describe('PCR of a module (facts §4.2)', () => {
  it.each([
    ['/b.b00', 12, 'module'],
    ['/k.b00', 12, 'module'],
    ['/sb.v00', 12, 'module'],
    ['/s.v00', 12, 'module'],
    ['/esxupdt.v00', 11, 'module'],
    ['/jumpstrt.gz', 14, 'bootOptions'],
    ['/imgdb.tgz', 13, 'module'],
    ['/uc_intel.b00', 13, 'module'],
    ['/sb2.v00', 13, 'module'],
    ['/s.gz', 12, 'module'],
    ['/folder.gz/net.v00', 13, 'module'],
    ['/noextension', 13, 'module'],
  ])('%s → PCR %i as %s', async (path, pcr, kind) => {
    const target = moduleTarget(await module(path, new Uint8Array(1)));
    expect([target.pcr, target.event.kind]).toEqual([pcr, kind]);
  });
});
