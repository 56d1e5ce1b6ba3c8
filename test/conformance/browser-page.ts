/**
 * Chromium on a page that has the package: every entry point bundled for a browser, as `scripts/check-house.mjs` does, and found by
 * its public name through an import map.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { type BrowserContext, chromium } from 'playwright-core';
import type * as Page from './clients/browser/page.ts';
import { ROOT, tempFolder } from './run.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Nothing from elsewhere, and no code made of text: a page may be as strict as that. */
const POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; img-src data:";
const SAMPLES = ['vib-samples/esxi-8.0', 'vib-samples/esxi-6.7'];

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly 'esxsim-source': string }>>;
};

/** Entry points that are for a browser, by the name a program imports, with their sources. */
export const ENTRIES: ReadonlyMap<string, string> = new Map(
  Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === 'string' || name === './vitest' || name === './node'
      ? []
      : [[`esxsim${name.slice(1)}`, target['esxsim-source']] as const],
  ),
);

/** File of a bundle by entry point. */
const bundleName = (entry: string): string => entry.replace('/', '-');

/** The bundles by path: entry points that share their modules, and the page's own code, which imports them by name. */
async function bundles(): Promise<Map<string, Uint8Array>> {
  const outdir = join(ROOT, 'out');
  const common: BuildOptions & { write: false } = {
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['esxsim-source', 'browser'],
    absWorkingDir: ROOT,
    logLevel: 'silent',
    outdir,
  };
  const entryPoints = Object.fromEntries([...ENTRIES].map(([entry, source]) => [bundleName(entry), source]));
  const page = { page: 'test/conformance/clients/browser/page.ts' };
  const built = [
    await build({ ...common, entryPoints, splitting: true }),
    await build({ ...common, entryPoints: page, external: ['esxsim', 'esxsim/*'] }),
  ];
  const files = built.flatMap(({ outputFiles }) => outputFiles);
  return new Map(files.map(({ path, contents }) => [path.slice(outdir.length), contents]));
}

/** Everything the server has, by path. */
async function content(): Promise<Map<string, Uint8Array>> {
  const files = await bundles();
  const text = (path: string, value: string) => files.set(path, Buffer.from(value));
  const imports = Object.fromEntries([...ENTRIES.keys()].map((entry) => [entry, `/${bundleName(entry)}.js`]));
  text(
    '/',
    `<!doctype html><meta charset="utf-8"><title>esxsim</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>`,
  );
  for (const folder of SAMPLES) {
    const names = readdirSync(join(ROOT, folder)).toSorted();
    text(`/${folder}/index.json`, JSON.stringify(names));
    for (const name of names) files.set(`/${folder}/${name}`, readFileSync(join(ROOT, folder, name)));
  }
  files.set('/vib-root.crt.pem', readFileSync(join(ROOT, 'vib-samples', 'pki', 'vib-root.crt.pem')));
  return files;
}

function contentType(path: string): string {
  if (path.endsWith('.js')) return 'text/javascript';
  return path === '/' ? 'text/html; charset=utf-8' : 'application/octet-stream';
}

async function serve(): Promise<{ server: Server; url: string }> {
  const files = await content();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const body = files.get(path);
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': contentType(path), 'content-security-policy': POLICY }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

/** A page under test. */
export interface BrowserPage {
  readonly version: string;
  readonly url: string;
  /** Every URL that was asked for, by the page or a worker of it. */
  readonly requests: readonly string[];
  /** What went wrong unasked: errors and warnings of the console, uncaught exceptions, failed requests. */
  readonly complaints: readonly string[];
  /** Calls a function of clients/browser/page.ts in the page; arguments and result travel as JSON. */
  call<Name extends keyof typeof Page>(
    name: Name,
    ...args: Parameters<(typeof Page)[Name]>
  ): Promise<Awaited<ReturnType<(typeof Page)[Name]>>>;
  close(): Promise<void>;
}

function watch(context: BrowserContext, requests: string[], complaints: string[]): void {
  context.on('request', (request) => requests.push(request.url()));
  context.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  context.on('response', (response) => {
    if (!response.ok()) complaints.push(`${response.url()}: status ${response.status()}`);
  });
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().message}`));
}

/** Starts Chromium, with nothing kept of any run before, on the page. */
export async function openBrowserPage(): Promise<BrowserPage> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing (run test/conformance/setup.sh)`);
  const { server, url } = await serve();
  const options = { executablePath: CHROMIUM, headless: true, chromiumSandbox: false, args: FLAGS };
  const folder = tempFolder();
  const context = await chromium.launchPersistentContext(folder, options);
  const requests: string[] = [];
  const complaints: string[] = [];
  watch(context, requests, complaints);
  const page = await context.newPage();
  await page.goto(url);
  return {
    version: context.browser()?.version() ?? 'unknown',
    url,
    requests,
    complaints,
    call: (name, ...args) =>
      page.evaluate(`import('/page.js').then((page) => page[${JSON.stringify(name)}](...${JSON.stringify(args)}))`),
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
