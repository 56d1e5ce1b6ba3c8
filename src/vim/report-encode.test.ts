import { describe, expect, it } from 'vitest';
import { fromHex, utf8 } from '../bytes/bytes.ts';
import {
  attestationReport,
  bootCompleteEvent,
  commandEvent,
  encodeReportJson,
  encodeReportXml,
  logEntry,
  nvTagEvent,
  optionEvent,
  pcrValue,
  signerEvent,
  softwareComponentEvent,
  versionEvent,
} from './index.ts';

const hash = { dataHash: fromHex('0780ff'), dataHashMethod: 'SHA256' } as const;
const report = attestationReport(
  [pcrValue('SHA256', 0, fromHex('ff007f'))],
  [
    logEntry(14, commandEvent(hash, 'a=b & <c>\u0001')),
    logEntry(13, softwareComponentEvent(hash, 'demo.v00')),
    logEntry(12, nvTagEvent(hash, 'tag')),
    logEntry(12, signerEvent(hash, 'signer')),
    logEntry(11, versionEvent(hash, utf8('v1'))),
    logEntry(14, bootCompleteEvent(hash)),
    logEntry(14, optionEvent(hash, 'esx.conf', utf8('x'))),
  ],
);

/** The part of the response between the tags of `name`, first occurrence. */
function part(xml: string, name: string): string {
  return new RegExp(`<${name}[^>]*>(.*?)</${name}>`, 's').exec(xml)?.[1] ?? '';
}

describe('encodeReportXml', () => {
  it('writes bytes as repeated signed decimals and fields in the order of the published schema', () => {
    const xml = encodeReportXml(report);
    expect(part(xml, 'tpmPcrValues')).toBe(
      '<digestMethod>SHA256</digestMethod><digestValue>-1</digestValue><digestValue>0</digestValue>' +
        '<digestValue>127</digestValue><pcrNumber>0</pcrNumber>',
    );
    expect(part(xml, 'tpmEvents')).toBe(
      '<pcrIndex>14</pcrIndex><eventDetails xsi:type="HostTpmCommandEventDetails"><dataHash>7</dataHash>' +
        '<dataHash>-128</dataHash><dataHash>-1</dataHash><dataHashMethod>SHA256</dataHashMethod>' +
        '<commandLine>a=b &amp; &lt;c&gt;</commandLine></eventDetails>',
    );
    expect(xml).toContain('<QueryTpmAttestationReportResponse xmlns="urn:vim25"><returnval><tpmPcrValues>');
    expect(xml).toContain('<tpmLogReliable>true</tpmLogReliable></returnval></QueryTpmAttestationReportResponse>');
    expect(xml).toContain('<vibName></vibName>');
    expect(xml).toContain('<version>djE=</version>');
  });

  it('answers an older client without newer fields and with the nearest older type', () => {
    const xml = encodeReportXml(report, '6.5');
    expect(xml).not.toContain('dataHashMethod');
    expect(xml).not.toMatch(/NvTag|Signer|VersionEvent|BootComplete|<version>/);
    expect(xml.match(/xsi:type="HostTpmBootSecurityOptionEventDetails"/g)).toHaveLength(2);
    expect(xml.match(/xsi:type="HostTpmEventDetails"/g)).toHaveLength(2);
    const at703 = encodeReportXml(report, '7.0.3.0');
    expect(at703).toContain('HostTpmNvTagEventDetails');
    expect(at703).not.toContain('HostTpmSignerEventDetails');
  });

  it('has an empty response without a report', () => {
    expect(encodeReportXml(undefined)).toContain(
      '<QueryTpmAttestationReportResponse xmlns="urn:vim25"></QueryTpmAttestationReportResponse>',
    );
  });

  it('cuts the log at 1000 events and says so', () => {
    const many = Array.from({ length: 1001 }, () => logEntry(1, bootCompleteEvent(hash)));
    const cut = attestationReport([], many);
    expect(cut.tpmEvents).toHaveLength(1000);
    expect(cut.tpmLogReliable).toBe(false);
    expect(attestationReport([], many.slice(1)).tpmLogReliable).toBe(true);
  });
});

describe('encodeReportJson', () => {
  it('writes bytes as numbers 0 … 255 and names every type', () => {
    const json: unknown = JSON.parse(encodeReportJson(report));
    expect(json).toMatchObject({
      _typeName: 'HostTpmAttestationReport',
      tpmPcrValues: [
        { _typeName: 'HostTpmDigestInfo', digestMethod: 'SHA256', digestValue: [255, 0, 127], pcrNumber: 0 },
      ],
      tpmLogReliable: true,
    });
    expect(JSON.stringify(json)).toContain(
      '{"_typeName":"HostTpmVersionEventDetails","dataHash":[7,128,255],"dataHashMethod":"SHA256","version":"djE="}',
    );
  });
});
