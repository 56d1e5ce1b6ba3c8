/**
 * The one path of every method, whatever the encoding: object, method, version, session, arguments, call. Each refusal is
 * the fault that vSphere has for it.
 */
import { FormatError, InputError } from '../../src/bytes/errors.ts';
import {
  type Field,
  faults,
  fieldOf,
  type Method,
  methodOf,
  moref,
  VimFaultError,
  type VimValue,
} from '../../src/vim/index.ts';
import { type ApiVersion, isKnownAt } from '../../src/vim/versions.ts';
import type { Arguments, Call } from './managed-object.ts';
import { readPath } from './property/path.ts';
import { mayRead } from './property/retrieve.ts';

/** A call before its arguments are decoded. */
export interface Invocation {
  readonly self: { readonly type: string; readonly value: string };
  readonly method: string;
  /** Decodes the arguments as `fields`; throws FormatError. */
  readonly decode: (fields: readonly Field[]) => Arguments;
}

/** What came out: the declared result and its value, unset where there is none. */
export interface Outcome {
  readonly returns: Field | undefined;
  readonly value: VimValue | undefined;
}

/** Fetch reads one property of any object; newer clients use it for every property. */
const FETCH: Method = {
  name: 'Fetch',
  declaredBy: 'ManagedObject',
  since: '2.0',
  privilege: 'System.Anonymous',
  parameters: [{ name: 'prop', type: 'string', array: false, optional: false, since: '2.0' }],
  returns: { name: 'returnval', type: 'anyType', array: false, optional: true, since: '2.0' },
};

function parametersAt(method: Method, version: ApiVersion): readonly Field[] {
  return method.parameters.filter((p) => isKnownAt(p.since, version));
}

/** Any error of a call as the fault to send. */
export function asFault(error: unknown): VimFaultError {
  if (error instanceof VimFaultError) return error;
  if (error instanceof FormatError || error instanceof InputError) return faults.invalidRequest(error.message);
  return faults.systemError(error instanceof Error ? error.message : 'unknown');
}

/** Carries out a call; throws VimFaultError, FormatError, or what a bug throws. */
export async function invoke(invocation: Invocation, call: Call): Promise<Outcome> {
  const { service, session, version } = call;
  const asked = moref(invocation.self.type, invocation.self.value);
  const object = service.find(asked.value, session);
  if (object === undefined) {
    if (session === undefined) throw faults.notAuthenticated(asked, 'System.View');
    throw faults.managedObjectNotFound(asked);
  }
  const { ref } = object;
  const isFetch = invocation.method === 'Fetch';
  const method = isFetch ? FETCH : methodOf(ref.type, invocation.method);
  const body = isFetch ? undefined : object.methods[invocation.method];
  if (method === undefined || (body === undefined && !isFetch) || !isKnownAt(method.since, version)) {
    throw faults.methodNotFound(ref, invocation.method.slice(0, 100));
  }
  if (session === undefined && method.privilege !== 'System.Anonymous') {
    throw faults.notAuthenticated(ref, 'System.View');
  }
  const args = invocation.decode(parametersAt(method, version));
  if (body !== undefined) return { returns: method.returns, value: await body(args, call) };
  if (!mayRead(object, call)) throw faults.notAuthenticated(ref, 'System.Read');
  return { returns: FETCH.returns, value: readPath(object, String(args.prop), call) };
}

/** One property with its declaration (VI/JSON reads properties by GET). */
export function readProperty(
  self: { readonly type: string; readonly value: string },
  name: string,
  call: Call,
): Outcome {
  const asked = moref(self.type, self.value);
  const object = call.service.find(asked.value, call.session);
  const open = object !== undefined && mayRead(object, call);
  if (!open && call.session === undefined) throw faults.notAuthenticated(asked, 'System.Read');
  if (object === undefined) throw faults.managedObjectNotFound(asked);
  const declared = fieldOf(object.ref.type, name);
  if (declared === undefined || !isKnownAt(declared.since, call.version)) throw faults.invalidProperty(name);
  return { returns: declared, value: object.properties[name]?.(call) };
}
