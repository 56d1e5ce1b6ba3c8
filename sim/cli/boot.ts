import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { TpmTransport } from '../../src/tpm2/transport.ts';
import { type Appraisal, renderAppraisal } from '../../src/verify/index.ts';
import { type HostTpmEventDetailsType, reportToJson } from '../../src/vim/index.ts';
import { attestHost } from '../attest.ts';
import { formatConsoleLine } from '../console.ts';
import { EVIDENCE_FILES, evidenceFiles, hostJson, pcrsJson } from '../evidence.ts';
import { type BootResult, Host } from '../host.ts';
import type { BootImage } from '../image.ts';
import { otherRelease } from '../install/release.ts';
import { checkFileTarget, checkFolderTarget, samePlace, writeFileAtomic, writeFolder } from '../node/files.ts';
import { openImage } from '../node/image-files.ts';
import { predictReference } from '../predict.ts';
import type { HostSpec } from '../spec/schema.ts';
import { openTpm, parseTpmChoice } from '../tpm/ports/open.ts';
import { PrimaryKeys } from '../tpm/primary-keys.ts';
import { layoutJson } from '../vmkernel/address-space.ts';
import type { CommandInput, CommandIo, CommandResult } from './command.ts';
import { readSpec } from './spec-options.ts';
import { count, table } from './text.ts';
import { readNonce } from './verify.ts';

