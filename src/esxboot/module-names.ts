/**
 * File names of payloads in a bootbank and the order of the modules in boot.cfg (facts: esxi-measured-boot §2.3, §12.3;
 * vib-and-modules §5).
 */
import { InputError } from '../bytes/errors.ts';
import { isFatName, statedBootOrder } from '../vib/descriptor-values.ts';
import type { VibDescriptor, VibPayloadInfo } from '../vib/index.ts';

/** Splits a module path the way mboot does: base = after the last `/`, extension after the last `.` of the base. */
export function splitModuleName(path: string): { base: string; stem: string; extension: string } {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot < 0
    ? { base, stem: base, extension: '' }
    : { base, stem: base.slice(0, dot), extension: base.slice(dot + 1) };
}

/** Letter of the extension by payload type. */
const TYPE_LETTER: Readonly<Record<string, string>> = { boot: 'b', vgz: 'v', tgz: 't' };

/**
 * Whether payloads of this type are modules of a host that boots. VMware's installer takes these three; the others are for itself
 * and the discs it lies on (`upgrade`, `insttar`, `text`, `boot_loader_efi`, `eltorito_image_efi`, …; docs/images.md).
 */
export const isModuleType = (type: string): boolean => Object.hasOwn(TYPE_LETTER, type);

/** Characters of the payload name that stay. */
const STEM_LENGTH = 8;

/** Whether a payload keeps its own name: `jumpstrt.gz`, `imgdb.tgz`. */
const KEEPS_NAME = /^[a-z0-9_]{1,8}\.t?gz$/;

/** The name that a descriptor gives a payload's file (attribute `vfat-name`); what FAT has no name like is none. */
function givenName({ attributes }: NamedPayload): string | undefined {
  const name = attributes?.['vfat-name']?.toLowerCase();
  return name !== undefined && isFatName(name) ? name : undefined;
}

/** What names and places a payload's file. */
export type NamedPayload = Pick<VibPayloadInfo, 'name' | 'type' | 'attributes'>;

/** A payload as the descriptor of its VIB has it. */
export const namedPayload = ({ payloads }: Pick<VibDescriptor, 'payloads'>, name: string): NamedPayload =>
  payloads.find((payload) => payload.name === name) ?? { name, type: '' };

/**
 * Name of a payload in the bootbank: the one its descriptor gives, its own where that is one, else its first eight characters, lower
 * case, what is not alphanumeric as `_`, then the type letter and two digits that count up where names collide. Adds the name to
 * `used`. Throws InputError where all hundred numbers are taken.
 */
export function bootbankName(payload: NamedPayload, used: Set<string>): string {
  const fixed = givenName(payload) ?? (KEEPS_NAME.test(payload.name) ? payload.name : undefined);
  if (fixed !== undefined && !used.has(fixed)) {
    used.add(fixed);
    return fixed;
  }
  const stem = payload.name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '_')
    .slice(0, STEM_LENGTH);
  const letter = TYPE_LETTER[payload.type] ?? 'v';
  for (let n = 0; n < 100; n++) {
    const name = `${stem}.${letter}${String(n).padStart(2, '0')}`;
    if (used.has(name)) continue;
    used.add(name);
    return name;
  }
  throw new InputError(`bootbank: no free file name for payload ${payload.name} (${stem}.${letter}00 to 99 are taken)`);
}

/** Releases with a boot order of their own. */
export type BootOrderRelease = '6.7' | '7.0' | '8.0';

/** Places of payloads that descriptors give none: the attribute has at most nine digits. */
const ORDINARY = 1_000_000_000;
const LATE = ORDINARY + 1;

/**
 * Places of the early payloads of the base system, where their descriptor gives none. The numbers are those of the attribute
 * `boot-order` in VMware's own esx-base and cpu-microcode of 7.0.0; 6.7 had the microcode later and two modules more.
 */
