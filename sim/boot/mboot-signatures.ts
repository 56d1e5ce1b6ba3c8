/** mboot's signature check of the early modules, and the signer measurements it makes on the way (facts §5). */
import { InputError } from '../../src/bytes/errors.ts';
import {
  BOOT_CHECK_TEXT,
  bootCheckLine,
  checkBootModules,
  loaderKeys,
  type ModuleKey,
} from '../../src/esxboot/index.ts';
import { halt, type Machine } from '../machine.ts';
import type { Measurer } from '../measure.ts';
import { measureEsxi } from './esxi-measurer.ts';
import { MBOOT_PCR } from './mboot-measure.ts';
import type { BootModule } from './modules.ts';

/** The keys compiled into mboot's image; undefined where the image has no readable table. */
function trustedKeys(machine: Machine, mboot: Uint8Array): readonly ModuleKey[] | undefined {
  try {
    return loaderKeys(mboot);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('mboot', error.message);
    return undefined;
  }
}

/**
 * Checks the early modules. With Secure Boot off the outcome is only printed. Signers are measured as soon as their key id
 * is accepted, before the signature is verified (catalogue entry `signer-measured-before-check`).
 */
export async function checkModuleSignatures(
  machine: Machine,
  boot: { readonly mboot: Uint8Array; readonly secureBoot: boolean; readonly measurer: Measurer | undefined },
  modules: readonly BootModule[],
): Promise<void> {
  const keys = trustedKeys(machine, boot.mboot);
  const check =
    keys &&
    (await checkBootModules(
      modules.map((m) => ({ file: m.path, head: m.head, content: m })),
      keys,
    ));
  for (const module of check?.modules ?? []) machine.console.print('mboot', bootCheckLine(module));
  for (const signer of check?.signers ?? []) {
    if (boot.measurer === undefined) break;
    await measureEsxi(boot.measurer, MBOOT_PCR.configuration, { kind: 'signer', certificate: signer.certificate });
  }
  const verdict = check?.verdict ?? 'unchecked';
  if (verdict === 'valid') return;
  machine.console.print('mboot', BOOT_CHECK_TEXT[verdict]);
  if (boot.secureBoot) halt(machine, 'mboot', 'MODULE_SIGNATURES', 'Fatal error: 27 (Security violation)');
}
