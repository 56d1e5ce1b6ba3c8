import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import {
  attestationReport,
  bootCompleteEvent,
  bootSecurityOptionEvent,
  commandEvent,
  decodeFields,
  decodeJsonFields,
  decodeReportJson,
  decodeReportXml,
  encodeReportJson,
  encodeReportXml,
  type Field,
  faultEnvelope,
  faults,
  logEntry,
  methodOf,
  optionEvent,
  parseSoapRequest,
  pcrValue,
  softwareComponentEvent,
  versionEvent,
} from './index.ts';

const hash = { dataHash: fromHex('00017f80ff'), dataHashMethod: 'SHA256' } as const;
const report = attestationReport(
  [pcrValue('SHA256', 0, fromHex('ff007f')), pcrValue('SHA1', 23, new Uint8Array(20))],
  [
    logEntry(14, commandEvent(hash, ' a="b" & <c>\r\n ]]> é\u{1f600}')),
    logEntry(13, softwareComponentEvent(hash, 'demo.v00', { name: 'demo', version: '1.0-1', vendor: 'ACME' })),
    logEntry(13, softwareComponentEvent({ dataHash: new Uint8Array(20) }, '')),
    logEntry(12, bootSecurityOptionEvent(hash, 'execInstalledOnly = FALSE')),
    logEntry(11, versionEvent(hash, utf8('v1'))),
    logEntry(14, optionEvent(hash, 'esx.conf', utf8('x'))),
    logEntry(14, bootCompleteEvent(hash)),
  ],
  false,
);

// Written by hand in the style of other servers: prefixes, unsigned bytes, white space, base64 nowhere.
const FOREIGN = `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
 <s:Header><operationID>x</operationID></s:Header>
 <s:Body><v:QueryTpmAttestationReportResponse xmlns:v="urn:vim25"><v:returnval>
  <v:tpmPcrValues><v:digestMethod>SHA1</v:digestMethod><v:digestValue>176</v:digestValue><v:digestValue>-1</v:digestValue><v:pcrNumber> 7 </v:pcrNumber></v:tpmPcrValues>
  <v:tpmEvents><v:pcrIndex>20</v:pcrIndex><v:eventDetails i:type="v:HostTpmSoftwareComponentEventDetails"><v:dataHash>1</v:dataHash>
   <v:componentName>a.b00</v:componentName><v:vibName/><v:vibVersion></v:vibVersion><v:vibVendor/></v:eventDetails></v:tpmEvents>
  <v:tpmLogReliable>1</v:tpmLogReliable>
 </v:returnval></v:QueryTpmAttestationReportResponse></s:Body></s:Envelope>`;

