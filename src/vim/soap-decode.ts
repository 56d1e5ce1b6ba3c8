/** Values from SOAP XML, driven by the type table. The input is untrusted: everything wrong is a FormatError. */
import { FormatError } from '../bytes/errors.ts';
import { parseXml, type XmlElement, type XmlOptions } from '../xml/index.ts';
import { type Field, fieldsOf, isScalar, isSubtype, typeNote } from './model.ts';
import { scalarFromText } from './scalar-decode.ts';
import { boxed, make, moref, type VimObject, type VimValue } from './value.ts';

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';

/** XML Schema names that differ from the table's. */
const FROM_XSD: Readonly<Record<string, string>> = { base64Binary: 'binary', anyURI: 'string' };

/** Child elements, in order. */
function elements(element: XmlElement): readonly XmlElement[] {
  return element.children.filter((child) => typeof child !== 'string');
}

/** All text directly in an element. */
function textOf(element: XmlElement): string {
  const [only] = element.children;
  if (element.children.length === 1 && typeof only === 'string') return only;
  return element.children.filter((child) => typeof child === 'string').join('');
}

function attribute(element: XmlElement, local: string, uri: string): string | undefined {
  return element.attributes.find((a) => a.local === local && a.uri === uri)?.value;
}

/** The type an element names in xsi:type, without its prefix. */
function xsiType(element: XmlElement): string | undefined {
  const text = attribute(element, 'type', XSI)?.trim();
  return text?.slice(text.indexOf(':') + 1);
}

class Decoder {
  readonly #structure: string;

  constructor(structure: string) {
    this.#structure = structure;
  }

  #fail(field: string, problem: string): never {
    throw new FormatError({ structure: this.#structure, field, problem });
  }

  /** The values of `fields` among child elements; required ones must be there, others must not. */
  fields(fields: readonly Field[], children: readonly XmlElement[], path: string): Record<string, VimValue> {
    const groups = new Map<string, XmlElement[]>();
    for (const child of children) {
      const group = groups.get(child.local);
      if (group === undefined) groups.set(child.local, [child]);
      else group.push(child);
    }
    const out: Record<string, VimValue> = {};
    for (const f of fields) {
      const group = groups.get(f.name);
      groups.delete(f.name);
      const at = path === '' ? f.name : `${path}.${f.name}`;
      const value = group === undefined ? undefined : this.#field(f, group, at);
      if (value !== undefined) out[f.name] = value;
      else if (f.array && !f.optional) out[f.name] = [];
      else if (f.type === 'byte[]' && !f.optional) out[f.name] = new Uint8Array(0);
      else if (!f.optional) this.#fail(at, 'is required');
    }
    for (const name of groups.keys()) this.#fail(path, `unexpected element ${name.slice(0, 64)}`);
    return out;
  }

  #field(f: Field, group: readonly XmlElement[], path: string): VimValue | undefined {
    if (f.type === 'byte[]' && !f.array) return this.#bytes(group, path);
    if (f.array) return group.flatMap((element, i) => this.value(f.type, element, `${path}[${i}]`) ?? []);
    const [element] = group;
    if (group.length > 1) this.#fail(path, 'given more than once');
    return element === undefined ? undefined : this.value(f.type, element, path);
  }

