/**
 * Deep states of a TPM and the commands that are right in them: keys and sessions of all kinds are loaded, policies half done,
 * sequences open, contexts saved. A command with an HMAC session is useless once it is changed; so changed parameters are
 * authorised here, while the session's keys are at hand.
 */
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy, type RandomStream } from '../../sim/entropy.ts';
import { EmbeddedTransport } from '../../sim/tpm/embedded.ts';
import { createTpm2 } from '../../sim/tpm/engine.ts';
import type { Snapshot } from '../../sim/tpm/snapshot.ts';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import * as T from '../../src/tpm2/index.ts';
import { mutate } from './mutate.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_OBJECT: O, TPMA_SESSION: S } = T;
const EMPTY = new Uint8Array(0);

/** A state, the command that was sent in it, and others that its sessions vouch for. */
export interface DeepSeed {
  readonly state: Snapshot;
  readonly command: Uint8Array;
  readonly authorised: readonly Uint8Array[];
}

/** Changed versions of each command in an HMAC session. */
const AUTHORISED = 40;

class Scene {
  readonly seeds: DeepSeed[] = [];
  readonly #transport: EmbeddedTransport;
  readonly #client: T.Tpm2Client;
  readonly #random: RandomStream;

  constructor(seed: string) {
    this.#random = new Entropy(seed).stream('deep seeds');
    const engine = createTpm2({
      entropy: new Entropy(seed).stream('tpm'),
      clock: new VirtualClock(),
      config: { endorsementKeys: [] },
    });
    this.#transport = new EmbeddedTransport(engine);
    this.#client = new T.Tpm2Client(this.#transport);
  }

  bytes = (size: number): Uint8Array => this.#random.bytes(size);

