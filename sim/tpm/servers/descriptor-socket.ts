/**
 * Unix socket connections that also receive descriptors (SCM_RIGHTS, unix(7)), which no documented interface of Node does.
 *
 * What does: libuv reads a pipe in IPC mode with recvmsg(2), keeps the descriptor that comes along and Node gives it to the
 * pipe's handle as `pendingHandle` (how `child.send(message, socket)` works). The class of that handle is reached through an
 * accepted connection, so a runtime without it is noticed here and nowhere else. Held against Node 20, 22 and 24.
 *
 * Limit: Node itself ends the process where what comes is neither a socket nor a pipe (a file, a terminal): its reader
 * (`LibuvStreamWrap::OnUvRead`) holds libuv's kind of the descriptor to be one of those, or aborts, before any JavaScript sees it.
 * Nothing here can come before that, so descriptors are received only where one is wanted. Who can send it can also send SHUTDOWN.
 */
import type { Socket } from 'node:net';
import { type Connection, type Handle, handleOf, has, isStream, readEvents, socketOf } from './connection.ts';

interface PipeHandle extends Handle {
  open(descriptor: number): unknown;
}

/** Kind of a pipe whose reads take descriptors (`constants.IPC` of Node's pipe_wrap). */
const IPC = 2;

const isHandle = (value: unknown): value is Handle => has(value, 'close');
const isPipe = (value: unknown): value is PipeHandle => isHandle(value) && has(value, 'open');

/** A second handle, in IPC mode, for the descriptor of the first. */
function ipcTwin(accepted: object | undefined): PipeHandle | undefined {
  if (accepted === undefined || accepted.constructor.name !== 'Pipe') return undefined;
  const descriptor: unknown = Reflect.get(accepted, 'fd');
  if (typeof descriptor !== 'number' || descriptor < 0) return undefined;
  let twin: unknown;
  try {
    twin = Reflect.construct(accepted.constructor, [IPC]);
    if (isPipe(twin) && twin.open(descriptor) === 0) return twin;
  } catch {
    // A runtime that does not know this way.
  }
  if (isHandle(twin)) twin.close();
  return undefined;
}

/** Takes over a connection accepted by a paused server on a Unix socket, which must not have been read. */
export function receivingConnection(accepted: Socket): Connection {
  const handle = handleOf(accepted);
  const twin = ipcTwin(typeof handle === 'object' && handle !== null ? handle : undefined);
  if (twin === undefined) return { socket: accepted, read: readEvents(accepted) };
  let pending: unknown;
  const discard = (): void => {
    if (isHandle(pending)) pending.close();
    pending = undefined;
  };
  Object.defineProperty(twin, 'pendingHandle', {
    set(came: unknown) {
      discard();
      pending = came;
    },
  });
  const close = twin.close.bind(twin);
  twin.close = (done) => {
    discard();
    close(done);
    // The descriptor is closed by now. The first handle forgets it in the same moment, before its number can be used again.
    accepted.destroy();
  };
  const socket = socketOf(twin);
  return {
    socket,
    read: readEvents(socket),
    take: () => {
      const came = pending;
      if (!isStream(came)) {
        discard();
        return undefined;
      }
      pending = undefined;
      return socketOf(came);
    },
  };
}
