/** Faults: what a method throws instead of returning, and how a SOAP server says it. */

import { typeAt } from './model.ts';
import { encodeFields, envelope, escapeXml } from './soap-encode.ts';
import { type ManagedObjectReference, make, type VimObject } from './value.ts';
import type { ApiVersion } from './versions.ts';

/** A method's fault: a value of a fault type and its text. */
export class VimFaultError extends Error {
  /** A data object whose type derives from MethodFault. */
  readonly fault: VimObject;

  constructor(fault: VimObject, text: string) {
    super(text);
    this.name = 'VimFaultError';
    this.fault = fault;
  }
}

function fault(type: string, text: string, fields: Parameters<typeof make>[1] = {}): VimFaultError {
  return new VimFaultError(make(type, fields), text);
}

function nameOf(ref: ManagedObjectReference): string {
  return `vim.${ref.type}:${ref.value}`;
}

/** Faults by what happened, with the texts of vSphere. */
export const faults = {
  invalidLogin: () => fault('InvalidLogin', 'Cannot complete login due to an incorrect user name or password.'),
  notAuthenticated: (object: ManagedObjectReference, privilegeId: string) =>
    fault('NotAuthenticated', 'The session is not authenticated.', { object, privilegeId }),
  noPermission: (object: ManagedObjectReference, privilegeId: string) =>
    fault('NoPermission', 'Permission to perform this operation was denied.', { object, privilegeId }),
  notSupported: () => fault('NotSupported', 'The operation is not supported on the object.'),
  managedObjectNotFound: (obj: ManagedObjectReference) =>
    fault(
      'ManagedObjectNotFound',
      `The object '${nameOf(obj)}' has already been deleted or has not been completely created`,
      { obj },
    ),
  methodNotFound: (receiver: ManagedObjectReference, method: string) =>
    fault('MethodNotFound', `Method ${method} not found on ${nameOf(receiver)}.`, { receiver, method }),
  invalidProperty: (name: string) => fault('InvalidProperty', `Property ${name} is invalid.`, { name }),
  invalidArgument: (invalidProperty: string) =>
    fault('InvalidArgument', `A specified parameter was not correct: ${invalidProperty}`, { invalidProperty }),
  invalidRequest: (why: string) => fault('InvalidRequest', why),
  hostNotConnected: () =>
    fault('HostNotConnected', 'Unable to communicate with the remote host, since it is disconnected.'),
  invalidState: () => fault('InvalidState', 'The operation is not allowed in the current state.'),
  hostConfigFault: (why: string) => fault('HostConfigFault', why),
  requestCanceled: () => fault('RequestCanceled', 'The task was canceled by a user.'),
  invalidCollectorVersion: () => fault('InvalidCollectorVersion', 'The collector version is invalid.'),
  systemError: (reason: string) => fault('SystemError', `A general system error occurred: ${reason}`, { reason }),
} as const;

/** A fault as data, for places that carry one beside other values (missingSet, TaskInfo.error). */
export function localized(error: VimFaultError): VimObject {
  return make('LocalizedMethodFault', { fault: error.fault, localizedMessage: error.message });
}

/** The complete SOAP envelope of a fault. It goes out with HTTP status 500. */
export function faultEnvelope(error: VimFaultError, version: ApiVersion): string {
  const type = typeAt(error.fault._typeName, version) ?? 'RuntimeFault';
  const fields = encodeFields(type, error.fault, version);
  // Clients find the type twice: in the element's name without its last five letters, and in xsi:type.
  return envelope(
    `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${escapeXml(error.message)}</faultstring>` +
      `<detail><${type}Fault xmlns="urn:vim25" xsi:type="${type}">${fields}</${type}Fault></detail></soapenv:Fault>`,
  );
}
