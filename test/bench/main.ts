/**
 * `npm run bench`: medians, and ratios against swtpm measured in the same run. Not asserted anywhere: a missed goal is
 * printed as such. swtpm comes from the OS (`apt-get install swtpm`); without it the ratios are left out.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { Host } from '../../sim/host.ts';
import { packageRoot } from '../../sim/node/files.ts';
import { loadImage } from '../../sim/node/image-files.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { embeddedTransport } from '../../sim/tpm/embedded.ts';
import { createPrimary, quote } from '../../sim/tpm/identity.ts';
import { SwtpmTransport } from '../../sim/tpm/ports/swtpm.ts';
import { COMMANDS, TPM_ALG, TPM_RH, TPM_SU, Tpm2Client } from '../../src/tpm2/index.ts';
import { pcrSelection } from '../../src/tpm2/structures/index.ts';
import { AK_ECC_P256, AK_RSA2048 } from '../../src/tpm2/templates.ts';
import type { TpmTransport } from '../../src/tpm2/transport.ts';
import { printTable, type Row, type Timing, time } from './measure.ts';
import { startSwtpm } from './swtpm.ts';

const spec = resolveSpec({});
const image = loadImage(spec);
const digests = [
  { hashAlg: TPM_ALG.SHA1, digest: new Uint8Array(20).fill(1) },
  { hashAlg: TPM_ALG.SHA256, digest: new Uint8Array(32).fill(1) },
];
const selection = [pcrSelection(TPM_ALG.SHA256, [0, 1, 2, 3, 4, 5, 6, 7])];
const nonce = new Uint8Array(32);

const embedded = (seed: string): TpmTransport =>
  embeddedTransport({ entropy: new Entropy(seed).stream('tpm'), clock: new VirtualClock() });

const openSwtpm = (path: string): TpmTransport => new SwtpmTransport({ path }, { path: `${path}.ctrl` });

/** A TPM that has been started. */
async function started(transport: TpmTransport): Promise<Tpm2Client> {
  await transport.powerOn();
  const client = new Tpm2Client(transport);
  await client.call(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
  return client;
}

const EXTENDS = 200;

let uniques = 0;
/** The ECC template with a `unique` never used before. */
function uniqueEcc(): typeof AK_ECC_P256 {
  const x = new Uint8Array(32);
  new DataView(x.buffer).setUint32(28, ++uniques);
  return { ...AK_ECC_P256, unique: { x, y: new Uint8Array(32) } } as typeof AK_ECC_P256;
}

/** The operations that are compared on any TPM, on one that runs. */
async function operations(client: Tpm2Client): Promise<Map<string, Timing>> {
  const flush = (flushHandle: number) => client.call(COMMANDS.FlushContext, { flushHandle });
  const results = new Map<string, Timing>();
  results.set(
    'PCR_Extend (SHA-1 + SHA-256)',
    await time(
      async () => {
        for (let i = 0; i < EXTENDS; i++) await client.call(COMMANDS.PCR_Extend, { pcrHandle: 8, digests });
      },
      { batch: EXTENDS, warmup: 20 },
    ),
  );
  results.set(
    'PCR_Read (8 PCRs)',
    await time(() => client.call(COMMANDS.PCR_Read, { pcrSelectionIn: selection }), { warmup: 200 }),
  );
  results.set(
    'CreatePrimary ECC P-256 + FlushContext',
    // Another `unique` each time: no TPM may answer from a key it has made before.
    await time(async () => flush((await createPrimary(client, TPM_RH.ENDORSEMENT, uniqueEcc())).objectHandle)),
  );
  for (const [name, template] of [
    ['ECC P-256', AK_ECC_P256],
    ['RSA-2048', AK_RSA2048],
  ] as const) {
    const key = await createPrimary(client, TPM_RH.ENDORSEMENT, template);
    results.set(`Quote ${name}`, await time(() => quote(client, key.objectHandle, nonce, selection), { warmup: 20 }));
    await flush(key.objectHandle);
  }
  return results;
}

const rows: Row[] = [];
let seed = 0;

const ours = await operations(await started(embedded('bench')));
const peer = await startSwtpm();
const theirs = peer === undefined ? undefined : await operations(await started(openSwtpm(peer.path)));
await peer?.stop();
const GOALS: Readonly<Record<string, number>> = {
  'PCR_Extend (SHA-1 + SHA-256)': 5,
  'PCR_Read (8 PCRs)': 5,
  'CreatePrimary ECC P-256 + FlushContext': 3,
  'Quote ECC P-256': 4,
  'Quote RSA-2048': 8,
};
for (const [what, timing] of ours) {
  const other = theirs?.get(what);
  const goal = GOALS[what];
  rows.push({
    what,
    ours: timing,
    ...(other === undefined ? {} : { peer: { name: 'swtpm', timing: other } }),
    ...(goal === undefined ? {} : { goal }),
  });
}

const fresh = await time(() => started(embedded(`fresh ${seed++}`)), { warmup: 50 });
const spawned =
  peer === undefined
    ? undefined
    : await time(async () => {
        const tpm = await startSwtpm();
        if (tpm === undefined) return;
        const transport = openSwtpm(tpm.path);
        await started(transport);
        await transport.close();
        await tpm.stop();
      });
rows.push({
  what: 'fresh TPM, ready to measure',
  ours: fresh,
  ...(spawned === undefined ? {} : { peer: { name: 'spawned swtpm', timing: spawned } }),
  goal: 20,
});

rows.push({
  what: 'CreatePrimary RSA-2048 from a new seed',
  ours: await time(
    async () => createPrimary(await started(embedded(`rsa ${seed++}`)), TPM_RH.ENDORSEMENT, AK_RSA2048),
    { budget: 4000 },
  ),
});

const bootSpec = {
  ...spec,
  hardware: { ...spec.hardware, tpm: { ...spec.hardware.tpm, ekAlgorithm: 'eccP256' as const } },
};
const boot = await time(() => new Host({ ...bootSpec, seed: `boot ${seed++}` }, image).powerOn(), { budget: 6000 });
const bootOnSwtpm =
  peer === undefined
    ? undefined
    : await time(
        async () => {
          const tpm = await startSwtpm();
          if (tpm === undefined) return;
          const transport = openSwtpm(tpm.path);
          await new Host({ ...bootSpec, seed: `boot ${seed++}` }, image, { tpm: transport }).powerOn();
          await transport.close();
          await tpm.stop();
        },
        { budget: 6000 },
      );
rows.push({
  what: 'boot of the default host (ECC keys)',
  ours: boot,
  ...(bootOnSwtpm === undefined ? {} : { peer: { name: 'same boot, spawned swtpm', timing: bootOnSwtpm } }),
});
rows.push({
  what: 'boot of the default host (RSA EK)',
  ours: await time(() => new Host({ ...spec, seed: `rsa boot ${seed++}` }, image).powerOn(), { budget: 6000 }),
});
const noTpm = { ...spec, hardware: { ...spec.hardware, tpm: { ...spec.hardware.tpm, present: false } } };
rows.push({
  what: 'the same boot without a TPM',
  ours: await time(() => new Host({ ...noTpm, seed: `none ${seed++}` }, image).powerOn()),
});

const cli = join(packageRoot(), 'bin', 'esxsim.js');
rows.push({
  what: 'CLI cold start (--version)',
  ours: await time(() => spawnSync(process.execPath, [cli, '--version']), { budget: 3000 }),
});
rows.push({
  what: 'CLI boot with verdict, cold',
  ours: await time(() => spawnSync(process.execPath, [cli, 'boot']), { budget: 5000 }),
});

printTable(rows);
if (peer === undefined) console.log('swtpm is not installed: no ratios (apt-get install swtpm)');
