/**
 * The embedded TPM and swtpm with a client each. Sessions have random nonces, so the same bytes cannot go to both: the same
 * steps do, and what comes of them must be the same.
 */
import { expect } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C } = T;
const EMPTY = new Uint8Array(0);

/** One of the two TPMs. */
export interface Side {
  readonly client: T.Tpm2Client;
  /** Nonces and salts: their values do not matter, only that they are never repeated. */
  readonly random: T.RandomBytes;
  readonly name: 'ours' | 'theirs';
}

function counting(label: string): T.RandomBytes {
  let counter = 0;
  return (size) => {
    const blocks = Math.ceil(size / 64);
    const out = new Uint8Array(blocks * 64);
    for (let i = 0; i < blocks; i++) out.set(hash('sha512', utf8(`${label} ${counter++}`)), i * 64);
    return out.slice(0, size);
  };
}

/** Values as text: bytes in hexadecimal. */
function shown(value: unknown): string {
  return (
    JSON.stringify(value, (_, one) => {
      if (one instanceof Uint8Array) return toHex(one);
      return typeof one === 'bigint' ? one.toString() : one;
    }) ?? 'undefined'
  );
}

/** What came of some steps: their value, or how the TPM refused. */
async function outcome(act: () => Promise<unknown>): Promise<string> {
  try {
    return shown(await act());
  } catch (error) {
    if (error instanceof T.TpmError) return error.message;
    if (error instanceof FormatError) return `wrong response: ${error.message}`;
    throw error;
  }
}

/** Both sides and what they disagree about. */
export class Sides {
  readonly pair: TpmPair;
  readonly #sides: readonly [Side, Side];
  readonly #differences: string[] = [];

  private constructor(pair: TpmPair) {
    this.pair = pair;
    this.#sides = [
      { client: new T.Tpm2Client(pair.ours), random: counting('ours'), name: 'ours' },
      { client: new T.Tpm2Client(pair.theirs), random: counting('theirs'), name: 'theirs' },
    ];
  }

  /** Two started TPMs. */
  static async start(): Promise<Sides> {
    const sides = new Sides(await TpmPair.start());
    await sides.agree('startup', ({ client }) => client.call(C.Startup, { startupType: 0 }));
    return sides;
  }

  /** Power cycle and TPM2_Startup; `shutdown` before it where given. */
  async restart(startupType: number, shutdownType?: number): Promise<void> {
    if (shutdownType !== undefined) {
      await this.agree('shutdown', ({ client }) => client.call(C.Shutdown, { shutdownType }));
    }
    await this.pair.both((tpm) => tpm.powerOn());
    await this.agree('startup', ({ client }) => client.call(C.Startup, { startupType }));
  }

  /** Performs the same steps on both; a difference in what comes of them is remembered. */
  async agree(label: string, act: (side: Side) => Promise<unknown>): Promise<void> {
    const [ours, theirs] = this.#sides;
    const a = await outcome(() => act(ours));
    const b = await outcome(() => act(theirs));
    const { peer } = this.pair;
    if (this.pair.differs(label, a, b)) this.#differences.push(`${label}:\n  ours  ${a}\n  ${peer} ${b}`);
  }

  /** Fails with every difference seen since the last call. */
  check(): void {
    expect(this.#differences.splice(0).join('\n')).toBe('');
  }

  async stop(): Promise<void> {
    await this.pair.stop();
  }
}

/** A bare policy or trial session; its handle. */
export async function policySession(side: Side, type: number, authHash: number = T.TPM_ALG.SHA256): Promise<number> {
  return (await T.ClientSession.start(side.client, { type, authHash, random: side.random })).handle;
}

/** Runs `act` in a new policy session and flushes it; the value of `act`. */
export async function inPolicy<R>(
  side: Side,
  act: (policySession: number) => Promise<R>,
  type: number = T.TPM_SE.POLICY,
  authHash: number = T.TPM_ALG.SHA256,
): Promise<R> {
  const handle = await policySession(side, type, authHash);
  try {
    return await act(handle);
  } finally {
    await side.client.call(C.FlushContext, { flushHandle: handle }).catch(() => undefined);
  }
}

/** Digest of a policy session. */
export const digestOf = async (side: Side, handle: number): Promise<Uint8Array> =>
  (await side.client.call(C.PolicyGetDigest, { policySession: handle })).policyDigest;

/** The response code of a command in words, or `done`: for steps whose refusal is not the end. */
export async function status(command: Promise<unknown>): Promise<string> {
  return outcome(async () => {
    await command;
    return 'done';
  });
}

/** A primary object; its handle and Name. */
export async function primary(
  side: Side,
  inPublic: T.TPMT_PUBLIC,
  {
    hierarchy = T.TPM_RH.OWNER,
    userAuth = EMPTY,
    data = EMPTY,
  }: { hierarchy?: number; userAuth?: Uint8Array; data?: Uint8Array } = {},
): Promise<{ handle: number; name: Uint8Array; publicArea: T.TPMT_PUBLIC }> {
  const made = await side.client.call(C.CreatePrimary, {
    primaryHandle: hierarchy,
    inSensitive: { userAuth, data },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  return { handle: made.objectHandle, name: made.name, publicArea: made.outPublic };
}

/** A session with fresh nonces. */
export const startSession = (side: Side, options: Omit<T.SessionOptions, 'random'> = {}): Promise<T.ClientSession> =>
  T.ClientSession.start(side.client, { ...options, random: side.random });

/** TPM2_FlushContext. */
export const flush = (side: Side, flushHandle: number) => side.client.call(C.FlushContext, { flushHandle });

/** Template of sealed data. */
export const sealed = (objectAttributes: number, authPolicy: Uint8Array = EMPTY): T.TPMT_PUBLIC => ({
  type: T.TPM_ALG.KEYEDHASH,
  nameAlg: T.TPM_ALG.SHA256,
  objectAttributes: objectAttributes | T.TPMA_OBJECT.fixedTPM | T.TPMA_OBJECT.fixedParent,
  authPolicy,
  parameters: { scheme: { scheme: T.TPM_ALG.NULL } },
  unique: EMPTY,
});
