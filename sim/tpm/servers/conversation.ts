/** What a server port does with the bytes of one connection, without any socket: easy to test and the same over TCP and Unix sockets. */
import { concat } from '../../../src/bytes/bytes.ts';

/** What follows from bytes received. */
export interface Answer {
  /** Bytes to send back; may be empty. */
  readonly reply: Uint8Array;
  /** `connection`: close it after the reply. `server`: the client asked the whole server to end. */
  readonly end?: 'connection' | 'server';
  /** The descriptor that came with the message becomes the data channel. */
  readonly adopt?: true;
}

/** Whether a descriptor came with a message; `impossible` where the runtime cannot receive one. */
export type Descriptor = 'none' | 'came' | 'impossible';

/** How long the rest of something incomplete is waited for. */
export interface Waiting {
  readonly milliseconds: number;
  /** From its first piece on, or from the last one. */
  readonly after: 'first' | 'last';
}

/** One connection to a port. */
export interface Conversation {
  /** Takes bytes as they come, in any pieces. Never throws for any bytes. */
  receive(chunk: Uint8Array, descriptor?: Descriptor): Answer;
  /** Something incomplete was received, and the protocol does not wait for ever; {@link idle} is what then follows. */
  readonly waits?: Waiting | undefined;
  /** The rest did not come in time. */
  idle?(): Answer;
  /** The client sends no more: the last that it is told. */
  ended?(): Answer;
}

/** Nothing to say yet. */
export const SILENT: Answer = { reply: new Uint8Array(0) };

/** The answers of several messages that came together, as one. */
export function joined(replies: readonly Uint8Array[], end?: 'connection' | 'server'): Answer {
  const [only, ...others] = replies;
  const reply = only !== undefined && others.length === 0 ? only : concat(...replies);
  return end === undefined ? { reply } : { reply, end };
}
