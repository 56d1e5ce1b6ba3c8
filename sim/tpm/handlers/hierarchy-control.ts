/** Control of hierarchies, physical presence and algorithm sets (TPM 2.0 Library specification, Part 3, chapters 24 and 26). */
import {
  ChangeEPS,
  ChangePPS,
  Clear,
  ClearControl,
  HierarchyChangeAuth,
  HierarchyControl,
  PP_Commands,
  SetAlgorithmSet,
  SetPrimaryPolicy,
} from '../../../src/tpm2/commands/hierarchy.ts';
import { TPM_ALG, TPM_RH } from '../../../src/tpm2/constants.ts';
import { TPM_RC, withPlace } from '../../../src/tpm2/response-code.ts';
import { clearAccess } from '../access-state.ts';
import { setClock, type Tpm } from '../context.ts';
import { nvOf, withoutTrailingZeros } from '../entities.ts';
import { action } from '../handler.ts';
import { flushHierarchy, forgetAuthorisation, policySize, renewProof, renewSeed } from '../hierarchies.ts';
import { countChange } from '../pcrs.ts';
import { refuse } from '../refusal.ts';
import { hierarchyOf } from '../state.ts';

const EMPTY = new Uint8Array(0);

const hierarchyControl = action(HierarchyControl, (tpm, { authHandle, enable, state: wanted }) => {
  const { state } = tpm;
  const select = wanted === 1;
  if (enable === TPM_RH.PLATFORM_NV) {
    if (authHandle !== TPM_RH.PLATFORM) throw refuse(TPM_RC.AUTH_TYPE);
    if (state.platformNv !== select) state.shutdown = undefined;
    state.platformNv = select;
    return;
  }
  const hierarchy = hierarchyOf(state, enable);
  if (hierarchy === undefined) throw refuse(TPM_RC.VALUE, 'enable');
  // A hierarchy may switch itself off; only the platform switches one on.
  if (authHandle !== TPM_RH.PLATFORM && (authHandle !== enable || (select && !hierarchy.enabled))) {
    throw refuse(TPM_RC.AUTH_TYPE);
  }
  if (hierarchy.enabled === select) return;
  hierarchy.enabled = select;
  state.shutdown = undefined;
  if (!select) flushHierarchy(state, enable, 'loaded');
});

const setPrimaryPolicy = action(SetPrimaryPolicy, (tpm, { authHandle, authPolicy, hashAlg }) => {
  const { state } = tpm;
  if (authPolicy.length !== policySize(hashAlg)) throw refuse(TPM_RC.SIZE, 'authPolicy');
  const entity = authHandle === TPM_RH.LOCKOUT ? state.lockout : hierarchyOf(state, authHandle);
  if (entity === undefined) throw refuse(TPM_RC.VALUE, 'authHandle');
  entity.policy = authPolicy.slice();
  entity.policyAlg = hashAlg;
  if (authHandle === TPM_RH.PLATFORM) state.shutdown = undefined;
});

const changePps = action(ChangePPS, (tpm) => {
  const { state } = tpm;
  renewSeed(tpm, state.platform);
  renewProof(tpm, state.platform);
  state.platform.policy = EMPTY;
  state.platform.policyAlg = TPM_ALG.NULL;
  state.pcrGroup.policy = EMPTY;
  state.pcrGroup.policyAlg = TPM_ALG.NULL;
  flushHierarchy(state, TPM_RH.PLATFORM, 'all');
  state.shutdown = undefined;
});

const changeEps = action(ChangeEPS, (tpm) => {
  const { state } = tpm;
  // The manufacturer's certificates stay what they were: of the keys of the old seed.
  for (const nvIndex of [...state.pendingCertificates.keys()]) nvOf(tpm, nvIndex);
  renewSeed(tpm, state.endorsement);
  renewProof(tpm, state.endorsement);
  state.endorsement.enabled = true;
  forgetAuthorisation(state.endorsement);
  flushHierarchy(state, TPM_RH.ENDORSEMENT, 'all');
  state.shutdown = undefined;
});

/** Counters and clock as on a new TPM. */
function resetCounters(tpm: Tpm): void {
  const { state } = tpm;
  setClock(tpm, 0n, state.clockRate);
  state.clockSafe = true;
  state.resetCount = 0;
  state.restartCount = 0;
}

const clear = action(Clear, (tpm) => {
  const { state } = tpm;
  if (state.disableClear) throw refuse(TPM_RC.DISABLED);
  renewSeed(tpm, state.owner);
  renewProof(tpm, state.owner);
  renewProof(tpm, state.endorsement);
  for (const hierarchy of [state.owner, state.endorsement]) {
    hierarchy.enabled = true;
    forgetAuthorisation(hierarchy);
  }
  forgetAuthorisation(state.lockout);
  flushHierarchy(state, TPM_RH.OWNER, 'all');
  flushHierarchy(state, TPM_RH.ENDORSEMENT, 'all');
  resetCounters(tpm);
  clearAccess(state);
  state.access.audit.counter = 0n;
  state.pcrGroup.auth = EMPTY;
  // PCR 0 stands for "something that sessions rely on changed".
  countChange(state, 0);
  state.shutdown = undefined;
});

const clearControl = action(ClearControl, (tpm, { auth, disable }) => {
  // Whoever knows lockoutAuth may switch TPM2_Clear off, but not on.
  if (auth === TPM_RH.LOCKOUT && disable === 0) throw refuse(TPM_RC.AUTH_FAIL);
  tpm.state.disableClear = disable === 1;
});

const hierarchyChangeAuth = action(HierarchyChangeAuth, (tpm, { authHandle, newAuth }) => {
  const { state } = tpm;
  const entity = authHandle === TPM_RH.LOCKOUT ? state.lockout : hierarchyOf(state, authHandle);
  if (entity === undefined) throw refuse(TPM_RC.VALUE, 'authHandle');
  entity.auth = withoutTrailingZeros(newAuth).slice();
  if (authHandle === TPM_RH.PLATFORM) state.shutdown = undefined;
});

/** Needs physical presence, as TPM_CAP_PP_COMMANDS says; this TPM has no pin for it, so nobody can change that list. */
const ppCommands = action(PP_Commands, () => {
  throw refuse(withPlace(TPM_RC.PP, { kind: 'session', number: 1 }));
});

const setAlgorithmSet = action(SetAlgorithmSet, (tpm, { algorithmSet }) => {
  tpm.state.algorithmSet = algorithmSet;
});

export const hierarchyControlHandlers = [
  hierarchyControl,
  setPrimaryPolicy,
  changePps,
  changeEps,
  clear,
  clearControl,
  hierarchyChangeAuth,
  ppCommands,
  setAlgorithmSet,
];

/** Commands that need physical presence (TPM_CAP_PP_COMMANDS). */
export const PP_COMMANDS: readonly number[] = [PP_Commands.code];
