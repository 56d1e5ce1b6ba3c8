import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/bytes.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { TPMA_NV } from './attributes.ts';
import { TPM_CAP, TPM_PT, TPM_PT_PCR } from './capability-constants.ts';
import { encode } from './codec.ts';
import { encodeCommand } from './command-bytes.ts';
import type { CommandRow, OutputOf } from './command-row.ts';
import { COMMANDS as C } from './commands.ts';
import { TPM_ALG, TPM_CC, TPM_ECC_CURVE, TPM_GENERATED_VALUE, TPM_RH, TPM_SE, TPM_ST, TPM_SU } from './constants.ts';
import { pcrSelection, type TPMS_ATTEST, TPMS_ATTEST as TPMS_ATTEST_CODEC, TPMT_PUBLIC } from './structures/index.ts';
import { AK_RSA2048, SRK_ECC_P256 } from './templates.ts';
import { type TraceCommand, type TraceResponse, traceCommand, traceResponse, traceText } from './trace.ts';

const NO_BYTES = new Uint8Array(0);
const OBJECT = 0x8000_0000;
const SENSITIVE = { userAuth: NO_BYTES, data: NO_BYTES };
const EMPTY_RESPONSE = traceResponse(fromHex('80010000000a00000000'), TPM_CC.Startup);
const EMPTY_COMMAND = traceCommand(fromHex('80010000000a00000181'));

const textOf = (command: TraceCommand): string => traceText(command, EMPTY_RESPONSE);
const responseText = (response: TraceResponse): string => traceText(EMPTY_COMMAND, response);

/** A successful response without handles and sessions. */
function respond<In, Out>(row: CommandRow<In, Out>, output: Out): TraceResponse {
  const values = new Map(Object.entries(output as Record<string, unknown>));
  const writer = new ByteWriter();
  writer.u16(TPM_ST.NO_SESSIONS).u32(0).u32(0);
  for (const { name, codec } of row.response) codec.write(writer, values.get(name));
  writer.setU32(2, writer.length);
  return traceResponse(writer.finish(), row.code);
}

/** The bytes with one piece, which must be there once, put in place of another. */
function replaced(bytes: Uint8Array, piece: string, by: string): Uint8Array {
  const parts = toHex(bytes).split(piece);
  expect(parts.length).toBe(2);
  return fromHex(parts.join(by));
}

const attest = (): TPMS_ATTEST => ({
  magic: TPM_GENERATED_VALUE,
  type: TPM_ST.ATTEST_QUOTE,
  qualifiedSigner: fromHex('000b'),
  extraData: fromHex('0011'),
  clockInfo: { clock: 7n, resetCount: 1, restartCount: 0, safe: 1 },
  firmwareVersion: 0x0001_0000_0000_0001n,
  attested: { pcrSelect: [pcrSelection(TPM_ALG.SHA256, [0, 10, 17])], pcrDigest: fromHex('aabb') },
});

const capability = (data: OutputOf<typeof C.GetCapability>['capabilityData']): TraceResponse =>
  respond(C.GetCapability, { moreData: 0, capabilityData: data });

