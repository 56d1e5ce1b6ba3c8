/** Managed objects: what a request can address. Properties and methods are looked up by name in tables. */
import { faults, isMoref, type ManagedObjectReference, type VimObject, type VimValue } from '../../src/vim/index.ts';
import type { ApiVersion } from '../../src/vim/versions.ts';
import type { Service } from './service.ts';
import type { Session } from './sessions.ts';

/** One request to one object. */
export interface Call {
  readonly service: Service;
  /** undefined before login. */
  readonly session: Session | undefined;
  readonly version: ApiVersion;
  /** Where the request came from, for the session list. */
  readonly peer: { readonly address: string; readonly userAgent: string };
  /** Ends when the client goes away. */
  readonly signal: AbortSignal | undefined;
  /** Set by a login: the HTTP layer hands its id to the client. */
  opened?: Session;
}

/** Arguments of a method, decoded and checked against the type table. */
export type Arguments = Readonly<Record<string, VimValue | undefined>>;

/** A method's implementation; throws VimFaultError. */
export type MethodBody = (args: Arguments, call: Call) => VimValue | undefined | Promise<VimValue | undefined>;

/** An addressable object. */
export interface ManagedObject {
  readonly ref: ManagedObjectReference;
  /** Reads a property; undefined where it is unset. Names are checked against the type table before. */
  readonly properties: Readonly<Record<string, (call: Call) => VimValue | undefined>>;
  readonly methods: Readonly<Record<string, MethodBody>>;
}

/** The session of a call; NotAuthenticated where there is none. */
export function sessionOf(call: Call, object: ManagedObjectReference): Session {
  if (call.session === undefined) throw faults.notAuthenticated(object, 'System.View');
  return call.session;
}

/** A text argument (declared `string`). */
export function text(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value !== 'string') throw faults.invalidArgument(name);
  return value;
}

/** A whole-number argument. */
export function int(args: Arguments, name: string): number | undefined {
  const value = args[name];
  return typeof value === 'number' ? value : undefined;
}

/** A boolean argument; absent is false. */
export function flag(args: Arguments, name: string): boolean {
  return args[name] === true;
}

/** A reference argument. */
export function reference(args: Arguments, name: string): ManagedObjectReference {
  const value = args[name];
  if (!isMoref(value)) throw faults.invalidArgument(name);
  return value;
}

/** A list argument's items; absent is empty. */
export function list(args: Arguments | VimObject, name: string): readonly VimValue[] {
  const value: unknown = Reflect.get(args, name);
  return Array.isArray(value) ? (value as readonly VimValue[]) : [];
}

/** A list of references. */
export function references(args: Arguments, name: string): readonly ManagedObjectReference[] {
  return list(args, name).filter(isMoref);
}
