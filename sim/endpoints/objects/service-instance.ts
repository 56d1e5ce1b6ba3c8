/** ServiceInstance and SessionManager: the way in. */
import { faults, field, type ManagedObjectReference, make, type VimObject } from '../../../src/vim/index.ts';
import { isoTime } from '../../clock.ts';
import { type Call, type ManagedObject, sessionOf, text } from '../managed-object.ts';
import type { Service } from '../service.ts';
import type { Session } from '../sessions.ts';
import { hostAbout } from './host-values.ts';

/** Ids of the service's managers; those that are not simulated are left out of the ServiceContent. */
export interface ManagerRefs {
  readonly rootFolder: ManagedObjectReference;
  readonly propertyCollector: ManagedObjectReference;
  readonly viewManager: ManagedObjectReference;
  readonly setting: ManagedObjectReference;
  readonly sessionManager: ManagedObjectReference;
  readonly taskManager: ManagedObjectReference;
  readonly searchIndex: ManagedObjectReference;
}

/** Product version of an API version: `8.0.3.0` → `8.0.3`. */
function productVersion(apiVersion: string): string {
  return apiVersion.split('.').slice(0, 3).join('.');
}

/** AboutInfo of the service. */
export function serviceAbout(service: Service): VimObject {
  const { world, apiVersion, instanceUuid } = service;
  const [first] = world.hosts;
  if (world.mode === 'host' && first !== undefined) return hostAbout(first.facts, apiVersion);
  const version = productVersion(apiVersion);
  const build = first?.facts.product.build ?? '1';
  return make('AboutInfo', {
    name: 'VMware vCenter Server',
    fullName: `VMware vCenter Server ${version} build-${build}`,
    vendor: 'VMware, Inc.',
    version,
    build,
    localeVersion: 'INTL',
    localeBuild: '000',
    osType: 'linux-x64',
    productLineId: 'vpx',
    apiType: 'VirtualCenter',
    apiVersion,
    instanceUuid,
    licenseProductName: 'VMware VirtualCenter Server',
    licenseProductVersion: version.split('.').slice(0, 2).join('.'),
  });
}

/** ServiceInstance: the one object whose id is the same everywhere. */
export function serviceInstance(ref: ManagedObjectReference, managers: ManagerRefs, service: Service): ManagedObject {
  const now = () => isoTime(service.world.clock.now());
  const content = () => make('ServiceContent', { ...managers, about: serviceAbout(service) });
  return {
    ref,
    properties: {
      serverClock: now,
      content,
      capability: () =>
        make('Capability', {
          provisioningSupported: service.world.mode === 'vCenter',
          multiHostSupported: service.world.mode === 'vCenter',
          userShellAccessSupported: false,
        }),
    },
    methods: { CurrentTime: now, RetrieveServiceContent: content },
  };
}

function userSession(session: Session): VimObject {
  return make('UserSession', {
    key: session.key,
    userName: session.userName,
    fullName: session.userName,
    loginTime: isoTime(session.loginTime),
    lastActiveTime: isoTime(session.lastActive),
    locale: session.locale,
    messageLocale: 'en',
    extensionSession: false,
    ipAddress: session.address,
    userAgent: session.userAgent,
    callCount: session.calls,
  });
}

/** Longest text of a client kept with its session. */
const MAX_AGENT = 256;

function login(args: Parameters<typeof text>[0], call: Call): VimObject {
  const user = text(args, 'userName');
  // A second login on a live session is refused too, as vCenter does.
  if (call.session !== undefined || !call.service.accepts(user, text(args, 'password'))) throw faults.invalidLogin();
  const locale = typeof args.locale === 'string' ? args.locale.slice(0, 32) : 'en_US';
  const session = call.service.sessions.open({
    userName: user,
    locale,
    address: call.peer.address,
    userAgent: call.peer.userAgent.slice(0, MAX_AGENT),
  });
  session.calls = 1;
  call.opened = session;
  return userSession(session);
}

/** SessionManager. */
export function sessionManager(ref: ManagedObjectReference, service: Service): ManagedObject {
  return {
    ref,
    properties: {
      sessionList: (call) => (call.session === undefined ? undefined : service.sessions.list().map(userSession)),
      currentSession: (call) => (call.session === undefined ? undefined : userSession(call.session)),
      message: () => '',
      messageLocaleList: () => ['en'],
      supportedLocaleList: () => ['en'],
      defaultLocale: () => 'en',
    },
    methods: {
      Login: login,
      Logout: (_args, call) => {
        service.sessions.close(sessionOf(call, ref));
        return undefined;
      },
      SessionIsActive: (args) =>
        service.sessions
          .list()
          .map(userSession)
          .some((s) => field(s, 'key') === args.sessionID && field(s, 'userName') === args.userName),
    },
  };
}
