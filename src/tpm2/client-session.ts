/** The caller's side of a session: keys, nonces, and what it proves with them (TPM 2.0 Library specification, Part 1, 19). */
import { concat } from '../bytes/bytes.ts';
import { CURVES } from '../crypto/curves.ts';
import { has, TPMA_SESSION } from './attributes.ts';
import type { Tpm2Client } from './client.ts';
import { StartAuthSession } from './commands/session.ts';
import { TPM_ALG, TPM_RH, TPM_SE } from './constants.ts';
import { hashSize } from './hash-alg.ts';
import { curveName } from './public-key.ts';
import { cryptParameter, sessionHmac, sessionKey } from './session-crypto.ts';
import { type SecretRandom, shareSecret } from './shared-secret.ts';
import type { TPMT_PUBLIC, TPMT_SYM_DEF } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

/** `size` random bytes, fresh at every call. */
export type RandomBytes = (size: number) => Uint8Array;

/** What a session is started from. */
export interface SessionOptions {
  /** TPM_SE; default HMAC. */
  readonly type?: number;
  /** Default SHA-256. */
  readonly authHash?: number;
  /** Cipher of parameter encryption; default none. AES only in CFB mode. */
  readonly symmetric?: TPMT_SYM_DEF;
  /** A loaded decryption key: the session gets a secret that only this TPM can know. */
  readonly salt?: { readonly handle: number; readonly publicArea: TPMT_PUBLIC };
  /** An entity whose authValue goes into the session key. */
  readonly bind?: { readonly handle: number; readonly authValue: Uint8Array };
  /** Source of nonces and salts; whoever wants real security passes a cryptographic one. */
  readonly random: RandomBytes;
}

/** How a session takes part in one command. */
export interface SessionAuthorization {
  readonly with: ClientSession;
  /** authValue of the entity it authorises (default: empty). */
  readonly authValue?: Uint8Array;
  /** The entity is the one the session is bound to. */
  readonly bound?: boolean;
  /** For a policy session after PolicyAuthValue (`hmac`) or PolicyPassword (`password`); default: the value is not shown. */
  readonly shows?: 'hmac' | 'password';
  /** TPMA_SESSION; default continueSession. */
  readonly attributes?: number;
}

function saltRandom(area: TPMT_PUBLIC, random: RandomBytes): SecretRandom {
  const size = hashSize(area.nameAlg);
  const curve = area.type === TPM_ALG.ECC ? curveName(area.parameters.curveID) : undefined;
  if (curve === undefined) return { kind: 'rsa', seed: random(size), oaepSeed: random(size) };
  const ephemeral = random(CURVES[curve].size);
  // Below the order of every curve, and not zero.
  ephemeral[0] = 0;
  ephemeral[ephemeral.length - 1] = (ephemeral[ephemeral.length - 1] ?? 0) | 1;
  return { kind: 'ec', ephemeral };
}

/** A session started by {@link ClientSession.start}. */
export class ClientSession {
  readonly handle: number;
  /** TPM_SE. */
  readonly type: number;
  readonly authHash: number;
  readonly symmetric: TPMT_SYM_DEF;
  readonly sessionKey: Uint8Array;
  /** Last nonce of the TPM. */
  nonceTPM: Uint8Array;
  /** Nonce of the command being sent. */
  nonceCaller: Uint8Array;
  readonly #random: RandomBytes;

  constructor(
    facts: Pick<
      ClientSession,
      'handle' | 'type' | 'authHash' | 'symmetric' | 'sessionKey' | 'nonceTPM' | 'nonceCaller'
    >,
    random: RandomBytes,
  ) {
    this.handle = facts.handle;
    this.type = facts.type;
    this.authHash = facts.authHash;
    this.symmetric = facts.symmetric;
    this.sessionKey = facts.sessionKey;
    this.nonceTPM = facts.nonceTPM;
    this.nonceCaller = facts.nonceCaller;
    this.#random = random;
  }

