/** Commands of swtpm's control channel: their fields and answers. Facts as in swtpm-control.ts. */
import { concat, utf8 } from '../../../src/bytes/bytes.ts';
import { FormatError } from '../../../src/bytes/errors.ts';
import type { ByteReader } from '../../../src/bytes/reader.ts';
import { ByteWriter } from '../../../src/bytes/writer.ts';
import type { Locality } from '../../../src/tpm2/transport.ts';
import { bufferLimits } from '../sizes.ts';
import { decodeSnapshot, type Snapshot } from '../snapshot.ts';
import type { Descriptor } from './conversation.ts';
import type { TpmMachine } from './machine.ts';
import { DEFAULT_RULES, highestLocality, type LocalityRules } from './swtpm-data.ts';
import { tpmInfo } from './swtpm-info.ts';
import { begin, blobStream, hashStream, type Reply } from './swtpm-stream.ts';

/** Result codes of TPM 1.2, which the channel uses. */
export const RESULT = {
  SUCCESS: 0,
  BAD_PARAMETER: 0x03,
  FAIL: 0x09,
  BAD_ORDINAL: 0x0a,
  IOERROR: 0x1f,
  BAD_LOCALITY: 0x3d,
  RETRY: 0x800,
} as const;

/** Every capability bit of swtpm 0.7.1, including commands with the TCG header. */
const CAPABILITIES = 0xffffn;
/** Largest state blob taken. */
const MAX_BLOB = 1 << 20;
const BLOB = { PERMANENT: 1, VOLATILE: 2, SAVESTATE: 3 } as const;
const DELETE_VOLATILE = 1;

/** What outlives a control connection: blobs stored or set. */
export class SwtpmStore {
  /** Everything, stored by STORE_VOLATILE or set by SET_STATEBLOB; the next INIT goes on from it. */
  volatile: Uint8Array | undefined;
  /** Permanent state set by SET_STATEBLOB, taken by the next INIT. */
  permanent: Snapshot | undefined;
  /** Where commands come from: a socket of their own, or a descriptor that SET_DATAFD brings, has brought, cannot bring. */
  data: 'socket' | 'awaited' | 'open' = 'socket';
  /** Localities that clients may take (`--locality`). */
  locality: LocalityRules = DEFAULT_RULES;
  /** Told in words why something was refused that the client cannot know. */
  say: (text: string) => void = () => undefined;
}

/** What one command needs to be answered. */
export interface Call {
  readonly machine: TpmMachine;
  readonly store: SwtpmStore;
  readonly fields: ByteReader;
  readonly descriptor: Descriptor;
  /** The descriptor becomes the data channel. */
  readonly adopt: () => void;
}

/** A command. */
export interface Row {
  /** Bytes of the fixed fields. */
  readonly size: number;
  /** A message without all of them is answered at once; the rest of the others is waited for. */
  readonly hasty?: true;
  /** The last fixed field is the length of data that follows. */
  readonly data?: true;
  /** Bytes beyond the fields are an error (the others ignore them). */
  readonly exact?: true;
  /** Refused while the TPM is stopped. */
  readonly running?: true;
  readonly end?: 'server';
  answer(call: Call): Reply;
}

/** Fields of an answer. */
export const u32 = (...values: readonly number[]): Uint8Array => {
  const writer = new ByteWriter('big', 4 * values.length);
  for (const value of values) writer.u32(value);
  return writer.finish();
};
const OK = (): Uint8Array => u32(RESULT.SUCCESS);

/** Does something and answers success. */
const after =
  (act: (machine: TpmMachine) => void) =>
  ({ machine }: Call): Uint8Array => {
    act(machine);
    return OK();
  };

function init({ machine, store, fields }: Call): Uint8Array {
  const flags = fields.u32('init_flags');
  const stored = store.volatile;
  if ((flags & DELETE_VOLATILE) !== 0) store.volatile = undefined;
  if (store.permanent !== undefined) machine.restore(store.permanent);
  store.permanent = undefined;
  machine.locality = 0;
  if (stored === undefined) machine.powerOn();
  // A machine that was suspended finds the time that passed meanwhile on the TPM's clocks, as in swtpm.
  else machine.restore(decodeSnapshot(stored), true);
  return machine.engine.state.failure === undefined ? OK() : u32(RESULT.FAIL);
}

function setLocality({ machine, store, fields }: Call): Uint8Array {
  const locality = fields.u8('loc');
  if (locality > highestLocality(store.locality)) return u32(RESULT.BAD_LOCALITY);
  machine.locality = locality as Locality;
  return OK();
}

function resetEstablished({ machine, fields }: Call): Uint8Array {
  const locality = fields.u8('loc');
  // The TIS lets only the code of a dynamic launch clear the bit.
  if (locality !== 3 && locality !== 4) return u32(RESULT.BAD_LOCALITY);
  machine.engine.resetEstablished();
  return OK();
}

