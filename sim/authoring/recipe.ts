/**
 * The recipe of a VIB (docs/vib-authoring.md): a YAML or JSON document with the descriptor's fields in the descriptor's own
 * words, and a list of payloads. Checked once; every complaint names its path in the document.
 */
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { tryFromUtf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import {
  acceptanceCode,
  type DescriptorInput,
  isOwnMember,
  parseAcceptance,
  type VibConstraint,
} from '../../src/vib/index.ts';
import { isXmlText } from '../../src/xml/serialize.ts';

/** Largest recipe read. */
const MAX_RECIPE = 4 * 1024 * 1024;
/** A NUL in a descriptor or a path would end it somewhere. */
const NUL = '\0';

const word = z
  .string('must be text (put numbers and dates in quotes)')
  .min(1, 'must not be empty')
  .max(256, 'must have at most 256 characters')
  .regex(/^[\x21-\x7e]+$/, 'must be ASCII without spaces');
/** What a file holds. */
const content = z.string('must be text (put numbers and dates in quotes)').max(65_536);
/** What the descriptor says. */
const prose = content.refine(isXmlText, 'has a character that XML cannot hold');
const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes(NUL), 'must not hold a NUL');
const attributes = z.record(word, prose);
const mode = z
  .string('must be octal text such as "0755"')
  .regex(/^0?[0-7]{3}$/, 'must be octal text such as "0755"')
  .transform((text) => Number.parseInt(text, 8));

const RELATION = /^(\S+?)\s*(<<|<=|<|==|=|>=|>>|>)\s*(\S+)$/;

/** `name`, `name >= 1.2-3`, or the three parts. */
const constraint = z
  .union([
    prose.min(1),
    z.strictObject({ name: word, relation: z.string().optional(), version: z.string().optional() }),
  ])
  .transform((value, context): VibConstraint => {
    if (typeof value !== 'string') {
      const { name, relation, version } = value;
      return { name, ...(relation === undefined ? {} : { relation }), ...(version === undefined ? {} : { version }) };
    }
    const found = RELATION.exec(value.trim());
    if (found !== null) return { name: found[1] ?? '', relation: found[2] ?? '', version: found[3] ?? '' };
    if (/^[^\s<>=]+$/.test(value.trim())) return { name: value.trim() };
    context.addIssue({ code: 'custom', message: 'must be NAME, or NAME RELATION VERSION with < << <= = >= >> or >' });
    return z.NEVER;
  });

const constraints = z.array(constraint).max(1024).default([]);

const descriptor = z.strictObject({
  type: word.default('bootbank'),
  name: word,
  version: word,
  vendor: word,
  summary: prose.default(''),
  description: prose.default(''),
  'release-date': prose.default(''),
  urls: z.array(z.strictObject({ key: prose, url: prose })).default([]),
  relationships: z
    .strictObject({
      depends: constraints,
      conflicts: constraints,
      replaces: constraints,
      provides: constraints,
      compatibleWith: constraints,
    })
    .prefault({}),
  'software-tags': z.array(prose).default([]),
  'system-requires': z
    .strictObject({
      'maintenance-mode': z.boolean().default(true),
      'maintenance-mode-install': z.boolean().optional(),
      swPlatform: z.array(attributes).default([]),
      hwplatform: z.array(attributes).default([]),
    })
    .prefault({}),
  'file-list': z.array(path).optional(),
  'acceptance-level': z.string().transform((text, context) => {
    const level = parseAcceptance(text);
    if (level !== undefined) return acceptanceCode(level);
    context.addIssue({ code: 'custom', message: 'must be certified, accepted, partner or community' });
    return z.NEVER;
  }),
  'live-install-allowed': z.boolean().default(false),
  'live-remove-allowed': z.boolean().default(false),
  'cimom-restart': z.boolean().default(false),
  'stateless-ready': z.boolean().default(true),
  overlay: z.boolean().default(false),
});

const fileEntry = z
  .strictObject({
    path,
    from: path.optional(),
    text: content.optional(),
    link: path.optional(),
    directory: z.literal(true).optional(),
    mode: mode.optional(),
    shared: z.boolean().optional(),
  })
  .refine(
    ({ from, text, link, directory }) => [from, text, link, directory].filter((x) => x !== undefined).length === 1,
    'must have exactly one of from, text, link, directory',
  );

const payload = z
  .strictObject({
    name: word
      .max(16, 'must have at most 16 characters, as the archive has room for')
      .refine((name) => !isOwnMember(name), 'is what a member of every VIB is called'),
    type: word,
    attributes: attributes.optional(),
    directory: path.optional(),
    files: z.array(fileEntry).max(100_000).optional(),
    content: path.optional(),
    member: path.optional(),
  })
  .refine(
    ({ directory, files, content, member }) =>
      (directory !== undefined || files !== undefined ? 1 : 0) +
        (content === undefined ? 0 : 1) +
        (member === undefined ? 0 : 1) ===
      1,
    'must have directory and/or files, or content, or member',
  );

const recipeSchema = z.strictObject({ descriptor, payloads: z.array(payload).min(1).max(1024) });

/** A checked recipe. */
export type RecipeDocument = z.output<typeof recipeSchema>;
/** One file of an archive payload as the recipe states it. */
export type RecipeFile = z.output<typeof fileEntry>;
/** One payload as the recipe states it. */
export type RecipePayload = z.output<typeof payload>;

/** Reads a recipe. Anything that is not one is an InputError on one line. */
export function parseRecipe(bytes: Uint8Array): RecipeDocument {
  const text = bytes.length > MAX_RECIPE ? undefined : tryFromUtf8(bytes);
  if (text === undefined) throw new InputError(`a recipe is UTF-8 text of at most ${MAX_RECIPE} bytes`);
  let document: unknown;
  try {
    // Aliases can blow a small file up to a huge document; a recipe needs none.
    document = parseYaml(text, { maxAliasCount: 0 });
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new InputError(`recipe: not JSON or YAML: ${line}`);
  }
  const result = recipeSchema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = (issue?.path ?? []).map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  throw new InputError(`recipe: ${at === '' ? '' : `${at.slice(1)}: `}${issue?.message ?? 'not valid'}`);
}

/** The descriptor's fields in the form `buildVib` takes. */
export function recipeDescriptor({ descriptor: d }: RecipeDocument): Omit<DescriptorInput, 'payloads'> {
  const requires = d['system-requires'];
  const install = requires['maintenance-mode-install'];
  return {
    type: d.type,
    name: d.name,
    version: d.version,
    vendor: d.vendor,
    summary: d.summary,
    description: d.description,
    releaseDate: d['release-date'],
    urls: d.urls,
    relationships: d.relationships,
    softwareTags: d['software-tags'],
    systemRequires: {
      maintenanceMode: requires['maintenance-mode'],
      ...(install === undefined ? {} : { maintenanceModeInstall: install }),
      swPlatforms: requires.swPlatform,
      hwPlatforms: requires.hwplatform,
    },
    ...(d['file-list'] === undefined ? {} : { fileList: d['file-list'] }),
    acceptanceLevel: d['acceptance-level'],
    liveInstallAllowed: d['live-install-allowed'],
    liveRemoveAllowed: d['live-remove-allowed'],
    cimomRestart: d['cimom-restart'],
    statelessReady: d['stateless-ready'],
    overlay: d.overlay,
  };
}
