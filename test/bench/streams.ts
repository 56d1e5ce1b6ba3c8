/** The command streams that every engine gets: the same bytes for ours, for swtpm and for libtpms. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { COMMANDS, encodeCommand, pcrSelection, TPM_ALG, TPM_RH, TPM_SU } from '../../src/tpm2/index.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { AK_ECC_P256, AK_RSA2048 } from '../../src/tpm2/templates.ts';

/** A stream: what prepares the TPM, and what is timed. */
export interface Stream {
  readonly what: string;
  readonly setup: readonly Uint8Array[];
  readonly timed: readonly Uint8Array[];
  /** Operations in `timed`. */
  readonly operations: number;
  /** Promised ratio: swtpm's time over ours. */
  readonly goal: number;
  /** What no TPM in this process can be faster than: the operation at the heart of one of `timed`, and nothing else. */
  readonly bare?: () => unknown;
}

const anyRsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const EMPTY = new Uint8Array(0);
const FIRST_OBJECT = 0x8000_0000;

const startup = encodeCommand(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });

const extend = (i: number): Uint8Array =>
  encodeCommand(COMMANDS.PCR_Extend, {
    pcrHandle: i % 16,
    digests: [
      { hashAlg: TPM_ALG.SHA1, digest: new Uint8Array(20).fill(i) },
      { hashAlg: TPM_ALG.SHA256, digest: new Uint8Array(32).fill(i) },
    ],
  });

const read = encodeCommand(COMMANDS.PCR_Read, {
  pcrSelectionIn: [pcrSelection(TPM_ALG.SHA256, [0, 1, 2, 3, 4, 5, 6, 7])],
});

const createPrimary = (inPublic: TPMT_PUBLIC): Uint8Array =>
  encodeCommand(COMMANDS.CreatePrimary, {
    primaryHandle: TPM_RH.ENDORSEMENT,
    inSensitive: { userAuth: EMPTY, data: EMPTY },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });

const flush = encodeCommand(COMMANDS.FlushContext, { flushHandle: FIRST_OBJECT });

/** An ECC key by number. No TPM may answer from a key it has made already: there are more of them than ours remembers. */
function uniqueEcc(i: number): TPMT_PUBLIC {
  const x = new Uint8Array(32);
  new DataView(x.buffer).setUint32(28, i + 1);
  return { ...AK_ECC_P256, unique: { x, y: new Uint8Array(32) } };
}

const quote = encodeCommand(COMMANDS.Quote, {
  signHandle: FIRST_OBJECT,
  qualifyingData: new Uint8Array(32),
  inScheme: { scheme: TPM_ALG.NULL },
  PCRselect: [
    pcrSelection(
      TPM_ALG.SHA256,
      Array.from({ length: 24 }, (_, i) => i),
    ),
  ],
});

const repeat = (count: number, make: (i: number) => Uint8Array | readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => make(i)).flat() as Uint8Array[];

const timed = (
  what: string,
  goal: number,
  operations: number,
  commands: Uint8Array[],
  setup: Uint8Array[] = [],
): Stream => ({
  what,
  goal,
  operations,
  setup: [startup, ...setup],
  timed: commands,
});

/**
 * Streams on a TPM that runs. The costly ones are short: a run that takes longer than the system lets a process have the
 * processor at once measures the other processes too.
 */
export const STREAMS: readonly Stream[] = [
  timed('PCR_Extend (SHA-1 + SHA-256)', 5, 400, repeat(400, extend)),
  timed(
    'PCR_Read (8 PCRs)',
    5,
    400,
    repeat(400, () => read),
  ),
  timed(
    'CreatePrimary ECC P-256 + Flush',
    3,
    6,
    repeat(6, (i) => [createPrimary(uniqueEcc(i)), flush]),
  ),
  timed(
    'Quote ECC P-256',
    4,
    10,
    repeat(10, () => quote),
    [createPrimary(AK_ECC_P256)],
  ),
  {
    ...timed(
      'Quote RSA-2048',
      8,
      3,
      repeat(3, () => quote),
      [createPrimary(AK_RSA2048)],
    ),
    bare: () => sign('sha256', EMPTY, anyRsaKey),
  },
];

/** CreatePrimary RSA-2048 on a fresh TPM. */
export const RSA_PRIMARY: Stream = timed('CreatePrimary RSA-2048 (fresh TPM)', 1 / 3, 1, [createPrimary(AK_RSA2048)]);

/** "One boot": fresh TPM, 220 extends on two banks, ECC attestation key, quote. */
export const ONE_BOOT: Stream = {
  what: 'one boot (220 extends, ECC AK, Quote)',
  setup: [],
  timed: [startup, ...repeat(220, extend), createPrimary(AK_ECC_P256), quote],
  operations: 1,
  goal: 20,
};
