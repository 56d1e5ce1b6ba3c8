export * from './arguments.ts';
export * from './bytes.ts';
export * from './errors.ts';
export * from './reader.ts';
export * from './writer.ts';
