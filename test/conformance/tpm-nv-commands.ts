/** NV commands to two TPMs at once, for the differential tests. */
import * as T from '../../src/tpm2/index.ts';
import type { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_NV: NV, TPM_NT: NT, encodeCommand: encode } = T;
const EMPTY = new Uint8Array(0);
/** The index most tests use. */
export const INDEX = 0x01500000;
export const OPEN =
  (NV.ownerRead | NV.ownerWrite | NV.authRead | NV.authWrite | NV.ppRead | NV.ppWrite | NV.noDA) >>> 0;
export const TYPES = {
  ordinary: NT.ORDINARY,
  counter: NT.COUNTER,
  bits: NT.BITS,
  extend: NT.EXTEND,
  'PIN fail': NT.PIN_FAIL,
  'PIN pass': NT.PIN_PASS,
};
export const sizeOf = (type: number) => (type === NT.EXTEND ? 32 : 8);
export const eight = (n: number) => new Uint8Array([0, 0, 0, 0, 0, 0, 0, n]);

export interface Definition {
  nvIndex?: number;
  authHandle?: number;
  auth?: Uint8Array;
  nameAlg?: number;
  authPolicy?: Uint8Array;
  dataSize?: number;
}
export const by = (authHandle: number, auth = EMPTY, nvIndex = INDEX) => ({
  input: { authHandle, nvIndex },
  auth: [auth],
});
export type By = ReturnType<typeof by>;
export const OWNER = by(RH.OWNER);
export const PLATFORM = by(RH.PLATFORM);
export const SELF = by(INDEX);
export const typed = (type: number, attributes = OPEN) => (attributes | (type << 4)) >>> 0;

/** The commands, each sent by `same`. */
export function nvCommands(same: TpmPair['same']) {
  const define = (attributes: number, d: Definition = {}) =>
    same(
      `define ${(attributes >>> 0).toString(16)}`,
      encode(C.NV_DefineSpace, {
        authHandle: d.authHandle ?? RH.OWNER,
        auth: d.auth ?? EMPTY,
        publicInfo: {
          nvIndex: d.nvIndex ?? INDEX,
          nameAlg: d.nameAlg ?? A.SHA256,
          attributes: attributes >>> 0,
          authPolicy: d.authPolicy ?? EMPTY,
          dataSize: d.dataSize ?? sizeOf((attributes >>> 4) & 15),
        },
      }),
    );
  const undefine = (authHandle: number = RH.OWNER, nvIndex = INDEX) =>
    same('undefine', encode(C.NV_UndefineSpace, { authHandle, nvIndex }));
  const write = (who: By, data: Uint8Array, offset = 0) =>
    same('write', encode(C.NV_Write, { ...who.input, data, offset }, who.auth));
  const gone = () => same('gone', encode(C.NV_ReadPublic, { nvIndex: INDEX }));
  const read = (who: By, size = 8, offset = 0) =>
    same(`read ${size} at ${offset}`, encode(C.NV_Read, { ...who.input, size, offset }, who.auth));
  const increment = (who: By) => same('increment', encode(C.NV_Increment, who.input, who.auth));
  const extend = (who: By, data: Uint8Array) => same('extend', encode(C.NV_Extend, { ...who.input, data }, who.auth));
  const setBits = (who: By, bits: bigint) => same('bits', encode(C.NV_SetBits, { ...who.input, bits }, who.auth));
  const writeLock = (who: By) => same('write lock', encode(C.NV_WriteLock, who.input, who.auth));
  const readLock = (who: By) => same('read lock', encode(C.NV_ReadLock, who.input, who.auth));
  const globalLock = (authHandle: number) => same('global lock', encode(C.NV_GlobalWriteLock, { authHandle }));
  const publicArea = (nvIndex = INDEX) => same('public', encode(C.NV_ReadPublic, { nvIndex }));
  return {
    define,
    undefine,
    write,
    gone,
    read,
    increment,
    extend,
    setBits,
    writeLock,
    readLock,
    globalLock,
    publicArea,
  };
}
