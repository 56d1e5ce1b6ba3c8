/** Connections of a server: how their bytes are read. */
import { Socket } from 'node:net';

/** A connection and what comes over it. */
export interface Connection {
  readonly socket: Socket;
  /** Begins to read. The bytes are the receiver's to keep. Called once. */
  readonly read: (receive: (bytes: Uint8Array) => void) => void;
  /**
   * The descriptor that came with the bytes received last, as a socket nobody reads yet; undefined where none came. Not there
   * where the connection should carry descriptors and this runtime cannot receive them.
   */
  readonly take?: () => Socket | undefined;
}

/** What is used of the handle under a socket. */
export interface Handle {
  close(done?: () => void): void;
}

/** Whether something has a method of this name. */
export const has = (value: unknown, name: string): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function';

/** Sockets and pipes can be read; a UDP socket cannot. */
export const isStream = (value: unknown): value is Handle => has(value, 'close') && has(value, 'readStart');

/** The handle of a socket that is open. */
export const handleOf = (socket: Socket): unknown => Reflect.get(socket, '_handle');

/** A socket over a handle that is not read until `resume`. A client that sends no more may still be answered. */
export const socketOf = (handle: Handle, options: object = {}): Socket =>
  Reflect.construct(Socket, [{ handle, manualStart: true, allowHalfOpen: true, ...options }]);

/** Reads by way of `data` events: Node makes a buffer of 64 KiB for each, and cuts it to size. */
export function readEvents(socket: Socket): Connection['read'] {
  return (receive) => {
    socket.on('data', (chunk: Buffer) => receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)));
    socket.resume();
  };
}

/** Longer than any command of a TPM with what its transport puts around it. */
const BUFFER_SIZE = 8192;

/** Memory that copies are taken from: arrays of a few bytes of their own cost more than the command they hold. */
let slab = new Uint8Array(BUFFER_SIZE);
let used = 0;

function copyOf(bytes: Uint8Array): Uint8Array {
  if (used + bytes.length > slab.length) {
    slab = new Uint8Array(BUFFER_SIZE);
    used = 0;
  }
  slab.set(bytes, used);
  used += bytes.length;
  return slab.subarray(used - bytes.length, used);
}

/**
 * The connection of a socket that was not read yet, read into one buffer: a command then takes 2 µs less. Node offers that
 * (`onread`) for the sockets a program makes itself, so one is made over the handle of this one. A runtime where that is not
 * possible reads `data` events.
 */
export function steadyConnection(accepted: Socket): Connection {
  const handle = handleOf(accepted);
  const take = (): undefined => undefined;
  if (!isStream(handle) || !has(handle, 'useUserBuffer')) {
    return { socket: accepted, read: readEvents(accepted), take };
  }
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const buffer = new Uint8Array(BUFFER_SIZE);
  const callback = (length: number): true => {
    receive(copyOf(buffer.subarray(0, length)));
    return true;
  };
  const socket = socketOf(handle, { onread: { buffer, callback } });
  Reflect.set(accepted, '_handle', null);
  // The server counts the socket it accepted.
  socket.once('close', () => accepted.destroy());
  const read: Connection['read'] = (receiver) => {
    receive = receiver;
    socket.resume();
  };
  return { socket, read, take };
}
