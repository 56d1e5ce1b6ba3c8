/** A log as readable text. Everything that came from the log is escaped, so hostile text cannot steer a terminal. */
import { toHex } from '../bytes/index.ts';
import type { EsxiEvent, EventData } from './data/index.ts';
import { eventTypeName } from './event-types.ts';
import type { EventLog, LogEvent } from './log.ts';

/** Longest text or byte string shown in full. */
const SHOWN = 96;

/** A text with control characters, bidirectional marks, line separators and the like as `\u{…}`. */
export function escapeText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A text of a log in quotes, escaped, and cut after `limit` characters. */
export function quoteText(text: string, limit = 512): string {
  const quoted = escapeText(text.slice(0, limit).replace(/["\\]/g, (c) => `\\${c}`));
  return `"${quoted}"${text.length > limit ? ` … (${text.length} characters)` : ''}`;
}

function shortHex(bytes: Uint8Array): string {
  if (bytes.length === 0) return '(empty)';
  const hex = toHex(bytes.subarray(0, SHOWN));
  return bytes.length > SHOWN ? `${hex}… (${bytes.length} bytes)` : hex;
}

function esxiSummary(event: EsxiEvent): string {
  switch (event.kind) {
    case 'module':
      return `module ${quoteText(event.name)}`;
    case 'bootOptions':
      return `boot options ${quoteText(event.name)}`;
    case 'commandLine':
      return `command line ${quoteText(event.text, 4096)}`;
    case 'assetTag':
      return `asset tag ${shortHex(event.tag)}`;
    case 'signer':
      return `signer certificate, ${event.certificate.length} bytes`;
    case 'version': {
      if (event.record === undefined) return `version record, ${event.bytes.length} bytes`;
      const { componentName, productName, productVersion, fileName } = event.record;
      return `version ${[productName, productVersion, componentName, fileName].map((t) => quoteText(t)).join(' ')}`;
    }
    case 'securityOption':
      return `boot security option ${quoteText(event.text)}`;
    case 'bootComplete':
      return 'boot complete';
  }
}

/** One line about event data; `data` is what was decoded. */
export function describeEventData(decoded: EventData, data: Uint8Array): string {
  switch (decoded.kind) {
    case 'startupLocality':
      return `startup locality ${decoded.locality}`;
    case 'noAction':
      return `information ${quoteText(decoded.signature)}`;
    case 'separator':
      return `separator 0x${decoded.value.toString(16).padStart(8, '0')}`;
    case 'action':
    case 'text':
      return quoteText(decoded.text);
    case 'crtmVersion':
      return `version ${quoteText(decoded.version)}`;
    case 'variable':
      return `variable ${quoteText(decoded.name)} of ${decoded.guid}: ${shortHex(decoded.data)}`;
    case 'imageLoad':
      return `image of ${decoded.length} bytes at 0x${decoded.location.toString(16)}`;
    case 'firmwareBlob': {
      const name = decoded.description === undefined ? '' : ` ${quoteText(decoded.description)}`;
      return `firmware${name}, ${decoded.length} bytes at 0x${decoded.base.toString(16)}`;
    }
    case 'handoffTables':
      return `tables ${decoded.tables.map((t) => t.guid).join(', ')}`;
    case 'gpt':
      return `partition table, ${decoded.partitions.length} partitions`;
    case 'tagged':
      if (decoded.esxi !== undefined) return esxiSummary(decoded.esxi);
      return `tag 0x${decoded.tag.toString(16)}: ${shortHex(decoded.data)}`;
    case 'txt':
      return decoded.value === undefined ? shortHex(data) : `value 0x${decoded.value.toString(16)}`;
    case 'opaque':
      return shortHex(data);
    case 'invalid':
      return `not readable (${quoteText(decoded.why.message)}): ${shortHex(data)}`;
  }
}

function renderEvent(event: LogEvent): string[] {
  const head = `${String(event.index).padStart(4)}  PCR ${String(event.pcr).padStart(2)}  ${eventTypeName(event.type)}`;
  const lines = [head, `      ${describeEventData(event.decoded, event.data)}`];
  for (const [name, digest] of event.digests) lines.push(`      ${name.padEnd(7)} ${toHex(digest)}`);
  return lines;
}

/** The whole log as text, one paragraph a record, without a final line break. */
export function renderEventLog(log: EventLog): string {
  const form = log.format === 'sha1' ? 'SHA-1 (TPM 1.2)' : 'crypto-agile';
  const lines = [`TCG event log, ${form} format, banks ${log.algorithms.join(', ')}, ${log.events.length} events`];
  for (const event of log.events) lines.push(...renderEvent(event));
  for (const { offset, problem } of log.problems) lines.push(`problem at offset ${offset}: ${quoteText(problem)}`);
  return lines.join('\n');
}
