/** Names of the numbers and bits in a command log: one table from the name of a field to how its value is shown. */
import { toHex } from '../bytes/bytes.ts';
import {
  nvType,
  TPM_NT,
  TPMA_CC,
  TPMA_MODES,
  TPMA_NV,
  TPMA_OBJECT,
  TPMA_PERMANENT,
  TPMA_SESSION,
  TPMA_STARTUP_CLEAR,
} from './attributes.ts';
import { TPM_CAP, TPM_PT, TPM_PT_PCR } from './capability-constants.ts';
import {
  TPM_ALG,
  TPM_CC,
  TPM_ECC_CURVE,
  TPM_EO,
  TPM_GENERATED_VALUE,
  TPM_RH,
  TPM_SE,
  TPM_ST,
  TPM_SU,
} from './constants.ts';
import { describeResponseCode } from './response-code.ts';
import { selectedPcrs } from './structures/index.ts';

type Numbers = Readonly<Record<string, number>>;
type Fields = Readonly<Record<string, unknown>>;
/** A value as text for people; undefined where there is nothing to add to the value itself. `near` are the fields beside it. */
type Show = (value: number, near: Fields) => string | undefined;

const byValue = (prefix: string, table: Numbers): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, value]) => [value, `${prefix}${name}`]));

const HANDLE = byValue('TPM_RH_', TPM_RH);
const CODE = byValue('TPM2_', TPM_CC);
const ALG = byValue('TPM_ALG_', TPM_ALG);
const CURVE = byValue('TPM_ECC_', TPM_ECC_CURVE);

