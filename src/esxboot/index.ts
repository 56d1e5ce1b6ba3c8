/** Formats of an ESXi boot image: boot.cfg, modules and their signatures, kernel headers, bootbank and image database. */
export * from './archive-tree.ts';
export * from './boot-cfg.ts';
export * from './boot-check.ts';
export * from './bootbank.ts';
export * from './command-line.ts';
export * from './elf.ts';
export * from './elf-write.ts';
export * from './esxbootinfo.ts';
export * from './imgdb.ts';
export * from './key-table.ts';
export * from './mle.ts';
export * from './modinfo.ts';
export * from './module-names.ts';
export * from './module-signature.ts';
export * from './signature-schema.ts';
export * from './version-record.ts';
