/** NV storage of every type: definition, contents, locks, restarts, room; the same to the embedded TPM and to swtpm. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concat, fromHex } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { by, eight, INDEX, nvCommands, OPEN, OWNER, PLATFORM, SELF, sizeOf, TYPES, typed } from './tpm-nv-commands.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_NV: NV, TPM_NT: NT, encodeCommand: encode } = T;
const EMPTY = new Uint8Array(0);
const d20 = new Uint8Array(20).fill(1);
const d32 = new Uint8Array(32).fill(2);
let KEPT = 0x01600000;

let pair: TpmPair;
beforeAll(async () => {
  pair = await TpmPair.start();
  await same('start', encode(C.Startup, { startupType: 0 }));
});
afterAll(() => pair.stop());
beforeEach(async () => {
  await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
  const [a] = await gone();
  expect(T.responseCode(a)).toBe(0x18b);
});

const same: TpmPair['same'] = (...args) => pair.same(...args);

const { define, undefine, write, gone, read, increment, extend, setBits, writeLock, readLock, globalLock, publicArea } =
  nvCommands(same);

async function restart(down: number | undefined, up: number): Promise<void> {
  if (down !== undefined) await same('shutdown', encode(C.Shutdown, { shutdownType: down }));
  await pair.both((tpm) => tpm.powerOn());
  if (up === 1) await pair.sameResume('resume');
  else await same('start', encode(C.Startup, { startupType: 0 }));
}

describe('definition', () => {
  it.each(Array.from({ length: 16 }, (_, type) => type))('type %i with every attribute', async (type) => {
    for (let bit = 0; bit < 32; bit++) {
      if (bit >= 4 && bit <= 7) continue;
      for (const base of [0x02060002, 0x42010001]) {
        for (const authHandle of [RH.OWNER, RH.PLATFORM]) {
          const attributes = typed(type, base ^ (1 << bit));
          // What only a policy removes stays: it gets a place of its own.
          const nvIndex = (attributes & NV.policyDelete) === 0 ? INDEX : KEPT++;
          const [a] = await define(attributes, { authHandle, nvIndex });
          if (T.responseCode(a) !== 0) continue;
          await publicArea(nvIndex);
          await undefine(RH.OWNER, nvIndex);
          await undefine(RH.PLATFORM, nvIndex);
        }
      }
    }
  });

  it.each(Object.entries(TYPES))('sizes and algorithms of %s', async (_, type) => {
    const attributes = typed(type, 0x02060002);
    for (const dataSize of [0, 1, 7, 8, 9, 20, 32, 48, 64, 2048]) {
      for (const nameAlg of [A.SHA1, A.SHA256, A.SHA384, A.SHA512]) {
        for (const all of [0, NV.writeAll]) {
          await define(attributes | all, { dataSize, nameAlg });
          await undefine();
        }
      }
    }
    for (const dataSize of [1024, 1025, 2049]) await define(attributes | NV.writeAll, { dataSize });
    for (const nameAlg of [A.NULL, 0x12, 1]) await define(attributes, { nameAlg });
    for (const size of [1, 20, 32, 33]) await define(attributes, { authPolicy: new Uint8Array(size) });
    for (const size of [20, 32, 33, 64]) {
      await define(attributes, { auth: new Uint8Array(size).fill(1), nvIndex: INDEX + 1 });
      await undefine(RH.OWNER, INDEX + 1);
    }
    for (const nvIndex of [0x00ffffff, 0x01000000, 0x01ffffff, 0x02000000]) {
      await define(attributes, { nvIndex });
      await undefine(RH.OWNER, nvIndex);
    }
  });

  it('who may remove what', async () => {
    await define(OPEN);
    await define(OPEN);
    await undefine(RH.ENDORSEMENT);
    await undefine(RH.PLATFORM);
    await undefine(RH.OWNER);
    await define(OPEN | NV.platformCreate, { authHandle: RH.PLATFORM });
    await undefine(RH.OWNER);
    await undefine(RH.PLATFORM);
    const special = (authHandle: number) =>
      same('special', encode(C.NV_UndefineSpaceSpecial, { nvIndex: INDEX, platform: authHandle }, [EMPTY, EMPTY]));
    await special(RH.PLATFORM);
    await define(OPEN);
    await special(RH.PLATFORM);
    await special(RH.OWNER);
  });

  it('what only a policy removes', async () => {
    const commandCode = (code: number) =>
      hash('sha256', concat(new Uint8Array(32), fromHex(`0000016c${code.toString(16).padStart(8, '0')}`)));
    const nvIndex = INDEX + 0x100;
    const authPolicy = commandCode(C.NV_UndefineSpaceSpecial.code);
    await define(OPEN | NV.policyDelete, { nvIndex, authPolicy });
    await define(OPEN | NV.platformCreate | NV.policyDelete, { authHandle: RH.PLATFORM, nvIndex, authPolicy });
    await undefine(RH.PLATFORM, nvIndex);
    const session = 0x03000000;
    const policy = async (code: number) => {
      const start = {
        tpmKey: RH.NULL,
        bind: RH.NULL,
        nonceCaller: d20,
        encryptedSalt: EMPTY,
        sessionType: T.TPM_SE.POLICY,
        symmetric: { algorithm: A.NULL },
        authHash: A.SHA256,
      } as const;
      await same('session', encode(C.StartAuthSession, start), 'shape');
      await same('policy', encode(C.PolicyCommandCode, { policySession: session, code }));
    };
    for (const code of [C.NV_UndefineSpace.code, C.NV_UndefineSpaceSpecial.code]) {
      await policy(code);
      const special = encode(C.NV_UndefineSpaceSpecial, { nvIndex, platform: RH.PLATFORM }, [{ session }, EMPTY]);
      await same('special', special, 'shape');
      await publicArea(nvIndex);
      await same('flush', encode(C.FlushContext, { flushHandle: session }));
    }
    await define(OPEN, { authPolicy: commandCode(C.NV_ChangeAuth.code) });
    const change = (newAuth: Uint8Array) => encode(C.NV_ChangeAuth, { nvIndex: INDEX, newAuth }, [{ session }]);
    for (const size of [33, 32, 5]) {
      await policy(C.NV_ChangeAuth.code);
      await same('change', change(new Uint8Array(size).fill(1)), 'shape');
      await same('flush', encode(C.FlushContext, { flushHandle: session }));
      for (const length of [0, 5, 32]) await write(by(INDEX, new Uint8Array(length).fill(1)), eight(1));
    }
    await same(
      'change by value',
      encode(C.NV_ChangeAuth, { nvIndex: INDEX, newAuth: d20 }, [new Uint8Array(5).fill(1)]),
    );
  });

  it('until the memory is full', async () => {
    const avail = () => same('room', encode(C.GetCapability, { capability: 6, property: 0x202, propertyCount: 11 }));
    let n = 0;
    for (const size of [2048, 500, 100, 10, 1, 0]) {
      for (let i = 0; i < 200; i++) {
        const [a] = await define(OPEN, { nvIndex: INDEX + n, dataSize: size });
        if (T.responseCode(a) !== 0) break;
        n++;
      }
      await avail();
    }
    // There is always room for a few counters.
    for (let i = 0; i < 30; i++) {
      await define(typed(NT.COUNTER), { nvIndex: INDEX + 0x1000 + i });
      await avail();
    }
    for (let i = 0; i < n; i += 7) await undefine(RH.OWNER, INDEX + i);
    await avail();
  });

  it('until the memory of orderly indices is full', async () => {
    const avail = () => same('room', encode(C.GetCapability, { capability: 6, property: 0x202, propertyCount: 11 }));
    await define(OPEN | NV.orderly, { dataSize: 501 });
    let n = 0;
    for (const size of [200, 60, 8, 1]) {
      for (let i = 0; i < 30; i++) {
        const [a] = await define(OPEN | NV.orderly, { nvIndex: INDEX + n, dataSize: size });
        await avail();
        if (T.responseCode(a) !== 0) break;
        n++;
      }
    }
    await define(typed(NT.COUNTER) | NV.orderly, { nvIndex: INDEX + 0x1000 });
  });
});

describe('contents', () => {
  it.each(Object.entries(TYPES))('every command on %s', async (_, type) => {
    const pin = type === NT.PIN_FAIL || type === NT.PIN_PASS;
    for (const orderly of [0, NV.orderly]) {
      await define(typed(type, pin ? OPEN & ~NV.authWrite : OPEN) | orderly);
      for (const round of [1, 2]) {
        for (const who of [OWNER, PLATFORM, SELF, by(INDEX, d20), by(RH.OWNER, d20), by(RH.ENDORSEMENT)]) {
          await read(who);
          await increment(who);
          await extend(who, d20);
          await setBits(who, BigInt.asUintN(64, 0x8000_0000_0000_0001n << BigInt(round)));
          await write(who, eight(round));
          await read(who);
        }
        await publicArea();
      }
      await read(OWNER, 8, 0);
      await read(OWNER, 9, 0);
      await read(OWNER, 4, 5);
      await extend(OWNER, EMPTY);
      await extend(OWNER, new Uint8Array(1024));
      await read(OWNER, sizeOf(type), 0);
      await undefine();
    }
  });

  it('partial writes of an ordinary index', async () => {
    for (const orderly of [0, NV.orderly]) {
      for (const all of [0, NV.writeAll]) {
        await define(OPEN | orderly | all, { dataSize: 40 });
        await write(OWNER, EMPTY, 0);
        await read(OWNER, 40);
        await write(OWNER, d20, 10);
        await read(OWNER, 40);
        await write(OWNER, d20, 21);
        await write(OWNER, EMPTY, 40);
        await write(OWNER, EMPTY, 41);
        await write(OWNER, new Uint8Array(40).fill(7), 0);
        await write(OWNER, d20, 20);
        await read(OWNER, 40);
        for (const [size, offset] of [
          [0, 40],
          [0, 41],
          [1, 40],
          [41, 0],
          [1025, 0],
        ] as const)
          await read(OWNER, size, offset);
        await undefine();
      }
    }
  });

  it.each([
    ['owner only', NV.ownerRead | NV.ownerWrite],
    ['platform only', NV.ppRead | NV.ppWrite],
    ['own value only', NV.authRead | NV.authWrite],
    ['policy only', NV.policyRead | NV.policyWrite],
    ['read by all, written by owner', NV.ownerRead | NV.ppRead | NV.authRead | NV.ownerWrite],
  ])('access: %s', async (_, attributes) => {
    await define(attributes | NV.noDA | NV.writeStClear | NV.readStClear, { auth: d20, authPolicy: d32 });
    for (const who of [OWNER, PLATFORM, by(INDEX, d20), SELF]) {
      await write(who, eight(1));
      await read(who);
      await readLock(who);
      await writeLock(who);
      await publicArea();
    }
  });

  it('an index authorised by another index', async () => {
    await define(OPEN);
    await define(OPEN, { nvIndex: INDEX + 1 });
    for (const [authHandle, nvIndex] of [
      [INDEX, INDEX + 1],
      [INDEX + 1, INDEX],
      [INDEX, INDEX + 2],
    ] as const) {
      const who = by(authHandle, EMPTY, nvIndex);
      await write(who, eight(1));
      await read(who);
      await writeLock(who);
    }
  });

  it('counters never repeat a value', async () => {
    await define(typed(NT.COUNTER));
    for (let i = 0; i < 5; i++) await increment(OWNER);
    await read(OWNER);
    await undefine();
    await define(typed(NT.COUNTER), { nvIndex: INDEX + 1 });
    await read(by(RH.OWNER, EMPTY, INDEX + 1));
    await undefine(RH.OWNER, INDEX + 1);
    for (const nvIndex of [INDEX, INDEX + 1]) {
      await define(typed(NT.COUNTER), { nvIndex });
      await increment(by(RH.OWNER, EMPTY, nvIndex));
      await read(by(RH.OWNER, EMPTY, nvIndex));
    }
    await increment(OWNER);
    await same('clear', encode(C.Clear, { authHandle: RH.PLATFORM }));
    await define(typed(NT.COUNTER));
    await increment(OWNER);
    await read(OWNER);
  });
});

describe('locks', () => {
  const LOCKS = {
    none: 0,
    define: NV.writeDefine,
    stclear: NV.writeStClear,
    both: NV.writeDefine | NV.writeStClear,
    global: NV.globalLock,
    read: NV.readStClear,
  };
  for (const [name, lock] of Object.entries(LOCKS)) {
    for (const orderly of [0, NV.orderly]) {
      it.each([
        ['reset', 0, 0],
        ['restart', 1, 0],
        ['resume', 1, 1],
        ['no shutdown', undefined, 0],
      ] as const)(`${name}${orderly ? ', orderly' : ''}: %s`, async (_, down, up) => {
        for (const written of [false, true]) {
          await define(OPEN | lock | orderly);
          if (written) await write(OWNER, eight(1));
          await writeLock(OWNER);
          await writeLock(OWNER);
          await readLock(OWNER);
          await readLock(by(RH.ENDORSEMENT));
          await readLock(OWNER);
          await globalLock(RH.OWNER);
          await globalLock(RH.PLATFORM);
          await write(OWNER, eight(2));
          await read(OWNER);
          await publicArea();
          await restart(down, up);
          await publicArea();
          await write(OWNER, eight(3));
          await read(OWNER);
          await publicArea();
          await undefine();
        }
      });
    }
  }
});

describe('restarts', () => {
  for (const [name, type] of Object.entries(TYPES)) {
    it.each([
      ['reset', 0, 0],
      ['restart', 1, 0],
      ['resume', 1, 1],
      ['no shutdown', undefined, 0],
    ] as const)(`${name}: %s`, async (_, down, up) => {
      const pin = type === NT.PIN_FAIL || type === NT.PIN_PASS;
      const base = typed(type, pin ? OPEN & ~NV.authWrite : OPEN);
      const change = async (n: number) => {
        await increment(OWNER);
        await extend(OWNER, d20);
        await setBits(OWNER, BigInt(n));
        await write(OWNER, eight(n));
      };
      for (const extra of [0, NV.orderly, NV.clearStClear, NV.orderly | NV.clearStClear]) {
        const [a] = await define(base | extra);
        if (T.responseCode(a) !== 0) continue;
        await change(1);
        await change(2);
        await read(OWNER);
        await restart(down, up);
        await publicArea();
        await read(OWNER);
        await change(4);
        await read(OWNER);
        await restart(undefined, 0);
        await publicArea();
        await read(OWNER);
        await undefine();
      }
    });
  }

  it('an orderly counter that rolls over', async () => {
    await define(typed(NT.COUNTER) | NV.orderly);
    for (let i = 0; i < 300; i++) await increment(OWNER);
    await read(OWNER);
    await restart(undefined, 0);
    await read(OWNER);
    await increment(OWNER);
    await read(OWNER);
    await restart(undefined, 0);
    await read(OWNER);
    await restart(0, 0);
    await read(OWNER);
    await undefine();
    await define(typed(NT.COUNTER));
    await increment(OWNER);
    await read(OWNER);
  });

  it('a write after TPM2_Shutdown(STATE)', async () => {
    await define(OPEN);
    await define(OPEN | NV.orderly, { nvIndex: INDEX + 1 });
    for (const nvIndex of [INDEX, INDEX + 1]) {
      await same('shutdown', encode(C.Shutdown, { shutdownType: 1 }));
      await write(by(RH.OWNER, EMPTY, nvIndex), eight(1));
      await restart(undefined, 1);
      await read(by(RH.OWNER, EMPTY, nvIndex));
    }
  });
});

describe('PIN indices', () => {
  const pins = (count: number, limit: number) => new Uint8Array([0, 0, 0, count, 0, 0, 0, limit]);
  it.each([
    ['PIN fail', NT.PIN_FAIL],
    ['PIN pass', NT.PIN_PASS],
  ])('%s counts', async (_, type) => {
    await define(typed(type, OPEN & ~NV.authWrite), { auth: d20 });
    const self = by(INDEX, d20);
    const wrong = by(INDEX, d32);
    await read(self);
    await write(OWNER, pins(0, 3));
    for (const who of [self, wrong, self, wrong, wrong, self, wrong, self, self]) {
      await read(who);
      await read(OWNER);
    }
    await write(OWNER, pins(2, 3));
    for (const who of [wrong, self]) {
      await read(who);
      await read(OWNER);
    }
    await write(OWNER, pins(0, 0));
    await read(self);
    await write(OWNER, pins(9, 3));
    await read(self);
    await read(OWNER);
  });
});

describe('NV_Certify', () => {
  it('contents, their digest, and what it refuses', async () => {
    const create = encode(C.CreatePrimary, {
      primaryHandle: RH.ENDORSEMENT,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic: T.AK_ECC_P256,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    await same('key', create, 'shape');
    await define(OPEN, { dataSize: 40 });
    const certify = async (
      size: number,
      offset: number,
      { signHandle = 0x80000000, authHandle = INDEX, inScheme = { scheme: A.NULL } as T.TPMT_SIG_SCHEME } = {},
    ) => {
      const input = { signHandle, authHandle, nvIndex: INDEX, qualifyingData: d20, inScheme, size, offset };
      const answers = await same(`certify ${size} at ${offset}`, encode(C.NV_Certify, input, [EMPTY, EMPTY]), 'shape');
      if (answers.some((answer) => T.responseCode(answer) !== 0)) return;
      const [a, b] = answers.map((answer) => {
        const { type, extraData, attested } = T.decode(T.TPMS_ATTEST, answer.subarray(16, 16 + (answer[15] ?? 0)));
        return { type, extraData, attested };
      });
      expect(a).toEqual(b);
    };
    await certify(8, 0);
    await write(OWNER, new Uint8Array(40).fill(5));
    for (const [size, offset] of [
      [8, 0],
      [0, 0],
      [40, 0],
      [0, 40],
      [0, 41],
      [41, 0],
      [1025, 0],
      [30, 11],
      [65535, 65535],
    ] as const) {
      await certify(size, offset);
    }
    await certify(8, 0, { authHandle: RH.OWNER });
    await certify(8, 0, { authHandle: RH.ENDORSEMENT });
    await certify(8, 0, { signHandle: RH.NULL });
    await certify(0, 0, { signHandle: RH.NULL });
    await certify(0, 0, { signHandle: RH.NULL, inScheme: { scheme: A.ECDSA, hashAlg: A.SHA256 } });
    await certify(8, 0, { inScheme: { scheme: A.ECDSA, hashAlg: A.SHA1 } });
    await pair.flush();
  });
});
