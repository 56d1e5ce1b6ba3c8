/** Faults that the simulated server gives. */
import { object, type TypeTable } from './schema.ts';

export const FAULT_TYPES = {
  LocalizedMethodFault: object('2.0', '', { fault: 'MethodFault', localizedMessage: 'string?' }),
  MethodFault: object('2.0', '', {
    faultCause: 'LocalizedMethodFault?@4.0',
    faultMessage: 'LocalizableMessage[]?@4.0',
  }),
  RuntimeFault: object('2.0', 'MethodFault', {}),
  SecurityError: object('2.0', 'RuntimeFault', {}),
  NoPermission: object('2.0', 'SecurityError', {
    object: 'moref?',
    privilegeId: 'string?',
    missingPrivileges: 'NoPermissionEntityPrivileges[]?@7.0.3.2',
  }),
  NotAuthenticated: object('2.5', 'NoPermission', {}),
  NoPermissionEntityPrivileges: object('7.0.3.2', '', { entity: 'moref', privilegeIds: 'string[]?' }),
  InvalidRequest: object('2.0', 'RuntimeFault', {}),
  MethodNotFound: object('2.0', 'InvalidRequest', { receiver: 'moref', method: 'string' }),
  NotSupported: object('2.0', 'RuntimeFault', {}),
  ManagedObjectNotFound: object('2.0', 'RuntimeFault', { obj: 'moref' }),
  InvalidArgument: object('2.0', 'RuntimeFault', { invalidProperty: 'string?' }),
  SystemError: object('2.0', 'RuntimeFault', { reason: 'string' }),
  RequestCanceled: object('2.0', 'RuntimeFault', {}),
  HostCommunication: object('2.0', 'RuntimeFault', {}),
  HostNotConnected: object('2.0', 'HostCommunication', {}),
  HostNotReachable: object('2.0', 'HostCommunication', {}),
  InvalidProperty: object('2.0', 'MethodFault', { name: 'string' }),
  InvalidCollectorVersion: object('2.0', 'MethodFault', {}),
  VimFault: object('2.0', 'MethodFault', {}),
  InvalidLogin: object('2.0', 'VimFault', {}),
  InvalidState: object('2.0', 'VimFault', {}),
  TaskInProgress: object('2.0', 'VimFault', { task: 'moref' }),
  Timedout: object('2.0', 'VimFault', {}),
  HostConfigFault: object('2.0', 'VimFault', {}),
} as const satisfies TypeTable;
