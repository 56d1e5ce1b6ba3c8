/**
 * What is known to be different between the embedded TPM, which follows swtpm (libtpms 0.9, revision 1.64), and Microsoft's
 * reference implementation of revision 1.54 in go-tpm-tools. Anything else is a failure.
 */

/** Values that are not compared: what is left of both answers must be equal. */
interface Left {
  readonly why: string;
  /** Files it is needed in, without the common beginning and end of their names; all where left out. */
  readonly in?: readonly string[];
  readonly label?: RegExp;
  /** What is taken out. */
  readonly without: RegExp;
}

/** Answers that are known as they are. */
interface Known {
  readonly why: string;
  readonly in: readonly string[];
  readonly label: RegExp;
  readonly ours: RegExp;
  readonly theirs: RegExp;
}

/** A property of TPM2_GetCapability in a response, as hexadecimal or as JSON. */
const property = (number: number): RegExp =>
  new RegExp(`${number.toString(16).padStart(8, '0')}[0-9a-f]{8}|"property":${number},"value":\\d+`, 'g');

/** Its state of TPM2_Shutdown: what it counts at a start without one. */
const ORDERLY = ['dictionary', 'orderly', 'random', 'pcr'];

/** Properties of revision, day, year, sizes and counts of commands. */
const OTHER_PROPERTIES = '(?:102|103|104|10f|114|121|122|125|126|127|129|12a|12b|12d)';
const OTHER_BUILD = new RegExp(`00000${OTHER_PROPERTIES}[0-9a-f]{8}`, 'g');

const LEFT: readonly Left[] = [
  {
    why: 'pcrUpdateCounter: other PCRs are counted (TPM_PT_PCR_NO_INCREMENT)',
    without: /(?<=^8001[0-9a-f]{8}00000000)[0-9a-f]{8}(?=0000000[0-5](?:00(?:04|0b|0c|0d)03|0{8}$))/g,
  },
  { why: 'the same', without: /"pcrUpdateCounter":\d+/g },
  { why: 'the same', in: ['hashing'], label: /^PCR_Read /, without: /^[0-9a-f]{8}/g },
  {
    why: 'resetCount: its TPM, as made new, is one start ahead',
    in: ['pcr'],
    label: /: counts$/,
    without: /^[0-9a-f]{8}/g,
  },
  { why: 'TPM_PT_HR_PERSISTENT_AVAIL: 16 KiB of non-volatile memory, not 171,200 bytes', without: property(0x209) },
  { why: 'TPM_PT_NV_COUNTERS_AVAIL: the same', in: ['capability'], without: property(0x20b) },
  {
    why: 'built with USE_DA_USED=NO: every start without TPM2_Shutdown counts as a failed try, so the lockout comes earlier',
    in: ORDERLY,
    without: property(0x20e),
  },
  { why: 'inLockout: the same', in: ORDERLY, without: property(0x200) },
  {
    why: 'TPM_PT_PCR_NO_INCREMENT: PCR 20 to 22 there; 16 and 21 to 23 here and in libtpms',
    in: ['capability'],
    label: /^7 from/,
    without: /110300(?:00e1|0070)/g,
  },
  { why: 'another revision and build', in: ['capability'], label: /^property|^from 10d/, without: OTHER_BUILD },
  {
    why: 'audit digests of a command whose answer has the pcrUpdateCounter',
    in: ['audit'],
    without: /"(?:session|audit)Digest":"[0-9a-f]+"/g,
  },
];

const ANY = /^/;

