import { describe, expect, it } from 'vitest';
import {
  ancestry,
  encodeSoapValue,
  faultEnvelope,
  faults,
  fieldsOf,
  isSubtype,
  make,
  methodOf,
  moref,
  negotiate,
  parseField,
  serviceVersionsXml,
  typeAt,
  typeNames,
  typeNote,
  versionOfSoapAction,
  versionsUpTo,
} from './index.ts';

describe('the table of types', () => {
  it('is consistent: every base exists, every field reads, no field is named twice', () => {
    for (const name of typeNames()) {
      const note = typeNote(name);
      if (note === undefined || note.kind === 'enum') continue;
      if (note.base !== '') expect(typeNote(note.base)?.kind, `${name} : ${note.base}`).toBe(note.kind);
      const names = fieldsOf(name).map((f) => f.name);
      expect(new Set(names).size, name).toBe(names.length);
      if (note.kind === 'managed')
        for (const method of Object.keys(note.methods)) expect(methodOf(name, method)).toBeDefined();
    }
  });

  it('puts the fields of the base type first', () => {
    expect(fieldsOf('HostTpmDigestInfo').map((f) => f.name)).toEqual([
      'digestMethod',
      'digestValue',
      'objectName',
      'pcrNumber',
    ]);
    expect(fieldsOf('HostTpmCommandEventDetails').map((f) => f.name)).toEqual([
      'dataHash',
      'dataHashMethod',
      'commandLine',
    ]);
  });

  it('knows subtypes and what an older version sees', () => {
    expect(isSubtype('ClusterComputeResource', 'ManagedEntity')).toBe(true);
    expect(isSubtype('HostSystem', 'ComputeResource')).toBe(false);
    expect(ancestry('NotAuthenticated')).toEqual([
      'NotAuthenticated',
      'NoPermission',
      'SecurityError',
      'RuntimeFault',
      'MethodFault',
    ]);
    expect(typeAt('HostTpmNvTagEventDetails', '7.0.1.1')).toBe('HostTpmBootSecurityOptionEventDetails');
    expect(typeAt('HostTpmAttestationInfo', '6.5')).toBeUndefined();
    expect(ancestry('constructor')).toEqual([]);
    expect(fieldsOf('__proto__')).toEqual([]);
  });

  it('reads the notation', () => {
    expect(parseField('f', 'byte[]?@6.7', '5.1')).toEqual({
      name: 'f',
      type: 'byte[]',
      array: false,
      optional: true,
      since: '6.7',
    });
    expect(parseField('f', 'moref[]', '5.1')).toEqual({
      name: 'f',
      type: 'moref',
      array: true,
      optional: false,
      since: '5.1',
    });
    expect(() => parseField('f', 'string@1.0', '5.1')).toThrow(/bad field/);
  });
});

describe('encodeSoapValue', () => {
  const any = (value: Parameters<typeof encodeSoapValue>[1]): string =>
    encodeSoapValue({ name: 'val', type: 'anyType', array: false }, value, '8.0.3.0');

  it('names the type of an anyType value', () => {
    expect(any('a<b')).toBe('<val xsi:type="xsd:string">a&lt;b</val>');
    expect(any(true)).toBe('<val xsi:type="xsd:boolean">true</val>');
    expect(any(make('long', { _value: 5 }))).toBe('<val xsi:type="xsd:long">5</val>');
    expect(any(make('binary', { _value: new Uint8Array([1]) }))).toBe('<val xsi:type="xsd:base64Binary">AQ==</val>');
    expect(any(make('HostSystemPowerState', { _value: 'poweredOn' }))).toBe(
      '<val xsi:type="HostSystemPowerState">poweredOn</val>',
    );
    expect(any(moref('HostSystem', 'host-21'))).toBe(
      '<val xsi:type="ManagedObjectReference" type="HostSystem">host-21</val>',
    );
    expect(any(make('ArrayOfString', { _value: ['a', 'b'] }))).toBe(
      '<val xsi:type="ArrayOfString"><string>a</string><string>b</string></val>',
    );
    expect(any(make('ArrayOfByte', { _value: new Uint8Array([255]) }))).toBe(
      '<val xsi:type="ArrayOfByte"><byte>-1</byte></val>',
    );
    expect(any(make('ArrayOfManagedObjectReference', { _value: [moref('Task', 't')] }))).toBe(
      '<val xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="Task">t</ManagedObjectReference></val>',
    );
    expect(any(make('ArrayOfManagedObjectReference', { _value: [] }))).toBe(
      '<val xsi:type="ArrayOfManagedObjectReference"></val>',
    );
  });

  it('refuses values that do not fit their declaration, which are mistakes of the program', () => {
    expect(() => any(5)).toThrow(/boxed/);
    expect(() => any(make('HostTpmEventLogEntry', { pcrIndex: 1 }))).toThrow(/eventDetails is required/);
    expect(() => any(make('HostTpmEventDetails', { dataHash: new Uint8Array(1), colour: 'red' }))).toThrow(
      /no field colour/,
    );
    expect(() => encodeSoapValue({ name: 'a', type: 'int', array: false }, 'x', '8.0.3.0')).toThrow(/not a int/);
  });
});

describe('faultEnvelope', () => {
  it('names the type in the element and in xsi:type', () => {
    expect(faultEnvelope(faults.invalidLogin(), '8.0.3.0')).toContain(
      '<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Cannot complete login due to an incorrect user ' +
        'name or password.</faultstring><detail><InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin">' +
        '</InvalidLoginFault></detail></soapenv:Fault>',
    );
    expect(faultEnvelope(faults.notAuthenticated(moref('Folder', 'group-d1'), 'System.View'), '8.0.3.0')).toContain(
      '<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>',
    );
  });
});

describe('versions', () => {
  it('answers unknown and newer requests in the own version', () => {
    expect(negotiate('6.7', '8.0.3.0')).toBe('6.7');
    expect(negotiate('9.1.0.0', '8.0.3.0')).toBe('8.0.3.0');
    expect(negotiate('99', '8.0.3.0')).toBe('8.0.3.0');
    expect(negotiate(undefined, '7.0.3.0')).toBe('7.0.3.0');
  });

  it('reads SOAPAction with and without quotes', () => {
    expect(versionOfSoapAction('urn:vim25/9.0.0.0')).toBe('9.0.0.0');
    expect(versionOfSoapAction('"urn:vim25/6.7.1"')).toBe('6.7.1');
    expect(versionOfSoapAction('urn:internalvim25/5.5')).toBe('5.5');
    expect(versionOfSoapAction('""')).toBeUndefined();
    expect(versionOfSoapAction(null)).toBeUndefined();
  });

  it('lists the versions of the release, newest first', () => {
    expect(versionsUpTo('6.7').slice(0, 3)).toEqual(['6.7', '6.5', '6.0']);
    const xml = serviceVersionsXml('6.7');
    expect(xml).toContain('<namespaces version="1.0">');
    expect(xml).toMatch(
      /<name>urn:vim25<\/name>\s*<version>6\.7<\/version>\s*<priorVersions>\s*<version>6\.5<\/version>/,
    );
    expect(xml).not.toContain('8.0');
  });
});
