/** TPM 2.0: structures, command table, client, and what a verifier needs of quotes and credentials. No simulator inside. */
export * from './attributes.ts';
export * from './capability-constants.ts';
export * from './client.ts';
export * from './codec.ts';
export * from './command-row.ts';
export * from './commands.ts';
export * from './constants.ts';
export * from './credential.ts';
export * from './hash-alg.ts';
export * from './kdf.ts';
export * from './names.ts';
export * from './public-key.ts';
export * from './quote.ts';
export * from './response-code.ts';
export * from './structures/index.ts';
export * from './templates.ts';
export * from './transport.ts';
