export { decodeXml, parseXml, type XmlOptions } from './parse.ts';
export { escapeXmlAttribute, escapeXmlText, serializeXml, type XmlWriteOptions } from './serialize.ts';
export {
  attributeOf,
  childElement,
  childElements,
  textOf,
  type XmlAttribute,
  type XmlElement,
  type XmlNode,
  xmlElement,
} from './tree.ts';
