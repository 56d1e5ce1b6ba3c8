/**
 * Long mixed use of both TPMs: what a seed says is done on each, valid as a rule, with objects, sessions, policies, contexts and NV
 * indices that live beside each other. What is random differs; what comes of every step must not.
 */
import { utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { cipher, EMPTY, ecc, external, FIXED, keyedHash, MADE, STORAGE } from './tpm-key-samples.ts';
import { PEER } from './tpm-pair.ts';
import type { Side, Sides } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_OBJECT: O, TPMA_SESSION: S, TPMA_NV: NV, TPM_SE } = T;

/** Numbers that a seed decides. */
class Dice {
  readonly #seed: string;
  #at = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  below(limit: number): number {
    const [a = 0, b = 0, c = 0] = hash('sha256', utf8(`${this.#seed} ${this.#at++}`));
    return ((a << 16) | (b << 8) | c) % limit;
  }

  one<V>(list: readonly V[]): V {
    const value = list[this.below(list.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** Something that each side has in its own way. */
type Each<V> = Record<Side['name'], V>;

/** An object or index that both have, by the same handle. */
interface Entity {
  readonly handle: number;
  readonly names: Each<Uint8Array>;
  auth: Uint8Array;
  readonly area?: T.TPMT_PUBLIC;
  readonly parent?: Entity;
  /** Nothing but its public area is there: with a bound session swtpm would fail altogether. */
  readonly publicOnly?: boolean;
  /** TPM_NT of an index. */
  readonly kind?: number;
}

interface Session {
  readonly each: Each<T.ClientSession>;
  readonly handle: number;
  readonly bound: Entity | undefined;
  /** What a policy session has been told to show. */
  shows?: 'hmac' | 'password';
  /** Something random went into its policy: the digests cannot be the same. */
  opaque?: boolean;
}

/** Ciphers, without those that Microsoft's reference is not built with beside it. */
const CIPHERS = [
  { algorithm: A.AES, keyBits: 128, mode: A.CFB },
  { algorithm: A.AES, keyBits: 256, mode: A.CFB },
  ...(PEER === 'swtpm'
    ? ([
        { algorithm: A.TDES, keyBits: 192, mode: A.CFB },
        { algorithm: A.CAMELLIA, keyBits: 256, mode: A.CFB },
      ] as const)
    : []),
] as const;
const AUTHS = [EMPTY, utf8('one'), utf8('another')];
const TEMPLATES: readonly T.TPMT_PUBLIC[] = [
  T.SRK_ECC_P256,
  ecc(MADE | FIXED | O.sign, { scheme: A.ECDSA, hashAlg: A.SHA256 }),
  ecc(MADE | FIXED | O.sign | O.decrypt),
  ecc(MADE | O.decrypt),
  keyedHash(MADE | FIXED | O.sign, { scheme: A.HMAC, hashAlg: A.SHA256 }),
  keyedHash(MADE | FIXED | O.sign, { scheme: A.HMAC, hashAlg: A.SHA1 }),
  cipher(MADE | FIXED | O.decrypt | O.sign),
  ...CIPHERS.map((symmetric) => cipher(MADE | FIXED | STORAGE, symmetric)),
];
/** Attributes that change how an object may be used. */
const VARIATIONS = [0, 0, 0, O.stClear, O.adminWithPolicy];

const isStorage = ({ area }: Entity): boolean =>
  area !== undefined && (area.objectAttributes & STORAGE) === STORAGE && (area.objectAttributes & O.sign) === 0;

/** What one does with an object of its kind. */
function suiting({ area, parent }: Entity): readonly string[] {
  const attributes = area?.objectAttributes ?? 0;
  const signs = (attributes & O.sign) !== 0;
  const decrypts = (attributes & O.decrypt) !== 0 && (attributes & O.restricted) === 0;
  return [
    'ReadPublic',
    'Certify',
    'Evict',
    ...(parent === undefined ? [] : ['ObjectChangeAuth', 'ObjectChangeAuth']),
    ...(area?.type === A.ECC && signs ? ['Sign', 'Sign', 'Sign'] : []),
    ...(area?.type === A.ECC && decrypts ? ['ECDH_ZGen', 'ECDH_ZGen'] : []),
    ...(area?.type === A.KEYEDHASH && signs ? ['HMAC', 'HMAC', 'HMAC'] : []),
    ...(area?.type === A.SYMCIPHER && decrypts ? ['EncryptDecrypt2', 'EncryptDecrypt2', 'EncryptDecrypt2'] : []),
  ];
}

const COMMON_INDEX_STEPS = ['NV_Read', 'NV_Read', 'NV_ReadPublic', 'NV_ReadLock', 'NV_WriteLock'];
const INDEX_STEPS: Readonly<Record<number, readonly string[]>> = {
  [T.TPM_NT.ORDINARY]: [...COMMON_INDEX_STEPS, 'NV_Write', 'NV_Write', 'NV_Write'],
  [T.TPM_NT.COUNTER]: [...COMMON_INDEX_STEPS, 'NV_Increment', 'NV_Increment', 'NV_Increment'],
  [T.TPM_NT.BITS]: [...COMMON_INDEX_STEPS, 'NV_SetBits', 'NV_SetBits', 'NV_SetBits'],
  [T.TPM_NT.EXTEND]: [...COMMON_INDEX_STEPS, 'NV_Extend', 'NV_Extend', 'NV_Extend'],
  [T.TPM_NT.PIN_FAIL]: [...COMMON_INDEX_STEPS, 'NV_Write', 'NV_Write'],
  [T.TPM_NT.PIN_PASS]: [...COMMON_INDEX_STEPS, 'NV_Write', 'NV_Write'],
};

/** One sequence of steps. */
export class Workload {
  readonly #sides: Sides;
  readonly #dice: Dice;
  #objects: Entity[] = [];
  #sessions: Session[] = [];
  #indices: Entity[] = [];
  /** The commands so far, and whether both did them. */
  readonly log: { readonly label: string; done: boolean }[] = [];

  constructor(sides: Sides, seed: string) {
    this.#sides = sides;
    this.#dice = new Dice(seed);
  }

  /** Performs steps until there are enough; differences are those of the sides. */
  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) await this.#step();
    await this.#end();
  }

  async #step(): Promise<void> {
    const kinds: readonly (readonly [number, () => Promise<void>])[] = [
      [8, () => this.#make()],
      [8, () => this.#start()],
      [12, () => this.#policy()],
      [30, () => this.#use()],
      [12, () => this.#define()],
      [24, () => this.#useIndex()],
      [6, () => this.#context()],
      [10, () => this.#flush()],
      [2, () => this.#hierarchy()],
    ];
    let at = this.#dice.below(kinds.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, act] of kinds) {
      if (at < weight) return act();
      at -= weight;
    }
  }

  /** The same on both; what each made of it, or undefined where one of them refused. */
  async #both<V>(
    label: string,
    act: (side: Side) => Promise<V>,
    shown: (value: V) => unknown,
  ): Promise<Each<V> | undefined> {
    const made: Partial<Each<V>> = {};
    const entry = { label, done: false };
    this.log.push(entry);
    await this.#sides.agree(`${label} (step ${this.log.length})`, async (side) => {
      const value = await act(side);
      made[side.name] = value;
      return shown(value);
    });
    const { ours, theirs } = made;
    if (ours === undefined || theirs === undefined) return undefined;
    entry.done = true;
    return { ours, theirs };
  }

  /** One step of a table on both sides, of which everything is compared. */
  async #oneOf(name: string, steps: Readonly<Record<string, (side: Side) => Promise<unknown>>>): Promise<void> {
    await this.#both(
      name,
      async (side) => (await steps[name]?.(side)) ?? 'done',
      (value) => value,
    );
    await this.#settle();
  }

  /** How one entity is authorised: a password, or a session that there is; and what else takes part in the command. */
  #authorise(entity: Entity | undefined): (side: Side) => T.Authorization[] {
    const dice = this.#dice;
    const wrong = dice.chance(4);
    const authValue = wrong ? utf8('wrong') : (entity?.auth ?? EMPTY);
    const fit = dice.chance(80) ? this.#sessions.filter(({ each }) => each.ours.type === TPM_SE.HMAC) : this.#sessions;
    const session = entity?.publicOnly !== true && dice.chance(55) && fit.length > 0 ? dice.one(fit) : undefined;
    const extra = dice.chance(25) && this.#sessions.length > 0 ? dice.one(this.#sessions) : undefined;
    const keep = dice.chance(90) ? S.continueSession : 0;
    const attributes = keep | dice.one([0, 0, S.encrypt, S.decrypt, S.encrypt | S.decrypt, S.audit]);
    const others = S.continueSession | dice.one([S.encrypt, S.decrypt, S.audit]);
    return (side) => [
      session === undefined
        ? authValue
        : {
            with: session.each[side.name],
            authValue,
            attributes,
            ...(session.bound !== undefined && session.bound === entity && { bound: true }),
            ...(session.shows !== undefined && { shows: session.shows }),
          },
      ...(extra === undefined || extra === session ? [] : [{ with: extra.each[side.name], attributes: others }]),
    ];
  }

  async #make(): Promise<void> {
    const dice = this.#dice;
    const [template, auth] = [dice.one(TEMPLATES), dice.one(AUTHS)];
    const inPublic = {
      ...template,
      objectAttributes: template.objectAttributes ^ dice.one(VARIATIONS),
    } as T.TPMT_PUBLIC;
    const inSensitive = { userAuth: auth, data: EMPTY };
    const parent = dice.chance(50) ? this.#objects.find(isStorage) : undefined;
    if (parent !== undefined) {
      const authorise = this.#authorise(parent);
      const input = { parentHandle: parent.handle, inSensitive, inPublic: T.encode(T.NAMED_TEMPLATE, inPublic) };
      const made = await this.#both(
        'CreateLoaded',
        (side) =>
          side.client.call(C.CreateLoaded, input, {
            auth: authorise(side),
            names: { parentHandle: parent.names[side.name] },
          }),
        ({ objectHandle, outPrivate }) => [objectHandle, outPrivate.length],
      );
      this.#keep(made, inPublic, auth, parent);
      return this.#settle();
    }
    if (dice.chance(25)) {
      const { inPublic: area, sensitive } = dice.one(Object.values(external));
      const inPrivate = dice.chance(70) ? { ...sensitive, authValue: auth } : undefined;
      const made = await this.#both(
        'LoadExternal',
        (side) => side.client.call(C.LoadExternal, { inPrivate, inPublic: area, hierarchy: RH.NULL }),
        ({ objectHandle, name }) => [objectHandle, name],
      );
      return this.#keep(made, area, inPrivate === undefined ? EMPTY : auth, undefined, inPrivate === undefined);
    }
    const primaryHandle = dice.one([RH.OWNER, RH.ENDORSEMENT, RH.PLATFORM, RH.NULL]);
    const made = await this.#both(
      'CreatePrimary',
      (side) =>
        side.client.call(C.CreatePrimary, {
          primaryHandle,
          inSensitive,
          inPublic,
          outsideInfo: EMPTY,
          creationPCR: [],
        }),
      ({ objectHandle, creationData }) => [objectHandle, creationData],
    );
    return this.#keep(made, inPublic, auth);
  }

  #keep(
    made: Each<{ objectHandle: number; name: Uint8Array }> | undefined,
    area: T.TPMT_PUBLIC,
    auth: Uint8Array,
    parent?: Entity,
    publicOnly = false,
  ): void {
    if (made === undefined) return;
    const names = { ours: made.ours.name, theirs: made.theirs.name };
    const handle = made.ours.objectHandle;
    this.#objects.push({ handle, names, auth, area, publicOnly, ...(parent !== undefined && { parent }) });
  }

  async #start(): Promise<void> {
    const dice = this.#dice;
    const type = dice.one([TPM_SE.HMAC, TPM_SE.HMAC, TPM_SE.POLICY, TPM_SE.POLICY, TPM_SE.TRIAL]);
    const authHash = dice.one([A.SHA1, A.SHA256, A.SHA384, A.SHA512]);
    const symmetric = dice.one<T.TPMT_SYM_DEF>([
      { algorithm: A.NULL },
      ...CIPHERS,
      { algorithm: A.XOR, keyBits: A.SHA256 },
    ]);
    const bound = dice.chance(30) ? [...this.#objects, ...this.#indices][dice.below(5)] : undefined;
    const salt = dice.chance(30)
      ? this.#objects.find(({ area }) => area?.type === A.ECC && isStorage({ area } as Entity))
      : undefined;
    const publics =
      salt &&
      (await this.#both(
        'ReadPublic',
        (side) => side.client.call(C.ReadPublic, { objectHandle: salt.handle }),
        () => 'read',
      ));
    const each = await this.#both(
      'StartAuthSession',
      (side) => {
        const publicArea = publics?.[side.name].outPublic;
        return T.ClientSession.start(side.client, {
          ...{ type, authHash, symmetric, random: side.random },
          ...(bound !== undefined && { bind: { handle: bound.handle, authValue: bound.auth } }),
          ...(salt !== undefined && publicArea !== undefined && { salt: { handle: salt.handle, publicArea } }),
        });
      },
      ({ handle }) => handle,
    );
    if (each !== undefined) this.#sessions.push({ each, handle: each.ours.handle, bound });
  }

  async #policy(): Promise<void> {
    const dice = this.#dice;
    const session = this.#sessions.filter(({ each }) => each.ours.type !== TPM_SE.HMAC)[dice.below(3)];
    if (session === undefined) return;
    const policySession = session.handle;
    const digest = hash('sha256', utf8('digest'));
    const size = T.hashSize(session.each.ours.authHash);
    const sized = hash('sha512', utf8('sized')).slice(0, size);
    const entity = [...this.#objects, ...this.#indices][dice.below(5)];
    const code = dice.one([
      T.TPM_CC.Sign,
      T.TPM_CC.NV_Read,
      T.TPM_CC.NV_Write,
      T.TPM_CC.ObjectChangeAuth,
      T.TPM_CC.HMAC,
    ]);
    const steps: Record<string, (side: Side) => Promise<unknown>> = {
      AuthValue: (side) => side.client.call(C.PolicyAuthValue, { policySession }),
      Password: (side) => side.client.call(C.PolicyPassword, { policySession }),
      CommandCode: (side) => side.client.call(C.PolicyCommandCode, { policySession, code }),
      Locality: (side) => side.client.call(C.PolicyLocality, { policySession, locality: dice1 }),
      NvWritten: (side) => side.client.call(C.PolicyNvWritten, { policySession, writtenSet: dice1 & 1 }),
      CpHash: (side) => side.client.call(C.PolicyCpHash, { policySession, cpHashA: sized }),
      NameHash: (side) => side.client.call(C.PolicyNameHash, { policySession, nameHash: sized }),
      Template: (side) => side.client.call(C.PolicyTemplate, { policySession, templateHash: sized }),
      PCR: (side) =>
        side.client.call(C.PolicyPCR, {
          policySession,
          pcrDigest: EMPTY,
          pcrs: [T.pcrSelection(A.SHA256, [dice1 + 15])],
        }),
      CounterTimer: (side) =>
        side.client.call(C.PolicyCounterTimer, { policySession, operandB: new Uint8Array(8), offset: 0, operation: 7 }),
      DuplicationSelect: (side) =>
        side.client.call(C.PolicyDuplicationSelect, {
          policySession,
          objectName: EMPTY,
          newParentName: digest,
          includeObject: 0,
        }),
      Restart: (side) => side.client.call(C.PolicyRestart, { sessionHandle: policySession }),
      PhysicalPresence: (side) => side.client.call(C.PolicyPhysicalPresence, { policySession }),
      OR: async (side) => {
        const { policyDigest } = await side.client.call(C.PolicyGetDigest, { policySession });
        return side.client.call(C.PolicyOR, { policySession, pHashList: [sized, policyDigest] });
      },
      Secret: (side) =>
        side.client.call(
          C.PolicySecret,
          {
            authHandle: entity?.handle ?? RH.OWNER,
            policySession,
            nonceTPM: EMPTY,
            cpHashA: EMPTY,
            policyRef: EMPTY,
            expiration: 0,
          },
          { auth: [entity?.auth ?? EMPTY], names: entity === undefined ? {} : { authHandle: entity.names[side.name] } },
        ),
    };
    const dice1 = 1 + dice.below(4);
    const name = dice.one(Object.keys(steps));
    const done = await this.#both(
      `Policy${name}`,
      async (side) => (await steps[name]?.(side)) ?? 'done',
      () => 'done',
    );
    if (name === 'AuthValue' && done !== undefined) session.shows = 'hmac';
    if (name === 'Password' && done !== undefined) session.shows = 'password';
    if (name === 'Restart') {
      delete session.shows;
      delete session.opaque;
    }
    if (name === 'Secret' || name === 'OR') session.opaque = true;
    await this.#both(
      'PolicyGetDigest',
      (side) => side.client.call(C.PolicyGetDigest, { policySession }),
      ({ policyDigest }) => (session.opaque === true ? policyDigest.length : policyDigest),
    );
  }

  async #use(): Promise<void> {
    const dice = this.#dice;
    const entity = this.#objects[dice.below(this.#objects.length + 1)];
    if (entity === undefined) return;
    const { handle, names } = entity;
    const digest = hash('sha256', utf8('digest'));
    const authorise = this.#authorise(entity);
    const noTicket = { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY };
    const by = (side: Side, field: string) => ({ auth: authorise(side), names: { [field]: names[side.name] } });
    const inScheme = { scheme: A.NULL };
    const steps: Record<string, (side: Side) => Promise<unknown>> = {
      ReadPublic: async (side) => (await side.client.call(C.ReadPublic, { objectHandle: handle })).name.length,
      Sign: async (side) =>
        (
          await side.client.call(
            C.Sign,
            { keyHandle: handle, digest, inScheme, validation: noTicket },
            by(side, 'keyHandle'),
          )
        ).signature.sigAlg,
      HMAC: async (side) =>
        (await side.client.call(C.HMAC, { handle, buffer: digest, hashAlg: A.NULL }, by(side, 'handle'))).outHMAC
          .length,
      ECDH_ZGen: async (side) => {
        const { pubPoint } = await side.client.call(C.ECDH_KeyGen, { keyHandle: handle });
        await side.client.call(C.ECDH_ZGen, { keyHandle: handle, inPoint: pubPoint }, by(side, 'keyHandle'));
        return 'done';
      },
      EncryptDecrypt2: async (side) =>
        (
          await side.client.call(
            C.EncryptDecrypt2,
            { keyHandle: handle, inData: digest, decrypt: 0, mode: A.NULL, ivIn: new Uint8Array(16) },
            by(side, 'keyHandle'),
          )
        ).outData.length,
      Unseal: async (side) =>
        (await side.client.call(C.Unseal, { itemHandle: handle }, by(side, 'itemHandle'))).outData.length,
      Certify: async (side) => {
        const [first = EMPTY, ...rest] = authorise(side);
        const own = { objectHandle: handle, signHandle: RH.NULL, qualifyingData: digest, inScheme };
        await side.client.call(C.Certify, own, {
          auth: [first, EMPTY, ...rest],
          names: { objectHandle: names[side.name] },
        });
        return 'done';
      },
      ObjectChangeAuth: async (side) => {
        const parentHandle = entity.parent?.handle ?? handle;
        const all = { objectHandle: names[side.name], parentHandle: (entity.parent ?? entity).names[side.name] };
        const { outPrivate } = await side.client.call(
          C.ObjectChangeAuth,
          { objectHandle: handle, parentHandle, newAuth: utf8('new') },
          { auth: authorise(side), names: all },
        );
        return outPrivate.length;
      },
      Duplicate: async (side) => {
        const input = {
          objectHandle: handle,
          newParentHandle: RH.NULL,
          encryptionKeyIn: EMPTY,
          symmetricAlg: { algorithm: A.NULL },
        };
        return (await side.client.call(C.Duplicate, input, by(side, 'objectHandle'))).duplicate.length;
      },
      Evict: async (side) => {
        const place = { auth: RH.OWNER, persistentHandle: 0x81000007 };
        await side.client.call(
          C.EvictControl,
          { ...place, objectHandle: handle },
          { names: { objectHandle: names[side.name] } },
        );
        await side.client.call(C.EvictControl, { ...place, objectHandle: 0x81000007 });
        return 'done';
      },
    };
    const name = dice.one(dice.chance(80) ? suiting(entity) : Object.keys(steps));
    await this.#oneOf(name, steps);
  }

  async #define(): Promise<void> {
    const dice = this.#dice;
    if (this.#indices.length > 3) return this.#undefine();
    const nvIndex = 0x01000000 + dice.below(0x10000);
    const type = dice.one(Object.values(T.TPM_NT));
    const attributes =
      (NV.ownerRead |
        NV.ownerWrite |
        NV.authRead |
        NV.authWrite |
        dice.one([0, NV.noDA]) |
        dice.one([0, 0, NV.orderly, NV.readStClear, NV.writeDefine, NV.writeStClear]) |
        (type << 4)) >>>
      0;
    const auth = dice.one(AUTHS);
    const dataSize = type === T.TPM_NT.EXTEND ? 32 : 8;
    const publicInfo = { nvIndex, nameAlg: A.SHA256, attributes, authPolicy: EMPTY, dataSize };
    const made = await this.#both(
      'NV_DefineSpace',
      (side) => side.client.call(C.NV_DefineSpace, { authHandle: RH.OWNER, auth, publicInfo }).then(() => 'done'),
      (v) => v,
    );
    if (made !== undefined)
      this.#indices.push({ handle: nvIndex, names: { ours: EMPTY, theirs: EMPTY }, auth, kind: type });
  }

  async #undefine(): Promise<void> {
    const index = this.#indices.shift();
    if (index === undefined) return;
    await this.#both(
      'NV_UndefineSpace',
      (side) =>
        side.client.call(C.NV_UndefineSpace, { authHandle: RH.OWNER, nvIndex: index.handle }).then(() => 'done'),
      (v) => v,
    );
  }

  async #useIndex(): Promise<void> {
    const dice = this.#dice;
    const index = this.#indices[dice.below(this.#indices.length + 1)];
    if (index === undefined) return;
    const nvIndex = index.handle;
    const own = dice.chance(70);
    const authorise = this.#authorise(own ? index : undefined);
    const authHandle = own ? nvIndex : RH.OWNER;
    // Writing changes the Name: each side's is asked for where it is needed.
    const by = async (side: Side) => {
      const { nvName } = await side.client.call(C.NV_ReadPublic, { nvIndex });
      return { auth: authorise(side), names: { authHandle: own ? nvName : T.handleName(RH.OWNER), nvIndex: nvName } };
    };
    const data = new Uint8Array(8).fill(dice.below(4));
    const steps: Record<string, (side: Side) => Promise<unknown>> = {
      NV_Write: async (side) => side.client.call(C.NV_Write, { authHandle, nvIndex, data, offset: 0 }, await by(side)),
      NV_Read: async (side) => side.client.call(C.NV_Read, { authHandle, nvIndex, size: 8, offset: 0 }, await by(side)),
      NV_Increment: async (side) => side.client.call(C.NV_Increment, { authHandle, nvIndex }, await by(side)),
      NV_SetBits: async (side) => side.client.call(C.NV_SetBits, { authHandle, nvIndex, bits: 5n }, await by(side)),
      NV_Extend: async (side) => side.client.call(C.NV_Extend, { authHandle, nvIndex, data }, await by(side)),
      NV_ReadLock: async (side) => side.client.call(C.NV_ReadLock, { authHandle, nvIndex }, await by(side)),
      NV_WriteLock: async (side) => side.client.call(C.NV_WriteLock, { authHandle, nvIndex }, await by(side)),
      NV_ReadPublic: async (side) => (await side.client.call(C.NV_ReadPublic, { nvIndex })).nvPublic.attributes,
    };
    const name = dice.one(dice.chance(80) ? (INDEX_STEPS[index.kind ?? 0] ?? ['NV_ReadPublic']) : Object.keys(steps));
    await this.#oneOf(name, steps);
  }

  async #context(): Promise<void> {
    const dice = this.#dice;
    if (dice.chance(50) && this.#sessions.length > 0) {
      const { handle } = dice.one(this.#sessions);
      const saved = await this.#both(
        'ContextSave',
        (side) => side.client.call(C.ContextSave, { saveHandle: handle }),
        () => 'saved',
      );
      if (saved === undefined) return;
      await this.#both(
        'ContextLoad',
        (side) => side.client.call(C.ContextLoad, { context: saved[side.name].context }),
        ({ loadedHandle }) => loadedHandle,
      );
      return;
    }
    const entity = this.#objects[dice.below(this.#objects.length + 1)];
    if (entity === undefined) return;
    const saved = await this.#both(
      'ContextSave',
      (side) => side.client.call(C.ContextSave, { saveHandle: entity.handle }),
      ({ context }) => context.savedHandle,
    );
    await this.#both(
      'FlushContext',
      (side) => side.client.call(C.FlushContext, { flushHandle: entity.handle }).then(() => 'done'),
      (v) => v,
    );
    this.#objects = this.#objects.filter((each) => each !== entity);
    if (saved === undefined) return;
    const loaded = await this.#both(
      'ContextLoad',
      (side) => side.client.call(C.ContextLoad, { context: saved[side.name].context }),
      ({ loadedHandle }) => loadedHandle,
    );
    if (loaded !== undefined) this.#objects.push({ ...entity, handle: loaded.ours.loadedHandle });
  }

  async #flush(): Promise<void> {
    const dice = this.#dice;
    const sessions = dice.chance(50);
    const list: readonly { handle: number }[] = sessions ? this.#sessions : this.#objects;
    const gone = list[dice.below(list.length + 1)];
    if (gone === undefined) return;
    await this.#both(
      'FlushContext',
      (side) => side.client.call(C.FlushContext, { flushHandle: gone.handle }).then(() => 'done'),
      (v) => v,
    );
    this.#sessions = this.#sessions.filter((each) => each !== gone);
    this.#objects = this.#objects.filter((each) => each !== gone);
  }

  async #hierarchy(): Promise<void> {
    const dice = this.#dice;
    const steps: Record<string, (side: Side) => Promise<unknown>> = {
      reset: (side) => side.client.call(C.DictionaryAttackLockReset, { lockHandle: RH.LOCKOUT }),
      clear: (side) => side.client.call(C.Clear, { authHandle: RH.PLATFORM }),
      change: (side) => side.client.call(C.ChangePPS, { authHandle: RH.PLATFORM }),
      extend: (side) =>
        side.client.call(C.PCR_Extend, { pcrHandle: 16, digests: [{ hashAlg: A.SHA256, digest: new Uint8Array(32) }] }),
    };
    const name = dice.one(Object.keys(steps));
    await this.#oneOf(name, steps);
  }

  /** Forgets what is no longer there: sessions that ended, objects and indices of hierarchies that were cleared. */
  async #settle(): Promise<void> {
    const list = async (first: number): Promise<readonly number[]> => {
      const there = await this.#both(
        'GetCapability',
        (side) =>
          side.client.call(C.GetCapability, { capability: T.TPM_CAP.HANDLES, property: first, propertyCount: 64 }),
        ({ capabilityData }) => (first === 0x01000000 ? 'handles' : capabilityData),
      );
      const data = there?.ours.capabilityData;
      return data?.capability === T.TPM_CAP.HANDLES ? data.data : [];
    };
    const objects = await list(0x80000000);
    const sessions = [...(await list(0x02000000)), ...(await list(0x03000000))].map((handle) => handle & 0xff_ffff);
    const indices = await list(0x01000000);
    this.#objects = this.#objects.filter(({ handle }) => objects.includes(handle));
    this.#sessions = this.#sessions.filter(({ handle }) => sessions.includes(handle & 0xff_ffff));
    this.#indices = this.#indices.filter(({ handle }) => indices.includes(handle));
  }

  /** Both as they were. */
  async #end(): Promise<void> {
    for (const { handle } of [...this.#sessions, ...this.#objects]) {
      await this.#both(
        'FlushContext',
        (side) => side.client.call(C.FlushContext, { flushHandle: handle }).then(() => 'done'),
        (v) => v,
      );
    }
    while (this.#indices.length > 0) await this.#undefine();
    await this.#both(
      'reset',
      (side) => side.client.call(C.DictionaryAttackLockReset, { lockHandle: RH.LOCKOUT }).then(() => 'done'),
      (v) => v,
    );
  }
}
