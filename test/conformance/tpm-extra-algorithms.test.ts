/** AES-192 and RSA-4096 of `esxsim tpm serve --extra-algorithm`, used by tpm2-tools and judged by openssl. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { esxsim } from './run.ts';
import { startOurs, type TpmProcess } from './tpm-peer.ts';
import { ok, Tools } from './tpm-tools.ts';

const FIXED = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth';
const ATTESTING = `${FIXED}|restricted|sign`;
const KEY = hash('sha256', utf8('key')).slice(0, 24);
const IV = hash('sha256', utf8('iv')).slice(0, 16);
const DATA = hash('sha512', utf8('data')).slice(0, 48);

let tpm: TpmProcess;
let tools: Tools;
const file = (name: string): string => tools.file(name);
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(file(name)));
/** A tool whose loaded objects are not needed any more. */
const tool = (name: string, ...args: string[]): string => {
  const text = tools.run(name, ...args);
  tools.run('flushcontext', '-t');
  return text;
};
const openssl = (...args: string[]): string => ok('openssl', ...args);

beforeAll(async () => {
  const extra = ['--extra-algorithm', 'aes192', '--extra-algorithm', 'rsa4096'];
  tpm = await startOurs('--startup', 'clear', '--no-ek-certificates', ...extra);
  tools = new Tools(tpm);
  writeFileSync(file('key'), KEY);
  writeFileSync(file('iv'), IV);
  writeFileSync(file('data'), DATA);
  openssl('genrsa', '-out', file('rsa.pem'), '4096');
  openssl('rsa', '-in', file('rsa.pem'), '-pubout', '-out', file('rsa.pub.pem'));
  // tpm2_import wraps for parents of AES-128 only.
  tool('createprimary', '-C', 'o', '-G', 'rsa4096', '-c', 'rsa4096.ctx');
  tool('createprimary', '-C', 'o', '-G', 'ecc:aes192cfb', '-c', 'aes192.ctx');
});
afterAll(() => tpm.stop());
beforeEach(() => {
  tools.run('flushcontext', '-t');
});

it('the TPM says that it has them, and what its contexts may need', () => {
  for (const algorithm of ['aes192cfb', 'aes192', 'rsa4096', 'rsa4096:rsapss:null']) tool('testparms', algorithm);
  expect(tool('getcap', 'properties-fixed')).toMatch(/TPM2_PT_MAX_OBJECT_CONTEXT:\s+raw: 0xD44/);
});

describe.each(['cfb', 'ofb', 'ctr', 'cbc', 'ecb'])('AES-192 in %s mode', (mode) => {
  const vector = mode === 'ecb' ? [] : ['-iv', toHex(IV)];
  const theirs = (...direction: string[]): string[] => [
    ...['enc', `-aes-192-${mode}`, '-nopad', '-K', toHex(KEY)],
    ...vector,
    ...direction,
  ];

  it.each([
    ['imported', () => tool('import', '-C', 'rsa4096.ctx', '-G', 'aes', '-i', 'key', '-u', 'key.pub', '-r', 'key.prv')],
    ['loaded from outside', undefined],
  ])('openssl decrypts what a key that is %s encrypts, and the other way', (_, imported) => {
    imported?.();
    if (imported === undefined) tool('loadexternal', '-G', 'aes192', '-r', 'key', '-c', 'key.ctx');
    else tool('load', '-C', 'rsa4096.ctx', '-u', 'key.pub', '-r', 'key.prv', '-c', 'key.ctx');
    const options = ['-c', 'key.ctx', '-G', mode, ...(mode === 'ecb' ? [] : ['-t', 'iv'])];
    tool('encryptdecrypt', ...options, '-o', 'ours', 'data');
    openssl(...theirs('-d', '-in', file('ours'), '-out', file('plain')));
    expect(read('plain')).toEqual(DATA);
    openssl(...theirs('-in', file('data'), '-out', file('theirs')));
    expect(read('theirs')).toEqual(read('ours'));
    tool('encryptdecrypt', ...options, '-d', '-o', 'plain', 'theirs');
    expect(read('plain')).toEqual(DATA);
  });
});

it('AES-192 parents: cipher, RSA and ECC keys below, and one that moves to another parent', () => {
  for (const kind of ['aes192cfb', 'ecc:aes192cfb', 'rsa4096:aes192cfb']) {
    const names = ['-u', 'storage.pub', '-r', 'storage.prv'];
    tool('create', '-C', 'aes192.ctx', '-G', kind, '-a', `${FIXED}|restricted|decrypt`, ...names);
    tool('load', '-C', 'aes192.ctx', '-u', 'storage.pub', '-r', 'storage.prv', '-c', 'storage.ctx');
  }
  const policy = (...trial: string[]) => {
    tools.run('startauthsession', ...trial, '-S', 'session.ctx');
    tools.run('policycommandcode', '-S', 'session.ctx', '-L', 'policy', 'TPM2_CC_Duplicate');
  };
  policy();
  tools.run('flushcontext', 'session.ctx');
  const attributes = 'sensitivedataorigin|userwithauth|decrypt|sign';
  const made = ['-L', 'policy', '-a', attributes, '-u', 'child.pub', '-r', 'child.prv'];
  tool('create', '-C', 'rsa4096.ctx', '-G', 'aes192ctr', ...made);
  tool('load', '-C', 'rsa4096.ctx', '-u', 'child.pub', '-r', 'child.prv', '-c', 'child.ctx');
  tool('encryptdecrypt', '-c', 'child.ctx', '-t', 'iv', '-o', 'secret', 'data');
  policy('--policy-session');
  const target = ['-C', 'aes192.ctx', '-c', 'child.ctx', '-G', 'null', '-p', 'session:session.ctx'];
  tool('duplicate', ...target, '-r', 'moved', '-s', 'seed');
  tools.run('flushcontext', 'session.ctx');
  tool('import', '-C', 'aes192.ctx', '-u', 'child.pub', '-i', 'moved', '-r', 'moved.prv', '-s', 'seed');
  tool('load', '-C', 'aes192.ctx', '-u', 'child.pub', '-r', 'moved.prv', '-c', 'moved.ctx');
  tool('encryptdecrypt', '-c', 'moved.ctx', '-d', '-t', 'iv', '-o', 'plain', 'secret');
  expect(read('plain')).toEqual(DATA);
});

