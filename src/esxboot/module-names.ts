/**
 * File names of payloads in a bootbank and the order of the modules in boot.cfg (facts: esxi-measured-boot §2.3, §12.3;
 * vib-and-modules §5).
 */
import { InputError } from '../bytes/errors.ts';

/** Splits a module path the way mboot does: base = after the last `/`, extension after the last `.` of the base. */
export function splitModuleName(path: string): { base: string; stem: string; extension: string } {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot < 0
    ? { base, stem: base, extension: '' }
    : { base, stem: base.slice(0, dot), extension: base.slice(dot + 1) };
}

/** Letter of the extension by payload type; other types are named like `vgz`. */
const TYPE_LETTER: Readonly<Record<string, string>> = { boot: 'b', vgz: 'v', tgz: 't' };

/** Types of payloads that only an installer uses: a boot bank has no file of theirs (docs/images.md). */
const INSTALLER_TYPES: ReadonlySet<string> = new Set(['insttar', 'upgrade']);

/** Whether payloads of this type are modules of a host that boots; a type that is not known is one. */
export const isModuleType = (type: string): boolean => !INSTALLER_TYPES.has(type);

/** Characters of the payload name that stay. */
const STEM_LENGTH = 8;

/** Whether a payload keeps its own name: `jumpstrt.gz`, `imgdb.tgz`. */
const KEEPS_NAME = /^[a-z0-9_]{1,8}\.t?gz$/;

/**
 * Name of a payload in the bootbank: first eight characters, lower case, what is not alphanumeric as `_`, then the type
 * letter and two digits that count up where names collide. Adds the name to `used`. Throws InputError where all hundred
 * numbers are taken.
 */
export function bootbankName(payloadName: string, payloadType: string, used: Set<string>): string {
  if (KEEPS_NAME.test(payloadName) && !used.has(payloadName)) {
    used.add(payloadName);
    return payloadName;
  }
  const stem = payloadName
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '_')
    .slice(0, STEM_LENGTH);
  const letter = TYPE_LETTER[payloadType] ?? 'v';
  for (let n = 0; n < 100; n++) {
    const name = `${stem}.${letter}${String(n).padStart(2, '0')}`;
    if (used.has(name)) continue;
    used.add(name);
    return name;
  }
  throw new InputError(`bootbank: no free file name for payload ${payloadName} (${stem}.${letter}00 to 99 are taken)`);
}

/** Releases with a boot order of their own. */
export type BootOrderRelease = '6.7' | '7.0' | '8.0';

const EARLY_7: readonly string[] =
  'b jumpstrt.gz useropts.gz features.gz k uc_intel uc_amd uc_hygon procfs vmx vim tpm sb s'.split(' ');

/** Payloads of esx-base that boot first, in their fixed order. */
export const EARLY_PAYLOADS: Readonly<Record<BootOrderRelease, readonly string[]>> = {
  '6.7': 'b jumpstrt.gz useropts.gz features.gz k chardevs user procfs uc_intel uc_amd uc_hygon vmx vim sb s'.split(
    ' ',
  ),
  '7.0': EARLY_7,
  '8.0': EARLY_7,
};

/** Payloads that come after all others, in this order. */
export const LATE_PAYLOADS: readonly string[] = ['xorg', 'gc'];

/** Files at the end of the list that belong to no VIB, in this order. */
export const UNOWNED_TAIL: readonly string[] = ['imgdb.tgz', 'onetime.tgz', 'state.tgz', 'imgpayld.tgz'];

/** What the ordering rule needs to know of a payload. */
export interface OrderedPayload {
  /** VIB id: `VENDOR_bootbank_NAME_VERSION`. */
  readonly vibId: string;
  readonly vibName: string;
  readonly payloadName: string;
}

const ascii = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Payloads in boot order: early ones of esx-base in fixed order, then all others by the ASCII order of the VIB id (the
 * payloads of one VIB by name), then the late ones. Module 0 is the first of the result.
 */
export function bootOrder<T extends OrderedPayload>(payloads: readonly T[], release: BootOrderRelease): T[] {
  const early = EARLY_PAYLOADS[release];
  const rank = (p: T): number => {
    const first = p.vibName === 'esx-base' ? early.indexOf(p.payloadName) : -1;
    if (first >= 0) return first;
    const late = LATE_PAYLOADS.indexOf(p.payloadName);
    return late >= 0 ? early.length + 1 + late : early.length;
  };
  return [...payloads].sort(
    (a, b) => rank(a) - rank(b) || ascii(a.vibId, b.vibId) || ascii(a.payloadName, b.payloadName),
  );
}

/** Boot order table for a release text such as `8.0.3` or `6.7.0`; releases not listed use the newest. */
export function bootOrderRelease(release: string): BootOrderRelease {
  return release.startsWith('6.') ? '6.7' : release.startsWith('7.') ? '7.0' : '8.0';
}
