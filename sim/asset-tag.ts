/** The asset tag: an NV index that an administrator writes (`esxcli hardware tpm tag set`) and mboot measures (facts §4.4). */
import { utf8 } from '../src/bytes/bytes.ts';
import { COMMANDS, TPM_ALG, TPM_RH, TPM_SU, TPMA_NV, Tpm2Client } from '../src/tpm2/index.ts';
import type { TpmTransport } from '../src/tpm2/transport.ts';

/** NV index of the tag. */
export const NV_INDEX_ASSET_TAG = 0x01c1_0110;
/** Longest tag that mboot reads. */
const MAX_TAG = 512;

/** Defines the index and writes the tag, in a power cycle of its own before the boot. */
export async function writeAssetTag(transport: TpmTransport, text: string): Promise<void> {
  const client = new Tpm2Client(transport);
  const data = utf8(text).subarray(0, MAX_TAG);
  await transport.powerOn();
  await client.call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
  await client.call(COMMANDS.NV_DefineSpace, {
    authHandle: TPM_RH.OWNER,
    auth: new Uint8Array(0),
    publicInfo: {
      nvIndex: NV_INDEX_ASSET_TAG,
      nameAlg: TPM_ALG.SHA256,
      attributes: TPMA_NV.ownerWrite | TPMA_NV.ownerRead | TPMA_NV.authRead,
      authPolicy: new Uint8Array(0),
      dataSize: data.length,
    },
  });
  await client.call(COMMANDS.NV_Write, { authHandle: TPM_RH.OWNER, nvIndex: NV_INDEX_ASSET_TAG, data, offset: 0 });
  await client.call(COMMANDS.Shutdown, { shutdownType: TPM_SU.CLEAR });
}
