/** Data port of swtpm's socket interface: raw commands, or commands with the TCG header (code 8, locality, size). */
import { concat, u32At } from '../../../src/bytes/bytes.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import { TPM_ST } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { Locality } from '../../../src/tpm2/transport.ts';
import { header } from '../answer.ts';
import { type Answer, type Conversation, joined, SILENT, type Waiting } from './conversation.ts';
import type { TpmMachine } from './machine.ts';

const SEND_COMMAND = 8;
/** Code, locality, size. */
const PREFIX_SIZE = 9;
const HEADER_SIZE = 10;
/** How long the rest of an incomplete command is waited for, in milliseconds. */
const PATIENCE = 250;
const NOTHING = new Uint8Array(0);

/** swtpm's own command for the locality of those that follow: a header, whose tag and size nobody looks at, and a byte. */
const SET_LOCALITY = 0x2000_1000;
/** Its answer to a locality that cannot be had: TPM_RC_LOCALITY of the format of other errors. */
const BAD_LOCALITY = 0x107;

/** Which localities a client may take (`--locality` of swtpm(8)). */
export interface LocalityRules {
  /** No locality 4. */
  readonly rejectLocality4: boolean;
  /** {@link SET_LOCALITY} among the commands is obeyed. */
  readonly allowSetLocality: boolean;
}

/** What swtpm does where nothing is said. */
export const DEFAULT_RULES: LocalityRules = { rejectLocality4: false, allowSetLocality: false };

/** The highest locality that may be set. */
export const highestLocality = ({ rejectLocality4 }: Pick<LocalityRules, 'rejectLocality4'>): Locality =>
  rejectLocality4 ? 3 : 4;

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
  readonly #rules: LocalityRules;
  #received: Uint8Array = NOTHING;

  /** @param once an answer ends the connection */
  constructor(machine: TpmMachine, once = false, rules: LocalityRules = DEFAULT_RULES) {
    this.#machine = machine;
    this.#rules = rules;
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

  get waits(): Waiting | undefined {
    return this.#received.length > 0 ? { milliseconds: PATIENCE, after: 'last' } : undefined;
  }

  /** A client that announced more than it sent: swtpm does not wait at all, we wait a moment for slow ones. */
  idle(): Answer {
    if (this.#received.length < HEADER_SIZE) return SILENT;
    const reply = this.#run(this.#received);
    this.#received = NOTHING;
    return joined([reply], this.#end);
  }

  /** Of a client that sends no more there is nothing to wait for. */
  ended(): Answer {
    return this.idle();
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
    if (bytes.length < PREFIX_SIZE || u32At(bytes, 0) !== SEND_COMMAND) return this.#execute(bytes);
    const locality = bytes[4] ?? 0;
    if (locality <= 4) machine.locality = locality as Locality;
    const response = this.#execute(bytes.subarray(PREFIX_SIZE));
    const size = new ByteWriter('big', 4).u32(response.length).finish();
    return concat(size, response, new Uint8Array(4));
  }

  #execute(command: Uint8Array): Uint8Array {
    const machine = this.#machine;
    const own = machine.running && command.length >= HEADER_SIZE && u32At(command, 6) === SET_LOCALITY;
    return own ? header(TPM_ST.NO_SESSIONS, HEADER_SIZE, this.#setLocality(command)) : machine.execute(command);
  }

  #setLocality(command: Uint8Array): number {
    const locality = command[HEADER_SIZE];
    if (locality === undefined) return TPM_RC.INSUFFICIENT;
    if (!this.#rules.allowSetLocality) return TPM_RC.FAILURE;
    if (locality > highestLocality(this.#rules)) return BAD_LOCALITY;
    this.#machine.locality = locality as Locality;
    return 0;
  }
}