const KNOWN: readonly Known[] = [
  {
    why: 'a scheme that a key cannot have has no place',
    in: ['unnamed'],
    label: /^Sign RSA/,
    ours: /^TPM_RC_SCHEME \(parameter 2\)/,
    theirs: /^TPM_RC_SCHEME$/,
  },
  {
    why: 'whether the session audits is looked at before a scheme of HMAC',
    in: ['unnamed'],
    label: /^40000 .*"scheme":5/,
    ours: /TPM_RC_SCHEME \(parameter 2\)/,
    theirs: /TPM_RC_TYPE \(handle 3\)/,
  },
  {
    why: 'revision 1.54 has no authenticated countdown timers',
    in: ['capability', ''],
    label: /^10 from|^capability$/,
    ours: /^TPM_RC_VALUE \(parameter 2\)|^80010000001300000000000000000a/,
    theirs: /^TPM_RC_VALUE \(parameter 1\)/,
  },
  {
    why: 'the build has other curves',
    in: ['capability'],
    label: /^property 20d$/,
    ours: ANY,
    theirs: ANY,
  },
  {
    why: 'libtpms answers a bad tag by TPM_RC_VALUE',
    in: [''],
    label: /^(?!800[12])[0-9a-f]{4}0000000c/,
    ours: /^TPM_RC_VALUE /,
    theirs: /^TPM_RC_BAD_TAG /,
  },
  {
    why: 'the build has no MQV scheme and no RSA 3072',
    in: ['keys'],
    label: /EC MQV|RSA 3072|bad template/,
    ours: /^\d+ bytes$|^TPM_RC_ATTRIBUTES|^TPM_RC_OBJECT_MEMORY/,
    theirs: /^TPM_RC_(?:SCHEME|VALUE|TYPE) \(parameter 2\)/,
  },
  {
    why: 'the private part of an RSA key has five more numbers for the Chinese remainder theorem',
    in: ['keys', 'extra'],
    label: / RSA |bad template/,
    ours: /^\d+ bytes$/,
    theirs: /^\d+ bytes$/,
  },
  {
    why: 'built with USE_DA_USED=NO: no TPM_RC_RETRY before the first try of a protected object',
    in: ['keys', 'dictionary'],
    label: /noDA|^unseal$/,
    ours: /^TPM_RC_RETRY/,
    theirs: ANY,
  },
  {
    why: 'the same, and the earlier lockout',
    in: ['dictionary'],
    label: /^used$/,
    ours: /done/,
    theirs: /TPM_RC_LOCKOUT/,
  },
  {
    why: 'the same: a protected object in use does not make the saved state stale',
    in: ['orderly'],
    label: /^(?:protectedObject|wrongPassword): /,
    ours: ANY,
    theirs: ANY,
  },
  {
    why: 'memory of 16 KiB is full earlier, then nothing is there to be undefined',
    in: ['nv'],
    label: /^(?:define|undefine|room)/,
    ours: ANY,
    theirs: /^TPM_RC_NV_SPACE|^TPM_RC_HANDLE|^800[12]/,
  },
  {
    why: 'signed comparisons of values with different signs were corrected after revision 1.54',
    in: ['policy'],
    label: /^[46] /,
    ours: /TPM_RC_POLICY|^"[0-9a-f]{64}"$/,
    theirs: /TPM_RC_POLICY|^"[0-9a-f]{64}"$/,
  },
  {
    why: 'resetCount: its TPM, as made new, is one start ahead',
    in: ['policy'],
    label: /^clock 16 /,
    ours: /^"[0-9a-f]{64}"$/,
    theirs: /TPM_RC_POLICY/,
  },
  {
    why: 'a message that is too long is an error of the library of libtpms, which does not say what was wrong',
    in: ['extra'],
    label: /^RSA_Encrypt too long/,
    ours: /^TPM_RC_FAILURE$/,
    theirs: /^TPM_RC_VALUE$/,
  },
  {
    why: 'the sequence handle is a handle; libtpms blames the first parameter',
    in: ['hashing'],
    label: /^SequenceUpdate no sequence$/,
    ours: /^TPM_RC_MODE \(parameter 1\)$/,
    theirs: /^TPM_RC_MODE \(handle 1\)$/,
  },
  {
    why: 'an encrypted salt that is too short: TPM_RC_SIZE from its own unmarshalling',
    in: ['sessions'],
    label: /^salt (?:rsa|ecc)$/,
    ours: /TPM_RC_VALUE/,
    theirs: /TPM_RC_SIZE/,
  },
  {
    why: 'physical presence is there, and TPM2_PP_Commands can be done',
    in: ['sessions', 'hierarchy'],
    label: /^presence with|^(?:none|some|password)$|^80020000001c0000012d/,
    ours: /TPM_RC_PP/,
    theirs: ANY,
  },
  {
    why: 'a ticket of one second, against a clock that is real',
    in: ['approvals'],
    label: /^-1 /,
    ours: ANY,
    theirs: /TPM_RC_EXPIRED/,
  },
];

const file = (path: string): string => /tpm-differential-?(.*)\.test\.ts$/.exec(path)?.[1] ?? path;

/** Whether the difference is known. `path`: the test's file. */
export function knownDifference(path: string, label: string, ours: string, theirs: string): boolean {
  const name = file(path);
  const left = LEFT.filter((row) => (row.in?.includes(name) ?? true) && (row.label?.test(label) ?? true));
  const [a, b] = [ours, theirs].map((text) => left.reduce((rest, { without }) => rest.replace(without, ''), text));
  if (a === b) return true;
  return KNOWN.some(
    (row) => row.in.includes(name) && row.label.test(label) && row.ours.test(ours) && row.theirs.test(theirs),
  );
}
