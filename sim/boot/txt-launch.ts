/**
 * The dynamic launch of the TXT profiles: `b` enters the measured environment through GETSEC[SENTER], the processor hashes
 * the SINIT ACM at locality 4, SINIT (locality 3) and the launch extend PCR 17 and 18 (facts §10.1, §11.1).
 */

import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { extractMle, isElf, parseElf } from '../../src/esxboot/index.ts';
import { EV, EventLogWriter, type TxtLaunchInputs, txtLaunchEvents } from '../../src/eventlog/index.ts';
import { halt, type Machine, type MachineTpm } from '../machine.ts';
import { Measurer } from '../measure.ts';
import { biosAcmRegistration, buildSinitAcm } from '../platform/acm.ts';
import type { BootModule } from './modules.ts';

/** EDX of GETSEC[SENTER]: no optional behaviour asked for. */
const EDX_SENTER_FLAGS = 0;
/** OsSinitData.Capabilities that ESXi asks for: GETSEC wake-up, details/authorities mapping, TCG log (0x221 in a real report). */
const OS_SINIT_CAPABILITIES = 0x221;
/** The S-CRTM is in the processor's ACM, not the BIOS (the value behind the digest in a real report). */
const PROCESSOR_SCRTM = 1;
/** What SINIT hashes about its NV indices is not public: an opaque value of ours, the same on every host (docs/assumptions-eventlog.md). */
const NV_INFO = utf8('esxsim NV index information');

/** Launches the hypervisor; the log it returns is `txt-eventlog.bin`. */
export async function launchTxt(machine: Machine, modules: readonly BootModule[]): Promise<Measurer> {
  const { console, spec, clock } = machine;
  const tpm = checkPreconditions(machine);
  const mle = await findMle(machine, modules[0]);
  const acm = buildSinitAcm(spec.hardware.txt.sinit);
  const log = new EventLogWriter({ algorithms: spec.hardware.tpm.banks, platformClass: 1 });
  const measurer = new Measurer(tpm.client, log, spec.hardware.tpm.banks, 3);

  const inputs: TxtLaunchInputs = {
    sinitAcm: acm.bytes,
    edxSenterFlags: EDX_SENTER_FLAGS,
    biosAcmRegistration: biosAcmRegistration(spec.hardware.txt.biosAcm),
    processorScrtmStatus: PROCESSOR_SCRTM,
    lcpPolicyControl: 0,
    lcpDetails: undefined,
    lcpAuthorities: undefined,
    stm: undefined,
    osSinitCapabilities: OS_SINIT_CAPABILITIES,
    mle,
    nvInfo: NV_INFO,
    sinitPublicKey: acm.publicKey,
  };
  console.print('tboot', `SINIT ACM: ${acm.name}, ${acm.bytes.length} bytes; MLE: ${mle.length} bytes`);
  console.print('tboot', 'executing GETSEC[SENTER]...');
  for (const event of txtLaunchEvents(inputs)) {
    const measurement = { pcr: event.pcr, type: event.type, event: event.data, measured: event.preimage };
    if (event.type === EV.TXT_HASH_START) {
      await tpm.transport.hashStart();
      await tpm.transport.hashData(event.preimage);
      await tpm.transport.hashEnd();
      measurer.recordHashSequence(measurement);
    } else {
      await measurer.measure(measurement);
    }
  }
  clock.advance(900);
  console.print('sinit', 'TXT.ERRORCODE: 0xc0000001 (launch succeeded)');
  console.print('tboot', 'measured launch succeeded; locality 2 is open');
  return measurer;
}

function checkPreconditions(machine: Machine): MachineTpm {
  const { cpu } = machine.spec.hardware;
  for (const feature of ['vmx', 'smx'] as const) {
    if (!cpu.features.includes(feature))
      halt(machine, 'tboot', 'TXT_LAUNCH_FAILED', `TXT: CPU lacks ${feature.toUpperCase()}`);
  }
  return machine.tpm ?? halt(machine, 'tboot', 'TXT_LAUNCH_FAILED', 'TXT: TPM is not ready');
}

async function findMle(machine: Machine, module: BootModule | undefined): Promise<Uint8Array> {
  try {
    const found = module !== undefined && isElf(module.head) ? extractMle(parseElf(await module.content())) : undefined;
    if (found !== undefined) return found.pages;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('tboot', error.message);
  }
  return halt(machine, 'tboot', 'TXT_LAUNCH_FAILED', `TXT: ${module?.path ?? 'module 0'} has no MLE header`);
}