export async function run({ options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  readNonce(options.text('nonce'));
  const [out, traceFile] = [options.text('out'), options.text('trace')];
  // A boot takes its time: what it could not be written to is said before.
  if (out !== undefined) checkFolderTarget(out);
  if (traceFile !== undefined) checkFileTarget(traceFile);
  const spec = readSpec(options);
  checkApart(out, spec);
  const image = await openImage(spec);
  const tpm = externalTpm(spec, options.text('tpm') ?? 'embedded');
  try {
    const trace: string[] = [];
    const primaryKeys = new PrimaryKeys();
    const host = new Host(spec, image, {
      tpm,
      primaryKeys,
      onConsole: (line) => io.line(formatConsoleLine(line)),
      onTpmTrace: (line) => trace.push(`${line}\n`),
    });
    const result = await host.powerOn();
    if (traceFile !== undefined) writeFileAtomic(traceFile, utf8(trace.join('')));
    const other = otherRelease(
      spec,
      result.system.vibs.map(({ descriptor }) => descriptor),
    );
    if (other !== undefined) io.progress(`warning: ${other}`);
    const files = evidenceFiles(result);
    if (out !== undefined) writeFolder(out, files, EVIDENCE_FILES);
    const { appraisal, why } = await appraise(host, result, files, image, primaryKeys);
    if (tpm !== undefined) await host.releaseKeys();
    return {
      text: render(result, appraisal, why, out),
      json: bootJson(result, appraisal),
      exitCode: result.state === 'running' ? 0 : 1,
    };
  } finally {
    await tpm?.close();
  }
}

/** Evidence among the files of a boot bank would be taken for a part of it. */
function checkApart(out: string | undefined, { image }: HostSpec): void {
  const same = (image.paths ?? []).find((path) => out !== undefined && samePlace(path, out));
  if (same !== undefined) throw new InputError(`--out: ${out} is the image that is booted; name another folder`);
}

/** The reference verifier's opinion, against a healthy boot of the same spec; a spec that has none says why. */
async function appraise(
  host: Host,
  result: BootResult,
  files: ReadonlyMap<string, Uint8Array>,
  image: BootImage,
  primaryKeys: PrimaryKeys,
): Promise<{ appraisal?: Appraisal; why: string }> {
  if (result.tpm === undefined) return { why: 'the host has no TPM' };
  try {
    const reference = await predictReference(result.spec, image, { primaryKeys });
    return { appraisal: await attestHost(host, result, files, reference), why: '' };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { why: error.message };
  }
}

/** The TPM that `--tpm` names; undefined where the host brings its own. */
function externalTpm(spec: HostSpec, text: string): TpmTransport | undefined {
  const choice = parseTpmChoice(text);
  return choice.kind === 'embedded' || !spec.hardware.tpm.present ? undefined : openTpm(choice);
}

function bootJson(result: BootResult, appraisal: Appraisal | undefined): unknown {
  const { tpm } = result;
  return {
    host: hostJson(result),
    state: result.state,
    halted: result.halted ?? null,
    console: result.console.map(formatConsoleLine),
    layout: layoutJson(result.layout),
    ...(tpm === undefined
      ? {}
      : {
          pcrs: pcrsJson(tpm.pcrs),
          report: reportToJson(tpm.report, result.spec.release.apiVersion),
          eventLog: toHex(tpm.eventLog),
          txtEventLog: tpm.txtEventLog === undefined ? null : toHex(tpm.txtEventLog),
          nonce: toHex(tpm.nonce),
          quote: { attest: toHex(tpm.quote.attest), signature: toHex(tpm.quote.signature) },
          ak: toHex(tpm.keys.akPublic),
          ek: toHex(tpm.keys.ekPublic),
        }),
    appraisal: appraisal ?? null,
  };
}

const KIND: Readonly<Record<string, string>> = {
  HostTpmSoftwareComponentEventDetails: 'component',
  HostTpmCommandEventDetails: 'command line',
  HostTpmOptionEventDetails: 'boot options',
  HostTpmBootSecurityOptionEventDetails: 'security option',
  HostTpmNvTagEventDetails: 'asset tag',
  HostTpmSignerEventDetails: 'signer',
  HostTpmVersionEventDetails: 'version',
  HostTpmBootCompleteEventDetails: 'boot complete',
};

function eventText(event: HostTpmEventDetailsType): string {
  const details: Readonly<Record<string, unknown>> = { ...event };
  for (const field of ['commandLine', 'optionsFileName', 'bootSecurityOption'] as const) {
    if (typeof details[field] === 'string') return details[field];
  }
  const { componentName, vibName, vibVersion } = details;
  if (typeof componentName !== 'string') return '';
  return vibName === '' || vibName === undefined
    ? componentName
    : `${componentName} (${String(vibName)} ${String(vibVersion)})`;
}

function render(result: BootResult, appraisal: Appraisal | undefined, why: string, out: string | undefined): string {
  const { tpm, spec } = result;
  const parts: string[] = [];
  if (tpm !== undefined) {
    const [bank = 'sha256'] = Object.keys(pcrsJson(tpm.pcrs));
    const values = Object.entries(pcrsJson(tpm.pcrs)[bank] ?? {});
    parts.push(`PCRs (${bank}, read back from the TPM)\n${table(['PCR', 'VALUE'], values)}`);
    const rows = tpm.report.tpmEvents.map(({ pcrIndex, eventDetails }) => [
      String(pcrIndex),
      KIND[eventDetails._typeName] ?? eventDetails._typeName,
      toHex(eventDetails.dataHash).slice(0, 16),
      eventText(eventDetails),
    ]);
    const reliable = tpm.report.tpmLogReliable ? 'reliable' : 'NOT reliable';
    parts.push(
      `Attestation report: ${count(rows.length, 'event')}, log ${reliable}\n${table(['PCR', 'KIND', 'DIGEST', 'WHAT'], rows)}`,
    );
  }
  const regions = layoutJson(result.layout).regions;
  if (regions.length > 0) {
    const rows = regions.map((r) => [
      r.base,
      r.size.toString(16),
      r.permissions,
      String(r.entropyBits),
      `${r.owner} ${r.name}`,
    ]);
    parts.push(
      `Memory layout: ${count(regions.length, 'region')}\n${table(['BASE', 'SIZE', 'PERM', 'BITS', 'WHAT'], rows)}`,
    );
  }
  parts.push(`Reference verifier\n${appraisal === undefined ? `No verdict: ${why}` : renderAppraisal(appraisal)}`);
  const nonce = tpm === undefined ? '' : `, nonce ${toHex(tpm.nonce)}`;
  parts.push(
    `Host ${spec.identity.name}: ${result.halted === undefined ? 'running' : `HALTED (${result.halted.code}: ${result.halted.message})`}; seed ${spec.seed}${nonce}`,
  );
  if (out !== undefined) parts.push(`Evidence written to ${out}`);
  return `\n${parts.join('\n\n')}`;
}
