/** Hosts, event logs and VIBs by the package's public names, in Node and in a browser alike. Results are plain JSON. */
import { attestHost, type BootImage, evidenceFiles, Host, type HostSpec, predictReference, resolveSpec } from 'esxsim';
import {
  comparePcrs,
  eventLogJson,
  parseEventLog,
  parsePcrsJson,
  renderEventLog,
  replayEvents,
  replayJson,
} from 'esxsim/eventlog';
import { formatReference, renderAppraisal, verifyEvidence } from 'esxsim/verify';
import { parseCertificatesPem, readVib, renderVerify, verifyVib } from 'esxsim/vib';
import { fromHex, toHex } from './hex.ts';

/** A boot to be repeated: everything about it that is chosen. */
export interface BootJob {
  readonly profile: string;
  readonly seed: string;
  readonly nonce: string;
  readonly faults: string[];
}

/** Evidence files by name, in hexadecimal. */
export type HexFiles = Readonly<Record<string, string>>;

const hexFiles = (files: ReadonlyMap<string, Uint8Array>): HexFiles =>
  Object.fromEntries([...files].map(([name, bytes]) => [name, toHex(bytes)]));

/** Boots a host, and appraises it against a healthy boot of the same image: from its files alone, and with a challenge to its TPM. */
export async function bootAndVerify(job: BootJob, load: (spec: HostSpec) => BootImage | Promise<BootImage>) {
  const spec = resolveSpec({}, job);
  const image = await load(spec);
  const host = new Host(spec, image);
  const began = performance.now();
  const result = await host.powerOn();
  const milliseconds = performance.now() - began;
  const files = evidenceFiles(result);
  const reference = await predictReference(spec, image);
  const appraisal = verifyEvidence(files, reference, { nonce: fromHex(job.nonce) });
  const attested = await attestHost(host, result, files, reference);
  return {
    milliseconds,
    facts: {
      state: result.state,
      halted: result.halted?.message ?? null,
      consoleLines: result.console.length,
      files: hexFiles(files),
      reference: formatReference(reference),
      appraisal,
      appraisalText: renderAppraisal(appraisal),
      attested,
    },
  };
}

/** Reads event logs, one after the other, and replays them against the PCRs. */
export function readLogs(files: HexFiles) {
  const bytes = (name: string) => (files[name] === undefined ? [] : [fromHex(files[name])]);
  const logs = ['eventlog.bin', 'txt-eventlog.bin'].flatMap(bytes).map((log) => parseEventLog(log));
  const [algorithms] = logs.map((log) => log.algorithms);
  const [pcrs] = bytes('pcrs.json').map(parsePcrsJson);
  if (algorithms === undefined || pcrs === undefined) throw new Error('no event log or no PCRs');
  const replay = replayEvents(
    logs.flatMap((log) => log.events),
    algorithms,
  );
  return {
    events: logs.map((log) => log.events.length),
    json: logs.map(eventLogJson),
    text: logs.map(renderEventLog),
    replayed: replayJson(replay),
    mismatches: comparePcrs(replay, pcrs, { onlyLogged: replay.drtm }).map(({ bank, pcr }) => `${bank} ${pcr}`),
  };
}

/** A copy with one bit changed at a place. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ 1;
  return out;
}

/** Checks VIBs: each as it is, with another summary under the same signature, and with a changed payload. */
export async function checkVibs(files: readonly Uint8Array[], rootPem: string) {
  const trust = { roots: parseCertificatesPem(rootPem), time: 'ignore' } as const;
  const check = async (bytes: Uint8Array) => {
    const report = await verifyVib(readVib(bytes), trust);
    return { report, text: renderVerify(report) };
  };
  const latin1 = new TextDecoder('latin1');
  return Promise.all(
    files.map(async (bytes) => ({
      asBuilt: await check(bytes),
      otherSummary: await check(flipped(bytes, latin1.decode(bytes).indexOf('<summary>') + '<summary>'.length)),
      otherPayload: await check(flipped(bytes, bytes.length - 100)),
    })),
  );
}