describe('names in a command log', () => {
  it('constants, with the raw value still in the JSON document', () => {
    const startup = traceCommand(encodeCommand(C.Startup, { startupType: TPM_SU.CLEAR }));
    expect(startup.parameters).toEqual({ startupType: 0 });
    expect(startup.names).toEqual({ startupType: 'TPM_SU_CLEAR (0)' });
    expect(textOf(startup)).toContain('\n    startupType: TPM_SU_CLEAR (0)\n');
    const session = traceCommand(
      encodeCommand(C.StartAuthSession, {
        tpmKey: TPM_RH.NULL,
        bind: TPM_RH.NULL,
        nonceCaller: new Uint8Array(16),
        encryptedSalt: NO_BYTES,
        sessionType: TPM_SE.POLICY,
        symmetric: { algorithm: TPM_ALG.XOR, keyBits: TPM_ALG.SHA256 },
        authHash: TPM_ALG.SHA256,
      }),
    );
    expect(session.names).toEqual({
      sessionType: 'TPM_SE_POLICY (1)',
      'symmetric.keyBits': 'TPM_ALG_SHA256 (0x000b)',
    });
    const policy = { policySession: 0x0300_0000 };
    expect(traceCommand(encodeCommand(C.PolicyLocality, { ...policy, locality: 0b1001 })).names).toEqual({
      locality: 'locality 0, 3 (0x09)',
    });
    const nv = { operandB: fromHex('01'), offset: 0, operation: 3 };
    expect(traceCommand(encodeCommand(C.PolicyCounterTimer, { ...policy, ...nv })).names).toEqual({
      operation: 'TPM_EO_UNSIGNED_GT (3)',
    });
    const adjust = traceCommand(encodeCommand(C.ClockRateAdjust, { auth: TPM_RH.OWNER, rateAdjust: -3 }));
    expect(adjust.names).toEqual({ rateAdjust: 'TPM_CLOCK_COARSE_SLOWER (-3)' });
    const audit = { auth: TPM_RH.OWNER, auditAlg: TPM_ALG.NULL, setList: [TPM_CC.Quote], clearList: [] };
    expect(traceCommand(encodeCommand(C.SetCommandCodeAuditStatus, audit)).names).toEqual({
      'setList.0': 'TPM2_Quote (0x00000158)',
    });
  });

  it('attributes of objects and NV indices, tags of tickets, PCRs of bit maps', () => {
    const quote = traceCommand(
      encodeCommand(C.Quote, {
        signHandle: OBJECT,
        qualifyingData: NO_BYTES,
        inScheme: { scheme: TPM_ALG.NULL },
        PCRselect: [pcrSelection(TPM_ALG.SHA256, [9, 10]), pcrSelection(TPM_ALG.SHA1, [])],
      }),
    );
    expect(quote.parameters).toMatchObject({ PCRselect: [{ pcrSelect: '000600' }, { pcrSelect: '000000' }] });
    expect(textOf(quote)).toContain('pcrSelect: PCR 9, 10 (000600)');
    expect(textOf(quote)).toContain('pcrSelect: no PCR (000000)');

    const attributes = TPMA_NV.ownerWrite | TPMA_NV.ownerRead | TPMA_NV.noDA | 0x10;
    const define = traceCommand(
      encodeCommand(C.NV_DefineSpace, {
        authHandle: TPM_RH.OWNER,
        auth: NO_BYTES,
        publicInfo: {
          nvIndex: 0x0150_0016,
          nameAlg: TPM_ALG.SHA256,
          attributes,
          authPolicy: NO_BYTES,
          dataSize: 8,
        },
      }),
    );
    expect(define.parameters).toMatchObject({ publicInfo: { attributes: '0x02020012' } });
    expect(define.names).toEqual({
      'publicInfo.attributes': 'ownerWrite+ownerRead+noDA+type COUNTER (0x02020012)',
    });

    const hash = respond(C.Hash, {
      outHash: NO_BYTES,
      validation: { tag: TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: NO_BYTES },
    });
    expect(hash.parameters).toMatchObject({ validation: { tag: 0x8024 } });
    expect(responseText(hash)).toContain('tag: TPM_ST_HASHCHECK (0x8024)');
    expect(
      responseText(respond(C.ReadPublic, { outPublic: AK_RSA2048, name: NO_BYTES, qualifiedName: NO_BYTES })),
    ).toContain('objectAttributes: fixedTPM+fixedParent+sensitiveDataOrigin+userWithAuth');
  });

  it('session attributes, with bits that have no name', () => {
    const bytes = fromHex(`80020000001900000145${'00000009'}${'400000090000590000'}0001`);
    const command = traceCommand(bytes);
    expect(command.sessions[0]?.attributes).toEqual(['continueSession', 'encrypt', '0x18']);
    expect(textOf(command)).toContain('session TPM_RH_PW, attributes continueSession+encrypt+0x18\n');
    expect(textOf(command)).toContain('shutdownType: TPM_SU_STATE (1)');
  });

  it('capabilities: what is asked for and every kind of answer', () => {
    const ask = (cap: number, property: number) =>
      traceCommand(encodeCommand(C.GetCapability, { capability: cap, property, propertyCount: 1 })).names;
    expect(ask(TPM_CAP.TPM_PROPERTIES, TPM_PT.FAMILY_INDICATOR)).toEqual({
      capability: 'TPM_CAP_TPM_PROPERTIES (6)',
      property: 'TPM_PT_FAMILY_INDICATOR (0x100)',
    });
    expect(ask(TPM_CAP.HANDLES, 0x8100_0000)).toMatchObject({ property: '0x81000000' });
    expect(ask(TPM_CAP.COMMANDS, TPM_CC.Quote)).toMatchObject({ property: 'TPM2_Quote (0x00000158)' });

    const properties = capability({
      capability: TPM_CAP.TPM_PROPERTIES,
      data: [
        { property: TPM_PT.FAMILY_INDICATOR, value: 0x322e_3000 },
        { property: TPM_PT.REVISION, value: 159 },
        { property: TPM_PT.STARTUP_CLEAR, value: 0x8000_0001 },
        { property: TPM_PT.INPUT_BUFFER, value: 1024 },
      ],
    });
    expect(properties.names).toEqual({
      moreData: 'NO (0)',
      'capabilityData.capability': 'TPM_CAP_TPM_PROPERTIES (6)',
      'capabilityData.data.0.property': 'TPM_PT_FAMILY_INDICATOR (0x100)',
      'capabilityData.data.0.value': '"2.0" (0x322e3000)',
      'capabilityData.data.1.property': 'TPM_PT_REVISION (0x102)',
      'capabilityData.data.1.value': '1.59 (159)',
      'capabilityData.data.2.property': 'TPM_PT_STARTUP_CLEAR (0x201)',
      'capabilityData.data.2.value': 'phEnable+orderly (0x80000001)',
      'capabilityData.data.3.property': 'TPM_PT_INPUT_BUFFER (0x10d)',
    });
    expect(responseText(properties)).toContain('value: 1024');

    const text = (data: Parameters<typeof capability>[0]): string => responseText(capability(data));
    expect(text({ capability: TPM_CAP.COMMANDS, data: [C.Certify.attributes, C.NV_Write.attributes] })).toContain(
      '        0: TPM2_Certify 2 handles (0x04000148)\n        1: TPM2_NV_Write nv+2 handles (0x04400137)',
    );
    expect(text({ capability: TPM_CAP.HANDLES, data: [TPM_RH.OWNER, 0x8100_0001] })).toContain(
      '        0: TPM_RH_OWNER (0x40000001)\n        1: 0x81000001',
    );
    expect(text({ capability: TPM_CAP.AUDIT_COMMANDS, data: [TPM_CC.Quote] })).toContain('0: TPM2_Quote (0x00000158)');
    expect(text({ capability: TPM_CAP.ECC_CURVES, data: [TPM_ECC_CURVE.NIST_P224] })).toContain(
      '0: TPM_ECC_NIST_P224 (0x0002)',
    );
    expect(text({ capability: TPM_CAP.ALGS, data: [{ alg: TPM_ALG.RSA, algProperties: 9 }] })).toContain(
      'algProperties: asymmetric+object (0x00000009)',
    );
    const pcrs = [{ tag: TPM_PT_PCR.DRTM_RESET, pcrSelect: fromHex('00007e') }];
    expect(text({ capability: TPM_CAP.PCR_PROPERTIES, data: pcrs })).toMatch(
      /tag: TPM_PT_PCR_DRTM_RESET \(0x12\)\n +pcrSelect: PCR 17, 18, 19, 20, 21, 22 \(00007e\)/,
    );
    expect(text({ capability: TPM_CAP.ACT, data: [{ handle: TPM_RH.ACT_0, timeout: 5, attributes: 1 }] })).toContain(
      'attributes: signaled (0x00000001)',
    );
  });

  it('the attestation inside TPM2B_ATTEST', () => {
    const bytes = encode(TPMS_ATTEST_CODEC, attest());
    const response = respond(C.Quote, { quoted: bytes, signature: { sigAlg: TPM_ALG.NULL } });
    expect(response.parameters).toMatchObject({ quoted: toHex(bytes) });
    expect(response.decoded).toMatchObject({ quoted: { extraData: '0011', attested: { pcrDigest: 'aabb' } } });
    expect(responseText(response)).toContain(
      [
        `    quoted: ${toHex(bytes)}`,
        '      magic: TPM_GENERATED_VALUE (0xff544347)',
        '      type: TPM_ST_ATTEST_QUOTE (0x8018)',
        '      qualifiedSigner: 000b',
        '      extraData: 0011',
        '      clockInfo:',
        '        clock: 7',
        '        resetCount: 1',
        '        restartCount: 0',
        '        safe: YES (1)',
        '      firmwareVersion: 0x0001000000000001',
        '      attested:',
        '        pcrSelect:',
        '          0:',
        '            hash: TPM_ALG_SHA256',
        '            pcrSelect: PCR 0, 10, 17 (010402)',
        '        pcrDigest: aabb',
        '    signature:',
      ].join('\n'),
    );
    const other = respond(C.Quote, { quoted: fromHex('0102'), signature: { sigAlg: TPM_ALG.NULL } });
    expect(other).toMatchObject({ parameters: { quoted: '0102' } });
    expect([other.decoded, other.problem]).toEqual([undefined, undefined]);
  });

  it('the template inside TPM2_CreateLoaded', () => {
    const create = (inPublic: Uint8Array) =>
      traceCommand(encodeCommand(C.CreateLoaded, { parentHandle: OBJECT, inSensitive: SENSITIVE, inPublic }));
    const bytes = encode(TPMT_PUBLIC, SRK_ECC_P256);
    const command = create(bytes);
    expect(command.parameters).toMatchObject({ inPublic: toHex(bytes) });
    expect(command.decoded).toMatchObject({
      inPublic: { type: 'TPM_ALG_ECC', parameters: { curveID: 'TPM_ECC_NIST_P256' } },
    });
    expect(command.names?.['inPublic.objectAttributes']).toMatch(/^fixedTPM\+.*\+restricted\+decrypt \(0x/);
    expect(create(fromHex('0001')).decoded).toBeUndefined();
    expect(create(fromHex('0001')).problem).toBeUndefined();
  });
});

describe('a command log of what this package does not implement', () => {
  const AES_128_CFB = '000600800043';
  const create = (from: string, to: string): TraceCommand =>
    traceCommand(
      replaced(
        encodeCommand(C.Create, {
          parentHandle: OBJECT,
          inSensitive: SENSITIVE,
          inPublic: SRK_ECC_P256,
          outsideInfo: fromHex('0102'),
          creationPCR: [],
        }),
        from,
        to,
      ),
    );

  it('names the cipher and the curve of another TPM', () => {
    const sm4 = create(AES_128_CFB, '001300800043');
    expect(sm4).toMatchObject({
      parameters: { inPublic: { parameters: { symmetric: { algorithm: 'TPM_ALG_SM4', keyBits: 128 } } } },
    });
    const curve = create(`${AES_128_CFB}00100003`, `${AES_128_CFB}00100002`);
    expect(curve).toMatchObject({ parameters: { inPublic: { parameters: { curveID: 'TPM_ECC_NIST_P224' } } } });
    expect([sm4.problem, curve.problem]).toEqual([undefined, undefined]);
    const banks = traceCommand(
      replaced(
        encodeCommand(C.PCR_Read, { pcrSelectionIn: [pcrSelection(TPM_ALG.SHA256, [1])] }),
        '000b03020000',
        '002704020000ff',
      ),
    );
    expect(banks.parameters).toMatchObject({ pcrSelectionIn: [{ hash: 'TPM_ALG_SHA3_256', pcrSelect: '020000ff' }] });
  });

  it('names modes and MACs that a command does not take', () => {
    const input = { keyHandle: OBJECT, decrypt: 0, mode: TPM_ALG.CFB, ivIn: fromHex('00'), inData: fromHex('01') };
    const cipher = traceCommand(replaced(encodeCommand(C.EncryptDecrypt, input), '000043', '00003f'));
    expect(cipher).toMatchObject({ parameters: { mode: 'TPM_ALG_CMAC', inData: '01' } });
    const mac = encodeCommand(C.HMAC, { handle: OBJECT, buffer: fromHex('ff'), hashAlg: TPM_ALG.CMAC });
    expect(traceCommand(mac)).toMatchObject({ parameters: { hashAlg: 'TPM_ALG_CMAC' } });
    expect(traceCommand(replaced(mac, 'ff003f', 'ff0043'))).toMatchObject({ parameters: { hashAlg: 'TPM_ALG_CFB' } });
  });

  it('passes over a TPM2B that holds something unknown, and shows what it begins with', () => {
    const command = create(AES_128_CFB, '777700800043');
    expect(command).toMatchObject({
      handles: { parentHandle: '0x80000000' },
      sessions: [{ handle: 'TPM_RH_PW' }],
      parameters: {
        inSensitive: { userAuth: '' },
        inPublic: {
          type: 'TPM_ALG_ECC',
          nameAlg: 'TPM_ALG_SHA256',
          undecoded: expect.stringMatching(/^777700800043/),
        },
        outsideInfo: '0102',
        creationPCR: [],
      },
      problem: expect.stringContaining('0x7777'),
    });
    expect(command.undecoded).toBeUndefined();
    expect(command.names?.['inPublic.objectAttributes']).toContain('fixedTPM');
  });

  it('shows the rest as bytes where not even the end of a parameter is known', () => {
    const bytes = encodeCommand(C.Quote, {
      signHandle: OBJECT,
      qualifyingData: fromHex('0011'),
      inScheme: { scheme: TPM_ALG.RSASSA, hashAlg: TPM_ALG.SHA256 },
      PCRselect: [],
    });
    const command = traceCommand(replaced(bytes, '0014000b', '7777000b'));
    expect(command).toMatchObject({
      handles: { signHandle: '0x80000000' },
      sessions: [{ handle: 'TPM_RH_PW' }],
      parameters: { qualifyingData: '0011' },
      undecoded: '7777000b00000000',
    });
    expect(textOf(command)).toMatch(/\n {4}undecoded: 7777000b00000000\n {4}problem: TPMT_SIG_SCHEME\.scheme/);
  });

  it('shows the rest of a response, whose sessions stand after it', () => {
    const parameters = '000201027777000b';
    const response = traceResponse(fromHex(`80020000001b0000000000000008${parameters}0000010000`), TPM_CC.Quote);
    expect(response).toMatchObject({
      sessions: [{ attributes: ['continueSession'] }],
      parameters: { quoted: '0102' },
      undecoded: '7777000b',
    });
    expect(responseText(response)).toContain('undecoded: 7777000b');
  });

  it('shows the body of an unknown command, and decodes what its size is wrong about', () => {
    const vendor = traceCommand(fromHex('80010000000e2000000001020304'));
    expect(vendor).toMatchObject({ name: '0x20000000', undecoded: '01020304' });
    expect(traceResponse(fromHex('80010000000c000000000102'), 0x2000_0000)).toMatchObject({ undecoded: '0102' });
    const wrong = traceCommand(fromHex('80010000000d0000017b0004'));
    expect(wrong).toMatchObject({ parameters: { bytesRequested: 4 }, problem: expect.stringContaining('commandSize') });
    const left = traceCommand(fromHex('80010000000e0000017b0004ffff'));
    expect(left).toMatchObject({ parameters: { bytesRequested: 4 }, undecoded: 'ffff', problem: expect.any(String) });
  });

  it('shows values that a TPM refuses', () => {
    expect(traceCommand(fromHex('80010000000c000001440009'))).toMatchObject({ parameters: { startupType: 9 } });
    const object = traceCommand(fromHex('80010000000e0000016540000001'));
    expect(object).toMatchObject({ parameters: { flushHandle: 'TPM_RH_OWNER' } });
    expect(object.problem).toBeUndefined();
  });
});
