/**
 * Module signatures seen from the packages, before any boot: which payloads mboot will want signed, and what their trailers
 * are worth. The rule (facts: esxi-measured-boot §5): module 0, every ELF module, and the names that the schema of module 0
 * lists. Schema and keys come from the packages themselves: payload `b`, and the key table of the bootloader or the kernel.
 */
import { FormatError, InputError } from '../bytes/errors.ts';
import {
  type GunzipLimits,
  gunzip,
  isFile,
  isGzip,
  openPayload,
  payloadSource,
  scanPayload,
  UnpackedFile,
  type Vib,
  type VibPayload,
} from '../vib/index.ts';
import { loaderKeys } from './boot-check.ts';
import { findSection, isElf, parseElf } from './elf.ts';
import { KEY_TABLE_SECTION, type ModuleKey, parseKeyTable } from './key-table.ts';
import { bootbankName, isModuleType, type NamedPayload, namedPayload, splitModuleName } from './module-names.ts';
import { parseTrailer, type SignatureProblem, verifyModuleStream } from './module-signature.ts';
import { findSchema, type SignatureSchema } from './signature-schema.ts';

/** What a set of packages says about module signatures. */
export interface ModuleRule {
  /** Schema number of module 0; undefined where the set has no payload `b` with a trailer. */
  readonly schema: number | undefined;
  /** Keys that the loaders trust; none where the set has no loader. */
  readonly keys: readonly ModuleKey[];
}

/** One payload that must be signed or that carries a trailer. */
export interface PayloadModuleSignature {
  readonly payload: string;
  /** Why mboot wants it signed; undefined where it does not. */
  readonly required: string | undefined;
  readonly schema: number | undefined;
  readonly keyId: string | undefined;
  /** `not-checked`: there is a trailer, and no key to check it with. */
  readonly status: 'ok' | 'not-checked' | SignatureProblem;
  readonly detail: string;
  /** False where mboot would refuse it. */
  readonly ok: boolean;
}

/** Runs a reader; damage, which verification reports by itself, gives undefined. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof InputError || error instanceof FormatError) return undefined;
    throw error;
  }
}

/** What mboot sees of a payload; whether an archive inside is sound does not matter to it. */
const contentOf = ({ name, data }: VibPayload, limits: GunzipLimits): Uint8Array =>
  isGzip(data) ? gunzip(data, name, limits) : data;

function payloadKeys(payload: VibPayload, limits: GunzipLimits): readonly ModuleKey[] {
  const found = attempt(() => {
    const { entries, decompressed } = openPayload(payload, limits);
    if (payload.name === 'k') {
      const section = isElf(decompressed) ? findSection(parseElf(decompressed), KEY_TABLE_SECTION) : undefined;
      return section === undefined ? [] : parseKeyTable(section.data);
    }
    const mboot = entries.filter(isFile).find(({ name }) => /(^|\/)mboot64\.efi$/i.test(name));
    return mboot && loaderKeys(mboot.data);
  });
  return found ?? [];
}

/** The rule of a set of packages: `b` gives the schema, `btldr` (else `k`) the keys. */
export function moduleRule(vibs: readonly Vib[], limits: GunzipLimits = {}): ModuleRule {
  const payloads = vibs.filter(({ descriptor }) => descriptor.name === 'esx-base').flatMap((vib) => vib.payloads);
  const named = (name: string): VibPayload | undefined => payloads.find((payload) => payload.name === name);
  const first = named('b');
  const trailer = first && attempt(() => parseTrailer(contentOf(first, limits)));
  const loaders = [named('btldr'), named('k')].filter((payload) => payload !== undefined);
  const keys = loaders.map((payload) => payloadKeys(payload, limits)).find((list) => list.length > 0) ?? [];
  return { schema: trailer?.ok ? trailer.trailer.schema : undefined, keys };
}

function whyRequired(
  payload: NamedPayload,
  head: Uint8Array,
  isBase: boolean,
  schema: SignatureSchema | undefined,
): string | undefined {
  if (isBase && payload.name === 'b') return 'module 0';
  if (isElf(head)) return 'ELF module';
  const { stem } = splitModuleName(bootbankName(payload, new Set()));
  return schema?.stems.includes(stem) ? `named by schema ${schema.number}` : undefined;
}

/**
 * The payloads of one package that must be signed or are. Those of types that are no boot modules never come before mboot; damaged
 * ones are left to `verifyVib`.
 */
export async function payloadModuleSignatures(
  vib: Vib,
  rule: ModuleRule,
  limits: GunzipLimits = {},
): Promise<PayloadModuleSignature[]> {
  const found: PayloadModuleSignature[] = [];
  for (const payload of vib.payloads.filter(({ type }) => isModuleType(type))) {
    const file = await unpackedFile(payload, limits);
    const signature =
      file &&
      (await moduleSignature(
        namedPayload(vib.descriptor, payload.name),
        file,
        rule,
        vib.descriptor.name === 'esx-base',
      ));
    if (signature !== undefined) found.push(signature);
  }
  return found;
}

/** A payload unpacked without being kept; undefined where it cannot be. */
async function unpackedFile(payload: VibPayload, limits: GunzipLimits): Promise<UnpackedFile | undefined> {
  const source = payloadSource(payload);
  try {
    return new UnpackedFile(source, await scanPayload(source, payload.name, [], limits), payload.name);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

async function moduleSignature(
  payload: NamedPayload,
  file: UnpackedFile,
  rule: ModuleRule,
  isBase: boolean,
): Promise<PayloadModuleSignature | undefined> {
  const schema = rule.schema === undefined ? undefined : findSchema(rule.schema);
  const required = whyRequired(payload, file.head, isBase, schema);
  // A file at the end of an archive may carry a trailer of its own: only modules that must be signed are looked at there.
  if (required === undefined && payload.type !== 'boot') return undefined;
  const { code, detail, ...about } = await verifyModuleStream(file, rule.keys, rule.schema);
  if (required === undefined && code === 'unsigned') return undefined;
  const status = rule.keys.length === 0 && code === 'unknown-key' ? 'not-checked' : code;
  const unknown = payload.name === 'b' && isBase && about.schema !== undefined && schema === undefined;
  const text = unknown
    ? `schema ${about.schema} is not known`
    : status === 'not-checked'
      ? 'no loader to take keys from'
      : detail;
  // Without module 0 in the set nobody can say which rule will hold.
  const judged = rule.schema !== undefined || required === 'module 0';
  return {
    payload: payload.name,
    required,
    schema: about.schema,
    keyId: about.keyId,
    status: unknown ? 'wrong-schema' : status,
    detail: text,
    ok: !unknown && (required === undefined || !judged || status === 'ok' || status === 'not-checked'),
  };
}