const EARLY_7: Readonly<Record<string, number>> = {
  b: 10,
  'jumpstrt.gz': 47,
  'useropts.gz': 48,
  'features.gz': 49,
  k: 50,
  uc_intel: 51,
  uc_amd: 52,
  uc_hygon: 52,
  procfs: 99,
  vmx: 100,
  vim: 100,
  tpm: 100,
  sb: 100,
  s: 100,
};

const EARLY: Readonly<Record<BootOrderRelease, Readonly<Record<string, number>>>> = {
  '6.7': { ...EARLY_7, chardevs: 60, user: 61, procfs: 62, uc_intel: 63, uc_amd: 64, uc_hygon: 65 },
  '7.0': EARLY_7,
  '8.0': EARLY_7,
};

/** VIBs whose payloads have those places: esx-base, and since 7.0 one of its own for the microcode. */
const SYSTEM_VIBS: readonly string[] = ['esx-base', 'cpu-microcode'];

/** Payloads with one place in the order that reports of real hosts show. */
const AMONG_EQUALS: readonly string[] = ['vmx', 'vim', 'tpm', 'sb', 's'];

/** Payloads that come after all others in real lists, also where their VIB does not say that it lies over others. */
const LATE_PAYLOADS: readonly string[] = ['xorg', 'gc'];

/** The archive that the saved configuration `state.tgz` holds; hosts on USB sticks and old ones have it by itself. */
const LOCAL_STATE = 'local.tgz';

/**
 * Files at the end of the list that belong to no VIB, in this order: the image database, what newer releases keep of components
 * (`basemisc.tgz`, `resvibs.tgz`, `esxiodpt.tgz`: on the media of 7.0.3 to 9.1), configuration, and payloads for the installer.
 */
export const UNOWNED_TAIL: readonly string[] = [
  'imgdb.tgz',
  'basemisc.tgz',
  'resvibs.tgz',
  'esxiodpt.tgz',
  'onetime.tgz',
  'state.tgz',
  LOCAL_STATE,
  'imgpayld.tgz',
];

/** What the ordering rule needs to know of a payload. */
export interface OrderedPayload {
  /** VIB id: `VENDOR_bootbank_NAME_VERSION`. */
  readonly vibId: string;
  readonly vibName: string;
  /** Whether the VIB's files may lie over those of others (`overlay`): VMware's own esx-xserver of 7.0 says so. */
  readonly overlay: boolean;
  readonly payload: NamedPayload;
}

const ascii = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Payloads in boot order: by the place that their descriptors or, for the base system, the table above give; all others follow by
 * the ASCII order of the VIB id (the payloads of one VIB by name), in the same order those that lie over others. Module 0 is the first of
 * the result.
 */
export function bootOrder<T extends OrderedPayload>(payloads: readonly T[], release: BootOrderRelease): T[] {
  const early = EARLY[release];
  const place = ({ vibName, payload, overlay }: T): number => {
    // The kernel comes before all others, whatever they state.
    if (vibName === 'esx-base' && payload.name === 'b') return -1;
    const name = givenName(payload) ?? payload.name;
    const known = SYSTEM_VIBS.includes(vibName) && Object.hasOwn(early, name) ? early[name] : undefined;
    const stated = statedBootOrder(payload.attributes) ?? known;
    return stated ?? (overlay || LATE_PAYLOADS.includes(payload.name) ? LATE : ORDINARY);
  };
  const placed = payloads.map((one) => ({ one, place: place(one), equal: AMONG_EQUALS.indexOf(one.payload.name) }));
  placed.sort(
    (a, b) =>
      a.place - b.place ||
      (a.place < ORDINARY ? a.equal - b.equal : 0) ||
      ascii(a.one.vibId, b.one.vibId) ||
      ascii(a.one.payload.name, b.one.payload.name),
  );
  return placed.map(({ one }) => one);
}

/** Boot order table for a release text such as `8.0.3` or `6.7.0`; releases not listed use the newest. */
export function bootOrderRelease(release: string): BootOrderRelease {
  return release.startsWith('6.') ? '6.7' : release.startsWith('7.') ? '7.0' : '8.0';
}
