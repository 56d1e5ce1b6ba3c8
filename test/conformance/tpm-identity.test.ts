/**
 * The identity of a TPM, judged by other people's tools: endorsement keys and their certificates by tpm2-tools, tpm2-pytss, openssl
 * and swtpm_setup, policies of the EK Credential Profile by swtpm, platform certificates by go-attestation, pyasn1 and openssl.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ekCertificateChain } from '../../sim/tpm/ek-certificate.ts';
import { concat, toHex } from '../../src/bytes/bytes.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import * as T from '../../src/tpm2/index.ts';
import { CLIENTS, esxsim, ROOT, run, tempFolder } from './run.ts';
import { startOurs, startTheirs, type TpmProcess } from './tpm-peer.ts';
import { digestOf, inPolicy, type Side, Sides } from './tpm-sides.ts';
import { hex, ok, Tools } from './tpm-tools.ts';

const { COMMANDS: C, EK_KINDS, EK_PROFILE, TPM_ALG: A } = T;
const PYTHON = join(CLIENTS, 'venv', 'bin', 'python');
const client = (...path: string[]): string => join(ROOT, 'test', 'conformance', 'clients', ...path);

/** A spec file with these settings of the TPM. */
function specFile(tpm: Readonly<Record<string, unknown>>): string {
  const file = join(tempFolder(), 'spec.json');
  writeFileSync(file, JSON.stringify({ hardware: { tpm } }));
  return file;
}

describe('a TPM with every endorsement key', () => {
  let tpm: TpmProcess;
  let tools: Tools;
  beforeAll(async () => {
    const spec = specFile({
      endorsementKeys: EK_KINDS,
      manufacturer: 'IFX',
      vendorString: 'SLB9672',
      firmwareVersion: '16.13',
    });
    tpm = await startOurs('--spec', spec, '--startup', 'clear');
    tools = new Tools(tpm);
  });
  afterAll(() => tpm.stop());

  it('is of the make that the host spec says', () => {
    const properties = tools.run('getcap', 'properties-fixed');
    expect(properties).toMatch(/TPM2_PT_MANUFACTURER:\s+raw: 0x49465800/);
    expect(properties).toMatch(/TPM2_PT_VENDOR_STRING_1:\s+raw: 0x534C4239/);
    expect(properties).toMatch(/TPM2_PT_FIRMWARE_VERSION_1:\s+raw: 0x10000D/);
    tools.run('nvread', '0x1c00002', '-o', tools.file('ek.der'));
    const text = ok('openssl', 'x509', '-inform', 'der', '-in', tools.file('ek.der'), '-noout', '-text');
    expect(text).toContain('DirName:/2.23.133.2.1=id:49465800/2.23.133.2.2=SLB9672/2.23.133.2.3=id:0010000D');
  });

  /** What tpm2_createek -G calls the kinds it can make. */
  const CREATEEK: readonly (readonly [string, T.EkKind])[] = [
    ['rsa', 'rsa2048'],
    ['rsa2048', 'rsa2048'],
    ['ecc', 'eccP256'],
    ['ecc256', 'eccP256'],
    ['ecc384', 'eccP384'],
    ['ecc521', 'eccP521'],
    ['rsa3072', 'rsa3072'],
  ];

  it.each(CREATEEK)('tpm2_createek -G %s makes the key of the certificate %s', (name, kind) => {
    tools.run('createek', '-G', name, '-c', 'ek.ctx', '-u', 'ek.pem', '-f', 'pem');
    tools.run('flushcontext', '-t');
    tools.nv(EK_PROFILE[kind].certificateIndex);
    const certified = ok('openssl', 'x509', '-inform', 'der', '-in', tools.file('nv'), '-noout', '-pubkey');
    expect(certified).toBe(readFileSync(tools.file('ek.pem'), 'utf8'));
  });

  it('tpm2_getekcertificate gives the RSA and the ECC certificate of the Low Range', () => {
    tools.run('getekcertificate', '-o', 'rsa.crt', '-o', 'ecc.crt');
    for (const [file, kind] of [
      ['rsa.crt', 'rsa2048'],
      ['ecc.crt', 'eccP256'],
    ] as const) {
      const got = new Uint8Array(readFileSync(tools.file(file)));
      expect(toHex(got)).toBe(toHex(tools.nv(EK_PROFILE[kind].certificateIndex)));
    }
  });

  it.each(EK_KINDS)('openssl verifies the certificate of %s with the CA certificates from NV', (kind) => {
    const root = ekCertificateChain().at(-1);
    writeFileSync(tools.file('root.pem'), encodePem('CERTIFICATE', root ?? new Uint8Array(0)));
    const chain = tools.nv(T.EK_CHAIN_INDEX);
    writeFileSync(tools.file('chain.pem'), encodePem('CERTIFICATE', chain));
    writeFileSync(tools.file('ek.der'), tools.nv(EK_PROFILE[kind].certificateIndex));
    const files = ['-CAfile', tools.file('root.pem'), '-untrusted', tools.file('chain.pem')];
    // openssl knows no name forms of the TCG, so the critical alternative name is left to its caller.
    expect(ok('openssl', 'verify', ...files, '-ignore_critical', tools.file('ek.der'))).toContain('OK');
    const text = ok('openssl', 'x509', '-inform', 'der', '-in', tools.file('ek.der'), '-noout', '-text');
    expect(text).toMatch(/Extended Key Usage: \n\s+2\.23\.133\.8\.1\n/);
    const usage = EK_PROFILE[kind].publicArea.type === A.RSA ? 'Key Encipherment' : 'Key Agreement';
    expect(text).toMatch(new RegExp(`Key Usage: critical\n\\s+${usage}\n`));
  });

  it('tpm2-pytss finds every key with its own templates, and uses it through both branches of its policy', () => {
    const kinds = EK_KINDS.map((kind) => EK_PROFILE[kind].template);
    const found: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(
      ok(PYTHON, client('pytss', 'identity.py'), `swtpm:host=127.0.0.1,port=${tpm.port}`, ...kinds),
    );
    expect(Object.keys(found)).toEqual(kinds);
    for (const kind of EK_KINDS) {
      const { template, publicArea, certificateIndex } = EK_PROFILE[kind];
      const { a, b, c } = T.ekPolicies(publicArea.nameAlg);
      expect(found[template]).toEqual({
        certificate: toHex(tools.nv(certificateIndex)),
        authPolicy: toHex(template.startsWith('H') ? b : a),
        ...(template.startsWith('H') ? { a: toHex(a), c: toHex(c) } : {}),
      });
    }
  });
});

