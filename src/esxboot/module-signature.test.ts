import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, fromLatin1, toHex, utf8 } from '../bytes/bytes.ts';
import { decodePrivateKeyPem } from '../crypto/keys.ts';
import { decodePem } from '../crypto/pem.ts';
import type { HashName } from '../crypto/primitives.ts';
import { BOOT_CHECK_TEXT, bootCheckLine, checkBootModules } from './boot-check.ts';
import type { ModuleKey } from './key-table.ts';
import {
  type ModuleSigner,
  moduleStream,
  parseTrailer,
  signModule,
  stripTrailer,
  verifyModule,
} from './module-signature.ts';
import { findSchema, mustBeSigned } from './signature-schema.ts';

const pki = (name: string): Uint8Array => readFileSync(new URL(`../../vib-samples/pki/${name}`, import.meta.url));

function identity(keyId: string, digest: HashName): { signer: ModuleSigner; entry: ModuleKey } {
  const key = decodePrivateKeyPem(pki(`module-${keyId}.key.pem`));
  const [certificate] = decodePem(pki(`module-${keyId}.crt.pem`));
  if (key.kind !== 'rsa' || certificate === undefined) throw new Error(`test PKI: ${keyId}`);
  return { signer: { keyId, digest, key }, entry: { keyId, digest, certificate: certificate.bytes } };
}

const current = identity('esxsim_test67', 'sha512');
const older = identity('esxsim_test40', 'sha256');
const keys = [current.entry, older.entry];
const ELF = fromHex('7f454c46');
const plain = utf8('module');
const signed = signModule(plain, current.signer, 4);

describe('signature trailer', () => {
  it('has the layout of the facts (§5)', () => {
    const rsa4096 = 512;
    expect(signed.length).toBe(plain.length + 4 + 16 + rsa4096 + 8);
    expect(toHex(signed.subarray(-4))).toBe('ed11be1a');
    expect(toHex(signed.subarray(-8, -4))).toBe('10020000');
    expect(toHex(signed.subarray(plain.length, plain.length + 4))).toBe('04000000');
    expect(fromLatin1(signed.subarray(plain.length + 4, plain.length + 20))).toBe('esxsim_test67\0\0\0');
    const rsa2048 = signModule(plain, older.signer, 1);
    expect(new DataView(rsa2048.buffer).getUint32(rsa2048.length - 8, true)).toBe(272);
  });

  it('covers the module and the schema number, and can be taken off', () => {
    const parsed = parseTrailer(signed);
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(parsed.trailer).toMatchObject({ schema: 4, keyId: 'esxsim_test67' });
    expect(parsed.trailer.signedData).toEqual(concat(plain, fromHex('04000000')));
    expect(stripTrailer(signed)).toEqual(plain);
    expect(stripTrailer(plain)).toBe(plain);
  });

  it('verifies with the key and digest of the table', () => {
    expect(verifyModule(signed, keys)).toMatchObject({ ok: true, code: 'ok', schema: 4, signer: current.entry });
    expect(verifyModule(signModule(plain, older.signer, 4), keys)).toMatchObject({ ok: true, signer: older.entry });
  });

  const patched = (at: number, value: number): Uint8Array => {
    const out = signed.slice();
    out[at < 0 ? out.length + at : at] = value;
    return out;
  };
  const other: ModuleKey = { ...current.entry, certificate: older.entry.certificate };

  it.each([
    ['no trailer', plain, keys, 'unsigned', false],
    ['empty module', new Uint8Array(0), keys, 'unsigned', false],
    ['length beyond the module', patched(-7, 0xff), keys, 'bad-length', false],
    ['length without a signature', concat(plain, fromHex('10000000ed11be1a')), keys, 'bad-length', false],
    ['key not in the table', signed, [older.entry], 'unknown-key', false],
    ['key of another size', signed, [other], 'key-size-mismatch', false],
    ['certificate that is none', signed, [{ ...current.entry, certificate: plain }], 'key-unusable', false],
    ['changed module', patched(0, 0x4d), keys, 'bad-signature', true],
    ['changed schema number', patched(plain.length, 5), keys, 'bad-signature', true],
    ['wrong digest in the table', signed, [{ ...current.entry, digest: 'sha256' as const }], 'bad-signature', true],
  ] as const)('%s: %s', (_, module, table, code, measured) => {
    const result = verifyModule(module, table);
    expect(result).toMatchObject({ ok: false, code });
    // The signer is known, and so measured, before the signature is verified.
    expect(result.signer !== undefined).toBe(measured);
  });

  it('wants the schema of module 0', () => {
    expect(verifyModule(signed, keys, 3)).toMatchObject({ ok: false, code: 'wrong-schema', signer: current.entry });
  });

  it('never throws and never accepts a changed module', () => {
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bad = signed.slice();
        bad[at] = (bad[at] ?? 0) ^ mask;
        expect(verifyModule(bad, keys).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 4 }), (body, length) => {
        expect(verifyModule(concat(body, length, fromHex('ed11be1a')), keys).ok).toBe(false);
      }),
    );
  });
});

