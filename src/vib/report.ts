/** `esxsim vib inspect|list|verify`: data for machines and plain text for people. */
import { FormatError } from '../bytes/errors.ts';
import { parseSignedData } from '../crypto/cms.ts';
import { parseAcceptance } from './acceptance.ts';
import { memberSource } from './ar.ts';
import { scanPayload, UnpackedFile } from './content-scan.ts';
import { type DescriptorFields, type VibSystemRequires, vibId } from './descriptor.ts';
import { VIB_FINDINGS, type VibFinding, type VibFindingCode } from './findings.ts';
import type { GunzipLimits } from './gzip.ts';
import { type OpenArchive, openPayload, openUnpacked } from './payload.ts';
import { signatureDer } from './signature-bytes.ts';
import { compareMembers, compareStated, contentHashes, covers, statedOf } from './stated.ts';
import type { VibReport } from './verify.ts';
import { payloadSource, type Vib } from './vib.ts';

/** What `inspect` shows; nothing in it is checked. */
export interface VibInspection extends Omit<DescriptorFields, 'fileList'> {
  readonly id: string;
  readonly schemaVersion: string;
  /** The level by its usual name, where it is one of the four. */
  readonly level: string | undefined;
  readonly files: number;
  readonly members: readonly { readonly name: string; readonly size: number }[];
  /** What ESXi's own tools would not have written, by member: what `verify` reports as `member-form`. */
  readonly oddities: readonly { readonly member: string; readonly message: string }[];
  /** `unsigned`, `missing`, `unreadable`, or the signers as the signature names them (not verified). */
  readonly signature: { readonly status: 'signed' | 'unsigned' | 'missing' | 'unreadable'; readonly signers: string[] };
  readonly unknownElements: readonly string[];
}

function inspectSignature(signature: Uint8Array | undefined): VibInspection['signature'] {
  if (signature === undefined) return { status: 'missing', signers: [] };
  if (signature.length === 0) return { status: 'unsigned', signers: [] };
  try {
    const { signers } = parseSignedData(signatureDer(signature));
    return { status: 'signed', signers: signers.map((each) => each.certificate?.subject.text ?? each.identifier) };
  } catch (error) {
    if (error instanceof FormatError) return { status: 'unreadable', signers: [] };
    throw error;
  }
}

/** The facts of a VIB as its descriptor and archive state them. */
export function inspectVib(vib: Vib): VibInspection {
  const { tree: _tree, source: _source, fileList, ...fields } = vib.descriptor;
  return {
    id: vibId(vib.descriptor),
    ...fields,
    level: parseAcceptance(fields.acceptanceLevel),
    files: fileList.length,
    members: vib.members.map((member) => ({ name: member.name, size: memberSource(member).size })),
    oddities: vib.members.flatMap(({ name, framing }) =>
      framing.oddities.map((message) => ({ member: name, message })),
    ),
    signature: inspectSignature(vib.signature),
  };
}

/** Rows of cells as text: columns as wide as their widest cell, the last one unpadded. */
function table(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)));
    return `${indent}${cells.join('  ')}`.trimEnd();
  });
}

/** Text from a VIB on one line, without characters that would act on a terminal. */
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

function relationRows({ relationships }: VibInspection): string[][] {
  return Object.entries(relationships).flatMap(([kind, list]) =>
    list.map(({ name, relation = '', version = '' }) => [`  ${kind}`, plain(`${name} ${relation} ${version}`)]),
  );
}

/** Attributes as `name=value` on one line. */
const attributeText = (attributes: Readonly<Record<string, string>>): string =>
  plain(
    Object.entries(attributes)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  );

const platformRows = (label: string, list: VibSystemRequires['swPlatforms']): string[][] =>
  list.map((platform) => [label, attributeText(platform)]);

/** When a host must be in maintenance mode. */
function maintenanceText({
  maintenanceMode: remove,
  maintenanceModeInstall: install = remove,
}: VibSystemRequires): string {
  if (install === remove) return yesNo(remove);
  return install ? 'to install, not to remove' : 'to remove, not to install';
}

/** A readable page about a VIB. */
export function renderInspect(info: VibInspection): string {
  const { signature, systemRequires } = info;
  const signed = signature.status === 'signed' ? signature.signers.map(plain).join('; ') : signature.status;
  const rows: string[][] = [
    ['VIB', plain(info.id)],
    ['Name', plain(info.name)],
    ['Version', plain(info.version)],
    ['Vendor', plain(info.vendor)],
    ['Type', plain(info.type)],
    ['Schema', plain(info.schemaVersion) || '-'],
    ['Summary', plain(info.summary)],
    ['Description', plain(info.description)],
    ...info.urls.map(({ key, url }) => ['URL', plain(key === '' ? url : `${key}: ${url}`)]),
    ['Release date', plain(info.releaseDate)],
    ['Acceptance level', info.level ?? plain(info.acceptanceLevel)],
    ['Signature', signature.status === 'signed' ? `by ${signed} (not checked here)` : signed],
    ['Tags', plain(info.softwareTags.join(', '))],
    ['Maintenance mode', maintenanceText(systemRequires)],
    ...platformRows('Software platform', systemRequires.swPlatforms),
    ...platformRows('Hardware platform', systemRequires.hwPlatforms),
    ['Live install', yesNo(info.liveInstallAllowed)],
    ['Live remove', yesNo(info.liveRemoveAllowed)],
    ['CIM restart', yesNo(info.cimomRestart)],
    ['Stateless ready', yesNo(info.statelessReady)],
    ['Overlay', yesNo(info.overlay)],
    ['Files', String(info.files)],
    ...relationRows(info),
    ...info.payloads.flatMap(({ name, attributes }) =>
      attributes === undefined ? [] : [[`Payload ${plain(name)}`, attributeText(attributes)]],
    ),
  ];
  rows.push(...info.oddities.map(({ member, message }) => ['Unusual form', plain(`${member}: ${message}`)]));
  if (info.unknownElements.length > 0) rows.push(['Not understood', plain(info.unknownElements.join(', '))]);
  const payloads = info.payloads.map((payload) => {
    const sums = payload.checksums.map((sum) => plain(sum.type + (sum.verifyProcess ? `/${sum.verifyProcess}` : '')));
    return [plain(payload.name), plain(payload.type), String(payload.size ?? '-'), sums.join(', ')];
  });
  const list = table([['PAYLOAD', 'TYPE', 'BYTES', 'CHECKSUMS'], ...payloads]);
  return [...table(rows), '', ...list, ''].join('\n');
}

