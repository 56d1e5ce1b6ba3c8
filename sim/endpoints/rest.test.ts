import { describe, expect, it } from 'vitest';
import { syntheticHost } from '../../test/support/synthetic-host.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { createApp } from './app.ts';

const app = () =>
  createApp({
    hosts: [syntheticHost(1), syntheticHost(2)],
    clock: new VirtualClock(),
    entropy: new Entropy('rest'),
    credentials: { user: 'root', password: 'secret' },
    mode: 'vCenter',
  });

const BASE = 'https://vc.example.test';
const BASIC = { authorization: `Basic ${btoa('root:secret')}` };
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers,
});

describe('the versions document', () => {
  it('needs no login', async () => {
    const response = await app()(new Request(`${BASE}/sdk/vimServiceVersions.xml`));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('<version>8.0.3.0</version>');
  });
});

describe('REST', () => {
  it('opens, uses and ends a session', async () => {
    const service = app();
    const refused = await service(new Request(`${BASE}/api/session`, { method: 'POST' }));
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ error_type: 'UNAUTHENTICATED' });
    const opened = await service(new Request(`${BASE}/api/session`, { method: 'POST', headers: BASIC }));
    expect(opened.status).toBe(201);
    const headers = { 'vmware-api-session-id': String(await opened.json()) };
    expect(await (await service(new Request(`${BASE}/api/session`, { headers }))).json()).toMatchObject({
      user: 'root',
    });
    const hosts = await service(new Request(`${BASE}/api/vcenter/host?names=esx02.example.test&names=x`, { headers }));
    expect(await hosts.json()).toEqual([
      { host: 'host-13', name: 'esx02.example.test', connection_state: 'CONNECTED', power_state: 'POWERED_ON' },
    ]);
    expect((await service(new Request(`${BASE}/api/session`, { method: 'DELETE', headers }))).status).toBe(204);
    expect((await service(new Request(`${BASE}/api/vcenter/host`, { headers }))).status).toBe(401);
  });

  it('has the older form too', async () => {
    const service = app();
    const path = `${BASE}/rest/com/vmware/cis/session`;
    const opened = await service(new Request(path, { method: 'POST', headers: BASIC }));
    expect(opened.headers.get('set-cookie')).toMatch(
      /^vmware-api-session-id=[0-9a-f]{40};Path=\/rest;Secure;HttpOnly$/,
    );
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
    const seen = await service(new Request(`${path}?~action=get`, { method: 'POST', headers: { cookie } }));
    expect(await seen.json()).toMatchObject({ value: { user: 'root' } });
    expect((await service(new Request(`${path}?~action=get`, { method: 'POST' }))).status).toBe(401);
  });

  it('agrees on a release', async () => {
    const service = app();
    const ask = async (releases: unknown) =>
      service(new Request(`${BASE}/api/vcenter/system?action=hello`, post({ api_releases: releases })));
    expect(await (await ask(['9.1.0.0', '8.0.2.0'])).json()).toEqual({ api_release: '8.0.2.0' });
    expect(await (await ask(['x'])).json()).toEqual({ api_release: '' });
    expect((await ask([])).status).toBe(400);
    expect((await ask('8.0.2.0')).status).toBe(400);
  });
});

describe('VI/JSON', () => {
  const path = (rest: string) => `${BASE}/sdk/vim25/9.0.0.0/${rest}`;

  it('logs in, lists hosts and gets a report', async () => {
    const service = app();
    const content = await service(new Request(path('ServiceInstance/ServiceInstance/content')));
    expect(await content.json()).toMatchObject({
      _typeName: 'ServiceContent',
      rootFolder: { _typeName: 'ManagedObjectReference', type: 'Folder', value: 'group-d1' },
    });
    const login = (password: string) =>
      service(
        new Request(
          path('SessionManager/SessionManager/Login'),
          post({ _typeName: 'Login', userName: 'root', password }),
        ),
      );
    const refused = await login('no');
    expect(refused.status).toBe(500);
    expect(await refused.json()).toMatchObject({
      _typeName: 'InvalidLogin',
      faultstring: expect.stringContaining('Cannot complete login'),
    });
    const opened = await login('secret');
    const headers = { 'vmware-api-session-id': opened.headers.get('vmware-api-session-id') ?? '' };
    const name = await service(new Request(path('HostSystem/host-10/name'), { headers }));
    expect(await name.json()).toBe('esx01.example.test');
    const report = await service(
      new Request(path('HostSystem/host-10/QueryTpmAttestationReport'), { method: 'POST', headers }),
    );
    expect(report.status).toBe(200);
    expect(await report.json()).toMatchObject({ _typeName: 'HostTpmAttestationReport', tpmLogReliable: true });
    const logout = await service(
      new Request(path('SessionManager/SessionManager/Logout'), { method: 'POST', headers }),
    );
    expect(logout.status).toBe(204);
    const after = await service(new Request(path('HostSystem/host-10/name'), { headers }));
    expect(await after.json()).toMatchObject({ _typeName: 'NotAuthenticated' });
  });

  it('refuses what is no JSON', async () => {
    const service = app();
    const answer = await service(
      new Request(path('SessionManager/SessionManager/Login'), { method: 'POST', body: '{' }),
    );
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ _typeName: 'InvalidRequest' });
  });
});
