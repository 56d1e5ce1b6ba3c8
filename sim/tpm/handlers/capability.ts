/** TPM2_GetCapability (TPM 2.0 Library specification, Part 3, 30.2). */
import { TPM_CAP } from '../../../src/tpm2/capability-constants.ts';
import { GetCapability } from '../../../src/tpm2/commands/pcr.ts';
import { handleType, TPM_HT, TPM_RH } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import {
  MAX_CAP_ALGS,
  MAX_CAP_CC,
  MAX_CAP_HANDLES,
  MAX_ECC_CURVES,
  MAX_PCR_PROPERTIES,
  MAX_TPM_PROPERTIES,
} from '../../../src/tpm2/structures/index.ts';
import { ALGORITHMS, CURVES, handlesFrom, hierarchyPolicies, pcrProperties, tpmProperties } from '../capabilities.ts';
import { handler } from '../handler.ts';
import { refuse } from '../refusal.ts';
import { PP_COMMANDS } from './hierarchy-control.ts';
import { commandAttributes } from './index.ts';

/** The first `count` (at most `max`) of the ordered items whose key is at least `first`, and whether there are more. */
function page<T>(items: readonly T[], key: (item: T) => number, first: number, count: number, max: number) {
  const from = items.filter((item) => key(item) >= first);
  const data = from.slice(0, Math.min(count, max));
  return { moreData: from.length > data.length ? 1 : 0, data };
}

/** First of the properties that change (Part 2, 6.13: PT_VAR). */
const PT_VAR = 0x200;

/** A handle without its type. */
const HANDLE_NUMBER = 0xff_ffff;

const self = (item: number): number => item;

const getCapability = handler(GetCapability, (tpm, { capability, property, propertyCount: count }) => {
  switch (capability) {
    case TPM_CAP.ALGS: {
      const { moreData, data } = page(ALGORITHMS, ({ alg }) => alg, property, count, MAX_CAP_ALGS);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.HANDLES: {
      const handles = handlesFrom(tpm, property);
      if (handles === undefined) throw refuse(TPM_RC.HANDLE, 'property');
      // Sessions of both kinds are in one list: their numbers count, not their types.
      const listed = handleType(property) === TPM_HT.HMAC_SESSION || handleType(property) === TPM_HT.POLICY_SESSION;
      const key = listed ? (handle: number) => handle & HANDLE_NUMBER : self;
      const { moreData, data } = page(handles, key, key(property), count, MAX_CAP_HANDLES);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.COMMANDS: {
      const { moreData, data } = page(commandAttributes(), (cca) => cca & 0xffff, property, count, MAX_CAP_CC);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.PP_COMMANDS: {
      const { moreData, data } = page(PP_COMMANDS, self, property, count, MAX_CAP_CC);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.AUDIT_COMMANDS: {
      const { moreData, data } = page(
        [...tpm.state.access.audit.commands].sort((a, b) => a - b),
        self,
        property,
        count,
        MAX_CAP_CC,
      );
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.PCRS: {
      if (property !== 0) throw refuse(TPM_RC.VALUE, 'property');
      // All or nothing: the list is never cut.
      const data = count === 0 ? [] : tpm.state.pcrAllocation;
      return { moreData: count === 0 ? 1 : 0, capabilityData: { capability, data } };
    }
    case TPM_CAP.TPM_PROPERTIES: {
      // An answer stays within the group of the first property: the fixed ones or those that change.
      const group = (value: number): boolean => value < PT_VAR;
      const all = tpmProperties(tpm, commandAttributes().length).filter((p) => group(p.property) === group(property));
      const { moreData, data } = page(all, (p) => p.property, property, count, MAX_TPM_PROPERTIES);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.PCR_PROPERTIES: {
      const { moreData, data } = page(pcrProperties(), ({ tag }) => tag, property, count, MAX_PCR_PROPERTIES);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.ECC_CURVES: {
      const { moreData, data } = page(CURVES, self, property, count, MAX_ECC_CURVES);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.AUTH_POLICIES: {
      if (handleType(property) !== TPM_HT.PERMANENT) throw refuse(TPM_RC.VALUE, 'property');
      const { moreData, data } = page(hierarchyPolicies(tpm), ({ handle }) => handle, property, count, MAX_CAP_HANDLES);
      return { moreData, capabilityData: { capability, data } };
    }
    case TPM_CAP.ACT:
      // There may be timers of these numbers, but this TPM has none.
      if (property < TPM_RH.ACT_0 || property > TPM_RH.ACT_F) throw refuse(TPM_RC.VALUE, 'property');
      return { moreData: 0, capabilityData: { capability, data: [] } };
    default:
      throw refuse(TPM_RC.VALUE, 'capability');
  }
});

export const capabilityHandlers = [getCapability];