describe('the EK Credential Profile, against swtpm', () => {
  let sides: Sides;
  beforeAll(async () => {
    sides = await Sides.start();
  });
  afterAll(() => sides.stop());

  const secret = {
    nonceTPM: new Uint8Array(0),
    cpHashA: new Uint8Array(0),
    policyRef: new Uint8Array(0),
    expiration: 0,
  };

  /** Policies A, C and B as a TPM computes them, with a policy index that its owner defines as the profile says. */
  async function policies(side: Side, alg: number): Promise<readonly string[]> {
    const index = T.ekPolicyIndex(alg);
    const { nvIndex } = index;
    const empty = new Uint8Array(0);
    const publicInfo = { ...index, attributes: index.attributes & ~T.TPMA_NV.written };
    await side.client.call(C.NV_DefineSpace, { authHandle: T.TPM_RH.OWNER, auth: empty, publicInfo });
    const endorsed = <R>(act: (policySession: number) => Promise<R>): Promise<R> =>
      inPolicy(
        side,
        async (policySession) => {
          await side.client.call(C.PolicySecret, { authHandle: T.TPM_RH.ENDORSEMENT, policySession, ...secret });
          return act(policySession);
        },
        T.TPM_SE.POLICY,
        alg,
      );
    const a = await endorsed((session) => digestOf(side, session));
    const data = concat(new Uint8Array([alg >> 8, alg & 0xff]), a);
    await endorsed((session) =>
      side.client.call(C.NV_Write, { authHandle: nvIndex, nvIndex, data, offset: 0 }, { auth: [{ session }] }),
    );
    return endorsed(async (policySession) => {
      await side.client.call(C.PolicyAuthorizeNV, { authHandle: nvIndex, nvIndex, policySession });
      const c = await digestOf(side, policySession);
      await side.client.call(C.PolicyOR, { policySession, pHashList: [a, c] });
      return [a, await digestOf(side, policySession), c].map(toHex);
    });
  }

  it.each([
    ['SHA-256', A.SHA256],
    ['SHA-384', A.SHA384],
    ['SHA-512', A.SHA512],
  ])('%s: swtpm computes the same policies A, B and C', async (_name, alg) => {
    const { a, b, c } = T.ekPolicies(alg);
    const expected = [a, b, c].map(toHex);
    await sides.agree('policies', async (side) => {
      const got = await policies(side, alg);
      expect(got).toEqual(expected);
      return got;
    });
    sides.check();
  });

  it.each(EK_KINDS)(
    'swtpm makes a key from the template of %s, and the same public area but for the key',
    async (kind) => {
      const inPublic = EK_PROFILE[kind].publicArea;
      await sides.agree(kind, async ({ client: tpm }) => {
        const input = { userAuth: new Uint8Array(0), data: new Uint8Array(0) };
        const { objectHandle, outPublic } = await tpm.call(C.CreatePrimary, {
          primaryHandle: T.TPM_RH.ENDORSEMENT,
          inSensitive: input,
          inPublic,
          outsideInfo: new Uint8Array(0),
          creationPCR: [],
        });
        await tpm.call(C.FlushContext, { flushHandle: objectHandle });
        return { ...outPublic, unique: inPublic.unique };
      });
      sides.check();
    },
  );
});

