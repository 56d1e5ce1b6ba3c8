/** TCG event logs: write, parse, replay, print. */
export { FormatError, InputError } from '../bytes/errors.ts';
export * from './algorithms.ts';
export * from './data/index.ts';
export * from './event-types.ts';
export * from './json.ts';
export * from './log.ts';
export * from './parser.ts';
export * from './print.ts';
export * from './replay.ts';
export * from './specid.ts';
export * from './txt.ts';
export * from './writer.ts';
