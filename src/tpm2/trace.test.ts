import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../bytes/bytes.ts';
import { traceCommand, traceResponse, traceText } from './trace.ts';

describe('trace', () => {
  it('names commands, handles, sessions, parameters and algorithms', () => {
    const digest = '11'.repeat(32);
    const session = '400000090000010000';
    const bytes = fromHex(`80020000004100000182${'00000011'}${'00000009'}${session}${'00000001'}000b${digest}`);
    expect(traceCommand(bytes)).toEqual({
      name: 'TPM2_PCR_Extend',
      code: 0x182,
      size: 65,
      handles: { pcrHandle: '0x00000011' },
      sessions: [{ handle: 'TPM_RH_PW', nonce: '', attributes: ['continueSession'], hmac: '' }],
      parameters: { digests: [{ hashAlg: 'TPM_ALG_SHA256', digest }] },
    });
  });

  it('the response by its command', () => {
    const response = traceResponse(fromHex('80010000001000000000000401020304'), 0x17b);
    expect(response).toMatchObject({ result: 'TPM_RC_SUCCESS', parameters: { randomBytes: '01020304' } });
    expect(traceResponse(fromHex('80010000000a000001c4'), 0x17b).result).toBe('TPM_RC_VALUE (parameter 1)');
  });

  it('an encrypted parameter is shown as it travels', () => {
    // GetRandom answered through a session that encrypts: 4 bytes of ciphertext.
    const response = traceResponse(
      fromHex('80020000001d00000000' + '00000006' + '0004aabbccdd' + '0000' + '41' + '000411223344'),
      0x17b,
    );
    expect(response.sessions).toEqual([{ nonce: '', attributes: ['continueSession', 'encrypt'], hmac: '11223344' }]);
    expect(response.parameters).toEqual({ randomBytes: { encrypted: 'aabbccdd' } });
    expect(response.problem).toBeUndefined();
  });

  it('text for people', () => {
    const command = traceCommand(fromHex('80010000000c0000017b0004'));
    const response = traceResponse(fromHex('80010000000a00000100'), command.code);
    expect(traceText(command, response)).toBe(
      ['> TPM2_GetRandom (12 bytes)', '    bytesRequested: 4', '< TPM_RC_INITIALIZE (10 bytes)'].join('\n'),
    );
  });

  it('says what cannot be read, and keeps what can', () => {
    expect(traceCommand(fromHex('80010000000c')).problem).toMatch(/TPM command.commandCode/);
    expect(traceCommand(fromHex('80010000000b0000017b00'))).toMatchObject({
      name: 'TPM2_GetRandom',
      problem: expect.any(String),
    });
    expect(traceCommand(fromHex('80010000000a20000000'))).toMatchObject({ name: '0x20000000' });
  });

  it('takes any bytes', () => {
    const codes = fc.integer({ min: 0x11f, max: 0x19a });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), codes, fc.boolean(), (body, code, sessions) => {
        const bytes = new Uint8Array(10 + body.length);
        const view = new DataView(bytes.buffer);
        view.setUint16(0, sessions ? 0x8002 : 0x8001);
        view.setUint32(2, bytes.length);
        view.setUint32(6, code);
        bytes.set(body, 10);
        const command = traceCommand(bytes);
        view.setUint32(6, 0);
        expect(typeof traceText(command, traceResponse(bytes, code))).toBe('string');
        traceCommand(body);
        traceResponse(body, code);
      }),
    );
  });
});