function getStateBlob({ machine, fields }: Call): Uint8Array {
  fields.u32('state_flags');
  const type = fields.u32('type');
  const offset = fields.u32('offset');
  if (type !== BLOB.PERMANENT && type !== BLOB.VOLATILE) return u32(RESULT.RETRY, 0, 0, 0);
  const blob = type === BLOB.PERMANENT ? machine.permanentBlob() : machine.volatileBlob();
  const part = blob.subarray(offset);
  // Past the end there is nothing, not even a total.
  if (part.length === 0) return u32(RESULT.SUCCESS, 0, 0, 0);
  return concat(u32(RESULT.SUCCESS, 0, part.length, part.length), part);
}

function setStateBlob({ machine, store, fields }: Call): Reply {
  fields.u32('state_flags');
  const type = fields.u32('type');
  const length = fields.u32('length');
  if (machine.running) return u32(RESULT.BAD_ORDINAL);
  const wrong = (): Uint8Array => u32(RESULT.BAD_PARAMETER);
  return begin(
    blobStream(length, MAX_BLOB, (data) => keepBlob(store, type, data), wrong),
    fields.rest(),
  );
}

function keepBlob(store: SwtpmStore, type: number, data: Uint8Array): Uint8Array {
  if (type < BLOB.PERMANENT || type > BLOB.SAVESTATE) return u32(RESULT.BAD_PARAMETER);
  if (data.length === 0) {
    if (type === BLOB.VOLATILE) store.volatile = undefined;
    return OK();
  }
  try {
    const snapshot = decodeSnapshot(data);
    if (type === BLOB.PERMANENT) store.permanent = snapshot;
    else if (type === BLOB.VOLATILE) store.volatile = data;
    else return u32(RESULT.BAD_PARAMETER);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return u32(RESULT.BAD_PARAMETER);
  }
  return OK();
}

function setDataFd({ store, descriptor, adopt }: Call): Uint8Array {
  if (store.data !== 'awaited') return u32(RESULT.IOERROR);
  if (descriptor === 'impossible') {
    store.say(`SET_DATAFD: Node ${process.version} cannot receive a descriptor here; serve the commands on a socket`);
    return u32(RESULT.IOERROR);
  }
  if (descriptor === 'none') return u32(RESULT.BAD_PARAMETER);
  store.data = 'open';
  adopt();
  return OK();
}

function setBufferSize({ machine, fields }: Call): Uint8Array {
  const wanted = fields.u32('buffersize');
  if (wanted !== 0 && machine.running) return u32(RESULT.BAD_ORDINAL);
  const { min, max } = bufferLimits(machine.engine.config);
  if (wanted !== 0) machine.engine.bufferSize = Math.min(Math.max(wanted, min), max);
  return u32(RESULT.SUCCESS, machine.engine.bufferSize, min, max);
}

function getInfo({ machine, fields }: Call): Uint8Array {
  const flags = fields.u64('flags');
  const offset = fields.u32('offset');
  const text = concat(utf8(tpmInfo(machine.engine.config, flags)), new Uint8Array(1));
  if (offset >= text.length) return u32(RESULT.BAD_PARAMETER);
  const part = text.subarray(offset);
  return concat(u32(RESULT.SUCCESS, text.length, part.length), part);
}

function hashData({ machine, fields }: Call): Reply {
  const length = fields.u32('length');
  const cut = (): Uint8Array => u32(RESULT.IOERROR);
  return begin(
    hashStream(length, (part) => machine.hashData(part), OK, cut),
    fields.rest(),
  );
}

/** Commands by number. LOCK_STORAGE (0x13) came after 0.7.1 and is unknown, as there. */
export const ROWS: ReadonlyMap<number, Row> = new Map<number, Row>([
  [1, { size: 0, answer: () => new ByteWriter('big', 8).u64(CAPABILITIES).finish() }],
  [2, { size: 4, exact: true, answer: init }],
  [3, { size: 0, exact: true, end: 'server', answer: OK }],
  [
    4,
    {
      size: 0,
      exact: true,
      running: true,
      answer: ({ machine }) => u32(0, machine.engine.state.tpmEstablished ? 1 << 24 : 0),
    },
  ],
  [5, { size: 1, answer: setLocality }],
  [6, { size: 0, exact: true, running: true, answer: after((machine) => machine.hashStart()) }],
  [7, { size: 4, data: true, running: true, answer: hashData }],
  [8, { size: 0, exact: true, running: true, answer: after((machine) => machine.hashEnd()) }],
  // A command is over before the next message is read: there is never one to cancel.
  [9, { size: 0, exact: true, running: true, answer: OK }],
  [
    10,
    {
      size: 0,
      exact: true,
      running: true,
      answer({ machine, store }) {
        store.volatile = machine.volatileBlob();
        return OK();
      },
    },
  ],
  [11, { size: 1, running: true, answer: resetEstablished }],
  [12, { size: 12, running: true, answer: getStateBlob }],
  [13, { size: 12, data: true, answer: setStateBlob }],
  [
    14,
    {
      size: 0,
      exact: true,
      answer({ machine }) {
        machine.running = false;
        return OK();
      },
    },
  ],
  [15, { size: 0, exact: true, answer: () => u32(RESULT.SUCCESS, 0) }],
  [16, { size: 0, answer: setDataFd }],
  [17, { size: 4, hasty: true, answer: setBufferSize }],
  [18, { size: 16, hasty: true, answer: getInfo }],
]);