describe('swtpm_setup', () => {
  const CERTIFICATES = ['--create-ek-cert', '--create-platform-cert'];

  /** A swtpm manufactured with certificates, its CA in a folder of its own. */
  async function manufactured(...options: string[]): Promise<TpmProcess> {
    const folder = tempFolder();
    const file = (name: string, lines: Readonly<Record<string, string>>): string => {
      const path = join(folder, name);
      writeFileSync(
        path,
        Object.entries(lines)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join(''),
      );
      return path;
    };
    const ca = file('localca.conf', {
      statedir: folder,
      signingkey: join(folder, 'signkey.pem'),
      issuercert: join(folder, 'issuercert.pem'),
      certserial: join(folder, 'certserial'),
    });
    const config = file('setup.conf', {
      create_certs_tool: '/usr/bin/swtpm_localca',
      create_certs_tool_config: ca,
      create_certs_tool_options: '/etc/swtpm-localca.options',
    });
    const state = join(folder, 'state');
    mkdirSync(state);
    ok('swtpm_setup', '--tpm2', '--tpm-state', state, '--config', config, ...CERTIFICATES, ...options);
    return startTheirs('not-need-init,startup-clear', state);
  }

  it.each([
    ['2048', 'rsa2048', 0x81010001],
    ['3072', 'rsa3072', 0x8101001c],
  ] as const)('with RSA keys of %s bits makes keys and NV indices of the same kind', async (size, rsa, rsaHandle) => {
    const spec = specFile({ endorsementKeys: EK_KINDS, platformCertificate: true });
    const started: TpmProcess[] = [];
    try {
      const theirs = await manufactured('--rsa-keysize', size);
      started.push(theirs);
      const ours = await startOurs('--spec', spec, '--startup', 'clear');
      started.push(ours);
      const [a, b] = [new Tools(ours), new Tools(theirs)];
      for (const [kind, handle] of [
        [rsa, rsaHandle],
        ['eccP384', 0x81010016],
      ] as const) {
        b.run('readpublic', '-c', hex(handle), '-o', 'ek.pub', '-f', 'tss');
        const { publicArea, certificateIndex } = EK_PROFILE[kind];
        const their = T.decode(T.TPM2B_PUBLIC, new Uint8Array(readFileSync(b.file('ek.pub'))));
        expect({ ...their, unique: publicArea.unique }).toEqual(publicArea);
        expect(a.nvKind(certificateIndex)).toEqual(b.nvKind(certificateIndex));
      }
      expect(a.nvKind(T.PLATFORM_CERTIFICATE_INDEX)).toEqual(b.nvKind(T.PLATFORM_CERTIFICATE_INDEX));
    } finally {
      await Promise.all(started.map((tpm) => tpm.stop()));
    }
  });
});

