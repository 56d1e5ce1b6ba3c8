import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ACM_SIGNER } from '../pki/acm-signer.ts';
import { acmSignature, buildSinitAcm } from './acm.ts';

describe('simulated SINIT ACM', () => {
  const acm = buildSinitAcm('simulated SINIT 1.3.2');
  const view = new DataView(acm.bytes.buffer, acm.bytes.byteOffset);

  it('has the header Intel tools read: type, vendor, size in dwords, key size', () => {
    expect(view.getUint16(0, true)).toBe(2);
    expect(view.getUint32(16, true)).toBe(0x8086);
    expect(view.getUint32(24, true) * 4).toBe(acm.bytes.length);
    expect(view.getUint32(120, true) * 4).toBe(acm.publicKey.length);
  });

  it('is signed: node:crypto accepts the signature over header and code, and no longer after a changed byte', () => {
    const jwk = { kty: 'RSA', n: Buffer.from(ACM_SIGNER.n).toString('base64url'), e: 'AQAB' };
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const covered = (bytes: Uint8Array) => Buffer.concat([bytes.subarray(0, 128), bytes.subarray(388 + 256 + 143 * 4)]);
    expect(verify('sha256', covered(acm.bytes), key, acmSignature(acm.bytes))).toBe(true);
    const changed = acm.bytes.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    expect(verify('sha256', covered(changed), key, acmSignature(changed))).toBe(false);
  });

  it('follows from its name', () => {
    expect(buildSinitAcm('simulated SINIT 1.3.2').bytes).toEqual(acm.bytes);
    expect(buildSinitAcm('simulated SINIT 1.3.3').bytes).not.toEqual(acm.bytes);
  });
});