  /** Parameters changed before the sessions vouch for them. */
  #changed<In, Out>(row: T.CommandRow<In, Out>, input: In, auth: readonly T.Authorization[], names?: T.EntityNames) {
    const values = input as Readonly<Record<string, unknown>>;
    const writer = new ByteWriter();
    for (const { name, codec } of row.parameters) codec.write(writer, values[name]);
    const whole = writer.finish();
    const [first] = row.parameters;
    if (first === undefined) return [];
    const raw: T.Codec<unknown> = {
      name: first.codec.name,
      read: (reader) => reader.rest(),
      write: (to, value) => void to.bytes(value instanceof Uint8Array ? value : EMPTY),
    };
    const open = { ...row, parameters: [{ name: 'raw', codec: raw }] };
    const out: Uint8Array[] = [];
    for (let i = 0; i < AUTHORISED; i++) {
      const changed = { ...values, raw: mutate(whole, this.#random) };
      try {
        out.push(T.prepareCommand(open as T.CommandRow<unknown, Out>, changed, auth, names).bytes);
      } catch (error) {
        // What cannot be encrypted any more.
        if (!(error instanceof InputError)) throw error;
      }
    }
    return out;
  }

  /** Sends a command and keeps what it was sent in. */
  async call<In, Out>(row: T.CommandRow<In, Out>, input: In, options: T.CallOptions = {}): Promise<Out> {
    const { auth = [], names } = options;
    const state = this.#transport.engine.snapshot();
    const keyed = auth.some((one) => !(one instanceof Uint8Array) && 'with' in one);
    const authorised = keyed ? this.#changed(row, input, auth, names) : [];
    let command: Uint8Array = EMPTY;
    const recorder: T.TpmTransport = {
      transmit: (bytes, locality) => {
        command = bytes.slice();
        return this.#transport.transmit(bytes, locality);
      },
      powerOn: () => this.#transport.powerOn(),
      hashStart: () => this.#transport.hashStart(),
      hashData: (data) => this.#transport.hashData(data),
      hashEnd: () => this.#transport.hashEnd(),
      close: () => this.#transport.close(),
    };
    const out = await new T.Tpm2Client(recorder).call(row, input, options);
    this.seeds.push({ state, command, authorised });
    return out;
  }

  start(options: Omit<T.SessionOptions, 'random'> = {}): Promise<T.ClientSession> {
    return T.ClientSession.start({ call: (row, input, o) => this.call(row, input, o) } as T.Tpm2Client, {
      ...options,
      random: this.bytes,
    });
  }

  flush = (flushHandle: number) => this.call(C.FlushContext, { flushHandle });

  async primary(inPublic: T.TPMT_PUBLIC, userAuth: Uint8Array = EMPTY, data: Uint8Array = EMPTY) {
    const made = await this.call(C.CreatePrimary, {
      primaryHandle: RH.OWNER,
      inSensitive: { userAuth, data },
      inPublic,
      outsideInfo: EMPTY,
      creationPCR: [T.pcrSelection(A.SHA256, [0, 7])],
    });
    return { handle: made.objectHandle, name: made.name, area: made.outPublic };
  }

  /** TPM2_Startup, before anything else; not a seed. */
  begin(): Promise<unknown> {
    return this.#client.call(C.Startup, { startupType: 0 });
  }
}

const USER = O.userWithAuth | O.noDA;
const keyedHash = (objectAttributes: number, scheme: object, authPolicy: Uint8Array = EMPTY): T.TPMT_PUBLIC =>
  ({
    type: A.KEYEDHASH,
    nameAlg: A.SHA256,
    objectAttributes,
    authPolicy,
    parameters: { scheme },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;
const SIGNER = {
  ...T.SRK_ECC_P256,
  objectAttributes: USER | O.sensitiveDataOrigin | O.sign,
  parameters: {
    symmetric: { algorithm: A.NULL },
    scheme: { scheme: A.ECDSA, hashAlg: A.SHA256 },
    curveID: 3,
    kdf: { scheme: A.NULL },
  },
} as T.TPMT_PUBLIC;
const QUALIFIED = { qualifyingData: utf8('q'), inScheme: { scheme: A.NULL } } as const;

async function keys(scene: Scene): Promise<void> {
  const parent = await scene.primary(T.SRK_ECC_P256);
  const password = utf8('password');
  const sensitive = { userAuth: password, data: EMPTY };
  const child = { parentHandle: parent.handle, outsideInfo: EMPTY, creationPCR: [] };
  const signer = await scene.call(C.Create, { ...child, inSensitive: sensitive, inPublic: SIGNER });
  const loaded = await scene.call(C.Load, {
    parentHandle: parent.handle,
    inPrivate: signer.outPrivate,
    inPublic: signer.outPublic,
  });
  const keyHandle = loaded.objectHandle;
  const names = { keyHandle: loaded.name, objectHandle: loaded.name, signHandle: loaded.name };
  const session = await scene.start({
    salt: { handle: parent.handle, publicArea: parent.area },
    symmetric: { algorithm: A.AES, keyBits: 128, mode: A.CFB },
  });
  const both = { with: session, authValue: password, attributes: S.continueSession | S.encrypt | S.decrypt };
  const digest = scene.bytes(32);
  const noTicket = { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY };
  const signInput = { keyHandle, digest, inScheme: { scheme: A.NULL }, validation: noTicket } as const;
  // A signature cannot be encrypted.
  const hidden = { ...both, attributes: S.continueSession | S.decrypt };
  const { signature } = await scene.call(C.Sign, signInput, { auth: [hidden], names });
  await scene.call(C.Sign, signInput, { auth: [password] });
  if (signature.sigAlg !== A.NULL) await scene.call(C.VerifySignature, { keyHandle, digest, signature });
  await scene.call(
    C.Quote,
    { signHandle: keyHandle, ...QUALIFIED, PCRselect: [T.pcrSelection(A.SHA256, [1, 2])] },
    { auth: [both], names },
  );
  await scene.call(
    C.Certify,
    { objectHandle: keyHandle, signHandle: keyHandle, ...QUALIFIED },
    { auth: [password, password] },
  );
  await scene.call(
    C.GetTime,
    { privacyAdminHandle: RH.ENDORSEMENT, signHandle: keyHandle, ...QUALIFIED },
    { auth: [EMPTY, password] },
  );
  await scene.call(
    C.ObjectChangeAuth,
    { objectHandle: keyHandle, parentHandle: parent.handle, newAuth: utf8('new') },
    { auth: [password] },
  );
  await scene.call(C.EvictControl, { auth: RH.OWNER, objectHandle: parent.handle, persistentHandle: 0x81000001 });
  const { context } = await scene.call(C.ContextSave, { saveHandle: keyHandle });
  const savedSession = await scene.call(C.ContextSave, { saveHandle: session.handle });
  await scene.flush(keyHandle);
  await scene.call(C.ContextLoad, { context });
  await scene.call(C.ContextLoad, { context: savedSession.context });
  await scene.flush(keyHandle);
  for (const [algorithm, block] of [
    [A.AES, 16],
    [A.TDES, 8],
    [A.CAMELLIA, 16],
  ] as const) {
    const sym = { algorithm, keyBits: 128 };
    const cipherKey = (use: number, mode: number) =>
      scene.primary({
        ...keyedHash(USER | O.sensitiveDataOrigin | use, {}),
        type: A.SYMCIPHER,
        parameters: { sym: { ...sym, mode } },
      } as T.TPMT_PUBLIC);
    const cipher = await cipherKey(O.sign | O.decrypt, A.CFB);
    const data = { inData: scene.bytes(40), decrypt: 0, mode: A.NULL, ivIn: scene.bytes(block) };
    await scene.call(C.EncryptDecrypt2, { keyHandle: cipher.handle, ...data });
    await scene.flush(cipher.handle);
    const { handle } = await cipherKey(O.sign, A.CMAC);
    await scene.call(C.HMAC, { handle, buffer: scene.bytes(40), hashAlg: A.CMAC });
    const { sequenceHandle } = await scene.call(C.HMAC_Start, { handle, auth: EMPTY, hashAlg: A.NULL });
    await scene.call(C.SequenceUpdate, { sequenceHandle, buffer: scene.bytes(20) });
    const end = { sequenceHandle, buffer: scene.bytes(20), hierarchy: RH.NULL };
    await scene.call(C.SequenceComplete, end);
    await scene.flush(handle);
  }
  // Credentials and duplication.
  const made = await scene.call(C.MakeCredential, {
    handle: parent.handle,
    credential: scene.bytes(16),
    objectName: parent.name,
  });
  await scene.call(
    C.ActivateCredential,
    { activateHandle: parent.handle, keyHandle: parent.handle, ...made },
    { auth: [EMPTY, EMPTY] },
  );
  const policyDigest = await dupPolicy(scene);
  const movable = await scene.primary({ ...SIGNER, authPolicy: policyDigest } as T.TPMT_PUBLIC);
  const policy = await scene.start({ type: T.TPM_SE.POLICY });
  await scene.call(C.PolicyCommandCode, { policySession: policy.handle, code: T.TPM_CC.Duplicate });
  const duplicated = await scene.call(
    C.Duplicate,
    {
      objectHandle: movable.handle,
      newParentHandle: parent.handle,
      encryptionKeyIn: EMPTY,
      symmetricAlg: { algorithm: A.AES, keyBits: 128, mode: A.CFB },
    },
    { auth: [{ session: policy.handle }] },
  );
  await scene.call(C.Import, {
    parentHandle: parent.handle,
    encryptionKey: duplicated.encryptionKeyOut,
    objectPublic: movable.area,
    duplicate: duplicated.duplicate,
    inSymSeed: duplicated.outSymSeed,
    symmetricAlg: { algorithm: A.AES, keyBits: 128, mode: A.CFB },
  });
  await scene.flush(movable.handle);
  await scene.flush(parent.handle);
  await scene.flush(session.handle);
}

async function dupPolicy(scene: Scene): Promise<Uint8Array> {
  const trial = await scene.start({ type: T.TPM_SE.TRIAL });
  await scene.call(C.PolicyCommandCode, { policySession: trial.handle, code: T.TPM_CC.Duplicate });
  const { policyDigest } = await scene.call(C.PolicyGetDigest, { policySession: trial.handle });
  await scene.flush(trial.handle);
  return policyDigest;
}

async function policies(scene: Scene): Promise<void> {
  const digest = scene.bytes(32);
  const steps = async (policySession: number): Promise<void> => {
    await scene.call(C.PolicyPCR, { policySession, pcrDigest: EMPTY, pcrs: [T.pcrSelection(A.SHA256, [16])] });
    await scene.call(C.PolicySecret, {
      authHandle: RH.OWNER,
      policySession,
      nonceTPM: EMPTY,
      cpHashA: EMPTY,
      policyRef: utf8('ref'),
      expiration: -60,
    });
    await scene.call(C.PolicyAuthValue, { policySession });
  };
  const trial = await scene.start({ type: T.TPM_SE.TRIAL });
  await steps(trial.handle);
  const { policyDigest } = await scene.call(C.PolicyGetDigest, { policySession: trial.handle });
  await scene.call(C.PolicyOR, { policySession: trial.handle, pHashList: [policyDigest, digest] });
  await scene.call(C.PolicyRestart, { sessionHandle: trial.handle });
  await scene.flush(trial.handle);
  const sealed = await scene.primary(keyedHash(USER, { scheme: A.NULL }, policyDigest), utf8('auth'), utf8('secret'));
  const policy = await scene.start({ type: T.TPM_SE.POLICY, symmetric: { algorithm: A.XOR, keyBits: A.SHA256 } });
  await steps(policy.handle);
  const use = {
    with: policy,
    authValue: utf8('auth'),
    shows: 'hmac',
    attributes: S.continueSession | S.encrypt,
  } as const;
  await scene.call(C.Unseal, { itemHandle: sealed.handle }, { auth: [use], names: { itemHandle: sealed.name } });
  await scene.call(C.PolicyCounterTimer, {
    policySession: policy.handle,
    operandB: new Uint8Array(8),
    offset: 0,
    operation: 9,
  });
  await scene.call(C.PolicyLocality, { policySession: policy.handle, locality: 1 });
  await scene.call(C.PolicyCpHash, { policySession: policy.handle, cpHashA: digest });
  await scene.flush(policy.handle);
  await scene.flush(sealed.handle);
}

async function sequences(scene: Scene): Promise<void> {
  const key = await scene.primary(keyedHash(USER | O.sign, { scheme: A.HMAC, hashAlg: A.SHA256 }), EMPTY, utf8('key'));
  const buffer = scene.bytes(100);
  const mac = await scene.call(C.HMAC_Start, { handle: key.handle, auth: utf8('a'), hashAlg: A.NULL });
  const event = await scene.call(C.HashSequenceStart, { auth: EMPTY, hashAlg: A.NULL });
  await scene.call(C.SequenceUpdate, { sequenceHandle: mac.sequenceHandle, buffer }, { auth: [utf8('a')] });
  await scene.call(C.SequenceUpdate, { sequenceHandle: event.sequenceHandle, buffer });
  const { context } = await scene.call(C.ContextSave, { saveHandle: event.sequenceHandle });
  await scene.call(
    C.SequenceComplete,
    { sequenceHandle: mac.sequenceHandle, buffer, hierarchy: RH.NULL },
    { auth: [utf8('a')] },
  );
  await scene.call(C.EventSequenceComplete, { pcrHandle: 16, sequenceHandle: event.sequenceHandle, buffer });
  const back = await scene.call(C.ContextLoad, { context });
  await scene.flush(back.loadedHandle);
  await scene.call(C.HMAC, { handle: key.handle, buffer, hashAlg: A.NULL });
  const hashed = await scene.call(C.Hash, { data: buffer, hashAlg: A.SHA256, hierarchy: RH.OWNER });
  const signInput = { keyHandle: key.handle, digest: hashed.outHash, validation: hashed.validation } as const;
  await scene.call(C.Sign, { ...signInput, inScheme: { scheme: A.NULL } });
  await scene.flush(key.handle);
}

async function nonVolatile(scene: Scene): Promise<void> {
  const N = T.TPMA_NV;
  const access = N.ownerRead | N.ownerWrite | N.authRead | N.authWrite | N.noDA;
  const auth = utf8('nv');
  const session = await scene.start({
    bind: { handle: RH.OWNER, authValue: EMPTY },
    symmetric: { algorithm: A.AES, keyBits: 256, mode: A.CFB },
  });
  for (const [i, type] of [0, 1, 2, 4, 8, 9].entries()) {
    const nvIndex = 0x01500000 + i;
    const attributes = (access & ~(type >= 8 ? N.authWrite : 0)) | (type << 4) | (i % 2 === 0 ? N.orderly : 0);
    const publicInfo = {
      nvIndex,
      nameAlg: A.SHA256,
      attributes,
      authPolicy: EMPTY,
      dataSize: type === 4 ? 32 : type === 0 ? 64 : 8,
    };
    const cipher = { with: session, bound: true, attributes: S.continueSession | S.decrypt };
    await scene.call(C.NV_DefineSpace, { authHandle: RH.OWNER, auth, publicInfo }, { auth: [cipher] });
    const at = { authHandle: RH.OWNER, nvIndex };
    if (type === 1) await scene.call(C.NV_Increment, at);
    else if (type === 2) await scene.call(C.NV_SetBits, { ...at, bits: 5n });
    else if (type === 4) await scene.call(C.NV_Extend, { ...at, data: scene.bytes(10) });
    else await scene.call(C.NV_Write, { ...at, data: new Uint8Array(8).fill(type === 0 ? 7 : 0), offset: 0 });
    const { nvName } = await scene.call(C.NV_ReadPublic, { nvIndex });
    const read = { with: session, bound: true, attributes: S.continueSession | S.encrypt };
    await scene.call(C.NV_Read, { ...at, size: 8, offset: 0 }, { auth: [read], names: { nvIndex: nvName } });
    if (i === 0)
      await scene.call(
        C.NV_Certify,
        { signHandle: RH.NULL, ...at, ...QUALIFIED, size: 8, offset: 0 },
        { auth: [EMPTY, EMPTY] },
      );
  }
  await scene.call(C.NV_UndefineSpace, { authHandle: RH.OWNER, nvIndex: 0x01500005 });
  await scene.flush(session.handle);
}

async function platform(scene: Scene): Promise<void> {
  const audit = await scene.start();
  await scene.call(
    C.GetRandom,
    { bytesRequested: 8 },
    { auth: [{ with: audit, attributes: S.continueSession | S.audit }] },
  );
  await scene.call(
    C.GetSessionAuditDigest,
    { privacyAdminHandle: RH.ENDORSEMENT, signHandle: RH.NULL, sessionHandle: audit.handle, ...QUALIFIED },
    { auth: [EMPTY, EMPTY] },
  );
  await scene.call(C.SetCommandCodeAuditStatus, {
    auth: RH.OWNER,
    auditAlg: A.NULL,
    setList: [T.TPM_CC.GetRandom],
    clearList: [],
  });
  await scene.call(C.HierarchyChangeAuth, { authHandle: RH.OWNER, newAuth: utf8('owner') });
  await scene.call(C.HierarchyChangeAuth, { authHandle: RH.OWNER, newAuth: EMPTY }, { auth: [utf8('owner')] });
  await scene.call(
    C.SetPrimaryPolicy,
    { authHandle: RH.PLATFORM, authPolicy: scene.bytes(32), hashAlg: A.SHA256 },
    { auth: [{ with: audit }] },
  );
  await scene.call(C.DictionaryAttackParameters, {
    lockHandle: RH.LOCKOUT,
    newMaxTries: 5,
    newRecoveryTime: 10,
    lockoutRecovery: 10,
  });
  await scene.call(C.PCR_Extend, { pcrHandle: 10, digests: [{ hashAlg: A.SHA256, digest: scene.bytes(32) }] });
  await scene.call(C.PCR_Event, { pcrHandle: 16, eventData: scene.bytes(20) });
  await scene.call(C.ClockSet, { auth: RH.OWNER, newTime: 100_000n });
  await scene.call(C.EC_Ephemeral, { curveID: 3 });
  await scene.call(C.GetCapability, { capability: T.TPM_CAP.TPM_PROPERTIES, property: 0x100, propertyCount: 100 });
  await scene.call(C.StirRandom, { inData: concat(scene.bytes(30), EMPTY) });
  await scene.call(C.Shutdown, { shutdownType: 1 });
  await scene.call(C.PCR_Allocate, {
    authHandle: RH.PLATFORM,
    pcrAllocation: [T.pcrSelection(A.SHA256, [0, 1, 2, 17])],
  });
}

/** States along one life of a TPM, each with its command. */
export async function deepSeeds(seed: string): Promise<readonly DeepSeed[]> {
  const scene = new Scene(seed);
  await scene.begin();
  for (const part of [keys, policies, sequences, nonVolatile, platform]) await part(scene);
  return scene.seeds;
}