describe.each([
  ['esxi-8.0-uefi', 'rsa2048', 0],
  ['esxi-6.7-txt', 'eccP384', 3],
] as const)('the platform certificate of %s', (profile, ekAlgorithm, rtm) => {
  const folder = tempFolder();
  const file = (name: string): string => join(folder, name);
  const goJudge = (certificate: string) =>
    run(join(CLIENTS, 'bin', 'goverify-platform'), [certificate, file('platform-ca.pem')]);
  const host = () => JSON.parse(readFileSync(file('host.json'), 'utf8'));
  /** Serial number of ek.crt in hexadecimal, as openssl prints it. */
  const ekSerial = (): string => {
    const text = ok('openssl', 'x509', '-in', file('ek.crt'), '-noout', '-serial');
    return text.trim().replace('serial=', '').toLowerCase();
  };

  beforeAll(() => {
    const spec = specFile({ platformCertificate: true, ekAlgorithm });
    const boot = esxsim('boot', '--profile', profile, '--spec', spec, '--out', folder);
    expect({ code: boot.code, stderr: boot.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is read by go-attestation, which finds the machine and accepts the signature', () => {
    const { code, stdout, stderr } = goJudge(file('platform.crt'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { identity, hardware } = host();
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({
      version: 2,
      holderIssuer: 'esxsim test TPM EK CA',
      holderSerial: ekSerial(),
      manufacturer: identity.vendor,
      model: identity.model,
      serial: identity.serialNumber,
      rtm,
    });
    expect(found.issuer).toBe(found.signer);
    const components: readonly { Model: string; Serial: string; Revision: string }[] = found.components;
    expect(components.map(({ Model, Serial, Revision }) => [Model, Serial, Revision])).toEqual([
      [identity.model, identity.serialNumber, ''],
      [hardware.cpu.model, '', ''],
      [hardware.cpu.model, '', ''],
      [hardware.tpm.vendorString, '', hardware.tpm.firmwareVersion],
      ['UEFI', '', identity.bios.version],
    ]);
  });

  it('is refused by go-attestation where one bit was changed', () => {
    const bytes = readFileSync(file('platform.crt'));
    const at = bytes.indexOf(Buffer.from(host().identity.serialNumber, 'utf8'));
    expect(at).toBeGreaterThan(0);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(file('changed.crt'), bytes);
    expect(goJudge(file('changed.crt')).code).toBe(1);
  });

  it('is DER of RFC 5755 to pyasn1, and openssl verifies what is signed and the chain of the signer', () => {
    const found = JSON.parse(ok(PYTHON, client('pyasn1', 'attribute_certificate.py'), file('platform.crt'), folder));
    const { identity } = host();
    expect(found).toMatchObject({
      version: 1,
      holder: { issuer: { '2.5.4.3': 'esxsim test TPM EK CA' }, serial: ekSerial() },
      platform: {
        '2.23.133.5.1.1': identity.vendor,
        '2.23.133.5.1.4': identity.model,
        '2.23.133.5.1.6': identity.serialNumber,
      },
      // certificatePolicies: cPSuri and the user notice that the profile prescribes.
      qualifiers: { '1.3.6.1.5.5.7.2.2': 'TCG Trusted Platform Endorsement' },
      critical: [],
    });
    expect(Object.keys(found.attributes).toSorted()).toEqual([
      '2.23.133.2.17',
      '2.23.133.2.19',
      '2.23.133.2.23',
      '2.23.133.2.25',
      '2.23.133.5.1.7.2',
    ]);
    const signer = ok('openssl', 'x509', '-in', file('platform-ca.pem'), '-noout', '-pubkey');
    writeFileSync(file('signer.pub'), signer);
    const signed = ['-signature', file('signature.der'), file('acinfo.der')];
    expect(ok('openssl', 'dgst', '-sha384', '-verify', file('signer.pub'), ...signed)).toBe('Verified OK\n');
    const text = ok('openssl', 'x509', '-in', file('platform-ca.pem'), '-noout', '-ext', 'subjectKeyIdentifier');
    expect(text.replaceAll(':', '').toLowerCase()).toContain(found.keyIdentifier);
    expect(ok('openssl', 'verify', '-CAfile', file('platform-ca.pem'), file('platform-ca.pem'))).toContain('OK');
    expect(ok('openssl', 'asn1parse', '-inform', 'der', '-in', file('platform.crt'))).toContain(':2.23.133.5.1.7.2');
  });

  it('is in NV of the same TPM, served from host.json, for its owner to read', async () => {
    const tpm = await startOurs('--spec', file('host.json'), '--startup', 'clear');
    try {
      const tools = new Tools(tpm);
      const platform = tools.nv(T.PLATFORM_CERTIFICATE_INDEX, '-C', 'o');
      expect(toHex(platform)).toBe(toHex(new Uint8Array(readFileSync(file('platform.crt')))));
      const ek = tools.nv(EK_PROFILE[ekAlgorithm].certificateIndex);
      expect(toHex(ek)).toBe(toHex(new Uint8Array(readFileSync(file('ek.crt')))));
    } finally {
      await tpm.stop();
    }
  });
});
