/**
 * The package in a real browser: hosts boot, the TPM works and the verifier judges in Chromium as they do in Node, to the byte.
 * Node has other primitives (OpenSSL, zlib) than a browser (noble, code of our own), so the two are independent of each other there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS } from 'esxsim';
import { loadImage } from 'esxsim/node';
import { describeResponseCode } from 'esxsim/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrowserPage, ENTRIES, openBrowserPage } from './browser-page.ts';
import { toHex } from './clients/browser/hex.ts';
import { type BootJob, bootAndVerify, checkVibs, readLogs } from './clients/browser/hosts.ts';
import { playStream, type StreamEvent, type TpmMaking, travelInTime, useTpm } from './clients/browser/tpm.ts';
import { ROOT } from './run.ts';
import type { RecordedEvent } from './tpm-recording.ts';
import { RECORDINGS } from './tpm-recordings.ts';

let page: BrowserPage;
beforeAll(async () => {
  page = await openBrowserPage();
  console.info(`Chromium ${page.version}`);
});
afterAll(() => page?.close());

const SEED = 'browser';
const NONCE = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const job = (profile: string, ...faults: string[]): BootJob => ({ profile, seed: SEED, nonce: NONCE, faults });
const healthy = [job('esxi-8.0-uefi'), job('esxi-6.7-txt')];
const faulty = [
  job('esxi-8.0-uefi', 'vib-payload-swap'),
  job('esxi-8.0-uefi', 'vib-payload-swap:k.b00'),
  job('esxi-6.7-txt', 'cmdline-tamper'),
];
const title = ({ profile, faults }: BootJob): string => [profile, ...faults].join(' with ');
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

describe('entry points', () => {
  it.each([...ENTRIES.keys()])('%s loads and exports the same names', async (entry) => {
    const node = Object.keys(await import(/* @vite-ignore */ entry)).toSorted();
    expect(await page.call('exportsOf', entry)).toEqual(node);
    expect(node.length).toBeGreaterThan(0);
  });
});

describe('hosts', () => {
  async function both(one: BootJob) {
    const browser = await page.call('boot', one);
    const node = await bootAndVerify(one, loadImage);
    console.info(
      `${title(one)}: ${seconds(browser.milliseconds)} in the browser, ${seconds(node.milliseconds)} in Node`,
    );
    // Names first: a difference of whole files is not to be read in hexadecimal.
    expect(Object.keys(browser.facts.files)).toEqual(Object.keys(node.facts.files));
    const different = Object.entries(node.facts.files).filter(([name, hex]) => browser.facts.files[name] !== hex);
    expect(different.map(([name]) => name)).toEqual([]);
    expect(browser.facts).toEqual(node.facts);
    return browser.facts;
  }

  it.each(healthy.map((one) => [title(one), one] as const))('%s boots and is trusted', async (_, one) => {
    const facts = await both(one);
    expect(facts).toMatchObject({ state: 'running', halted: null });
    expect(facts.consoleLines).toBeGreaterThan(50);
    expect([facts.appraisal.verdict, facts.attested.verdict]).toEqual(['TRUSTED', 'TRUSTED']);
    expect(facts.appraisal.findings).toEqual([]);
    // 24 PCRs of the SHA-256 bank, read back from the TPM; the launch of TXT is in PCR 17, which is all ones without one.
    const pcrs = JSON.parse(Buffer.from(facts.files['pcrs.json'] ?? '', 'hex').toString('utf8'));
    expect(Object.keys(pcrs.sha256)).toHaveLength(24);
    expect(pcrs.sha256[17] === 'f'.repeat(64)).toBe(one.profile === 'esxi-8.0-uefi');
    expect('txt-eventlog.bin' in facts.files).toBe(one.profile === 'esxi-6.7-txt');

    const logs = await page.call('readLogs', facts.files);
    expect(logs).toEqual(readLogs(facts.files));
    expect(logs.mismatches).toEqual([]);
    expect(logs.events[0]).toBeGreaterThan(20);
  });

  it.each(faulty.map((one) => [title(one), one] as const))('%s is found out', async (_, one) => {
    const facts = await both(one);
    const [id] = (one.faults[0] ?? '').split(':');
    const expected = FAULTS.find((fault) => fault.id === id)?.expect;
    const halts = one.faults[0] === 'vib-payload-swap:k.b00';
    expect(facts.state).toBe(halts ? 'halted' : 'running');
    expect(facts.appraisal.verdict).not.toBe('TRUSTED');
    expect(facts.attested.verdict).not.toBe('TRUSTED');
    if (!halts) {
      expect(facts.appraisal.verdict).toBe(expected?.verdict);
      expect(facts.appraisal.findings.map(({ code }) => code)).toContain(expected?.finding);
    }
  });
});

