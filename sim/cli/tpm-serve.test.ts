import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Options } from './command.ts';
import { run } from './tpm-serve.ts';

const DEFAULTS = { protocol: 'swtpm', startup: 'none', clock: 'still', ekCertificates: false };
const io = { progress: () => undefined };
const serve = (options: Record<string, unknown>) =>
  run({ args: [], options: new Options({ ...DEFAULTS, ...options }) } as never, io as never);

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function listening(at: { path: string } | { host: string; port: number }): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((done) => server.listen(at, done));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'esxsim-serve-'));

describe('a start that fails', () => {
  it('names a missing spec once', async () => {
    await expect(serve({ spec: '/nonexistent/spec' })).rejects.toThrow(/^\/nonexistent\/spec: cannot read: [^/]*$/);
  });

  it('says that a folder is missing', async () => {
    await expect(serve({ unix: '/nonexistent/s' })).rejects.toThrow(
      'cannot listen on /nonexistent/s: the folder /nonexistent does not exist',
    );
  });

  it('takes no empty seed', async () => {
    await expect(serve({ seed: '' })).rejects.toThrow('--seed: expected a text, or random; it is empty');
  });

  it('leaves no state and no log behind where the port is in use', async () => {
    const port = await listening({ host: '127.0.0.1', port: 0 });
    const folder = newFolder();
    const files = { state: join(folder, 'state'), trace: join(folder, 'trace') };
    await expect(serve({ listen: `127.0.0.1:${port}`, ...files })).rejects.toThrow('EADDRINUSE');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes no socket of a server that lives', async () => {
    const folder = newFolder();
    const path = join(folder, 's');
    await listening({ path });
    const state = join(folder, 'state');
    await expect(serve({ unix: path, state })).rejects.toThrow(
      `cannot listen on ${path}: another server is listening there; end it or choose another path`,
    );
    // Nor a file that is no socket.
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    await expect(serve({ unix: file, state })).rejects.toThrow(/cannot listen/);
    expect([existsSync(path), existsSync(state), existsSync(file)]).toEqual([true, false, true]);
  });
});
