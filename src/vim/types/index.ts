/**
 * The one table of vSphere types: every encoder, decoder and property path derives from it.
 *
 * Names, order, optionality and versions of most rows were taken over, as facts of the vSphere API, from the type data that
 * pyvmomi 9.1.1 (Apache-2.0) ships; `tpm.ts`, `property.ts` and the roots of `faults.ts` were written by hand. Types that
 * a field names but the table lacks are never set by the simulator.
 */
import { FAULT_TYPES } from './faults.ts';
import { HOST_TYPES } from './host.ts';
import { HOST_CONFIG_TYPES } from './host-config.ts';
import { IMAGE_TYPES } from './image.ts';
import { INVENTORY_TYPES } from './inventory.ts';
import { MANAGER_TYPES } from './managers.ts';
import { PROPERTY_TYPES } from './property.ts';
import type { TypeTable } from './schema.ts';
import { SERVICE_TYPES } from './service.ts';
import { TASK_TYPES } from './tasks.ts';
import { TPM_TYPES } from './tpm.ts';

export const ALL_TYPES: TypeTable = {
  ...SERVICE_TYPES,
  ...FAULT_TYPES,
  ...INVENTORY_TYPES,
  ...HOST_TYPES,
  ...HOST_CONFIG_TYPES,
  ...IMAGE_TYPES,
  ...TPM_TYPES,
  ...MANAGER_TYPES,
  ...PROPERTY_TYPES,
  ...TASK_TYPES,
};
