/** Keys with the algorithms that a TPM may lack, and the commands that make and load them. */
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from './tpm.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPMA_OBJECT: O } = T;
export const EMPTY: Uint8Array = new Uint8Array(0);
export const NULL_SCHEME = { scheme: A.NULL } as const;
export const NO_SYMMETRIC = { algorithm: A.NULL } as const;
export const AES192: T.TPMT_SYM_DEF_OBJECT = { algorithm: A.AES, keyBits: 192, mode: A.CFB };
export const USER = O.userWithAuth | O.noDA;
export const FIXED = O.fixedTPM | O.fixedParent;
export const STORAGE = O.restricted | O.decrypt;
export const MADE = USER | O.sensitiveDataOrigin;

/** A cipher key. */
export const cipher = (objectAttributes: number, sym: object): T.TPMT_PUBLIC =>
  ({
    type: A.SYMCIPHER,
    nameAlg: A.SHA256,
    objectAttributes,
    authPolicy: EMPTY,
    parameters: { sym },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;

/** An RSA key of 4,096 bits. */
export const rsa4096 = (objectAttributes: number, change: object = {}): T.RsaPublicArea => ({
  type: A.RSA,
  nameAlg: A.SHA256,
  objectAttributes,
  authPolicy: EMPTY,
  parameters: { symmetric: NO_SYMMETRIC, scheme: NULL_SCHEME, keyBits: 4096, exponent: 0, ...change },
  unique: EMPTY,
});

/** An ECC storage key whose children are protected by AES-192. */
export const SRK192: T.EccPublicArea = {
  ...T.SRK_ECC_P256,
  parameters: { ...T.SRK_ECC_P256.parameters, symmetric: AES192 },
};

/** What TPM2_Create answers. */
export type Created = Awaited<ReturnType<KeyBench['create']>>;

/** A started TPM to make keys with. */
export class KeyBench {
  readonly client: TestTpm['client'];
  readonly engine: TestTpm['transport']['engine'];

  private constructor({ client, transport }: TestTpm) {
    this.client = client;
    this.engine = transport.engine;
  }

  /** A new TPM with these algorithms. */
  static async with(extraAlgorithms: readonly T.ExtraAlgorithm[], seed = 'test'): Promise<KeyBench> {
    return new KeyBench(await testTpm({ config: { extraAlgorithms, endorsementKeys: [] }, seed }));
  }

  /** TPM2_CreatePrimary. */
  primary(inPublic: T.TPMT_PUBLIC, primaryHandle: number = TPM_RH.OWNER) {
    const inSensitive = { userAuth: EMPTY, data: EMPTY };
    const input = { primaryHandle, inSensitive, inPublic, outsideInfo: EMPTY, creationPCR: [] };
    return this.client.call(C.CreatePrimary, input);
  }

  /** TPM2_Create. */
  create(parentHandle: number, inPublic: T.TPMT_PUBLIC, data = EMPTY) {
    const inSensitive = { userAuth: EMPTY, data };
    const input = { parentHandle, inSensitive, inPublic, outsideInfo: EMPTY, creationPCR: [] };
    return this.client.call(C.Create, input);
  }

  /** TPM2_Load. */
  async load(parentHandle: number, made: Pick<Created, 'outPrivate' | 'outPublic'>): Promise<number> {
    const input = { parentHandle, inPrivate: made.outPrivate, inPublic: made.outPublic };
    return (await this.client.call(C.Load, input)).objectHandle;
  }

  async flush(...handles: number[]): Promise<void> {
    for (const flushHandle of handles) await this.client.call(C.FlushContext, { flushHandle });
  }

  /** Flushes every loaded object. */
  flushAll(): Promise<void> {
    return this.flush(...this.engine.state.transient.keys());
  }

  /** A policy session that lets TPM2_Duplicate through, and its policy. */
  async duplicationPolicy(random: T.RandomBytes): Promise<{ session: T.ClientSession; policy: Uint8Array }> {
    const session = await T.ClientSession.start(this.client, { type: T.TPM_SE.POLICY, random });
    await this.client.call(C.PolicyCommandCode, { policySession: session.handle, code: C.Duplicate.code });
    const { policyDigest } = await this.client.call(C.PolicyGetDigest, { policySession: session.handle });
    return { session, policy: policyDigest };
  }

  /** Duplicates a loaded object with an inner wrapper of AES-192 to a new parent and imports it there. */
  async move(
    object: number,
    made: Created,
    session: T.ClientSession,
    newParent: { readonly objectHandle: number; readonly name: Uint8Array },
  ): Promise<Created> {
    const { objectHandle: newParentHandle, name } = newParent;
    const duplicated = await this.client.call(
      C.Duplicate,
      { objectHandle: object, newParentHandle, encryptionKeyIn: EMPTY, symmetricAlg: AES192 },
      { auth: [{ with: session }], names: { objectHandle: T.objectName(made.outPublic), newParentHandle: name } },
    );
    const { outPrivate } = await this.client.call(C.Import, {
      parentHandle: newParentHandle,
      encryptionKey: duplicated.encryptionKeyOut,
      objectPublic: made.outPublic,
      duplicate: duplicated.duplicate,
      inSymSeed: duplicated.outSymSeed,
      symmetricAlg: AES192,
    });
    return { ...made, outPrivate };
  }

  /** One property of TPM2_GetCapability. */
  async property(wanted: number): Promise<number> {
    const input = { capability: T.TPM_CAP.TPM_PROPERTIES, property: wanted, propertyCount: 1 };
    const { capabilityData } = await this.client.call(C.GetCapability, input);
    return (capabilityData.capability === T.TPM_CAP.TPM_PROPERTIES ? capabilityData.data[0]?.value : undefined) ?? 0;
  }
}
