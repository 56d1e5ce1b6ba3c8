/** The asset tag: an NV index that an administrator writes (`esxcli hardware tpm tag set`) and mboot measures (facts §4.4). */
import { utf8 } from '../src/bytes/bytes.ts';
import { COMMANDS, TPM_ALG, TPM_RH, TPM_SU, TPMA_NV, Tpm2Client, TpmError } from '../src/tpm2/index.ts';
import type { TpmTransport } from '../src/tpm2/transport.ts';

/** NV index of the tag. */
export const NV_INDEX_ASSET_TAG = 0x01c1_0110;
/** Longest tag that mboot reads. */
const MAX_TAG = 512;

async function undefineTag(client: Tpm2Client): Promise<void> {
  try {
    await client.call(COMMANDS.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV_INDEX_ASSET_TAG });
  } catch (error) {
    if (!(error instanceof TpmError && error.rc === 'HANDLE')) throw error;
  }
}

/** Defines the index anew and writes the tag, before the boot: in a power cycle of its own, unless the TPM runs already. */
export async function writeAssetTag(transport: TpmTransport, text: string): Promise<void> {
  const client = new Tpm2Client(transport);
  const data = utf8(text).subarray(0, MAX_TAG);
  const running = transport.running === true;
  if (!running) {
    await transport.powerOn();
    await client.call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
  }
  await undefineTag(client);
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
  if (!running) await client.call(COMMANDS.Shutdown, { shutdownType: TPM_SU.CLEAR });
}
