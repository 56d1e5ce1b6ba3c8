import { describe, expect, it } from 'vitest';
import { decodeResponseCode, describeResponseCode, TPM_RC, withPlace } from './response-code.ts';

describe('response codes', () => {
  // Texts as tpm2_rc_decode (tpm2-tools) explains the same numbers.
  it.each([
    [0x000, 'TPM_RC_SUCCESS'],
    [0x01e, 'TPM_RC_BAD_TAG'],
    [0x100, 'TPM_RC_INITIALIZE'],
    [0x101, 'TPM_RC_FAILURE'],
    [0x125, 'TPM_RC_AUTH_MISSING'],
    [0x143, 'TPM_RC_COMMAND_CODE'],
    [0x18b, 'TPM_RC_HANDLE (handle 1)'],
    [0x1c4, 'TPM_RC_VALUE (parameter 1)'],
    [0x2d5, 'TPM_RC_SIZE (parameter 2)'],
    [0x98e, 'TPM_RC_AUTH_FAIL (session 1)'],
    [0x9a2, 'TPM_RC_BAD_AUTH (session 1)'],
    [0x902, 'TPM_RC_OBJECT_MEMORY'],
    [0x907, 'TPM_RC_LOCALITY'],
    [0x910, 'TPM_RC_REFERENCE_H0'],
    [0x922, 'TPM_RC_RETRY'],
    [0xfff00000, '0xfff00000'],
  ])('0x%s', (code, text) => {
    expect(describeResponseCode(code)).toBe(text);
  });

  it('places and takes apart every format-one code', () => {
    for (const [name, code] of Object.entries(TPM_RC).filter(([, value]) => (value & 0x80) !== 0 && value < 0x100)) {
      for (const kind of ['handle', 'session', 'parameter'] as const) {
        for (let number = 1; number <= 7; number++) {
          expect(decodeResponseCode(withPlace(code, { kind, number }))).toEqual({ name, place: { kind, number } });
        }
      }
    }
  });

  it('leaves codes without room for a place alone', () => {
    expect(withPlace(TPM_RC.LOCALITY, { kind: 'handle', number: 1 })).toBe(TPM_RC.LOCALITY);
    expect(withPlace(TPM_RC.AUTH_MISSING, { kind: 'session', number: 1 })).toBe(TPM_RC.AUTH_MISSING);
  });
});
