/** The attestation report as the two servers' interfaces give it: a SOAP response and VI/JSON. */
import { encodeJsonValue, type Json } from './json-encode.ts';
import type { HostTpmAttestationReport } from './report.ts';
import { encodeSoapValue, responseEnvelope } from './soap-encode.ts';
import { type ApiVersion, DEFAULT_API_VERSION } from './versions.ts';

const RETURNVAL = { name: 'returnval', type: 'HostTpmAttestationReport', array: false };

/** Name of the method that gives the report. */
export const REPORT_METHOD = 'QueryTpmAttestationReport';

/**
 * The complete SOAP envelope with `QueryTpmAttestationReportResponse`, as a server returns it to a client that speaks
 * `version`; without a report (host without TPM, seen through vCenter) the response element is empty.
 */
export function encodeReportXml(
  report: HostTpmAttestationReport | undefined,
  version: ApiVersion = DEFAULT_API_VERSION,
): string {
  return responseEnvelope(REPORT_METHOD, report === undefined ? '' : encodeSoapValue(RETURNVAL, report, version));
}

/** The report as a VI/JSON value (byte arrays are numbers 0 … 255). */
export function reportToJson(report: HostTpmAttestationReport, version: ApiVersion = DEFAULT_API_VERSION): Json {
  return encodeJsonValue(RETURNVAL, report, version) ?? null;
}

/** The report as VI/JSON text in one line. */
export function encodeReportJson(report: HostTpmAttestationReport, version: ApiVersion = DEFAULT_API_VERSION): string {
  return JSON.stringify(reportToJson(report, version));
}
