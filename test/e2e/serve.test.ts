/** `esxsim serve` as a process: one `ready` line, answers, a clean end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeReportXml } from '../../src/vim/index.ts';
import { ROOT } from './cli.ts';

async function serve(...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'esxsim.js'), 'serve', '--listen', '127.0.0.1:0', ...args]);
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      if (stdout.includes('\n')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${stderr}`)));
  });
  const stop = async () => {
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = await ended;
    return { code, stdout, stderr };
  };
  return { url: stdout.trim().replace(/^ready /, ''), stop };
}

const soap = (body: string) =>
  `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${body}</Body></Envelope>`;

describe('serve', () => {
  it('prints one line, answers SOAP and REST, ends with 0 on SIGTERM', async () => {
    const server = await serve('--no-tls', '--password', 'pw');
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);

    const versions = await fetch(`${server.url}/sdk/vimServiceVersions.xml`);
    expect(await versions.text()).toContain('<version>8.0.3.0</version>');

    const post = (body: string, cookie = '') =>
      fetch(`${server.url}/sdk`, { method: 'POST', body: soap(body), headers: { 'content-type': 'text/xml', cookie } });
    const login = (password: string) =>
      post(
        `<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>administrator@vsphere.local</userName><password>${password}</password></Login>`,
      );
    expect((await login('wrong')).status).toBe(500);
    const session = await login('pw');
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect(session.status).toBe(200);

    const basic = `Basic ${btoa('administrator@vsphere.local:pw')}`;
    const token = await (
      await fetch(`${server.url}/api/session`, { method: 'POST', headers: { authorization: basic } })
    ).json();
    const hosts = await (
      await fetch(`${server.url}/api/vcenter/host`, { headers: { 'vmware-api-session-id': String(token) } })
    ).json();
    expect(hosts).toMatchObject([
      { name: 'esx01.example.test', connection_state: 'CONNECTED', power_state: 'POWERED_ON' },
    ]);

    const id = (hosts as { host: string }[])[0]?.host;
    const answer = await post(
      `<QueryTpmAttestationReport xmlns="urn:vim25"><_this type="HostSystem">${id}</_this></QueryTpmAttestationReport>`,
      cookie,
    );
    const report = decodeReportXml(await answer.text());
    expect(report?.tpmPcrValues).toHaveLength(24);
    expect(report?.tpmLogReliable).toBe(true);

    expect(await server.stop()).toEqual({ code: 0, stdout: `ready ${server.url}\n`, stderr: '' });
  });
});
