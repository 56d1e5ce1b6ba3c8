/** Failure mode (TPM 2.0 Library specification, Part 1, 12.3): only two commands still answer. */
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { TPM_CAP, TPM_PT } from '../../src/tpm2/capability-constants.ts';
import { TPM_CC, TPM_ST } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { identityProperties } from './capabilities.ts';
import type { TpmConfig } from './config.ts';

/** What went wrong, as TPM2_GetTestResult tells it: an internal error. */
export const INTERNAL_ERROR = 4;

const HEADER_SIZE = 10;
const GET_CAPABILITY_SIZE = HEADER_SIZE + 12;

function success(body: Uint8Array): Uint8Array {
  const size = HEADER_SIZE + body.length;
  return new ByteWriter('big', size).u16(TPM_ST.NO_SESSIONS).u32(size).u32(TPM_RC.SUCCESS).bytes(body).finish();
}

/** Where (two vendor numbers, not used here) and what failed, and the response code of all other commands. */
const testResult = (failure: number): Uint8Array =>
  new ByteWriter('big', 18).u16(12).u32(0).u32(0).u32(failure).u32(TPM_RC.FAILURE).finish();

/** One property of those that identify the TPM; undefined for another capability. */
function capability(config: TpmConfig, reader: ByteReader): Uint8Array | undefined {
  if (reader.u32('capability') !== TPM_CAP.TPM_PROPERTIES) return undefined;
  const asked = Math.max(reader.u32('property'), TPM_PT.MANUFACTURER);
  const last = TPM_PT.FIRMWARE_VERSION_2;
  const count = reader.u32('propertyCount') > 0 ? 1 : 0;
  const writer = new ByteWriter('big', 17)
    .u8(asked < last ? 1 : 0)
    .u32(TPM_CAP.TPM_PROPERTIES)
    .u32(count);
  if (count === 0) return writer.finish();
  const value = identityProperties(config).find(([property]) => property === Math.min(asked, last))?.[1] ?? 0;
  return writer.u32(asked).u32(value).finish();
}

/** The answer to a command in failure mode; undefined where it is TPM_RC_FAILURE. */
export function failureAnswer(config: TpmConfig, failure: number, command: Uint8Array): Uint8Array | undefined {
  if (command.length < HEADER_SIZE) return undefined;
  const reader = new ByteReader(command, 'TPM command');
  if (reader.u16('tag') !== TPM_ST.NO_SESSIONS || reader.u32('commandSize') !== command.length) return undefined;
  const code = reader.u32('commandCode');
  if (code === TPM_CC.GetTestResult && command.length === HEADER_SIZE) return success(testResult(failure));
  if (code !== TPM_CC.GetCapability || command.length !== GET_CAPABILITY_SIZE) return undefined;
  const body = capability(config, reader);
  return body === undefined ? undefined : success(body);
}