describe.each(['created', 'imported from openssl'])('an RSA-4096 key that is %s', (origin) => {
  beforeAll(() => {
    tools.run('flushcontext', '-t');
    const names = ['-u', 'key.pub', '-r', 'key.prv'];
    if (origin === 'created') tool('create', '-C', 'aes192.ctx', '-G', 'rsa4096', ...names);
    else tool('import', '-C', 'rsa4096.ctx', '-G', 'rsa', '-i', 'rsa.pem', ...names);
    const parent = origin === 'created' ? 'aes192.ctx' : 'rsa4096.ctx';
    tool('load', '-C', parent, ...names, '-c', 'key.ctx');
    tool('readpublic', '-c', 'key.ctx', '-f', 'pem', '-o', 'public.pem');
  });

  it('is one of 4,096 bits', () => {
    expect(openssl('pkey', '-pubin', '-in', file('public.pem'), '-noout', '-text')).toContain('(4096 bit)');
    if (origin !== 'created') expect(read('public.pem')).toEqual(read('rsa.pub.pem'));
  });

  it.each([
    ['rsassa', 'pkcs1'],
    ['rsapss', 'pss'],
  ])('signs with %s what openssl verifies', (scheme, padding) => {
    tool('sign', '-c', 'key.ctx', '-g', 'sha384', '-s', scheme, '-f', 'plain', '-o', 'signature', 'data');
    expect(read('signature')).toHaveLength(512);
    const options = ['-sha384', '-sigopt', `rsa_padding_mode:${padding}`, '-verify', file('public.pem')];
    expect(openssl('dgst', ...options, '-signature', file('signature'), file('data'))).toContain('Verified OK');
    const theirs = ['-g', 'sha384', '-f', scheme, '-m', 'data', '-s', 'signature'];
    tool('verifysignature', '-c', 'key.ctx', ...theirs);
  });

  it.each([
    ['oaep', ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256']],
    ['rsaes', ['rsa_padding_mode:pkcs1']],
  ])('decrypts with %s what openssl encrypts', (scheme, modes) => {
    const options = modes.flatMap((mode) => ['-pkeyopt', mode]);
    const key = ['-pubin', '-inkey', file('public.pem')];
    openssl('pkeyutl', '-encrypt', ...key, ...options, '-in', file('data'), '-out', file('sealed'));
    tool('rsadecrypt', '-c', 'key.ctx', '-s', scheme, '-o', 'plain', 'sealed');
    expect(read('plain')).toEqual(DATA);
    tool('rsaencrypt', '-c', 'key.ctx', '-s', scheme, '-o', 'sealed', 'data');
    if (origin === 'created') return;
    const own = ['-decrypt', '-inkey', file('rsa.pem'), ...options, '-in', file('sealed'), '-out', file('plain')];
    openssl('pkeyutl', ...own);
    expect(read('plain')).toEqual(DATA);
  });
});

it('RSA-4096 quotes, which tpm2_checkquote accepts, and credentials for such a key', () => {
  tool('createprimary', '-C', 'e', '-G', 'rsa4096:rsassa-sha384:null', '-a', ATTESTING, '-c', 'ak.ctx');
  tool('readpublic', '-c', 'ak.ctx', '-f', 'pem', '-o', 'ak.pem', '-n', 'ak.name');
  const evidence = ['-m', 'quote', '-s', 'quote.sig', '-q', 'abcd', '-g', 'sha384'];
  tool('quote', '-c', 'ak.ctx', '-l', 'sha256:0,1,7+sha512:4', ...evidence, '-o', 'pcrs');
  tools.run('checkquote', '-u', 'ak.pem', ...evidence, '-f', 'pcrs');

  const secret = ['-s', 'iv', '-n', toHex(read('ak.name')), '-o', 'credential'];
  // Made by the tool alone, which knows AES-128 and AES-256 only, and by the TPM.
  for (const [kind, maker] of [
    ['rsa4096:aes256cfb', 'none'],
    ['rsa4096:aes192cfb', tools.tcti],
    ['ecc:aes192cfb', tools.tcti],
  ] as const) {
    tool('createprimary', '-C', 'e', '-G', kind, '-c', 'ek.ctx');
    tool('readpublic', '-c', 'ek.ctx', '-f', 'tss', '-o', 'ek.pub');
    tool('makecredential', '-T', maker, '-u', 'ek.pub', ...secret);
    tool('activatecredential', '-c', 'ak.ctx', '-C', 'ek.ctx', '-i', 'credential', '-o', 'plain');
    expect(read('plain')).toEqual(IV);
  }
});

it('a state file keeps them', async () => {
  const state = tools.file('state');
  const first = await startOurs('--state', state, '--startup', 'clear', '--extra-algorithm', 'rsa4096');
  await first.stop();
  const second = await startOurs('--state', state, '--startup', 'clear');
  try {
    new Tools(second).run('testparms', 'rsa4096');
  } finally {
    await second.stop();
  }
});

it('another word is refused in one line', () => {
  const { code, stderr } = esxsim('tpm', 'serve', '--extra-algorithm', 'aes512');
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'esxsim: --extra-algorithm aes512: expected aes192 or rsa4096\n',
  });
});
