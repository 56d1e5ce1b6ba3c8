import { describe, expect, it } from 'vitest';
import { toHex } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { TPMA_NV, TPMA_OBJECT } from './attributes.ts';
import { Tpm2Client } from './client.ts';
import { decode, encode, u8, u16, u32, u64 } from './codec.ts';
import { encodeCommand } from './command-bytes.ts';
import { COMMANDS } from './commands.ts';
import { TPM_ALG, TPM_RH } from './constants.ts';
import { i8, i32 } from './integers.ts';
import * as S from './structures/index.ts';

/** What a caller without a type checker may pass. */
const loose = (value: unknown): never => value as never;
const EMPTY = new Uint8Array(0);

describe('integers that do not fit their field are refused', () => {
  it.each([
    [u8, [0, 0xff], [-1, 256, 1.5, Number.NaN, '1', undefined, null, true]],
    [u16, [0, 0xffff], [-1, 65_536, 70_000, Number.POSITIVE_INFINITY, 1n]],
    [u32, [0, 0xffff_ffff], [-1, 2 ** 32, 0.1, {}, [], 1n]],
    [i8, [-128, 127], [-129, 128, '']],
    [i32, [-(2 ** 31), 2 ** 31 - 1], [2 ** 31, -(2 ** 31) - 1, undefined]],
  ])('%#', (codec, good, bad) => {
    for (const value of good) expect(decode(codec, encode(codec, value))).toBe(value);
    for (const value of bad) expect(() => encode(codec, loose(value))).toThrow(FormatError);
  });

  it('UINT64 takes bigints and whole numbers', () => {
    expect(toHex(encode(u64, 2n ** 64n - 1n))).toBe('ff'.repeat(8));
    expect(toHex(encode(u64, loose(258)))).toBe('0000000000000102');
    for (const bad of [-1n, 2n ** 64n, 1.5, -1, 2 ** 53, '1', undefined]) {
      expect(() => encode(u64, loose(bad))).toThrow(
        /^UINT64: expected an integer from 0 to 18446744073709551615, not /,
      );
    }
  });

  it('attribute words may be what bit operations make of them', () => {
    const attributes = TPMA_NV.ownerRead | TPMA_NV.readStClear;
    expect(attributes).toBeLessThan(0);
    expect(toHex(encode(S.TPMA_NV_BITS, attributes))).toBe('80020000');
    expect(toHex(encode(S.TPMA_OBJECT_BITS, TPMA_OBJECT.sign))).toBe('00040000');
    expect(() => encode(S.TPMA_NV_BITS, 2 ** 32)).toThrow(FormatError);
    expect(() => encode(S.TPMA_NV_BITS, -(2 ** 31) - 1)).toThrow(FormatError);
    expect(() => encode(S.TPMA_SESSION_BITS, 256)).toThrow(FormatError);
  });
});

describe('an error names command, field and range', () => {
  const nv = (changes: object) => ({
    authHandle: TPM_RH.OWNER,
    auth: EMPTY,
    publicInfo: {
      nvIndex: 0x1500000,
      nameAlg: TPM_ALG.SHA256,
      attributes: TPMA_NV.ownerRead,
      authPolicy: EMPTY,
      dataSize: 4,
      ...changes,
    },
  });
  const message = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      return error instanceof Error ? error.message : '';
    }
    return 'written';
  };
  const { NV_DefineSpace, PCR_Extend, Startup, GetRandom, SelfTest, NV_Read } = COMMANDS;

  it.each([
    [
      () => encodeCommand(NV_DefineSpace, nv({ dataSize: 70_000 })),
      'TPM2_NV_DefineSpace.publicInfo.dataSize: expected an integer from 0 to 65535, not 70000',
    ],
    [
      () => encodeCommand(NV_DefineSpace, nv({ authPolicy: loose('abc') })),
      'TPM2_NV_DefineSpace.publicInfo.authPolicy: expected bytes (a Uint8Array), not the text "abc"',
    ],
    [
      () => encodeCommand(NV_DefineSpace, { ...nv({}), publicInfo: loose(undefined) }),
      'TPM2_NV_DefineSpace.publicInfo: expected an object with its fields, not undefined',
    ],
    [
      () => encodeCommand(GetRandom, { bytesRequested: 65_536 }),
      'TPM2_GetRandom.bytesRequested: expected an integer from 0 to 65535, not 65536',
    ],
    [
      () => encodeCommand(Startup, loose({ type: 0 })),
      'TPM2_Startup.startupType: expected an integer from 0 to 65535, not undefined',
    ],
    [
      () => encodeCommand(Startup, loose(undefined)),
      'TPM2_Startup: expected an object with startupType, not undefined',
    ],
    [
      () => encodeCommand(NV_Read, { authHandle: 0x81000000 | 1, nvIndex: 0x1500000, size: 1, offset: 0 }),
      'TPM2_NV_Read.authHandle: expected an integer from 0 to 4294967295, not -2130706431 (a result of bit operations needs >>> 0)',
    ],
    [
      () =>
        encodeCommand(PCR_Extend, {
          pcrHandle: 0,
          digests: [
            { hashAlg: TPM_ALG.SHA1, digest: new Uint8Array(20) },
            { hashAlg: TPM_ALG.SHA256, digest: new Uint8Array(20) },
          ],
        }),
      'TPM2_PCR_Extend.digests[1].digest: expected 32 bytes, not 20',
    ],
    [
      () => encodeCommand(PCR_Extend, { pcrHandle: 0, digests: loose(EMPTY) }),
      'TPM2_PCR_Extend.digests: expected an array, not an object (Uint8Array)',
    ],
    [
      () => encodeCommand(PCR_Extend, { pcrHandle: 0, digests: [] }, [new Uint8Array(65_536)]),
      'TPM2_PCR_Extend.authorisation[0].size: 65536 exceeds 65535',
    ],
    [
      () => encodeCommand(PCR_Extend, { pcrHandle: 0, digests: [] }, [{ session: 2 ** 32 }]),
      'TPM2_PCR_Extend.authorisation[0]: expected an integer from 0 to 4294967295, not 4294967296',
    ],
    [
      () => encodeCommand(PCR_Extend, { pcrHandle: 0, digests: [] }, [loose('secret')]),
      'TPM2_PCR_Extend: authorisation 1 is the text "secret", expected bytes (a password) or a session',
    ],
    [() => encodeCommand(loose(undefined), {}), 'expected a row of COMMANDS, not undefined'],
  ])('%#', (run, expected) => {
    expect(message(run)).toBe(expected);
  });

  it('a client sends nothing then', async () => {
    const sent: Uint8Array[] = [];
    const transmit = async (command: Uint8Array): Promise<Uint8Array> => {
      sent.push(command);
      return new Uint8Array(10);
    };
    const client = new Tpm2Client(loose({ transmit }));
    await expect(client.call(SelfTest, { fullTest: 256 })).rejects.toThrow(
      'TPM2_SelfTest.fullTest: expected an integer from 0 to 255, not 256',
    );
    expect(sent).toEqual([]);
  });

  it('values that fit but are not allowed are the TPM to refuse', () => {
    expect(toHex(encodeCommand(SelfTest, { fullTest: 7 }))).toBe('80010000000b0000014307');
    const unknown = [{ hashAlg: 0x27, digest: new Uint8Array(3) }];
    expect(toHex(encodeCommand(PCR_Extend, { pcrHandle: 0, digests: unknown }))).toMatch(/000000010027000000$/);
  });
});