  #bytes(group: readonly XmlElement[], path: string): Uint8Array {
    const out = new Uint8Array(group.length);
    for (const [i, element] of group.entries()) {
      const value = Number(/^\s*[+-]?\d{1,3}\s*$/.test(textOf(element)) ? textOf(element) : Number.NaN);
      // Servers write -128 … 127; some write 0 … 255. Both mean the same byte.
      if (!(value >= -128 && value <= 255)) this.#fail(`${path}[${i}]`, 'is not a byte');
      out[i] = value & 0xff;
    }
    return out;
  }

  /** The value of one element declared as `type`; undefined for xsi:nil and for types that the table does not have. */
  value(type: string, element: XmlElement, path: string): VimValue | undefined {
    if (attribute(element, 'nil', XSI) === 'true') return undefined;
    if (type === 'moref') return this.#moref(element, path);
    if (type === 'anyType') return this.#any(element, path);
    if (isScalar(type)) {
      if (elements(element).length > 0) this.#fail(path, `is not a ${type}`);
      const value = scalarFromText(type, textOf(element));
      return value === undefined ? this.#fail(path, `is not a ${type}`) : value;
    }
    const note = typeNote(type);
    if (note === undefined) return undefined;
    if (note.kind === 'enum') {
      const text = textOf(element).trim();
      return note.values.some(([v]) => v === text) ? text : this.#fail(path, `is not a ${type}`);
    }
    return this.#object(type, element, path);
  }

  #object(declared: string, element: XmlElement, path: string): VimObject {
    const type = xsiType(element) ?? declared;
    if (!isSubtype(type, declared) || typeNote(type)?.kind !== 'object') {
      this.#fail(path, `${type.slice(0, 64)} is not a ${declared}`);
    }
    return make(type, this.fields(fieldsOf(type), elements(element), path));
  }

  #moref(element: XmlElement, path: string): VimObject {
    const id = textOf(element).trim();
    if (id === '' || elements(element).length > 0) this.#fail(path, 'is not a reference');
    const type = attribute(element, 'type', '') ?? '';
    return moref(type.slice(type.indexOf(':') + 1), id);
  }

  #any(element: XmlElement, path: string): VimValue | undefined {
    const named = xsiType(element) ?? 'string';
    const type = FROM_XSD[named] ?? named;
    if (type === 'ManagedObjectReference') return this.#moref(element, path);
    if (type.startsWith('ArrayOf')) return this.#anyArray(type, element, path);
    const value = this.value(type, element, path);
    if (value === undefined) this.#fail(path, `type ${type.slice(0, 64)} is not known`);
    return isScalar(type) && type !== 'string' && type !== 'boolean' ? boxed(type, value) : value;
  }

  #anyArray(type: string, element: XmlElement, path: string): VimValue {
    const children = elements(element);
    if (type === 'ArrayOfByte') return boxed(type, this.#bytes(children, path));
    const item = type.slice('ArrayOf'.length);
    const lower = item.charAt(0).toLowerCase() + item.slice(1);
    const of = item === 'ManagedObjectReference' ? 'moref' : isScalar(lower) ? lower : item;
    return boxed(
      type,
      children.flatMap((child, i) => this.value(of, child, `${path}[${i}]`) ?? []),
    );
  }
}

/** The values of `fields` in the children of `element`; `structure` names the whole in errors. */
export function decodeFields(
  structure: string,
  fields: readonly Field[],
  children: readonly XmlElement[],
): Readonly<Record<string, VimValue>> {
  return new Decoder(structure).fields(fields, children, '');
}

/** One element declared as `type`; undefined for xsi:nil. */
export function decodeSoapValue(structure: string, type: string, element: XmlElement): VimValue | undefined {
  return new Decoder(structure).value(type, element, '');
}

/** The first child of the body of a SOAP 1.1 envelope: a request, a response or a fault. */
export function parseEnvelope(input: Uint8Array | string, limits: XmlOptions = {}): XmlElement {
  const root = parseXml(input, { structure: 'SOAP', namespaces: true, ...limits });
  const fail = (problem: string): never => {
    throw new FormatError({ structure: 'SOAP', field: 'Envelope', problem });
  };
  if (root.local !== 'Envelope' || root.uri !== SOAP) fail('is not a SOAP 1.1 envelope');
  const body = elements(root).find((child) => child.local === 'Body' && child.uri === SOAP);
  const first = body === undefined ? undefined : elements(body)[0];
  return first ?? fail('has no content in its Body');
}

/** A method call as it came in, before its parameters are decoded. */
export interface SoapRequest {
  readonly method: string;
  /** Namespace of the method element, `urn:vim25` mostly; mirrored on the response. */
  readonly namespace: string;
  readonly self: { readonly type: string; readonly value: string };
  readonly parameters: readonly XmlElement[];
}

/** Reads the call in a SOAP envelope. */
export function parseSoapRequest(input: Uint8Array | string, limits: XmlOptions = {}): SoapRequest {
  const call = parseEnvelope(input, limits);
  const [self, ...parameters] = elements(call);
  const id = self === undefined ? '' : textOf(self).trim();
  if (self?.local !== '_this' || id === '') {
    throw new FormatError({ structure: call.local.slice(0, 64), field: '_this', problem: 'is required' });
  }
  const type = attribute(self, 'type', '') ?? '';
  return {
    method: call.local,
    namespace: call.uri,
    self: { type: type.slice(type.indexOf(':') + 1), value: id },
    parameters,
  };
}

/** The `returnval` elements of a response envelope. A fault is a FormatError with its text. */
export function parseSoapResponse(
  method: string,
  input: Uint8Array | string,
  limits: XmlOptions = {},
): readonly XmlElement[] {
  const response = parseEnvelope(input, limits);
  if (response.local === 'Fault') {
    const text = elements(response).find((child) => child.local === 'faultstring');
    const problem = `fault: ${text === undefined ? '' : textOf(text).slice(0, 200)}`;
    throw new FormatError({ structure: method, field: '', problem });
  }
  if (response.local !== `${method}Response`) {
    throw new FormatError({ structure: method, field: '', problem: `found ${response.local.slice(0, 64)} instead` });
  }
  return elements(response).filter((child) => child.local === 'returnval');
}
