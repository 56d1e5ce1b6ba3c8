/** NV storage: changing contents and locks (TPM 2.0 Library specification, Part 3, 31.7 to 31.14). */
import { concat, fromBigInt, toBigInt } from '../../../src/bytes/bytes.ts';
import { has, nvType, TPM_NT, TPMA_NV } from '../../../src/tpm2/attributes.ts';
import {
  NV_Extend,
  NV_GlobalWriteLock,
  NV_Increment,
  NV_ReadLock,
  NV_SetBits,
  NV_Write,
  NV_WriteLock,
} from '../../../src/tpm2/commands/nv.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { Tpm } from '../context.ts';
import { nvOf } from '../entities.ts';
import { action } from '../handler.ts';
import { COUNTER_SIZE, readAccess, writeAccess, writeIndex } from '../nv-index.ts';
import { setNvAttributes } from '../nv-startup.ts';
import { refuse } from '../refusal.ts';
import type { NvIndex } from '../state.ts';

const isWritten = ({ publicArea }: NvIndex): boolean => has(publicArea.attributes, TPMA_NV.written);

/** The index of a command that changes it, once write access is granted; `type` is the only kind the command is for. */
function writable(tpm: Tpm, { authHandle, nvIndex }: { authHandle: number; nvIndex: number }, type?: number): NvIndex {
  const index = nvOf(tpm, nvIndex);
  const rc = writeAccess(authHandle, index);
  if (rc !== 0) throw refuse(rc);
  if (type !== undefined && nvType(index.publicArea.attributes) !== type) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  return index;
}

const NOT_FOR_WRITE: readonly number[] = [TPM_NT.COUNTER, TPM_NT.BITS, TPM_NT.EXTEND];

const write = action(NV_Write, (tpm, { authHandle, nvIndex, data, offset }) => {
  const index = writable(tpm, { authHandle, nvIndex });
  const { attributes, dataSize } = index.publicArea;
  if (NOT_FOR_WRITE.includes(nvType(attributes))) throw refuse(TPM_RC.ATTRIBUTES);
  if (offset > dataSize) throw refuse(TPM_RC.VALUE, 'offset');
  if (offset + data.length > dataSize) throw refuse(TPM_RC.NV_RANGE);
  if (has(attributes, TPMA_NV.writeAll) && data.length < dataSize) throw refuse(TPM_RC.NV_RANGE);
  writeIndex(tpm, index, offset, data);
});

const increment = action(NV_Increment, (tpm, input) => {
  const index = writable(tpm, input, TPM_NT.COUNTER);
  const value = isWritten(index) ? toBigInt(index.data) : tpm.state.maxCounter;
  writeIndex(tpm, index, 0, fromBigInt(BigInt.asUintN(64, value + 1n), COUNTER_SIZE));
});

const extend = action(NV_Extend, (tpm, { data, ...input }) => {
  const index = writable(tpm, input, TPM_NT.EXTEND);
  const { nameAlg, dataSize } = index.publicArea;
  const old = isWritten(index) ? index.data : new Uint8Array(dataSize);
  writeIndex(tpm, index, 0, hashWith(nameAlg, concat(old, data)));
});

const setBits = action(NV_SetBits, (tpm, { bits, ...input }) => {
  const index = writable(tpm, input, TPM_NT.BITS);
  const old = isWritten(index) ? toBigInt(index.data) : 0n;
  writeIndex(tpm, index, 0, fromBigInt(old | bits, COUNTER_SIZE));
});

const writeLock = action(NV_WriteLock, (tpm, { authHandle, nvIndex }) => {
  const index = nvOf(tpm, nvIndex);
  const { attributes } = index.publicArea;
  const rc = writeAccess(authHandle, index);
  if (rc === TPM_RC.NV_LOCKED) return;
  if (rc !== 0) throw refuse(rc);
  if (!has(attributes, TPMA_NV.writeDefine | TPMA_NV.writeStClear)) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  setNvAttributes(index, attributes | TPMA_NV.writeLocked);
});

const globalWriteLock = action(NV_GlobalWriteLock, (tpm) => {
  for (const index of tpm.state.nv.values()) {
    const { attributes } = index.publicArea;
    if (has(attributes, TPMA_NV.globalLock)) setNvAttributes(index, attributes | TPMA_NV.writeLocked);
  }
});

const readLock = action(NV_ReadLock, (tpm, { authHandle, nvIndex }) => {
  const index = nvOf(tpm, nvIndex);
  const { attributes } = index.publicArea;
  const rc = readAccess(authHandle, index);
  if (rc === TPM_RC.NV_LOCKED) return;
  // An index that was never written can be locked all the same.
  if (rc !== 0 && rc !== TPM_RC.NV_UNINITIALIZED) throw refuse(rc);
  if (!has(attributes, TPMA_NV.readStClear)) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  setNvAttributes(index, attributes | TPMA_NV.readLocked);
});

export const nvWriteHandlers = [write, increment, extend, setBits, writeLock, globalWriteLock, readLock];