/** A 32-bit number in hexadecimal. */
export const hex32 = (value: number): string => hex(value, 8);
const hex = (value: number | bigint, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** Name of a permanent handle (Part 2, 7.4), or the handle in hexadecimal. */
export const handleText = (value: number): string => HANDLE.get(value) ?? hex32(value);
/** The specification's name of a command code (Part 2, 6.5.2), or the code in hexadecimal. */
export const commandName = (code: number): string => CODE.get(code) ?? hex32(code);
/** The specification's name of an algorithm (Part 2, 6.3). */
export const algorithmName = (value: number): string | undefined => ALG.get(value);
/** The specification's name of a curve (Part 2, 6.4). */
export const curveName = (value: number): string | undefined => CURVE.get(value);

/** `NAME (value)`; with `digits` the value is hexadecimal. */
function named(names: ReadonlyMap<number, string>, digits = 0): Show {
  return (value) => {
    const name = names.get(value);
    return name === undefined ? undefined : `${name} (${digits === 0 ? value : hex(value, digits)})`;
  };
}

/** Names of the bits that are set; bits without a name in hexadecimal. */
function bitNames(table: readonly (readonly [string, number])[], value: number): string[] {
  const names = table.filter(([, bit]) => (value & bit) !== 0).map(([name]) => name);
  const rest = table.reduce((left, [, bit]) => left & ~bit, value) >>> 0;
  return rest === 0 ? names : [...names, hex(rest, 2)];
}

const joined = (names: readonly string[], value: number, digits: number): string =>
  `${names.length === 0 ? 'none' : names.join('+')} (${hex(value, digits)})`;

function bits(table: Numbers, digits = 8): Show {
  const entries = Object.entries(table);
  return (value) => joined(bitNames(entries, value), value, digits);
}

const SESSION_BITS = Object.entries(TPMA_SESSION);
/** Names of the session attributes that are set (Part 2, 8.4). */
export const sessionAttributeNames = (attributes: number): string[] => bitNames(SESSION_BITS, attributes);

const NV_TYPE = byValue('', TPM_NT);
const NV_TYPE_BITS = 0xf0;
const NV_BITS = Object.entries(TPMA_NV);
/** TPMA_NV (Part 2, 13.4): the type of the index is a number among the bits. */
const nvAttributes: Show = (value) => {
  const type = `type ${NV_TYPE.get(nvType(value)) ?? nvType(value)}`;
  return joined([...bitNames(NV_BITS, value & ~NV_TYPE_BITS), type], value, 8);
};

const CC_BITS: readonly (readonly [string, number])[] = [
  ['nv', TPMA_CC.nv],
  ['extensive', TPMA_CC.extensive],
  ['flushed', TPMA_CC.flushed],
  ['rHandle', TPMA_CC.rHandle],
];
const CC_VENDOR = 0x2000_0000;
const CC_HANDLES = 7;
/** TPMA_CC (Part 2, 8.9): the code of a command, how many handles it has, and what it does. */
const commandAttributes: Show = (value) => {
  const name = commandName(value & (CC_VENDOR | 0xffff));
  const count = (value >>> TPMA_CC.handlesShift) & CC_HANDLES;
  const known = CC_VENDOR | 0xffff | (CC_HANDLES << TPMA_CC.handlesShift);
  const parts = bitNames(CC_BITS, value & ~known);
  if (count > 0) parts.push(`${count} handle${count === 1 ? '' : 's'}`);
  return `${name}${parts.length === 0 ? '' : ` ${parts.join('+')}`} (${hex32(value)})`;
};

const LOCALITIES = 5;
/** TPMA_LOCALITY (Part 2, 8.5): bits of localities 0 to 4, or an extended locality as a number. */
const locality: Show = (value) => {
  if (value >= 1 << LOCALITIES) return `extended locality ${value} (${hex(value, 2)})`;
  const set = Array.from({ length: LOCALITIES }, (_, i) => i).filter((i) => (value & (1 << i)) !== 0);
  return `${set.length === 0 ? 'no locality' : `locality ${set.join(', ')}`} (${hex(value, 2)})`;
};

/** Four characters, the last of which may be missing (Part 2, 6.13). */
const characters: Show = (value) => {
  const text = String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  const end = text.replace(/\0+$/, '');
  return /^[ -~]*$/.test(end) ? `"${end}" (${hex32(value)})` : hex32(value);
};

const alg = named(ALG, 4);
const curve = named(CURVE, 4);
const code: Show = named(CODE, 8);
const inHex: Show = hex32;
/** A handle that is a number in the log's data. */
const handle: Show = (value) => named(HANDLE, 8)(value, {}) ?? hex32(value);
const yesNo = named(byValue('', { NO: 0, YES: 1 }));
const startup = named(byValue('TPM_SU_', TPM_SU));
/** TPM_CLOCK_ADJUST (Part 2, 6.7). */
const clockAdjust = named(
  byValue('TPM_CLOCK_', {
    COARSE_SLOWER: -3,
    MEDIUM_SLOWER: -2,
    FINE_SLOWER: -1,
    NO_CHANGE: 0,
    FINE_FASTER: 1,
    MEDIUM_FASTER: 2,
    COARSE_FASTER: 3,
  }),
);
/** TPMA_ALGORITHM (Part 2, 8.2). */
const algorithmAttributes = bits({
  asymmetric: 0x001,
  symmetric: 0x002,
  hash: 0x004,
  object: 0x008,
  signing: 0x100,
  encrypting: 0x200,
  method: 0x400,
});
/** TPMA_ACT (Part 2, 8.12). */
const actAttributes = bits({ signaled: 0x1, preserveSignaled: 0x2 });

const PT = TPM_PT;
/** Values of properties (Part 2, 6.13) that are no plain numbers. */
const PROPERTY_VALUE: Readonly<Record<number, Show>> = {
  [PT.FAMILY_INDICATOR]: characters,
  [PT.REVISION]: (value) => `${Math.trunc(value / 100)}.${String(value % 100).padStart(2, '0')} (${value})`,
  [PT.MANUFACTURER]: characters,
  [PT.VENDOR_STRING_1]: characters,
  [PT.VENDOR_STRING_2]: characters,
  [PT.VENDOR_STRING_3]: characters,
  [PT.VENDOR_STRING_4]: characters,
  [PT.PS_FAMILY_INDICATOR]: characters,
  [PT.FIRMWARE_VERSION_1]: inHex,
  [PT.FIRMWARE_VERSION_2]: inHex,
  [PT.CONTEXT_HASH]: alg,
  [PT.CONTEXT_SYM]: alg,
  // TPMA_MEMORY (Part 2, 8.8)
  [PT.MEMORY]: bits({ sharedRAM: 0x1, sharedNV: 0x2, objectCopiedToRam: 0x4 }),
  [PT.MODES]: bits(TPMA_MODES),
  [PT.PERMANENT]: bits(TPMA_PERMANENT),
  [PT.STARTUP_CLEAR]: bits(TPMA_STARTUP_CLEAR),
};

const property = named(byValue('TPM_PT_', TPM_PT), 3);
const pcrProperty = named(byValue('TPM_PT_PCR_', TPM_PT_PCR), 2);
/** What the property of TPM2_GetCapability counts from (Part 3, 30.2). */
const FIRST: Readonly<Record<number, Show>> = {
  [TPM_CAP.ALGS]: alg,
  [TPM_CAP.HANDLES]: handle,
  [TPM_CAP.COMMANDS]: code,
  [TPM_CAP.PP_COMMANDS]: code,
  [TPM_CAP.AUDIT_COMMANDS]: code,
  [TPM_CAP.TPM_PROPERTIES]: property,
  [TPM_CAP.PCR_PROPERTIES]: pcrProperty,
  [TPM_CAP.ECC_CURVES]: curve,
  [TPM_CAP.AUTH_POLICIES]: handle,
  [TPM_CAP.ACT]: handle,
};
/** Elements of the lists of plain numbers in TPMU_CAPABILITIES (Part 2, 10.10.1). */
const ELEMENT: Readonly<Record<number, Show>> = { ...FIRST, [TPM_CAP.COMMANDS]: commandAttributes };

const select =
  (table: Readonly<Record<number, Show>>, by: string, otherwise: Show): Show =>
  (value, near) =>
    (table[Number(near[by])] ?? otherwise)(value, near);
const asItIs: Show = () => undefined;
const tag = named(byValue('TPM_ST_', TPM_ST), 4);

/** How the numbers of a field are shown, by its name; where structures share a name, the fields beside it tell. */
const FIELDS: Readonly<Record<string, Show>> = {
  startupType: startup,
  shutdownType: startup,
  sessionType: named(byValue('TPM_SE_', TPM_SE)),
  operation: named(byValue('TPM_EO_', TPM_EO)),
  capability: named(byValue('TPM_CAP_', TPM_CAP)),
  property: (value, near) => ('capability' in near ? select(FIRST, 'capability', asItIs) : property)(value, near),
  value: select(PROPERTY_VALUE, 'property', asItIs),
  data: select(ELEMENT, 'capability', asItIs),
  tag: (value, near) => ('pcrSelect' in near ? pcrProperty : tag)(value, near),
  // The type of an object is an algorithm, which the value itself already names.
  type: tag,
  magic: named(new Map([[TPM_GENERATED_VALUE, 'TPM_GENERATED_VALUE']]), 8),
  objectAttributes: bits(TPMA_OBJECT),
  attributes: (value, near) => ('nvIndex' in near ? nvAttributes : actAttributes)(value, near),
  algProperties: algorithmAttributes,
  locality,
  rateAdjust: clockAdjust,
  testResult: (value) => `${describeResponseCode(value)} (${hex32(value)})`,
  enable: handle,
  setList: code,
  clearList: code,
  toTest: alg,
  toDoList: alg,
  sensitiveType: alg,
  inScheme: alg,
  keyBits: (value, near) => (near.algorithm === TPM_ALG.XOR ? alg(value, near) : undefined),
  // TPMI_YES_NO (Part 2, 9.3)
  moreData: yesNo,
  safe: yesNo,
  fullTest: yesNo,
  decrypt: yesNo,
  disable: yesNo,
  state: yesNo,
  writtenSet: yesNo,
  includeObject: yesNo,
  allocationSuccess: yesNo,
  exclusiveSession: yesNo,
};

/** A bit map of PCRs (Part 2, 10.6.1). */
function pcrText(bitmap: Uint8Array): string {
  const pcrs = selectedPcrs(bitmap);
  return `${pcrs.length === 0 ? 'no PCR' : `PCR ${pcrs.join(', ')}`} (${toHex(bitmap)})`;
}

const NAME_FIELD = /^(.*Name|name|qualifiedSigner|keySign)$/;
const HANDLE_SIZE = 4;
/** A Name of something that has no public area is its handle (Part 1, 16). */
function handleName(name: Uint8Array): string | undefined {
  if (name.length !== HANDLE_SIZE) return undefined;
  return HANDLE.get(name.reduce((all, byte) => all * 0x100 + byte, 0))?.concat(` (${toHex(name)})`);
}

function bytesText(field: string, value: Uint8Array): string | undefined {
  if (field === 'pcrSelect') return pcrText(value);
  return NAME_FIELD.test(field) ? handleName(value) : undefined;
}

function nameOf(field: string, value: unknown, near: Fields): string | undefined {
  if (typeof value === 'number') return Object.hasOwn(FIELDS, field) ? FIELDS[field]?.(value, near) : undefined;
  if (value instanceof Uint8Array) return bytesText(field, value);
  return typeof value === 'bigint' && field === 'firmwareVersion' ? hex(value, 16) : undefined;
}

/** Collects the text of every value that has one, by path (`inPublic.objectAttributes`, `setList.0`). */
export function collectNames(
  path: string,
  field: string,
  value: unknown,
  near: Fields,
  out: Record<string, string>,
): void {
  const name = nameOf(field, value, near);
  if (name !== undefined) out[path] = name;
  else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) collectNames(`${path}.${i}`, field, item, near, out);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const fields: Fields = { ...value };
    for (const [inner, part] of Object.entries(fields)) collectNames(`${path}.${inner}`, inner, part, fields, out);
  }
}
