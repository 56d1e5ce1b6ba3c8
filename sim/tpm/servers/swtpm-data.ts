/** Data port of swtpm's socket interface: raw commands, or commands with the TCG header (code 8, locality, size). */
import { concat, u32At } from '../../../src/bytes/bytes.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import type { Locality } from '../../../src/tpm2/transport.ts';
import { type Answer, type Conversation, joined, SILENT } from './conversation.ts';
import type { TpmMachine } from './machine.ts';

const SEND_COMMAND = 8;
/** Code, locality, size. */
const PREFIX_SIZE = 9;
const HEADER_SIZE = 10;
const NOTHING = new Uint8Array(0);

/** The size a command announces, or the bytes needed to know it; a size no TPM takes is not waited for. */
function announced(command: Uint8Array, max: number): number {
  if (command.length < HEADER_SIZE) return HEADER_SIZE;
  const size = u32At(command, 2);
  return size > max ? command.length : Math.max(size, HEADER_SIZE);
}

/**
 * One data connection. As swtpm does, everything that came together is one command: bytes after the announced size make it
 * a command of the wrong size.
 */
export class SwtpmData implements Conversation {
  readonly #machine: TpmMachine;
  readonly #end: 'connection' | undefined;
  #received: Uint8Array = NOTHING;

  /** @param once an answer ends the connection */
  constructor(machine: TpmMachine, once = false) {
    this.#machine = machine;
    this.#end = once ? 'connection' : undefined;
  }

  receive(chunk: Uint8Array): Answer {
    const machine = this.#machine;
    const max = machine.maxCommand;
    let bytes = this.#received.length === 0 ? chunk : concat(this.#received, chunk);
    const replies: Uint8Array[] = [];
    // Longer than any command: the buffer of the TPM is handed over full, the rest is the next command.
    for (; bytes.length > max + PREFIX_SIZE; bytes = bytes.subarray(max + PREFIX_SIZE)) {
      replies.push(this.#run(bytes.subarray(0, max + PREFIX_SIZE)));
    }
    if (bytes.length >= this.#needed(bytes)) {
      replies.push(this.#run(bytes));
      bytes = NOTHING;
    }
    this.#received = bytes;
    return replies.length === 0 ? SILENT : joined(replies, this.#end);
  }

  get incomplete(): boolean {
    return this.#received.length > 0;
  }

  /** A client that announced more than it sent: swtpm does not wait at all, we wait a moment for slow ones. */
  idle(): Answer {
    if (this.#received.length < HEADER_SIZE) return SILENT;
    const reply = this.#run(this.#received);
    this.#received = NOTHING;
    return joined([reply], this.#end);
  }

  #needed(bytes: Uint8Array): number {
    const max = this.#machine.maxCommand;
    if (bytes.length < 4) return HEADER_SIZE;
    if (u32At(bytes, 0) !== SEND_COMMAND) return announced(bytes, max);
    if (bytes.length < HEADER_SIZE) return HEADER_SIZE;
    const size = u32At(bytes, 5);
    const inner = announced(bytes.subarray(PREFIX_SIZE), max);
    return PREFIX_SIZE + (size > max ? inner : Math.min(size, inner));
  }

  #run(bytes: Uint8Array): Uint8Array {
    const machine = this.#machine;
    if (bytes.length < PREFIX_SIZE || u32At(bytes, 0) !== SEND_COMMAND) return machine.execute(bytes);
    const locality = bytes[4] ?? 0;
    if (locality <= 4) machine.locality = locality as Locality;
    const response = machine.execute(bytes.subarray(PREFIX_SIZE));
    const size = new ByteWriter('big', 4).u32(response.length).finish();
    return concat(size, response, new Uint8Array(4));
  }
}
