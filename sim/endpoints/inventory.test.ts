import { describe, expect, it } from 'vitest';
import type { ApiVersion } from '../../src/vim/index.ts';
import { COLLECTOR, faultOf, HOST, loggedIn } from '../../test/support/soap-client.ts';
import { syntheticHost } from '../../test/support/synthetic-host.ts';

describe('property reads', () => {
  it('follow nested and keyed paths and say the type of every value', async () => {
    const client = await loggedIn();
    const { xml } = await client.read(
      ...HOST,
      'name',
      'parent',
      'summary.hardware.numCpuCores',
      'capability.tpmVersion',
      'config.option["VMkernel.Boot.execInstalledOnly"]',
      'config.network.pnic',
      'vm',
    );
    expect(xml).toContain('<name>name</name><val xsi:type="xsd:string">esx01.example.test</val>');
    expect(xml).toContain(
      '<name>parent</name><val xsi:type="ManagedObjectReference" type="ComputeResource">domain-s8</val>',
    );
    expect(xml).toContain('<val xsi:type="xsd:short">32</val>');
    expect(xml).toContain('<val xsi:type="xsd:string">2.0</val>');
    expect(xml).toContain(
      '<val xsi:type="OptionValue"><key>VMkernel.Boot.execInstalledOnly</key><value xsi:type="xsd:boolean">true</value></val>',
    );
    expect(xml).not.toContain('config.network.pnic');
    expect(xml).toContain('<name>vm</name><val xsi:type="ArrayOfManagedObjectReference"></val>');
  });

  it.each([
    ['summary.tpmAttestation', '6.5', false],
    ['summary.tpmAttestation', '6.7', true],
    ['summary.runtime.stateEncryption', '7.0.2.1', false],
    ['summary.runtime.stateEncryption', '7.0.3.0', true],
    ['hardware.systemInfo.bootCommandLine', '8.0.2.0', false],
    ['hardware.systemInfo.bootCommandLine', '8.0.3.0', true],
    ['summary.nothing', '8.0.3.0', false],
    ['name.length', '8.0.3.0', false],
    ['', '8.0.3.0', false],
    ['summary..host', '8.0.3.0', false],
    ['constructor', '8.0.3.0', false],
  ] as const)('know %s at %s: %s', async (path, version, known) => {
    const client = await loggedIn();
    client.version = version;
    const answer = await client.read(...HOST, path);
    expect(faultOf(answer)).toBe(known ? '' : 'InvalidProperty');
  });

  it.each(['8.0.3.0', '7.0.3.0', '6.7', '6.5', '5.5', '4.1', '2.5'] as const)(
    'of everything work at %s',
    async (version: ApiVersion) => {
      const client = await loggedIn();
      client.version = version;
      const types = [
        'HostSystem',
        'Folder',
        'Datacenter',
        'ComputeResource',
        'ResourcePool',
        'ServiceInstance',
        'SessionManager',
      ];
      const ids = [
        'host-10',
        'group-h4',
        'datacenter-2',
        'domain-s8',
        'resgroup-9',
        'ServiceInstance',
        'SessionManager',
      ];
      for (const [i, type] of types.entries()) {
        const answer = await client.call(
          COLLECTOR,
          'RetrieveProperties',
          `<specSet><propSet><type>${type}</type><all>true</all></propSet><objectSet><obj type="${type}">${ids[i]}</obj></objectSet></specSet>`,
        );
        expect(faultOf(answer), type).toBe('');
        expect(answer.xml).toContain('<propSet>');
      }
    },
  );

  it('come in pages, one object once, types matched by ancestry', async () => {
    const client = await loggedIn();
    const spec = `<specSet><propSet><type>ManagedEntity</type><pathSet>name</pathSet></propSet><propSet><type>HostSystem</type><pathSet>name</pathSet><pathSet>overallStatus</pathSet></propSet>
      <objectSet><obj type="Folder">group-d1</obj><selectSet xsi:type="TraversalSpec"><name>a</name><type>Folder</type><path>childEntity</path><selectSet><name>a</name></selectSet><selectSet><name>b</name></selectSet><selectSet><name>c</name></selectSet></selectSet>
      <selectSet xsi:type="TraversalSpec"><name>b</name><type>Datacenter</type><path>hostFolder</path><selectSet><name>a</name></selectSet></selectSet>
      <selectSet xsi:type="TraversalSpec"><name>c</name><type>ComputeResource</type><path>host</path></selectSet></objectSet></specSet>`;
    const names: string[] = [];
    let answer = await client.call(
      COLLECTOR,
      'RetrievePropertiesEx',
      `${spec}<options><maxObjects>2</maxObjects></options>`,
    );
    for (let page = 0; page < 10; page++) {
      names.push(...[...answer.xml.matchAll(/<obj type="[A-Za-z]+">([^<]+)</g)].map((m) => m[1] ?? ''));
      const token = /<token>([^<]+)</.exec(answer.xml)?.[1];
      if (token === undefined) break;
      expect([...answer.xml.matchAll(/<objects>/g)]).toHaveLength(2);
      answer = await client.call(COLLECTOR, 'ContinueRetrievePropertiesEx', `<token>${token}</token>`);
    }
    expect(names.sort()).toEqual([
      'datacenter-2',
      'domain-s11',
      'domain-s8',
      'group-d1',
      'group-h4',
      'host-10',
      'host-13',
    ]);
    expect(faultOf(await client.call(COLLECTOR, 'ContinueRetrievePropertiesEx', '<token>77</token>'))).toBe(
      'InvalidArgument',
    );
  });

  it('by Fetch give one value, an array, or nothing', async () => {
    const client = await loggedIn();
    expect((await client.call(['ManagedEntity', 'host-10'], 'Fetch', '<prop>name</prop>')).xml).toContain(
      '<FetchResponse xmlns="urn:vim25"><returnval xsi:type="xsd:string">esx01.example.test</returnval></FetchResponse>',
    );
    expect((await client.call(['Folder', 'group-h4'], 'Fetch', '<prop>childEntity</prop>')).xml).toContain(
      '<returnval xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="ComputeResource">domain-s8<',
    );
    expect((await client.call(HOST, 'Fetch', '<prop>systemResources</prop>')).xml).toContain(
      '<FetchResponse xmlns="urn:vim25"></FetchResponse>',
    );
    expect(faultOf(await client.call(HOST, 'Fetch', '<prop>nothing</prop>'))).toBe('InvalidProperty');
  });
});