  /** TPM2_StartAuthSession. Errors as {@link Tpm2Client.call}; RangeError where `salt` is not an asymmetric key. */
  static async start(client: Tpm2Client, options: SessionOptions): Promise<ClientSession> {
    const { type = TPM_SE.HMAC, authHash = TPM_ALG.SHA256, salt, bind, random } = options;
    const symmetric = options.symmetric ?? { algorithm: TPM_ALG.NULL };
    const nonceCaller = random(hashSize(authHash));
    const shared = salt && shareSecret(salt.publicArea, 'SECRET', saltRandom(salt.publicArea, random));
    const { sessionHandle: handle, nonceTPM } = await client.call(StartAuthSession, {
      tpmKey: salt?.handle ?? TPM_RH.NULL,
      bind: bind?.handle ?? TPM_RH.NULL,
      nonceCaller,
      encryptedSalt: shared?.secret ?? EMPTY,
      sessionType: type,
      symmetric,
      authHash,
    });
    const key = sessionKey(authHash, bind, shared?.seed ?? EMPTY, nonceTPM, nonceCaller);
    return new ClientSession({ handle, type, authHash, symmetric, sessionKey: key, nonceTPM, nonceCaller }, random);
  }

  /** A fresh nonceCaller for the next command. */
  roll(): void {
    this.nonceCaller = this.#random(hashSize(this.authHash));
  }

  /** HMAC key for one use. */
  #key({ authValue = EMPTY, bound, shows }: SessionAuthorization): Uint8Array {
    const includes = this.type === TPM_SE.HMAC ? bound !== true : shows === 'hmac';
    return includes ? concat(this.sessionKey, authValue) : this.sessionKey;
  }

  /** The HMAC (or password) of a command; `others` are the nonces of further sessions the first one vouches for. */
  proof(use: SessionAuthorization, cpHash: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
    if (use.shows === 'password') return use.authValue ?? EMPTY;
    const key = this.#key(use);
    if (key.length === 0 && this.type !== TPM_SE.HMAC) return EMPTY;
    const { nonceCaller: nonceNewer, nonceTPM: nonceOlder } = this;
    const attributes = attributesOf(use);
    return sessionHmac(this.authHash, key, { hash: cpHash, nonceNewer, nonceOlder, others, attributes });
  }

  /** The HMAC the TPM must answer; `attributes` are the answer's. The authValue is the one after the command. */
  expected(use: SessionAuthorization, rpHash: Uint8Array, attributes: number): Uint8Array {
    const key = this.#key(use);
    if (use.shows === 'password' || (key.length === 0 && this.type !== TPM_SE.HMAC)) return EMPTY;
    const { nonceCaller: nonceOlder, nonceTPM: nonceNewer } = this;
    return sessionHmac(this.authHash, key, { hash: rpHash, nonceNewer, nonceOlder, attributes });
  }

  /** Encrypts the first parameter of a command, or decrypts that of its answer. `authorises`: the session stands for a handle. */
  crypt(
    direction: 'encrypt' | 'decrypt',
    use: SessionAuthorization,
    authorises: boolean,
    data: Uint8Array,
  ): Uint8Array {
    const command = direction === 'encrypt';
    const keys = {
      authHash: this.authHash,
      symmetric: this.symmetric,
      key: authorises ? concat(this.sessionKey, use.authValue ?? EMPTY) : this.sessionKey,
      nonceNewer: command ? this.nonceCaller : this.nonceTPM,
      nonceOlder: command ? this.nonceTPM : this.nonceCaller,
    };
    return cryptParameter(direction, keys, data);
  }
}

/** TPMA_SESSION of one use. */
export const attributesOf = ({ attributes = TPMA_SESSION.continueSession }: SessionAuthorization): number => attributes;

/** Whether the use of a session has one of these attributes. */
export const hasAttributes = (use: SessionAuthorization, bits: number): boolean => has(attributesOf(use), bits);
