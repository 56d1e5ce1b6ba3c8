/**
 * Server side of the Microsoft TPM 2.0 simulator's TCP protocol: commands on one port, platform signals on the next. Integers
 * are big-endian; every message is acknowledged by a 32-bit zero, an unknown one by a one.
 */
import { concat, u32At } from '../../../src/bytes/bytes.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import { TPMA_CC } from '../../../src/tpm2/attributes.ts';
import { commandByCode } from '../../../src/tpm2/commands.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { Locality } from '../../../src/tpm2/transport.ts';
import { type Answer, type Conversation, joined } from './conversation.ts';
import type { TpmMachine } from './machine.ts';

/** Message numbers of both ports. */
export const SIGNAL = {
  POWER_ON: 1,
  POWER_OFF: 2,
  PHYS_PRES_ON: 3,
  PHYS_PRES_OFF: 4,
  HASH_START: 5,
  HASH_DATA: 6,
  HASH_END: 7,
  SEND_COMMAND: 8,
  CANCEL_ON: 9,
  CANCEL_OFF: 10,
  NV_ON: 11,
  NV_OFF: 12,
  KEY_CACHE_ON: 13,
  KEY_CACHE_OFF: 14,
  REMOTE_HANDSHAKE: 15,
  RESET: 17,
  RESTART: 18,
  SESSION_END: 20,
  STOP: 21,
  TEST_FAILURE_MODE: 30,
} as const;

const SERVER_VERSION = 1;
/** Platform port present, raw mode, physical presence. */
const ENDPOINT = 0x01 | 0x04 | 0x08;
/** Longest data of a message: more than any command, bounded. */
const MAX_DATA = 1 << 16;
const ACK = new Uint8Array(4);
const UNKNOWN = new Uint8Array([0, 0, 0, 1]);

const u32 = (value: number): Uint8Array => new ByteWriter('big', 4).u32(value).finish();

/** A message: bytes of fixed fields, whether the last of them is the length of data, and what it does. */
interface Row {
  readonly size: number;
  readonly data?: true;
  readonly end?: 'connection' | 'server';
  answer(machine: TpmMachine, fields: Uint8Array): Uint8Array;
}

/** A message that only acknowledges after `act`. */
const signal = (act: (machine: TpmMachine) => void): Row => ({
  size: 0,
  answer(machine) {
    act(machine);
    return ACK;
  },
});
const quiet = (end: 'connection' | 'server'): Row => ({ size: 0, end, answer: () => new Uint8Array(0) });

function sendCommand(machine: TpmMachine, fields: Uint8Array): Uint8Array {
  const locality = fields[0] ?? 0;
  if (locality <= 4) machine.locality = locality as Locality;
  const response = perform(machine, fields.slice(5));
  return concat(u32(response.length), response, ACK);
}

/** A TPM without power answers nothing; one without its storage refuses what writes to it. */
function perform(machine: TpmMachine, command: Uint8Array): Uint8Array {
  if (!machine.running) return new Uint8Array(0);
  if (!machine.nvAvailable && command.length >= 10) {
    const row = commandByCode(u32At(command, 6));
    if (row !== undefined && (row.attributes & TPMA_CC.nv) !== 0) {
      return concat(new Uint8Array([0x80, 0x01, 0, 0, 0, 10]), u32(TPM_RC.NV_UNAVAILABLE));
    }
  }
  return machine.execute(command);
}

const HASH_ROWS: readonly (readonly [number, Row])[] = [
  [SIGNAL.HASH_START, signal((machine) => machine.hashStart())],
  [
    SIGNAL.HASH_DATA,
    {
      size: 4,
      data: true,
      answer(machine, fields) {
        machine.hashData(fields.slice(4));
        return ACK;
      },
    },
  ],
  [SIGNAL.HASH_END, signal((machine) => machine.hashEnd())],
];

const COMMAND_ROWS: ReadonlyMap<number, Row> = new Map<number, Row>([
  ...HASH_ROWS,
  [SIGNAL.SEND_COMMAND, { size: 5, data: true, answer: sendCommand }],
  [SIGNAL.REMOTE_HANDSHAKE, { size: 4, answer: () => concat(u32(SERVER_VERSION), u32(ENDPOINT), ACK) }],
  [SIGNAL.SESSION_END, quiet('connection')],
  [SIGNAL.STOP, quiet('server')],
]);

const NOTHING = signal(() => undefined);

const PLATFORM_ROWS: ReadonlyMap<number, Row> = new Map<number, Row>([
  ...HASH_ROWS,
  // Power that is on already stays on: only off and on again is a cycle.
  [SIGNAL.POWER_ON, signal((machine) => (machine.running ? undefined : machine.powerOn()))],
  [
    SIGNAL.POWER_OFF,
    signal((machine) => {
      machine.running = false;
    }),
  ],
  [SIGNAL.PHYS_PRES_ON, NOTHING],
  [SIGNAL.PHYS_PRES_OFF, NOTHING],
  [SIGNAL.CANCEL_ON, NOTHING],
  [SIGNAL.CANCEL_OFF, NOTHING],
  [
    SIGNAL.NV_ON,
    signal((machine) => {
      machine.nvAvailable = true;
    }),
  ],
  [
    SIGNAL.NV_OFF,
    signal((machine) => {
      machine.nvAvailable = false;
    }),
  ],
  [SIGNAL.KEY_CACHE_ON, NOTHING],
  [SIGNAL.KEY_CACHE_OFF, NOTHING],
  [SIGNAL.RESET, signal((machine) => (machine.running ? machine.powerOn() : undefined))],
  [SIGNAL.RESTART, signal((machine) => (machine.running ? machine.powerOn() : undefined))],
  [SIGNAL.TEST_FAILURE_MODE, signal((machine) => machine.fail())],
  [SIGNAL.SESSION_END, quiet('connection')],
  [SIGNAL.STOP, quiet('server')],
]);

/** One connection to the command or the platform port. */
export class MssimConversation implements Conversation {
  readonly #machine: TpmMachine;
  readonly #rows: ReadonlyMap<number, Row>;
  #received: Uint8Array = new Uint8Array(0);

  constructor(machine: TpmMachine, port: 'command' | 'platform') {
    this.#machine = machine;
    this.#rows = port === 'command' ? COMMAND_ROWS : PLATFORM_ROWS;
  }

  receive(chunk: Uint8Array): Answer {
    let bytes = concat(this.#received, chunk);
    const replies: Uint8Array[] = [];
    while (bytes.length >= 4) {
      const row = this.#rows.get(u32At(bytes, 0));
      if (row === undefined) {
        replies.push(UNKNOWN);
        bytes = bytes.slice(4);
        continue;
      }
      let size = 4 + row.size;
      if (bytes.length < size) break;
      if (row.data) {
        const length = u32At(bytes, size - 4);
        // No TPM takes this much: the connection is given up instead of the memory.
        if (length > MAX_DATA) return joined(replies, 'connection');
        size += length;
        if (bytes.length < size) break;
      }
      replies.push(row.answer(this.#machine, bytes.subarray(4, size)));
      bytes = bytes.slice(size);
      if (row.end !== undefined) return joined(replies, row.end);
    }
    this.#received = bytes;
    return joined(replies);
  }
}
