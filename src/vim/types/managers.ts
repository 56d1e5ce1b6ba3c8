/** Managed objects of the service: session, views, tasks, search, image configuration. */
import { managed, method, type TypeTable } from './schema.ts';

export const MANAGER_TYPES = {
  ServiceInstance: managed(
    '2.0',
    'ManagedObject',
    { serverClock: 'dateTime', capability: 'Capability', content: 'ServiceContent' },
    {
      CurrentTime: method('2.0', 'System.View', {}, 'dateTime'),
      RetrieveServiceContent: method('2.0', 'System.Anonymous', {}, 'ServiceContent'),
    },
  ),
  SessionManager: managed(
    '2.0',
    'ManagedObject',
    {
      sessionList: 'UserSession[]?',
      currentSession: 'UserSession?',
      message: 'string?',
      messageLocaleList: 'string[]?',
      supportedLocaleList: 'string[]?',
      defaultLocale: 'string',
    },
    {
      Login: method(
        '2.0',
        'System.Anonymous',
        { userName: 'string', password: 'string', locale: 'string?' },
        'UserSession',
      ),
      Logout: method('2.0', 'System.View', {}, 'void'),
      SessionIsActive: method(
        '2.5',
        'Sessions.ValidateSession',
        { sessionID: 'string@2.5', userName: 'string@2.5' },
        'boolean',
      ),
    },
  ),
  TaskManager: managed('2.0', 'ManagedObject', {
    recentTask: 'moref[]?',
    description: 'TaskDescription',
    maxCollector: 'int',
  }),
  Task: managed('2.0', 'ExtensibleManagedObject', { info: 'TaskInfo' }),
  ViewManager: managed(
    '2.5',
    'ManagedObject',
    { viewList: 'moref[]?' },
    {
      CreateContainerView: method(
        '2.5',
        'System.View',
        { container: 'moref', type: 'string[]?', recursive: 'boolean' },
        'moref',
      ),
      CreateListView: method('2.5', 'System.View', { obj: 'moref[]?' }, 'moref'),
    },
  ),
  View: managed(
    '2.5',
    'ManagedObject',
    {},
    {
      DestroyView: method('2.5', 'System.View', {}, 'void'),
    },
  ),
  ManagedObjectView: managed('2.5', 'View', { view: 'moref[]?' }),
  ContainerView: managed('2.5', 'ManagedObjectView', { container: 'moref', type: 'string[]?', recursive: 'boolean' }),
  ListView: managed(
    '2.5',
    'ManagedObjectView',
    {},
    {
      ModifyListView: method('2.5', 'None', { add: 'moref[]?', remove: 'moref[]?' }, 'moref[]?'),
      ResetListView: method('2.5', 'None', { obj: 'moref[]?' }, 'moref[]?'),
    },
  ),
  SearchIndex: managed(
    '2.0',
    'ManagedObject',
    {},
    {
      FindByUuid: method(
        '2.0',
        'System.View',
        { datacenter: 'moref?', uuid: 'string', vmSearch: 'boolean', instanceUuid: 'boolean?@4.0' },
        'moref?',
      ),
      FindByDnsName: method(
        '2.0',
        'System.View',
        { datacenter: 'moref?', dnsName: 'string', vmSearch: 'boolean' },
        'moref?',
      ),
      FindByIp: method('2.0', 'System.View', { datacenter: 'moref?', ip: 'string', vmSearch: 'boolean' }, 'moref?'),
      FindByInventoryPath: method('2.0', 'System.View', { inventoryPath: 'string' }, 'moref?'),
    },
  ),
  OptionManager: managed(
    '2.0',
    'ManagedObject',
    { supportedOption: 'OptionDef[]?', setting: 'OptionValue[]?' },
    {
      QueryOptions: method('2.0', 'System.View', { name: 'string?' }, 'OptionValue[]?'),
    },
  ),
  HostImageConfigManager: managed(
    '5.0',
    'ManagedObject',
    {},
    {
      HostImageConfigGetAcceptance: method('5.0', 'System.Read', {}, 'string'),
      HostImageConfigGetProfile: method('5.0', 'System.Read', {}, 'HostImageProfileSummary'),
      UpdateHostImageAcceptanceLevel: method('5.0', 'Host.Config.Image', { newAcceptanceLevel: 'string' }, 'void'),
      fetchSoftwarePackages: method('6.5', 'Host.Config.Image', {}, 'SoftwarePackage[]?'),
      installDate: method('6.5', 'Host.Config.Image', {}, 'dateTime'),
    },
  ),
} as const satisfies TypeTable;