describe('reports read back', () => {
  it('are the reports that were written, in XML and in JSON', () => {
    expect(decodeReportXml(encodeReportXml(report))).toEqual(report);
    expect(decodeReportJson(encodeReportJson(report))).toEqual(report);
    expect(decodeReportXml(encodeReportXml(undefined))).toBeUndefined();
  });

  it('may come from other servers, with other prefixes and unsigned bytes', () => {
    expect(decodeReportXml(FOREIGN)).toEqual({
      _typeName: 'HostTpmAttestationReport',
      tpmPcrValues: [
        { _typeName: 'HostTpmDigestInfo', digestMethod: 'SHA1', digestValue: new Uint8Array([176, 255]), pcrNumber: 7 },
      ],
      tpmEvents: [
        {
          _typeName: 'HostTpmEventLogEntry',
          pcrIndex: 20,
          eventDetails: {
            _typeName: 'HostTpmSoftwareComponentEventDetails',
            dataHash: new Uint8Array([1]),
            componentName: 'a.b00',
            vibName: '',
            vibVersion: '',
            vibVendor: '',
          },
        },
      ],
      tpmLogReliable: true,
    });
  });

  it.each([
    ['a base64 digest', FOREIGN.replace('>176<', '>/wB/<'), /digestValue\[0\].*not a byte/],
    ['a byte out of range', FOREIGN.replace('>176<', '>256<'), /not a byte/],
    ['a PCR number that is none', FOREIGN.replace('> 7 <', '>x<'), /pcrNumber.*not a int/],
    ['a missing field', FOREIGN.replace(/<v:pcrNumber>.*?<\/v:pcrNumber>/, ''), /pcrNumber.*required/],
    ['an unknown event type', FOREIGN.replace('v:HostTpmSoftware', 'v:HostTpmHardware'), /eventDetails/],
    [
      'a type that is no event',
      FOREIGN.replace('v:HostTpmSoftwareComponentEventDetails', 'v:HostListSummary'),
      /eventDetails/,
    ],
    ['a fault', faultEnvelope(faults.notSupported(), '8.0.3.0'), /fault: The operation is not supported/],
    ['an entity', FOREIGN.replace('<s:Envelope', '<!DOCTYPE a [<!ENTITY b "c">]><s:Envelope'), /document type/],
    ['another document', '<a/>', /not a SOAP 1.1 envelope/],
  ])('refuse %s', (_what, xml, message) => {
    expect(() => decodeReportXml(xml)).toThrow(InputError);
    expect(() => decodeReportXml(xml)).toThrow(message);
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['another type', '{"_typeName":"HostListSummary"}', /is not a HostTpmAttestationReport/],
    ['a list', '[]', /is not a HostTpmAttestationReport/],
    ['a wrong byte', encodeReportJson(report).replace('[255,', '[256,'), /digestValue/],
    ['an invented field', encodeReportJson(report).replace('"pcrNumber"', '"pcrNumbers"'), /pcrNumbers/],
    ['deep nesting', `${'['.repeat(100_000)}`, /not JSON/],
  ])('refuse as JSON %s', (_what, json, message) => {
    expect(() => decodeReportJson(json)).toThrow(InputError);
    expect(() => decodeReportJson(json)).toThrow(message);
  });

  it('damaged anywhere, give a report or an InputError and nothing else', () => {
    const xml = utf8(encodeReportXml(report));
    const json = encodeReportJson(report);
    const change = fc.array(fc.tuple(fc.nat(xml.length - 1), fc.nat(255)), { maxLength: 4 });
    const survives = (read: () => unknown): void => {
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    };
    fc.assert(
      fc.property(change, fc.nat(xml.length), (changes, cut) => {
        const bytes = xml.slice(0, changes.length % 2 === 0 ? xml.length : cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        survives(() => decodeReportXml(bytes));
        const text = [...json];
        for (const [at, value] of changes) if (at < text.length) text[at] = String.fromCharCode(value);
        survives(() => decodeReportJson(text.join('')));
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

describe('requests', () => {
  const request = (body: string): string =>
    `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${body}</Body></Envelope>`;
  const parameters: readonly Field[] = methodOf('PropertyCollector', 'RetrievePropertiesEx')?.parameters ?? [];

  it('are read with prefixes resolved and unknown attributes passed over', () => {
    const { method, namespace, self } = parseSoapRequest(
      request(
        '<x:CurrentTime xmlns:x="urn:vim25"><x:_this versionId="6.5" type="x:ServiceInstance"> A </x:_this></x:CurrentTime>',
      ),
    );
    expect({ method, namespace, self }).toEqual({
      method: 'CurrentTime',
      namespace: 'urn:vim25',
      self: { type: 'ServiceInstance', value: 'A' },
    });
  });

  it('give values of derived types by xsi:type', () => {
    const call = parseSoapRequest(
      request(`<RetrievePropertiesEx xmlns="urn:vim25" xmlns:odd="http://www.w3.org/2001/XMLSchema-instance">
        <_this type="PropertyCollector">p</_this><specSet><propSet><type>HostSystem</type><all>false</all><pathSet>name</pathSet></propSet>
        <objectSet><obj type="ContainerView">v</obj><skip>true</skip><selectSet odd:type="TraversalSpec"><type>ContainerView</type><path>view</path></selectSet></objectSet>
        </specSet><options><maxObjects>1</maxObjects></options></RetrievePropertiesEx>`),
    );
    expect(decodeFields('call', parameters, call.parameters)).toEqual({
      specSet: [
        {
          _typeName: 'PropertyFilterSpec',
          propSet: [{ _typeName: 'PropertySpec', type: 'HostSystem', all: false, pathSet: ['name'] }],
          objectSet: [
            {
              _typeName: 'ObjectSpec',
              obj: { _typeName: 'ManagedObjectReference', type: 'ContainerView', value: 'v' },
              skip: true,
              selectSet: [{ _typeName: 'TraversalSpec', type: 'ContainerView', path: 'view' }],
            },
          ],
        },
      ],
      options: { _typeName: 'RetrieveOptions', maxObjects: 1 },
    });
  });

  it('have the same values in JSON', () => {
    const given: unknown = JSON.parse(
      '{"_typeName":"RetrievePropertiesEx","specSet":[{"_typeName":"PropertyFilterSpec","propSet":[],"objectSet":[]}],"options":{"maxObjects":3}}',
    );
    expect(decodeJsonFields('call', parameters, given)).toEqual({
      specSet: [{ _typeName: 'PropertyFilterSpec', propSet: [], objectSet: [] }],
      options: { _typeName: 'RetrieveOptions', maxObjects: 3 },
    });
  });

  it.each([
    ['no _this', request('<A xmlns="urn:vim25"/>'), /_this is required|_this: is required/],
    ['an empty body', request(''), /no content/],
    ['text only', 'hello', /SOAP/],
  ])('refuse %s', (_what, xml, message) => {
    expect(() => parseSoapRequest(xml)).toThrow(InputError);
    expect(() => parseSoapRequest(xml)).toThrow(message);
  });
});
