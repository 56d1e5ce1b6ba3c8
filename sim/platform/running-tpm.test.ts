import { describe, expect, it } from 'vitest';
import { COMMANDS, encodeCommand, TPM_ALG } from '../../src/tpm2/index.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { type BootResult, Host } from '../host.ts';
import { loadImage } from '../node/image-files.ts';
import { resolveSpec } from '../spec/resolve.ts';
import type { HostSpec } from '../spec/schema.ts';
import { EmbeddedTransport } from '../tpm/embedded.ts';
import { createTpm2 } from '../tpm/engine.ts';

const base = resolveSpec({});
const image = loadImage(base);
const startup = encodeCommand(COMMANDS.Startup, { startupType: 0 });

/** A TPM as an operating system offers it: powered on and started, and never to be powered on again. */
class RunningTpm extends EmbeddedTransport {
  readonly running = true;

  constructor(banks = base.hardware.tpm.banks) {
    const entropy = new Entropy('device').stream('tpm');
    super(createTpm2({ entropy, clock: new VirtualClock(), config: { banks } }));
    this.engine.powerOn();
    this.engine.execute(startup, 0);
  }

  override async powerOn(): Promise<void> {
    throw new Error('powered on by software');
  }
}

const boot = (tpm: RunningTpm, spec: HostSpec = base): Promise<BootResult> => new Host(spec, image, { tpm }).powerOn();
const withTpm = (tpm: object): HostSpec => ({
  ...base,
  hardware: { ...base.hardware, tpm: { ...base.hardware.tpm, ...tpm } },
});

describe('a host on a TPM that runs already', () => {
  it('has the PCRs and the log that it has with a TPM of its own', async () => {
    const [own, other] = [await new Host(base, image).powerOn(), await boot(new RunningTpm())];
    expect(other.state).toBe('running');
    expect(other.tpm?.pcrs).toEqual(own.tpm?.pcrs);
    expect(other.tpm?.eventLog).toEqual(own.tpm?.eventLog);
  });

  it('refuses one that somebody measured into, except where Linux does', async () => {
    const extend = (pcrHandle: number) =>
      encodeCommand(COMMANDS.PCR_Extend, {
        pcrHandle,
        digests: [{ hashAlg: TPM_ALG.SHA256, digest: new Uint8Array(32) }],
      });
    const tpm = new RunningTpm();
    tpm.engine.execute(extend(10), 0);
    expect((await boot(tpm)).state).toBe('running');
    const touched = new RunningTpm();
    touched.engine.execute(extend(15), 0);
    await expect(boot(touched)).rejects.toThrow(/^PCR 15 \(sha256\) of the TPM is not zero/);
  });

  it('refuses what only the platform of a TPM can do', async () => {
    await expect(boot(new RunningTpm(), resolveSpec({}, { profile: 'esxi-6.7-txt' }))).rejects.toThrow(
      /^hardware\.txt\.enabled: a launch needs locality 4/,
    );
    const firmware = { ...base.hardware.firmware, startupLocality: 3 as const };
    await expect(boot(new RunningTpm(), { ...base, hardware: { ...base.hardware, firmware } })).rejects.toThrow(
      /^hardware\.firmware\.startupLocality/,
    );
  });

  it('names a bank that the TPM does not have', async () => {
    await expect(boot(new RunningTpm(['sha256']))).rejects.toThrow('hardware.tpm.banks: the TPM has no bank sha1');
  });

  it('writes its asset tag, also where one is there already', async () => {
    const tpm = new RunningTpm();
    const tag = (): string => {
      const index = 0x01c1_0110;
      const read = encodeCommand(COMMANDS.NV_Read, { authHandle: index, nvIndex: index, size: 7, offset: 0 });
      return Buffer.from(tpm.engine.execute(read, 0)).toString('latin1');
    };
    await boot(tpm, withTpm({ assetTag: 'rack-12' }));
    // A boot that is refused changes nothing.
    await expect(boot(tpm, withTpm({ assetTag: 'rack-13' }))).rejects.toThrow(/^PCR 0/);
    expect(tag()).toContain('rack-12');
    tpm.engine.powerOn();
    tpm.engine.execute(startup, 0);
    await boot(tpm, withTpm({ assetTag: 'rack-13' }));
    expect(tag()).toContain('rack-13');
  });

  it('gives back the room of its keys', async () => {
    const tpm = new RunningTpm();
    const host = new Host(base, image, { tpm });
    await host.powerOn();
    expect(tpm.engine.state.transient.size).toBe(2);
    await host.releaseKeys();
    expect(tpm.engine.state.transient.size).toBe(0);
    await host.releaseKeys();
  });
});
