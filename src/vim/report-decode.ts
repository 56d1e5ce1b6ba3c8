/** The attestation report back from a server's answer, for verifiers and captures. The input is untrusted. */
import { FormatError } from '../bytes/errors.ts';
import { decodeJsonValue, parseJson } from './json-decode.ts';
import type { HostTpmAttestationReport } from './report.ts';
import { REPORT_METHOD } from './report-encode.ts';
import { decodeSoapValue, parseSoapResponse } from './soap-decode.ts';
import { isObject, type VimValue } from './value.ts';

const TYPE = 'HostTpmAttestationReport';
/** Longest report text: 1000 events with SHA-512 take about 3 MB as XML. */
const MAX_REPORT = 32 << 20;
const MAX_NODES = 1_500_000;

// The table decoder has checked every field of a value that carries this type name.
function isReport(value: VimValue | undefined): value is HostTpmAttestationReport {
  return isObject(value) && value._typeName === TYPE;
}

/**
 * The report in a SOAP response envelope; undefined where the response has none. FormatError for everything that is not
 * such a response, a SOAP fault too. Bytes may be signed or unsigned.
 */
export function decodeReportXml(input: Uint8Array | string): HostTpmAttestationReport | undefined {
  const [element, more] = parseSoapResponse(REPORT_METHOD, input, { maxBytes: MAX_REPORT, maxNodes: MAX_NODES });
  if (element === undefined) return undefined;
  if (more !== undefined) throw new FormatError({ structure: TYPE, field: '', problem: 'more than one returnval' });
  const value = decodeSoapValue(TYPE, TYPE, element);
  return isReport(value) ? value : undefined;
}

/** The report in VI/JSON text. FormatError for everything else. */
export function decodeReportJson(text: string): HostTpmAttestationReport {
  const value = decodeJsonValue(TYPE, TYPE, parseJson(TYPE, text, MAX_REPORT));
  if (!isReport(value)) throw new FormatError({ structure: TYPE, field: '', problem: 'is not a report' });
  return value;
}
