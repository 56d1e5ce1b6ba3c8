/** vSphere data objects: one table of types with their versions, and the SOAP and VI/JSON encodings of it. */
export * from './json-encode.ts';
export * from './model.ts';
export * from './report.ts';
export * from './report-encode.ts';
export * from './soap-encode.ts';
export * from './value.ts';
export * from './versions.ts';
