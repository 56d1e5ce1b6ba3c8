/**
 * Control channel of swtpm 0.7.1 over a socket: all integers big-endian, a 32-bit command and its fields in, the fields of the
 * response out. Facts from swtpm_ioctls(3) and from comparing answers with the real program (test/conformance).
 */
import { concat, u32At } from '../../../src/bytes/bytes.ts';
import { ByteReader } from '../../../src/bytes/reader.ts';
import { type Answer, type Conversation, type Descriptor, joined, type Waiting } from './conversation.ts';
import type { TpmMachine } from './machine.ts';
import { RESULT, ROWS, type SwtpmStore, u32 } from './swtpm-commands.ts';
import type { DataStream, Reply } from './swtpm-stream.ts';

/** Longest message: the command and the fields of HASH_DATA with 4,096 bytes. What comes after it is the next message. */
const MESSAGE_SIZE = 4 + 4 + 4096;
/** How long the rest of a message that has begun is waited for, in milliseconds. */
const PATIENCE = 500;
const NOTHING = new Uint8Array(0);

/** Whether all of a message is there. What came together is one message, so that it may be longer. */
function isWhole(message: Uint8Array): boolean {
  if (message.length < 4) return false;
  const row = ROWS.get(u32At(message, 0));
  if (row === undefined || row.hasty) return true;
  const size = 4 + row.size;
  if (message.length < size) return false;
  return row.data === undefined || message.length >= size + u32At(message, size - 4);
}

/** Whether a message has no room for what it still needs: it is answered as soon as anything follows. */
const isFull = (message: Uint8Array): boolean => message.length === MESSAGE_SIZE;

/**
 * One control connection. As swtpm does: a message may come in pieces, but its rest must come soon, or the connection ends without
 * an answer, as it does where the client ends it there.
 */
export class SwtpmControl implements Conversation {
  readonly #machine: TpmMachine;
  readonly #store: SwtpmStore;
  /** What came of the next message. */
  #message: Uint8Array = NOTHING;
  /** Data of the last command that still comes. */
  #stream: DataStream | undefined;

  constructor(machine: TpmMachine, store: SwtpmStore) {
    this.#machine = machine;
    this.#store = store;
  }

  receive(chunk: Uint8Array, descriptor: Descriptor = 'none'): Answer {
    const replies: Uint8Array[] = [];
    let [came, adopted] = [descriptor, false];
    const adopt = (): void => {
      adopted = true;
    };
    let end: 'server' | undefined;
    for (let rest = chunk; rest.length > 0 && end === undefined; ) {
      const room = this.#stream?.room ?? MESSAGE_SIZE - this.#message.length;
      const part = rest.subarray(0, room);
      rest = rest.subarray(room);
      if (this.#stream === undefined) {
        this.#message = concat(this.#message, part);
        if (!isWhole(this.#message) && !(isFull(this.#message) && room === 0)) {
          // Something follows a full one: it is answered in the next round.
          continue;
        }
      }
      const message = this.#message;
      const reply = this.#stream === undefined ? this.#take(came, adopt) : this.#stream.take(part);
      if (reply === undefined) continue;
      this.#stream = reply instanceof Uint8Array ? undefined : reply;
      if (!(reply instanceof Uint8Array)) continue;
      replies.push(reply);
      if (message.length > 0 && isSuccess(reply)) end = ROWS.get(u32At(message, 0))?.end;
      // A descriptor belongs to the message it came with.
      if (came === 'came') came = 'none';
    }
    return { ...joined(replies, end), ...(adopted ? { adopt: true } : {}) };
  }

  /** The answer to the message that came. */
  #take(descriptor: Descriptor, adopt: () => void): Reply {
    const message = this.#message;
    this.#message = NOTHING;
    return this.#answer(message, descriptor, adopt);
  }

  #answer(message: Uint8Array, descriptor: Descriptor, adopt: () => void): Reply {
    const reader = new ByteReader(message, 'swtpm control message');
    const row = ROWS.get(reader.u32('cmd'));
    if (row === undefined) return u32(RESULT.BAD_ORDINAL);
    const machine = this.#machine;
    if (row.running && !machine.running) return u32(RESULT.BAD_ORDINAL);
    if (row.exact && reader.remaining !== row.size) return u32(RESULT.BAD_PARAMETER);
    if (reader.remaining < row.size) return u32(RESULT.BAD_PARAMETER);
    return row.answer({ machine, store: this.#store, fields: reader, descriptor, adopt });
  }

  get waits(): Waiting | undefined {
    return this.#message.length > 0 ? { milliseconds: PATIENCE, after: 'first' } : undefined;
  }

  idle(): Answer {
    this.#message = NOTHING;
    return { reply: NOTHING, end: 'connection' };
  }

  ended(): Answer {
    const full = isFull(this.#message) ? this.#take('none', () => undefined) : undefined;
    const last = full ?? this.#stream;
    this.#message = NOTHING;
    this.#stream = undefined;
    return { reply: last instanceof Uint8Array ? last : (last?.end() ?? NOTHING), end: 'connection' };
  }
}

const isSuccess = (reply: Uint8Array): boolean => u32At(reply, 0) === RESULT.SUCCESS;
