/**
 * mboot's check of all early modules at once (facts: esxi-measured-boot §5, last two tables). It decides nothing: with
 * Secure Boot off the host boots whatever the verdict is, with Secure Boot on only `valid` boots.
 */
import { parsePe } from '../uefi/index.ts';
import { KEY_TABLE_SECTION, type ModuleKey, parseKeyTable } from './key-table.ts';
import { splitModuleName } from './module-names.ts';
import { type ModuleStream, type ModuleVerification, readTrailer, verifyModuleStream } from './module-signature.ts';
import { findSchema, mustBeSigned } from './signature-schema.ts';

/** A module in boot.cfg order. */
export interface BootModule {
  /** Name as in boot.cfg. */
  readonly file: string;
  /** First bytes of the decompressed content: enough to tell an ELF file. */
  readonly head: Uint8Array;
  /** Decompressed content. */
  readonly content: ModuleStream;
}

/** Outcome for one early module. */
export interface BootModuleCheck {
  /** Place in the list; module 0 is the kernel. */
  readonly index: number;
  readonly file: string;
  readonly result: ModuleVerification | { readonly ok: false; readonly code: 'duplicate'; readonly detail: string };
}

/** Overall verdicts. */
export type BootCheckVerdict = 'valid' | 'unsigned' | 'invalid';

/** The keys compiled into mboot's image; undefined where it has no table of them. FormatError where image or table are damaged. */
export function loaderKeys(mboot: Uint8Array): readonly ModuleKey[] | undefined {
  const section = parsePe(mboot).sections.find(({ name }) => name === KEY_TABLE_SECTION);
  return section === undefined ? undefined : parseKeyTable(section.data);
}

/** Sentence that mboot logs for a verdict other than `valid`. */
export const BOOT_CHECK_TEXT: Readonly<Record<BootCheckVerdict | 'unchecked', string>> = {
  valid: '',
  unsigned: 'Boot modules are not signed',
  unchecked: 'Boot module signatures cannot be checked',
  invalid: 'Boot module signatures are not valid',
};

/** Result of {@link checkBootModules}. */
export interface BootCheck {
  readonly verdict: BootCheckVerdict;
  /** Schema number of module 0. */
  readonly schema: number | undefined;
  readonly modules: readonly BootModuleCheck[];
  /** Keys in the order of their first use: one signer event each. */
  readonly signers: readonly ModuleKey[];
}

/** Line that mboot logs for one module. */
export function bootCheckLine(check: BootModuleCheck): string {
  return `Signature check ${check.result.ok ? 'succeeded' : 'failed'} on module ${check.index} (${check.file})`;
}

/**
 * Checks every module that the schema of module 0 wants signed. All of them are looked at even after a failure
 * (assumption), so that every signer is reported.
 */
export async function checkBootModules(modules: readonly BootModule[], keys: readonly ModuleKey[]): Promise<BootCheck> {
  const first = modules[0] === undefined ? undefined : await readTrailer(modules[0].content);
  if (first === undefined || (!first.ok && first.code === 'unsigned')) {
    return { verdict: 'unsigned', schema: undefined, modules: [], signers: [] };
  }
  const number = first.ok ? first.trailer.schema : undefined;
  const schema = number === undefined ? undefined : findSchema(number);
  if (schema === undefined) {
    return { verdict: 'invalid', schema: number, modules: [unusableSchema(modules, number)], signers: [] };
  }
  const checks: BootModuleCheck[] = [];
  const signers: ModuleKey[] = [];
  const seen = new Set<string>();
  for (const [index, { file, head, content }] of modules.entries()) {
    if (index > 0 && !mustBeSigned(schema, file, head)) continue;
    const { stem } = splitModuleName(file);
    if (schema.stems.includes(stem) && seen.has(stem)) {
      const result = { ok: false, code: 'duplicate', detail: `second module named ${stem}` } as const;
      checks.push({ index, file, result });
      continue;
    }
    seen.add(stem);
    const result = await verifyModuleStream(content, keys, schema.number);
    if (result.signer !== undefined && !signers.includes(result.signer)) signers.push(result.signer);
    checks.push({ index, file, result });
  }
  const verdict = checks.every((check) => check.result.ok) ? 'valid' : 'invalid';
  return { verdict, schema: schema.number, modules: checks, signers };
}

function unusableSchema(modules: readonly BootModule[], schema: number | undefined): BootModuleCheck {
  const detail = schema === undefined ? 'damaged signature trailer' : `schema ${schema} is not known`;
  const code = schema === undefined ? 'bad-length' : 'wrong-schema';
  const result = { ok: false, code, detail, schema, keyId: undefined, signer: undefined } as const;
  return { index: 0, file: modules[0]?.file ?? '', result };
}
