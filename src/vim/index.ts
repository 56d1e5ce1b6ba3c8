/** vSphere data objects: one table of types with their versions, and the SOAP and VI/JSON encodings of it. */
export { FormatError, InputError } from '../bytes/errors.ts';
export * from './faults.ts';
export * from './json-decode.ts';
export * from './json-encode.ts';
export * from './model.ts';
export * from './report.ts';
export * from './report-decode.ts';
export * from './report-encode.ts';
export {
  decodeFields,
  decodeSoapValue,
  parseEnvelope,
  parseSoapRequest,
  parseSoapResponse,
  type SoapRequest,
} from './soap-decode.ts';
export * from './soap-encode.ts';
export * from './value.ts';
export * from './versions.ts';
