/** Scalars from text, checked: ranges of XML Schema, ISO 8601 times, base64. */
import { tryFromBase64 } from '../bytes/bytes.ts';
import type { VimValue } from './value.ts';

const RANGES: Readonly<Record<string, number>> = {
  byte: 127,
  short: 32_767,
  int: 2_147_483_647,
  long: Number.MAX_SAFE_INTEGER,
};

/** Text forms of an XML Schema dateTime, with or without fraction and offset. */
const DATE_TIME = /^-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,16})?(Z|[+-]\d\d:\d\d)?$/;

/** Whether `value` is a whole number that the type can hold. */
export function inRange(type: string, value: number): boolean {
  const max = RANGES[type];
  return max !== undefined && Number.isInteger(value) && value <= max && value >= -max - (type === 'long' ? 0 : 1);
}

/** Whether a type is one of the whole-number types. */
export function isInteger(type: string): boolean {
  return RANGES[type] !== undefined;
}

/** Whether a text is a time. */
export function isDateTime(text: string): boolean {
  return DATE_TIME.test(text);
}

/** The value of an element's text; undefined where the text is not of that type. */
export function scalarFromText(type: string, text: string): VimValue | undefined {
  if (type === 'string') return text;
  const word = text.trim();
  if (isInteger(type)) {
    const value = /^[+-]?\d{1,19}$/.test(word) ? Number(word) : Number.NaN;
    return inRange(type, value) ? value : undefined;
  }
  switch (type) {
    case 'boolean':
      if (word === 'true' || word === '1') return true;
      return word === 'false' || word === '0' ? false : undefined;
    case 'float':
    case 'double':
      return /^[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?$/.test(word) ? Number(word) : undefined;
    case 'dateTime':
      return isDateTime(word) ? word : undefined;
    case 'binary':
      return tryFromBase64(word);
    default:
      return undefined;
  }
}
