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

/** How long the rest of an incomplete command is waited for, in milliseconds. */
const PATIENCE = 250;

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
  const answer = (ask: () => Answer): void => {
    let given: Answer;
    try {
      given = ask();
    } catch (error) {
      // The machine cannot go on (its state cannot be written): the server ends with that error.
      consequences.end(error);
      return void socket.destroy();
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
    if (end === undefined) return;
    socket.end();
    if (end === 'server') consequences.end();
  };
  read((bytes) => {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    const came = take?.();
    if (came !== undefined) {
      drop();
      came.on('error', () => came.destroy());
      passed = came;
    }
    const descriptor = take === undefined ? 'impossible' : passed === undefined ? 'none' : 'came';
    answer(() => conversation.receive(bytes, descriptor));
    if (conversation.incomplete) timer = setTimeout(() => answer(() => conversation.idle?.() ?? SILENT), PATIENCE);
    loop.stir();
  });
}
