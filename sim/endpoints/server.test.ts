import { request } from 'node:https';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { syntheticHost } from '../../test/support/synthetic-host.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { type ListenOptions, listen, type RunningServer } from './server.ts';

const running: RunningServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(options: ListenOptions = {}): Promise<RunningServer> {
  const world = {
    hosts: [syntheticHost(1)],
    clock: new VirtualClock(),
    entropy: new Entropy('server'),
    credentials: { user: 'root', password: 'secret' },
    mode: 'vCenter',
  } as const;
  const server = await listen(world, options);
  running.push(server);
  return server;
}

const envelope = (body: string): string =>
  `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${body}</Body></Envelope>`;
const CONTENT = envelope(
  '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent>',
);
const LOGIN = envelope(
  '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>root</userName><password>secret</password></Login>',
);

describe('the HTTPS server', () => {
  it('has a certificate for the address it listens on, trusted through its CA, and takes chunked bodies', async () => {
    const { url, caPem } = await start();
    const text = await new Promise<string>((resolve, reject) => {
      const call = request(
        `${url}/sdk`,
        { method: 'POST', ca: caPem, headers: { 'transfer-encoding': 'chunked' } },
        (m) => {
          let body = '';
          m.on('data', (part: Buffer) => {
            body += part.toString();
          });
          m.on('end', () => resolve(body));
        },
      );
      call.on('error', reject);
      call.write(CONTENT.slice(0, 50));
      call.end(CONTENT.slice(50));
    });
    expect(text).toContain('<RetrieveServiceContentResponse xmlns="urn:vim25">');
  });

  it('has the same certificate for the same seed', async () => {
    const [a, b] = [await start(), await start()];
    expect(a.caPem).toBe(b.caPem);
    expect(a.caPem).toContain('BEGIN CERTIFICATE');
  });

  it('says in one line that a port is in use', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    await expect(start({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });
});

describe('the plain HTTP server', () => {
  it('sets no Secure cookie and answers a body that is too long', async () => {
    const { url, caPem } = await start({ tls: false });
    expect(caPem).toBeUndefined();
    const response = await fetch(`${url}/sdk`, { method: 'POST', body: LOGIN });
    expect(response.headers.get('set-cookie')).toMatch(/^vmware_soap_session="[0-9a-f]{40}"; Path=\/; HttpOnly;$/);
    const large = await fetch(`${url}/sdk`, { method: 'POST', body: ' '.repeat((8 << 20) + 1) });
    expect(large.status).toBe(500);
    expect(await large.text()).toContain('xsi:type="InvalidRequest"');
    expect((await fetch(`${url}/sdk`, { method: 'POST', body: CONTENT })).status).toBe(200);
  });

  it('survives clients that go away in the middle', async () => {
    const { url } = await start({ tls: false });
    const port = Number(new URL(url).port);
    for (const text of ['POST /sdk HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n<Env', 'nonsense\r\n\r\n']) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(text));
        socket.on('close', () => resolve());
        socket.on('error', () => resolve());
        socket.resume();
      });
    }
    expect((await fetch(`${url}/sdk`, { method: 'POST', body: CONTENT })).status).toBe(200);
  });

  it('lets a waiting call go when its client goes away', async () => {
    const { url } = await start({ tls: false });
    const login = await fetch(`${url}/sdk`, { method: 'POST', body: LOGIN });
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    const wait = envelope(
      '<WaitForUpdatesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this></WaitForUpdatesEx>',
    );
    // More waits than one session may have at once: possible only where those that went away are released.
    for (let i = 0; i < 20; i++) {
      const signal = AbortSignal.timeout(20);
      await fetch(`${url}/sdk`, { method: 'POST', body: wait, headers: { cookie }, signal }).catch(() => undefined);
    }
    const timed = wait.replace(
      '</WaitForUpdatesEx>',
      '<options><maxWaitSeconds>0</maxWaitSeconds></options></WaitForUpdatesEx>',
    );
    const last = await fetch(`${url}/sdk`, { method: 'POST', body: timed, headers: { cookie } });
    expect(last.status).toBe(200);
    const another = await fetch(`${url}/sdk`, {
      method: 'POST',
      body: wait,
      headers: { cookie },
      signal: AbortSignal.timeout(50),
    }).catch((error: unknown) => error);
    expect(another).toMatchObject({ name: 'TimeoutError' });
  });
});
