/** UEFI formats: GUIDs, signature databases, device paths, boot options, GPT, PE images and their signatures. */
export * from './authenticode.ts';
export * from './device-path.ts';
export * from './gpt.ts';
export * from './guid.ts';
export * from './load-option.ts';
export * from './pe.ts';
export * from './pe-write.ts';
export * from './secure-boot.ts';
export * from './signature-list.ts';