/** One line of `list`. */
export interface VibListEntry {
  readonly payload: string;
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
  readonly link?: string;
}

/** Entries of a payload of `size` unpacked bytes. */
function listed(name: string, { content, entries }: OpenArchive, size: number): VibListEntry[] {
  if (content !== 'vmtar' && content !== 'tar') {
    return [{ payload: name, path: name, type: content === 'raw' ? 'module' : content, mode: 0o644, size }];
  }
  return entries.map((each): VibListEntry => {
    const { name: path, type, mode, linkName } = each;
    const entry = { payload: name, path, type, mode, size: each.size };
    return linkName === '' ? entry : { ...entry, link: linkName };
  });
}

/** Every entry of every payload; raw payloads are one entry of type `module`. Unreadable payloads are a `FormatError`. */
export function listVib(vib: Vib, limits: GunzipLimits = {}): VibListEntry[] {
  return vib.payloads.flatMap((payload) => {
    const opened = openPayload(payload, limits);
    return listed(payload.name, opened, opened.decompressed.length);
  });
}

/** What a list shows by itself: the type of the entry. */
const SHOWN: ReadonlySet<VibFindingCode> = new Set(['link', 'special-file']);

/**
 * {@link listVib} for VIBs of any size: payloads are unpacked piece by piece, through all layers, and nothing is kept.
 * @param differences gets what keeps the list from being all that the descriptor promises: payloads that are missing, not
 *   declared, of another size or checksum; layers that cannot be opened; entries that lead outside
 */
export async function listVibFiles(
  vib: Vib,
  limits: GunzipLimits = {},
  differences: VibFinding[] = [],
): Promise<VibListEntry[]> {
  const out: VibListEntry[] = [];
  differences.push(...compareMembers(vib));
  for (const payload of vib.payloads) {
    const { name } = payload;
    const source = payloadSource(payload);
    const scan = await scanPayload(source, name, contentHashes(statedOf(vib, payload)), limits);
    differences.push(...compareStated(vib, payload, scan));
    const file = new UnpackedFile(source, scan, name);
    const { opened } = await openUnpacked(payload, source.size, file, limits);
    differences.push(...opened.findings.filter(({ code }) => !SHOWN.has(code)));
    out.push(...listed(name, opened, file.size));
  }
  return out;
}

/** Findings as rows of text: severity, code, place, particulars. */
export const renderFindings = (findings: readonly VibFinding[], indent = ''): string[] =>
  table(
    findings.map(({ code, where, message }) => [VIB_FINDINGS[code][0], code, plain(where), plain(message)]),
    indent,
  );

/** The list as a table. */
export function renderList(entries: readonly VibListEntry[]): string {
  const rows = entries.map(({ payload, path, type, mode, size, link }) => [
    plain(payload),
    type,
    mode.toString(8).padStart(4, '0'),
    String(size),
    plain(link === undefined ? path : `${path} -> ${link}`),
  ]);
  return [...table([['PAYLOAD', 'TYPE', 'MODE', 'BYTES', 'PATH'], ...rows]), ''].join('\n');
}

/** The verdict, its parts and every finding. */
export function renderVerify(report: VibReport): string {
  const { signature, level } = report;
  const granted = signature.grantedLevel === undefined ? '' : `, grants ${signature.grantedLevel}`;
  const by = signature.signer === undefined ? '' : ` (${plain(signature.signer)}${granted})`;
  const rows: string[][] = [
    ['signature', signature.status, by.trim()],
    ['level', level.ok ? 'ok' : 'BAD', `claims ${level.claimed ?? 'an unknown level'}, may claim ${level.allowed}`],
    ...report.payloads.map((payload) => {
      const sums = payload.checksums.map((sum) => {
        const word = sum.ok ? 'ok' : covers(sum) === undefined ? 'not checked' : 'BAD';
        return `${plain(sum.type)} ${word}`;
      });
      const layers = payload.layers.length > 1 ? ` (${payload.layers.join(' around ')})` : '';
      return [`payload ${plain(payload.name)}`, payload.ok ? 'ok' : 'BAD', sums.join(', ') + layers];
    }),
  ];
  const head = `${plain(report.id)}: ${report.ok ? 'OK' : 'NOT OK'}`;
  return [head, ...table(rows, '  '), ...renderFindings(report.findings, '  '), ''].join('\n');
}
