/** One connection and its conversation: bytes in, answers out, descriptors on their way. */
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import { type Answer, type Conversation, SILENT } from './conversation.ts';
import { EagerLoop } from './eager-loop.ts';

/** What a conversation leads to beyond its connection. */
export interface Consequences {
  /** A client asked the server to end, or (with an error) the TPM cannot go on. */
  readonly end: (error?: unknown) => void;
  /** A descriptor became the data channel. Without this a conversation never takes one. */
  readonly adopt?: (data: Socket) => void;
}

const loop = new EagerLoop();

/** Reads the connection and answers until it closes. */
export function converse(
  { socket, read, take }: Connection,
  conversation: Conversation,
  consequences: Consequences,
): void {
  let timer: NodeJS.Timeout | undefined;
  let passed: Socket | undefined;
  const drop = (): void => {
    passed?.destroy();
    passed = undefined;
  };
  socket.once('close', () => {
    clearTimeout(timer);
    drop();
  });
  /** Whether there was something to say. */
  const answer = (ask: () => Answer): boolean => {
    let given: Answer;
    try {
      given = ask();
    } catch (error) {
      // The machine cannot go on (its state cannot be written): the server ends with that error.
      consequences.end(error);
      socket.destroy();
      return false;
    }
    const { reply, end, adopt } = given;
    if (adopt && passed !== undefined) {
      consequences.adopt?.(passed);
      passed = undefined;
    }
    // A client that does not read its answers is not read either: nothing piles up.
    if (reply.length > 0 && !socket.write(reply)) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
    // A descriptor belongs to the message it came with.
    if (reply.length > 0) drop();
    if (end !== undefined) socket.destroySoon();
    if (end === 'server') consequences.end();
    return reply.length > 0;
  };
  const stopWaiting = (): void => {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
  };
  socket.once('end', () => {
    stopWaiting();
    answer(() => ({ end: 'connection', ...(conversation.ended?.() ?? SILENT) }));
  });
  read((bytes) => {
    const before = conversation.waits;
    const came = take?.();
    if (came !== undefined) {
      drop();
      came.on('error', () => came.destroy());
      passed = came;
    }
    const descriptor = take === undefined ? 'impossible' : passed === undefined ? 'none' : 'came';
    const replied = answer(() => conversation.receive(bytes, descriptor));
    const { waits } = conversation;
    // The clock of a message that goes on, where it runs from the first piece, is left alone.
    if (waits === undefined || replied || before === undefined || waits.after === 'last') stopWaiting();
    if (waits !== undefined && timer === undefined) {
      timer = setTimeout(() => answer(() => conversation.idle?.() ?? SILENT), waits.milliseconds);
    }
    loop.stir();
  });
}
