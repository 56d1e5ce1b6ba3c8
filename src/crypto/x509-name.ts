/** Distinguished names (RFC 5280, 4.1.2.4) and general names (4.2.1.6): reading, writing and their text forms. */
import { fromLatin1, latin1, toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { type Asn1Value, contextPrimitive, contextTag, inside, TAG, tryTextOf } from './asn1.ts';
import { NAME_OID } from './asn1-oids.ts';
import { der, derContext, derIa5, derImplicit, derOid, derPrintable, derSequence, derUtf8 } from './asn1-write.ts';

/** One attribute of a name, in the order of the encoding (most significant first). */
export interface NameAttribute {
  readonly oid: string;
  /** Short name of RFC 4514, or the OID where there is none. */
  readonly type: string;
  readonly value: string;
}

/** A name with its exact bytes; names are compared by these. */
export interface DistinguishedName {
  /** RFC 4514 text, least significant attribute first, e.g. `CN=Test Root,O=Example,C=US`. */
  readonly text: string;
  readonly der: Uint8Array;
  readonly attributes: readonly NameAttribute[];
}

/** A name to be written: `[type, value]` pairs, most significant first, or the DER of a name. */
export type NameInput = readonly (readonly [type: string, value: string])[] | Uint8Array;

const MAX_ATTRIBUTES = 64;
const SHORT_NAMES = new Map<string, string>(Object.entries(NAME_OID).map(([name, oid]) => [oid, name]));
const OIDS = new Map<string, string>(Object.entries(NAME_OID).map(([name, oid]) => [name.toLowerCase(), oid]));

/** Attributes whose type prescribes another string type than UTF8String (RFC 5280, appendix A.1). */
const PRINTABLE: readonly string[] = [NAME_OID.C, NAME_OID.SERIALNUMBER];
const IA5: readonly string[] = [NAME_OID.DC, NAME_OID.emailAddress];

/** Escapes of RFC 4514, 2.4. */
function escapeValue(value: string): string {
  return value
    .replace(/[\\"+,;<>=]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ');
}

/** Reads a Name. A value that is no text is shown as `#` and its DER in hexadecimal (RFC 4514, 2.4). */
export function readName(value: Asn1Value, structure: string, field: string): DistinguishedName {
  const attributes: NameAttribute[] = [];
  const parts: string[] = [];
  for (const rdn of inside(value, structure).list(field, MAX_ATTRIBUTES)) {
    const set = inside(rdn, structure).list(field, MAX_ATTRIBUTES);
    const texts = set.map((pair) => {
      const fields = inside(pair, structure);
      const oid = fields.oid(`${field}.type`);
      const raw = fields.any(`${field}.value`);
      const text = tryTextOf(raw);
      const type = SHORT_NAMES.get(oid) ?? oid;
      attributes.push({ oid, type, value: text ?? `#${toHex(raw.raw)}` });
      return `${type}=${text === undefined ? `#${toHex(raw.raw)}` : escapeValue(text)}`;
    });
    parts.unshift(texts.join('+'));
  }
  return { text: parts.join(','), der: value.raw, attributes };
}

/** The first value of an attribute type (short name or OID) in a name. */
export function nameAttribute(name: DistinguishedName, type: string): string | undefined {
  const oid = OIDS.get(type.toLowerCase()) ?? type;
  return name.attributes.find((attribute) => attribute.oid === oid)?.value;
}

/** DER of a Name. An unknown short name is a TypeError. */
export function encodeName(name: NameInput): Uint8Array {
  if (name instanceof Uint8Array) return name;
  const rdns = name.map(([type, value]) => {
    const oid = OIDS.get(type.toLowerCase()) ?? type;
    const text = PRINTABLE.includes(oid) ? derPrintable(value) : IA5.includes(oid) ? derIa5(value) : derUtf8(value);
    return der(TAG.SET, derSequence(derOid(oid), text));
  });
  return derSequence(...rdns);
}

/** A subject alternative name. `other` carries its whole encoding. */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri' | 'ip'; readonly value: string }
  | { readonly kind: 'directory'; readonly name: DistinguishedName }
  | { readonly kind: 'other'; readonly tag: number; readonly raw: Uint8Array };

const STRING_NAMES = [
  [contextPrimitive(1), 'email'],
  [contextPrimitive(2), 'dns'],
  [contextPrimitive(6), 'uri'],
] as const;

/** Text of an address of 4 or 16 bytes: dotted decimal, or eight hexadecimal groups. */
function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return groups.join(':');
}

/** Reads one GeneralName. */
export function readGeneralName(value: Asn1Value, structure: string): GeneralName {
  const text = STRING_NAMES.find(([tag]) => tag === value.tag);
  if (text !== undefined) return { kind: text[1], value: fromLatin1(value.content) };
  if (value.tag === contextPrimitive(7)) {
    if (value.content.length === 4 || value.content.length === 16) return { kind: 'ip', value: ipText(value.content) };
    const problem = `an address of ${value.content.length} bytes`;
    throw new FormatError({ structure, field: 'iPAddress', offset: value.offset, problem });
  }
  if (value.tag === contextTag(4)) {
    const name = inside(value, structure).take('directoryName', TAG.SEQUENCE);
    return { kind: 'directory', name: readName(name, structure, 'directoryName') };
  }
  return { kind: 'other', tag: value.tag, raw: value.raw };
}

/** A general name to be written. */
export type GeneralNameInput =
  | { readonly kind: 'dns' | 'email' | 'uri' | 'ip'; readonly value: string }
  | { readonly kind: 'directory'; readonly name: NameInput };

/** Bytes of an IPv4 or IPv6 text; anything else is a TypeError. */
function ipBytes(text: string): Uint8Array {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split('.').map(Number);
    if (parts.every((part) => part <= 255)) return new Uint8Array(parts);
  }
  const [head = '', tail, ...more] = text.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((w) => Number.parseInt(w, 16)));
  const left = words(head);
  const right = words(tail ?? '');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...new Array<number>(Math.max(gap, 0)).fill(0), ...right];
  if (!/^[0-9a-f:]+$/i.test(text) || more.length > 0 || all.length !== 8 || !all.every((w) => w <= 0xffff)) {
    throw new TypeError(`not an IP address: ${text}`);
  }
  return new Uint8Array(all.flatMap((w) => [w >> 8, w & 0xff]));
}

/** DER of one GeneralName. */
export function encodeGeneralName(name: GeneralNameInput): Uint8Array {
  switch (name.kind) {
    case 'email':
      return derImplicit(1, latin1(name.value));
    case 'dns':
      return derImplicit(2, latin1(name.value));
    case 'uri':
      return derImplicit(6, latin1(name.value));
    case 'ip':
      return derImplicit(7, ipBytes(name.value));
    case 'directory':
      return derContext(4, encodeName(name.name));
  }
}
