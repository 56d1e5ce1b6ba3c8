/** Reference values for an image: boot it healthy, take what it shows. There is no second implementation (design §2.1). */
import { InputError } from '../src/bytes/errors.ts';
import { createReference, type Reference } from '../src/verify/index.ts';
import { evidenceFiles } from './evidence.ts';
import { Host, type HostOptions } from './host.ts';
import type { BootImage } from './image.ts';
import type { HostSpec } from './spec/schema.ts';

/**
 * Boots a host of this spec and image without its faults and turns the evidence into reference values. A spec that does
 * not boot even then has no reference (InputError). `options`: see {@link HostOptions}.
 */
export async function predictReference(
  spec: HostSpec,
  image: BootImage,
  options: Pick<HostOptions, 'primaryKeys'> = {},
): Promise<Reference> {
  const healthy: HostSpec = { ...spec, faults: [] };
  const result = await new Host(healthy, image, options).powerOn();
  if (result.tpm === undefined) throw new InputError('predict: the host has no TPM, so there is nothing to predict');
  if (result.halted !== undefined) throw new InputError(`predict: the host does not boot: ${result.halted.message}`);
  const { profile, release } = spec;
  return createReference(evidenceFiles(result), {
    profile,
    description: `${release.product} ${release.version} build ${release.build}`,
  });
}
