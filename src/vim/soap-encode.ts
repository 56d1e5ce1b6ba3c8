/**
 * vSphere values as SOAP XML (document/literal, namespace urn:vim25), driven by the type table and filtered for the API
 * version of the peer: newer fields and enumeration values are left out, newer types become their nearest known ancestor.
 */
import { toBase64 } from '../bytes/bytes.ts';
import { fieldOf, fieldsOf, hasEnumValue, isPolymorphic, isScalar, isSubtype, typeAt, typeNote } from './model.ts';
import { field, isBoxed, isObject, type VimObject, type VimValue } from './value.ts';
import { type ApiVersion, isKnownAt } from './versions.ts';

/** What is declared at the place where a value stands. */
export interface Declared {
  readonly name: string;
  readonly type: string;
  readonly array: boolean;
}

// Characters that XML 1.0 (section 2.2, Char) does not allow, lone surrogates among them.
const ILLEGAL =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const NEEDS_CARE = /[\0-\x08\x0b-\x1f&<>"\ud800-\udfff\ufffe\uffff]/;
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** Text for element content or a quoted attribute; characters that XML cannot carry are dropped. */
export function escapeXml(text: string): string {
  if (!NEEDS_CARE.test(text)) return text;
  return text.replace(ILLEGAL, '').replace(/[&<>"\r]/g, (c) => ESCAPES[c] ?? c);
}

// Signed decimal of every byte: xsd:byte is -128 … 127.
const SIGNED: readonly string[] = Array.from({ length: 256 }, (_, b) => String((b << 24) >> 24));

function encodeBytes(name: string, bytes: Uint8Array): string {
  const open = `<${name}>`;
  const close = `</${name}>`;
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += open + SIGNED[bytes[i] ?? 0] + close;
  return out;
}

const XSD: Readonly<Record<string, string>> = { binary: 'base64Binary' };

function bug(what: string): Error {
  return new Error(`cannot encode: ${what}`);
}

function scalarText(type: string, value: VimValue, place: string): string {
  switch (type) {
    case 'boolean':
      if (typeof value === 'boolean') return String(value);
      break;
    case 'byte':
    case 'short':
    case 'int':
    case 'long':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
      break;
    case 'float':
    case 'double':
      if (typeof value === 'number') return String(value);
      break;
    case 'binary':
      if (value instanceof Uint8Array) return toBase64(value);
      break;
    default:
      if (typeof value === 'string') return escapeXml(value);
  }
  throw bug(`${place} is not a ${type}`);
}

function morefText(name: string, value: VimObject, xsiType: string): string {
  const type = escapeXml(String(field(value, 'type')));
  return `<${name}${xsiType} type="${type}">${escapeXml(String(field(value, 'value')))}</${name}>`;
}

function encodeObject(at: Declared, value: VimObject, version: ApiVersion): string {
  if (value._typeName === 'ManagedObjectReference') {
    return morefText(at.name, value, at.type === 'anyType' ? ' xsi:type="ManagedObjectReference"' : '');
  }
  if (at.type !== 'anyType' && !isSubtype(value._typeName, at.type)) {
    throw bug(`${at.name}: ${value._typeName} is not a ${at.type}`);
  }
  const type = typeAt(value._typeName, version);
  if (type === undefined || (at.type !== 'anyType' && !isSubtype(type, at.type))) return '';
  const named = type !== at.type || isPolymorphic(at.type);
  return `<${at.name}${named ? ` xsi:type="${type}"` : ''}>${encodeFields(type, value, version)}</${at.name}>`;
}

/** The fields of `value` as a peer of `version` sees an object of type `type`. */
export function encodeFields(type: string, value: VimObject, version: ApiVersion): string {
  for (const name of Object.keys(value)) {
    if (name !== '_typeName' && fieldOf(value._typeName, name) === undefined) {
      throw bug(`${value._typeName} has no field ${name}`);
    }
  }
  let out = '';
  for (const f of fieldsOf(type)) {
    if (!isKnownAt(f.since, version)) continue;
    const v = field(value, f.name);
    if (v !== undefined) out += encodeSoapValue(f, v, version);
    else if (!f.optional && !f.array) throw bug(`${value._typeName}.${f.name} is required`);
  }
  return out;
}

function encodeAny(name: string, value: VimValue, version: ApiVersion): string {
  if (typeof value === 'string') return `<${name} xsi:type="xsd:string">${escapeXml(value)}</${name}>`;
  if (typeof value === 'boolean') return `<${name} xsi:type="xsd:boolean">${value}</${name}>`;
  if (isBoxed(value)) return encodeBoxed(name, value._typeName, value._value, version);
  if (isObject(value)) return encodeObject({ name, type: 'anyType', array: false }, value, version);
  throw bug(`${name}: an anyType number, byte string or list must be boxed`);
}

function encodeBoxed(name: string, type: string, value: VimValue, version: ApiVersion): string {
  if (type === 'ArrayOfByte' && value instanceof Uint8Array) {
    return `<${name} xsi:type="ArrayOfByte">${encodeBytes('byte', value)}</${name}>`;
  }
  if (type.startsWith('ArrayOf') && Array.isArray(value)) {
    const tag = type.slice('ArrayOf'.length);
    const lower = tag.charAt(0).toLowerCase() + tag.slice(1);
    const item =
      tag === 'ManagedObjectReference'
        ? { tag, type: 'moref' }
        : isScalar(lower)
          ? { tag: lower, type: lower }
          : { tag, type: tag };
    if (item.type !== 'moref' && !isScalar(item.type) && typeAt(item.type, version) === undefined) return '';
    const inside = encodeSoapValue({ name: item.tag, type: item.type, array: true }, value, version);
    return `<${name} xsi:type="${type}">${inside}</${name}>`;
  }
  const note = typeNote(type);
  if (note?.kind === 'enum') {
    const known = typeof value === 'string' && hasEnumValue(type, value, version);
    return known ? `<${name} xsi:type="${type}">${escapeXml(value)}</${name}>` : '';
  }
  return `<${name} xsi:type="xsd:${XSD[type] ?? type}">${scalarText(type, value, name)}</${name}>`;
}

/**
 * One value as XML elements named `at.name`: nothing for what the peer's version does not know, one element per item
 * for arrays, one element per byte (signed decimal) for `byte[]`.
 *
 * Values come from the program; one that does not fit its declaration is a bug and throws an Error.
 */
export function encodeSoapValue(at: Declared, value: VimValue, version: ApiVersion): string {
  if (at.array) {
    if (!Array.isArray(value)) throw bug(`${at.name} is not a list`);
    const item = { name: at.name, type: at.type, array: false };
    let out = '';
    for (const v of value as readonly VimValue[]) out += encodeSoapValue(item, v, version);
    return out;
  }
  if (at.type === 'anyType') return encodeAny(at.name, value, version);
  if (at.type === 'byte[]') {
    if (!(value instanceof Uint8Array)) throw bug(`${at.name} is not bytes`);
    return encodeBytes(at.name, value);
  }
  if (at.type === 'moref') {
    if (!isObject(value)) throw bug(`${at.name} is not a reference`);
    return morefText(at.name, value, '');
  }
  if (isObject(value)) return encodeObject(at, value, version);
  const note = typeNote(at.type);
  if (note?.kind === 'enum') {
    if (typeof value !== 'string' || !note.values.some(([v]) => v === value))
      throw bug(`${at.name} is not a ${at.type}`);
    return hasEnumValue(at.type, value, version) ? `<${at.name}>${value}</${at.name}>` : '';
  }
  if (!isScalar(at.type)) throw bug(`${at.name}: type ${at.type} is not in the table`);
  return `<${at.name}>${scalarText(at.type, value, at.name)}</${at.name}>`;
}

const ENVELOPE_OPEN =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" ' +
  'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ' +
  'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n';
const ENVELOPE_CLOSE = '\n</soapenv:Body>\n</soapenv:Envelope>\n';

/** A complete SOAP 1.1 envelope around the XML of a body. */
export function envelope(body: string): string {
  return ENVELOPE_OPEN + body + ENVELOPE_CLOSE;
}

/** The envelope that answers `method`; `inside` is the XML of `returnval`, empty for none. */
export function responseEnvelope(method: string, inside: string, namespace = 'urn:vim25'): string {
  return envelope(`<${method}Response xmlns="${namespace}">${inside}</${method}Response>`);
}
