/** esxsim: simulated ESXi hosts with measured boot. The core runs in Node and in a browser; files and sockets are the caller's. */
export { FormatError, InputError } from '../src/bytes/errors.ts';
export { attestHost, challengeHost } from './attest.ts';
export { type Clock, VirtualClock } from './clock.ts';
export { type ConsoleLine, type ConsoleSource, formatConsoleLine } from './console.ts';
export { Entropy, randomSeed } from './entropy.ts';
export { EVIDENCE_FILES, evidenceFiles, hostJson, pcrsJson } from './evidence.ts';
export { FAULTS, type Fault, findFault } from './faults/index.ts';
export { fleetSpecs } from './fleet.ts';
export { type BootResult, type BootState, type BootTpmEvidence, Host, type HostOptions } from './host.ts';
export type { BootImage } from './image.ts';
export { checkInstall, installImage } from './install.ts';
export type { HaltReason } from './machine.ts';
export { predictReference } from './predict.ts';
export { DEFAULT_PROFILE, PROFILES } from './profiles/index.ts';
export { serveHost } from './served.ts';
export { resolveSpec } from './spec/resolve.ts';
export { type HostSpec, type HostSpecInput, hostSpecSchema } from './spec/schema.ts';
export { type LayoutRegion, layoutJson, type Region } from './vmkernel/address-space.ts';