describe('schemas', () => {
  it.each([
    [1, ['s', 'sb']],
    [2, ['s', 'sb', 'esxcore']],
    [3, ['s', 'sb', 'esxcore']],
    [4, ['s', 'sb', 'esxcore', 'esxupdt']],
  ])('%i wants ELF modules and %j', (number, stems) => {
    const schema = findSchema(number);
    if (schema === undefined) throw new Error('no schema');
    const named = ['s', 'sb', 'esxcore', 'esxupdt', 'vim', 'S', 'sbx'];
    expect(named.filter((stem) => mustBeSigned(schema, `/${stem}.v00`, plain))).toEqual(stems);
    expect(mustBeSigned(schema, '/any.b00', ELF)).toBe(true);
  });

  it('0 and 5 do not exist', () => {
    expect([findSchema(0), findSchema(5)]).toEqual([undefined, undefined]);
  });
});

describe('check of the early modules', () => {
  const sign = (data: Uint8Array, schema = 4, by = current.signer) => signModule(data, by, schema);
  const kernel = { file: '/b.b00', data: sign(ELF) };
  const k = { file: '/k.b00', data: sign(concat(ELF, plain)) };
  const s = { file: '/s.v00', data: sign(plain) };
  const driver = { file: '/nvme_pci.v00', data: plain };
  const check = (modules: readonly { readonly file: string; readonly data: Uint8Array }[]) =>
    checkBootModules(
      modules.map(({ file, data }) => ({ file, head: data.subarray(0, 512), content: moduleStream(data) })),
      keys,
    );

  it('is valid where every early module is signed; others are not looked at', async () => {
    const checked = await check([kernel, driver, k, s]);
    expect(checked).toMatchObject({ verdict: 'valid', schema: 4 });
    expect(checked.modules.map(bootCheckLine)).toEqual([
      'Signature check succeeded on module 0 (/b.b00)',
      'Signature check succeeded on module 2 (/k.b00)',
      'Signature check succeeded on module 3 (/s.v00)',
    ]);
    expect(checked.signers).toEqual([current.entry]);
  });

  it('names each signer once, in the order of first use', async () => {
    const list = [kernel, { ...k, data: sign(ELF, 4, older.signer) }, s];
    expect((await check(list)).signers).toEqual([current.entry, older.entry]);
  });

  it.each([
    ['module 0 without trailer', [{ ...kernel, data: ELF }, k], 'unsigned', []],
    ['no modules', [], 'unsigned', []],
    ['unsigned ELF module', [kernel, { ...k, data: ELF }, s], 'invalid', ['unsigned']],
    ['schema of another number', [kernel, { ...k, data: sign(ELF, 3) }], 'invalid', ['wrong-schema']],
    ['unknown schema', [{ ...kernel, data: sign(ELF, 9) }, k], 'invalid', ['wrong-schema']],
    ['named module twice', [kernel, s, { ...s, file: '/s.v01' }], 'invalid', ['duplicate']],
    ['unsigned esxupdt under schema 4', [kernel, { file: '/esxupdt.v00', data: plain }], 'invalid', ['unsigned']],
  ] as const)('%s', async (_, modules, verdict, codes) => {
    const checked = await check(modules);
    expect(checked.verdict).toBe(verdict);
    expect(checked.modules.filter(({ result }) => !result.ok).map(({ result }) => result.code)).toEqual(codes);
  });

  it.each(
    [1, 2, 3, 4].flatMap((schema) => ['s', 'sb', 'esxcore', 'esxupdt', 'vim'].map((stem) => [schema, stem] as const)),
  )('schema %i, an unsigned and a signed %s', async (schema, stem) => {
    // The rows of the facts (§5), said again here.
    const named = ['s', 'sb', ...(schema >= 2 ? ['esxcore'] : []), ...(schema === 4 ? ['esxupdt'] : [])];
    const first = { ...kernel, data: sign(ELF, schema) };
    const file = `/${stem}.v00`;
    expect((await check([first, { file, data: plain }])).verdict).toBe(named.includes(stem) ? 'invalid' : 'valid');
    expect((await check([first, { file, data: sign(plain, schema) }])).verdict).toBe('valid');
    const other = await check([first, { file, data: sign(plain, schema === 1 ? 2 : 1) }]);
    expect(other.verdict).toBe(named.includes(stem) ? 'invalid' : 'valid');
  });

  it('data of the schema between module and schema number are covered by the signature', async () => {
    const data = utf8('data that a later schema may put there');
    const module = sign(concat(ELF, data));
    expect((await check([{ ...kernel, data: module }])).verdict).toBe('valid');
    const changed = module.slice();
    changed[ELF.length + 3] = 0;
    expect((await check([{ ...kernel, data: changed }])).verdict).toBe('invalid');
  });

  it('does not want esxupdt signed before schema 4', async () => {
    const list = [
      { ...kernel, data: sign(ELF, 3) },
      { file: '/esxupdt.v00', data: plain },
    ];
    expect((await check(list)).verdict).toBe('valid');
  });

  it('has the texts of mboot', () => {
    expect(BOOT_CHECK_TEXT).toMatchObject({
      unsigned: 'Boot modules are not signed',
      unchecked: 'Boot module signatures cannot be checked',
      invalid: 'Boot module signatures are not valid',
    });
  });
});