describe('views and tasks', () => {
  it('list hosts by type until they are destroyed', async () => {
    const client = await loggedIn();
    const made = await client.call(
      ['ViewManager', 'ViewManager'],
      'CreateContainerView',
      '<container type="Folder">group-d1</container><type>HostSystem</type><recursive>true</recursive>',
    );
    const id = /<returnval type="ContainerView">([^<]+)</.exec(made.xml)?.[1] ?? '';
    expect((await client.read('ContainerView', id, 'view')).xml).toContain(
      '<val xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="HostSystem">host-10</ManagedObjectReference>' +
        '<ManagedObjectReference type="HostSystem">host-13</ManagedObjectReference></val>',
    );
    expect((await client.call(['ContainerView', id], 'DestroyView')).status).toBe(200);
    expect(faultOf(await client.call(['ContainerView', id], 'DestroyView'))).toBe('ManagedObjectNotFound');
  });

  it('reboot a host, which is watched to its end and boots later', async () => {
    const client = await loggedIn();
    const before = (await client.call(HOST, 'QueryTpmAttestationReport')).xml;
    expect(faultOf(await client.call(HOST, 'RebootHost_Task', '<force>false</force>'))).toBe('InvalidState');
    const started = await client.call(HOST, 'RebootHost_Task', '<force>true</force>');
    const task = /<returnval type="Task">(task-\d+)</.exec(started.xml)?.[1] ?? '';
    await client.call(
      COLLECTOR,
      'CreateFilter',
      `<spec><propSet><type>Task</type><pathSet>info</pathSet></propSet><objectSet><obj type="Task">${task}</obj></objectSet></spec><partialUpdates>false</partialUpdates>`,
    );
    let version = '';
    let xml = '';
    for (let i = 0; i < 10 && !xml.includes('<state>success</state>'); i++) {
      xml = (await client.call(COLLECTOR, 'WaitForUpdatesEx', `<version>${version}</version>`)).xml;
      expect(xml).toMatch(/<name>info<\/name><op>assign<\/op><val xsi:type="TaskInfo">/);
      version = /<version>(\d+)</.exec(xml)?.[1] ?? '';
    }
    expect(xml).toContain('<state>success</state>');
    const later = (await client.call(HOST, 'QueryTpmAttestationReport')).xml;
    expect(later).not.toBe(before);
    expect((await client.read(...HOST, 'runtime.bootTime')).xml).toContain('2026-01-01T00:01:00.000Z');
    expect(faultOf(await client.call(COLLECTOR, 'WaitForUpdatesEx', '<version>abc</version>'))).toBe(
      'InvalidCollectorVersion',
    );
  });

  it('show a host that did not come up as not responding until it does', async () => {
    const up = syntheticHost(1);
    let running = false;
    const client = await loggedIn({
      hosts: [
        {
          ...up,
          get running() {
            return running;
          },
        },
      ],
    });
    const { xml } = await client.read(
      ...HOST,
      'runtime.connectionState',
      'hardware.biosInfo.biosVersion',
      'runtime.bootTime',
    );
    expect(xml).toContain('<val xsi:type="HostSystemConnectionState">notResponding</val>');
    expect(xml).toContain('R2.18');
    expect(xml).not.toContain('runtime.bootTime');
    expect(faultOf(await client.call(HOST, 'QueryTpmAttestationReport'))).toBe('HostNotConnected');
    running = true;
    expect(faultOf(await client.call(HOST, 'QueryTpmAttestationReport'))).toBe('');
  });

  it('end a waiting call on cancel, on logout and when its time is over', async () => {
    const client = await loggedIn();
    const wait = (options = '') => client.call(COLLECTOR, 'WaitForUpdatesEx', `<version></version>${options}`);
    const first = wait();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.call(COLLECTOR, 'CancelWaitForUpdates');
    expect(faultOf(await first)).toBe('RequestCanceled');
    expect((await wait('<options><maxWaitSeconds>0</maxWaitSeconds></options>')).xml).toContain(
      '<WaitForUpdatesExResponse xmlns="urn:vim25"></',
    );
    const second = wait();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.call(['SessionManager', 'SessionManager'], 'Logout');
    expect(faultOf(await second)).toBe('NotAuthenticated');
  });
});

