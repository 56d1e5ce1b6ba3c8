/** An XML document as a tree of elements and text, in document order; shared by VIB descriptors, bundles and SOAP. */

/** One attribute. `uri` is its namespace where namespaces were resolved, '' otherwise. */
export interface XmlAttribute {
  /** Name as written, with its prefix. */
  readonly name: string;
  readonly local: string;
  readonly uri: string;
  readonly value: string;
}

/** Text, with character references resolved and adjacent pieces joined, or an element. */
export type XmlNode = XmlElement | string;

/** One element. */
export interface XmlElement {
  /** Name as written, with its prefix. */
  readonly name: string;
  /** Name without prefix. */
  readonly local: string;
  /** Namespace where namespaces were resolved, '' otherwise. */
  readonly uri: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlNode[];
}

/** An element made by the program; text children are escaped when written. */
export function xmlElement(
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  children: readonly XmlNode[] = [],
): XmlElement {
  const local = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1);
  return {
    name,
    local: local(name),
    uri: '',
    attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, local: local(key), uri: '', value })),
    children,
  };
}

/** Child elements, optionally only those of one local name. */
export function childElements(element: XmlElement, local?: string): XmlElement[] {
  return element.children.filter(
    (child): child is XmlElement => typeof child !== 'string' && (local === undefined || child.local === local),
  );
}

/** The first child element of a local name. */
export function childElement(element: XmlElement, local: string): XmlElement | undefined {
  return childElements(element, local)[0];
}

/** All text directly inside an element, child elements left out. */
export function textOf(element: XmlElement): string {
  return element.children.filter((child) => typeof child === 'string').join('');
}

/** Value of an attribute by local name. */
export function attributeOf(element: XmlElement, local: string): string | undefined {
  return element.attributes.find((attribute) => attribute.local === local)?.value;
}
