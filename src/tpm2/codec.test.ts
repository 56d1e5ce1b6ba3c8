import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, fromHex, toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { type Codec, decode, encode, WireError } from './codec.ts';
import { COMMANDS } from './commands.ts';
import { TPM_ALG } from './constants.ts';
import { EK_ECC_P256, EK_RSA2048 } from './ek-profile.ts';
import { parsePublic } from './quote.ts';
import { TPM_RC } from './response-code.ts';
import * as S from './structures/index.ts';
import { AK_ECC_P256, AK_RSA2048 } from './templates.ts';

/** A case that must be refused: bytes, place and response code. */
type Refused = readonly [hex: string, field: string, rc: number];

function refuses<T>(codec: Codec<T>, cases: readonly Refused[]): void {
  it.each(cases)(`${codec.name} refuses %s at "%s"`, (hex, field, rc) => {
    let thrown: unknown;
    try {
      decode(codec, fromHex(hex));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(WireError);
    expect(thrown).toMatchObject({ field, rc });
  });
}

describe('structures with known bytes', () => {
  it('TPML_PCR_SELECTION', () => {
    const value = [S.pcrSelection(TPM_ALG.SHA256, [0, 17])];
    expect(toHex(encode(S.TPML_PCR_SELECTION, value))).toBe('00000001000b03010002');
    expect(decode(S.TPML_PCR_SELECTION, fromHex('00000001000b03010002'))).toEqual(value);
    expect(S.selectedPcrs(fromHex('010002'))).toEqual([0, 17]);
  });

  // EK template L-1 as in the TCG EK Credential Profile, B.3.3, with its 256 zero bytes of unique.
  it('TPMT_PUBLIC of the RSA endorsement key', () => {
    const policy = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
    const hex = `0001000b000300b20020${policy}00060080004300100800000000000100${'00'.repeat(256)}`;
    expect(toHex(encode(S.TPMT_PUBLIC, EK_RSA2048))).toBe(hex);
  });

  it('TPM2B_PUBLIC with and without its size', () => {
    for (const area of [EK_RSA2048, EK_ECC_P256, AK_RSA2048, AK_ECC_P256]) {
      expect(parsePublic(encode(S.TPM2B_PUBLIC, area))).toEqual(area);
      expect(parsePublic(encode(S.TPMT_PUBLIC, area))).toEqual(area);
    }
  });
});

describe('refusals name the field and the response code', () => {
  refuses(S.TPML_PCR_SELECTION, [
    ['00000001', '[0].hash', TPM_RC.INSUFFICIENT],
    ['00000005', '', TPM_RC.SIZE],
    ['0000000100120300', '[0].hash', TPM_RC.HASH],
    ['00000001000b0200', '[0].pcrSelect', TPM_RC.VALUE],
    ['00000001000b0301', '[0].pcrSelect', TPM_RC.INSUFFICIENT],
  ]);
  refuses(S.TPM2B_PUBLIC, [
    ['0000', '', TPM_RC.SIZE],
    ['00020099', 'type', TPM_RC.TYPE],
    ['00080001000b80000000', 'objectAttributes', TPM_RC.RESERVED_BITS],
    ['000a0001000b000300b20041', 'authPolicy', TPM_RC.SIZE],
    ['00100001000b000300b2000000060081', 'parameters.symmetric.keyBits', TPM_RC.VALUE],
  ]);
  refuses(S.TPMS_ATTEST, [
    ['00544347', 'magic', TPM_RC.VALUE],
    [`ff5443478099${'0000'.repeat(2)}${'00'.repeat(17)}00${'00'.repeat(7)}`, 'type', TPM_RC.SELECTOR],
  ]);
  refuses(S.TPMT_SIGNATURE, [
    ['0099', 'sigAlg', TPM_RC.SCHEME],
    ['0018000b0051', 'signatureR', TPM_RC.SIZE],
  ]);

  it('a wrong inner size is a size error', () => {
    const bytes = encode(S.TPM2B_PUBLIC, AK_ECC_P256);
    bytes[1] = (bytes[1] ?? 0) - 1;
    expect(() => decode(S.TPM2B_PUBLIC, bytes)).toThrow(/says 23 bytes, holds 24/);
  });

  it('values too long for their field are refused on writing', () => {
    expect(() => encode(S.TPM2B_DATA, new Uint8Array(67))).toThrow(FormatError);
  });
});

/** Every codec of the structures, and of every command row. */
const CODECS: Codec<unknown>[] = [
  ...Object.values<unknown>(S).filter(
    (item): item is Codec<unknown> => typeof item === 'object' && item !== null && 'read' in item,
  ),
  ...Object.values(COMMANDS).flatMap((row) => [...row.parameters, ...row.response].map(({ codec }) => codec)),
];

describe('hostile bytes', () => {
  it('give only FormatErrors, and what is read can be written again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODECS), fc.uint8Array({ maxLength: 200 }), (codec, bytes) => {
        try {
          const value = decode(codec, bytes);
          expect(equalBytes(encode(codec, value), bytes)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  const samples = [EK_RSA2048, EK_ECC_P256, AK_RSA2048, AK_ECC_P256].map((area) => encode(S.TPM2B_PUBLIC, area));
  it('bit flips and truncation of real public areas too', () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat(), fc.nat(7), fc.nat(), (sample, at, bit, cut) => {
        const bytes = sample.slice(0, 1 + (cut % sample.length));
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
        try {
          decode(S.TPM2B_PUBLIC, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