describe('TPM', () => {
  it('works for a caller: RSA and ECC keys, quotes, HMAC sessions, encrypted parameters', async () => {
    const browser = await page.call('useTpm', SEED);
    expect(browser).toEqual(await useTpm(SEED));
    expect(browser.secrets).toEqual(['secret', 'secret']);
    expect(browser.problems).toEqual([]);
    expect(browser.log.length).toBeGreaterThan(30);
  });

  /** As `RecordingEngine` makes its TPM: only then do recorded HMACs hold. */
  const RECORDED: TpmMaking = {
    seed: 'recording',
    config: { banks: ['sha1', 'sha256', 'sha384', 'sha512'], endorsementKeys: [] },
  };

  /** A recording as data: the signals are asked what they do. */
  async function streamOf(events: readonly RecordedEvent[]): Promise<StreamEvent[]> {
    const out: StreamEvent[] = [];
    const note = async (event: StreamEvent) => void out.push(event);
    for (const event of events) {
      if (event.kind !== 'signal') out.push({ command: toHex(event.bytes), locality: event.locality });
      else
        await event.act({
          powerOn: () => note({ signal: 'powerOn' }),
          hashStart: () => note({ signal: 'hashStart' }),
          hashData: (data) => note({ hashData: toHex(data) }),
          hashEnd: () => note({ signal: 'hashEnd' }),
          transmit: async () => new Uint8Array(0),
          close: async () => undefined,
        });
    }
    return out;
  }

  it.each(Object.entries(RECORDINGS))('answers %s as in Node', async (name, [least, recording]) => {
    const events = await recording();
    const stream = await streamOf(events);
    const node = playStream(RECORDED, stream);
    expect(node.facts.responses.length).toBeGreaterThanOrEqual(least);
    // The replay is what was recorded: sessions and all.
    const codes = node.facts.responses.map((hex) => describeResponseCode(Number.parseInt(hex.slice(12, 20), 16)));
    const recorded = events.flatMap((event) => (event.kind === 'signal' ? [] : [event]));
    const lost = recorded.filter((event, i) => event.kind === 'command' && describeResponseCode(event.rc) !== codes[i]);
    expect(lost).toEqual([]);

    const browser = await page.call('playStream', RECORDED, stream);
    expect(browser.facts).toEqual(node.facts);
    console.info(
      `${name}, ${recorded.length} commands: ${seconds(browser.milliseconds)} in the browser, ${seconds(node.milliseconds)} in Node`,
    );

    // A TPM that Node saved goes on in the browser.
    const middle = Math.floor(stream.length / 2);
    const saved = playStream(RECORDED, stream.slice(0, middle)).facts.snapshot;
    const resumed = await page.call('playStream', { seed: 'another', config: {} }, stream.slice(middle), saved);
    expect(resumed.facts.snapshot).toEqual(node.facts.snapshot);
    const rest = stream.slice(middle).filter((event) => 'command' in event).length;
    expect(resumed.facts.responses).toEqual(node.facts.responses.slice(-rest));
  });

  it('goes back in time and is cloned', async () => {
    const { log } = await useTpm(SEED);
    const stream = log.flatMap((line): StreamEvent[] => {
      const { command } = JSON.parse(line);
      return typeof command === 'string' ? [{ command, locality: 0 }] : [];
    });
    const making: TpmMaking = { seed: SEED, config: {} };
    const browser = await page.call('travelInTime', making, stream);
    expect(browser).toEqual(travelInTime(making, stream));
    expect(browser.again).toEqual(browser.rest);
    expect(browser.cloned).toEqual(browser.rest);
    expect(browser.rest.length).toBeGreaterThan(10);
  });
});

describe('VIBs', () => {
  it.each(['esxi-8.0', 'esxi-6.7'])('signatures, levels and payloads of %s', async (folder) => {
    const path = join(ROOT, 'vib-samples', folder);
    const names = readdirSync(path).toSorted();
    const files = names.map((name) => new Uint8Array(readFileSync(join(path, name))));
    const root = readFileSync(join(ROOT, 'vib-samples', 'pki', 'vib-root.crt.pem'), 'utf8');
    const browser = await page.call('vibs', folder);
    expect(browser).toEqual(await checkVibs(files, root));
    expect(browser).toHaveLength(names.length);
    for (const { asBuilt, otherSummary, otherPayload } of browser) {
      expect(asBuilt.report).toMatchObject({ ok: true, signature: { status: 'valid' } });
      expect(otherSummary.report).toMatchObject({ ok: false, signature: { status: 'invalid' } });
      expect(otherPayload.report).toMatchObject({ ok: false, signature: { status: 'valid' } });
    }
  });
});

it('asks nobody but the server, and complains of nothing', () => {
  expect(page.requests.filter((url) => !url.startsWith(page.url))).toEqual([]);
  expect(page.requests.length).toBeGreaterThan(50);
  expect(page.complaints).toEqual([]);
});
