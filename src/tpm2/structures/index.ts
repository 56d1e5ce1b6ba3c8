/** Structures of the TPM 2.0 Library specification, Part 2, one file per group of chapters. */
export * from './attest.ts';
export * from './base.ts';
export * from './capability.ts';
export * from './nv.ts';
export * from './objects.ts';
export * from './pcr.ts';
export * from './schemes.ts';