describe('image configuration', () => {
  const IMAGE = ['HostImageConfigManager', 'imageConfigManager-10'] as const;

  it('reads level, profile and packages', async () => {
    const client = await loggedIn();
    expect((await client.read(...HOST, 'configManager.imageConfigManager')).xml).toContain('>imageConfigManager-10<');
    expect((await client.call(IMAGE, 'HostImageConfigGetAcceptance')).xml).toContain('<returnval>partner</returnval>');
    expect((await client.call(IMAGE, 'HostImageConfigGetProfile')).xml).toContain(
      '<name>ESXi-8.0U3-24022510-standard</name>',
    );
    expect((await client.call(IMAGE, 'fetchSoftwarePackages')).xml).toMatch(
      /<fetchSoftwarePackagesResponse xmlns="urn:vim25"><returnval><name>esx-base<\/name>/,
    );
    client.version = '6.0';
    expect(faultOf(await client.call(IMAGE, 'fetchSoftwarePackages'))).toBe('MethodNotFound');
  });

  it('sets a level that is allowed', async () => {
    const client = await loggedIn();
    const set = (level: string) =>
      client.call(IMAGE, 'UpdateHostImageAcceptanceLevel', `<newAcceptanceLevel>${level}</newAcceptanceLevel>`);
    expect(faultOf(await set('best'))).toBe('InvalidArgument');
    expect(faultOf(await set('community'))).toBe('');
    expect((await client.call(IMAGE, 'HostImageConfigGetAcceptance')).xml).toContain(
      '<returnval>community</returnval>',
    );
  });
});
