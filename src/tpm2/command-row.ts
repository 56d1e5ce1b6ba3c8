/**
 * One row describes one command: code, handles with their authorisation roles, parameters, response and attributes. The
 * engine's parser, TPM2_GetCapability(TPM_CAP_COMMANDS), the client's argument types and the decoder all derive from it.
 */
import { TPMA_CC } from './attributes.ts';
import type { Codec, Fields, Infer, StructOf } from './codec.ts';
import { type CommandName, TPM_CC } from './constants.ts';

/** Authorisation role of a handle (Part 1, 19.2); undefined where the handle needs no authorisation. */
export type AuthRole = 'USER' | 'ADMIN' | 'DUP';

/** A handle of a command or response. */
export interface HandleField {
  readonly codec: Codec<number>;
  readonly role: AuthRole | undefined;
}

/** Named handles in wire order. */
export type HandleFields = Readonly<Record<string, HandleField>>;

/** A handle that needs no authorisation. */
export const plain = (codec: Codec<number>): HandleField => ({ codec, role: undefined });
/** A handle that needs USER authorisation. */
export const user = (codec: Codec<number>): HandleField => ({ codec, role: 'USER' });
/** A handle that needs ADMIN authorisation. */
export const admin = (codec: Codec<number>): HandleField => ({ codec, role: 'ADMIN' });
/** A handle that needs DUP authorisation: a policy session only. */
export const dup = (codec: Codec<number>): HandleField => ({ codec, role: 'DUP' });

/** What the author of a row writes. */
export interface CommandDefinition<
  H extends HandleFields,
  P extends Fields,
  RH extends HandleFields,
  R extends Fields,
> {
  /** Section of Part 3. */
  readonly spec: string;
  readonly handles: H;
  readonly parameters: P;
  readonly responseHandles: RH;
  readonly response: R;
  /** Bits of TPMA_CC besides the index and the number of handles. */
  readonly attributes?: number;
  /** The command may not carry sessions at all. */
  readonly noSessions?: boolean;
}

/** A named codec in wire order, as the dispatcher walks it. */
export interface NamedCodec {
  readonly name: string;
  readonly codec: Codec<unknown>;
}

/** A command as the parsers see it. */
export interface AnyCommandRow {
  readonly name: CommandName;
  readonly code: number;
  readonly spec: string;
  /** TPMA_CC (Part 2, 8.9). */
  readonly attributes: number;
  readonly noSessions: boolean;
  readonly handles: readonly (NamedCodec & HandleField)[];
  /** How many of the first handles need authorisation. */
  readonly authHandles: number;
  readonly parameters: readonly NamedCodec[];
  readonly responseHandles: readonly (NamedCodec & HandleField)[];
  readonly response: readonly NamedCodec[];
}

/** A command with the types of what goes in and comes out; `In` and `Out` exist only for the compiler. */
export interface CommandRow<In, Out> extends AnyCommandRow {
  readonly types?: { readonly input: In; readonly output: Out };
}

/** Values of named handles. */
export type HandlesOf<H extends HandleFields> = { -readonly [K in keyof H]: Infer<H[K]['codec']> };
/** Handles and parameters of a command by name. */
export type InputOf<Row> = Row extends CommandRow<infer In, unknown> ? In : never;
/** Handles and parameters of a response by name. */
export type OutputOf<Row> = Row extends CommandRow<unknown, infer Out> ? Out : never;

const named = (fields: Fields): NamedCodec[] => Object.entries(fields).map(([name, codec]) => ({ name, codec }));
const handles = (fields: HandleFields) => Object.entries(fields).map(([name, field]) => ({ name, ...field }));

/** Declares a command. */
export function command<H extends HandleFields, P extends Fields, RH extends HandleFields, R extends Fields>(
  name: CommandName,
  definition: CommandDefinition<H, P, RH, R>,
): CommandRow<HandlesOf<H> & StructOf<P>, HandlesOf<RH> & StructOf<R>> {
  const code = TPM_CC[name];
  const inHandles = handles(definition.handles);
  const outHandles = handles(definition.responseHandles);
  return {
    name,
    code,
    spec: definition.spec,
    attributes:
      (code |
        (definition.attributes ?? 0) |
        (inHandles.length << TPMA_CC.handlesShift) |
        (outHandles.length > 0 ? TPMA_CC.rHandle : 0)) >>>
      0,
    noSessions: definition.noSessions ?? false,
    handles: inHandles,
    authHandles: inHandles.filter((handle) => handle.role !== undefined).length,
    parameters: named(definition.parameters),
    responseHandles: outHandles,
    response: named(definition.response),
  };
}

/** Whether sessions can encrypt the first of these parameters: it begins with its size (Part 1, 21.1). */
export const isEncryptable = ([first]: readonly NamedCodec[]): boolean =>
  first?.codec.name.startsWith('TPM2B_') ?? false;
