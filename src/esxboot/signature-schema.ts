/** Which modules of the early boot must be signed, by schema number (facts: esxi-measured-boot §5). */
import { isElf } from './elf.ts';
import { splitModuleName } from './module-names.ts';

/** One schema: named modules that must be signed besides every ELF module. */
export interface SignatureSchema {
  readonly number: number;
  readonly stems: readonly string[];
}

/** `esxcore` is a name of esxcore builds only: where a build has no such module, the row asks for nothing more. */
export const SIGNATURE_SCHEMAS: readonly SignatureSchema[] = [
  { number: 1, stems: ['s', 'sb'] },
  { number: 2, stems: ['s', 'sb', 'esxcore'] },
  { number: 3, stems: ['s', 'sb', 'esxcore'] },
  { number: 4, stems: ['s', 'sb', 'esxcore', 'esxupdt'] },
];

/** The schema of that number; undefined where it is unknown. */
export function findSchema(number: number): SignatureSchema | undefined {
  return SIGNATURE_SCHEMAS.find((schema) => schema.number === number);
}

/** Whether a module is an early one, whose signature the bootloader checks: an ELF file (by its head) or one of the schema's names. */
export function mustBeSigned(schema: SignatureSchema, path: string, head: Uint8Array): boolean {
  return isElf(head) || schema.stems.includes(splitModuleName(path).stem);
}
