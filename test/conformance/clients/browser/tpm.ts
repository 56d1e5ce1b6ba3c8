/** The TPM by the package's public names, in Node and in a browser alike. Results are plain JSON. */
import {
  createTpm2,
  decodeSnapshot,
  Entropy,
  embeddedTransport,
  encodeSnapshot,
  type Tpm2Engine,
  type TpmConfig,
  TpmHistory,
  TracedTransport,
  VirtualClock,
} from 'esxsim/tpm';
import * as T from 'esxsim/tpm2';
import { fromHex, toHex } from './hex.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_OBJECT: O, TPMA_SESSION: S } = T;
const EMPTY = new Uint8Array(0);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a TPM is told: a command, or a signal of its platform. Bytes in hexadecimal. */
export type StreamEvent =
  | { readonly command: string; readonly locality: T.Locality }
  | { readonly signal: 'powerOn' | 'hashStart' | 'hashEnd' }
  | { readonly hashData: string };

/** A TPM of a seed; equal ones are equal in all they do. */
export interface TpmMaking {
  readonly seed: string;
  readonly config: Partial<Pick<TpmConfig, 'banks' | 'endorsementKeys'>>;
}

const options = ({ seed, config }: TpmMaking) => ({
  entropy: new Entropy(seed).stream('tpm'),
  clock: new VirtualClock(),
  config,
});

function play(tpm: Tpm2Engine, stream: readonly StreamEvent[]): string[] {
  return stream.flatMap((event) => {
    if ('command' in event) return [toHex(tpm.execute(fromHex(event.command), event.locality))];
    if ('hashData' in event) tpm.hashData(fromHex(event.hashData));
    else tpm[event.signal]();
    return [];
  });
}

/** Plays a stream to a new TPM, or to one of a snapshot: every response, and the TPM afterwards. */
export function playStream(making: TpmMaking, stream: readonly StreamEvent[], snapshot?: string) {
  const tpm = createTpm2(options(making));
  if (snapshot !== undefined) tpm.restore(decodeSnapshot(fromHex(snapshot)));
  const began = performance.now();
  const responses = play(tpm, stream);
  const milliseconds = performance.now() - began;
  return { milliseconds, facts: { responses, snapshot: toHex(encodeSnapshot(tpm.snapshot())) } };
}

/** Plays a stream, goes back to the middle of it and plays the rest again, and the same with a clone of that moment. */
export function travelInTime(making: TpmMaking, stream: readonly StreamEvent[]) {
  const tpm = createTpm2(options(making));
  const commands = stream.flatMap((event) => ('command' in event ? [fromHex(event.command)] : []));
  tpm.powerOn();
  const history = new TpmHistory(tpm, commands.length);
  const first = commands.map((command) => toHex(history.execute(command)));
  const middle = Math.floor(commands.length / 2);
  history.goBack(middle + 1);
  const clone = createTpm2(options({ seed: 'another', config: {} }));
  clone.restore(decodeSnapshot(encodeSnapshot(tpm.snapshot())));
  const rest = commands.slice(middle);
  return {
    rest: first.slice(middle),
    again: rest.map((command) => toHex(history.execute(command))),
    cloned: rest.map((command) => toHex(clone.execute(command, 0))),
  };
}

const RSA_SIGNER: T.TPMT_PUBLIC = {
  ...T.AK_RSA2048,
  objectAttributes: O.fixedTPM | O.fixedParent | O.sensitiveDataOrigin | O.userWithAuth | O.sign,
};
const AES: T.TPMT_SYM_DEF = { algorithm: A.AES, keyBits: 128, mode: A.CFB };
const SEALED: T.TPMT_PUBLIC = {
  type: A.KEYEDHASH,
  nameAlg: A.SHA256,
  objectAttributes: O.fixedTPM | O.fixedParent | O.userWithAuth | O.noDA,
  authPolicy: EMPTY,
  parameters: { scheme: { scheme: A.NULL } },
  unique: EMPTY,
};

/**
 * A caller with keys, sessions and encrypted parameters, and its TPM: both sides of every HMAC, key agreement and cipher. The
 * command log of it all, and what the caller learned.
 */
export async function useTpm(seed: string) {
  const log: string[] = [];
  const transport = new TracedTransport(embeddedTransport(options({ seed, config: {} })), (line) => log.push(line));
  const client = new T.Tpm2Client(transport);
  const caller = new Entropy(seed).stream('caller');
  const random = (size: number) => caller.bytes(size);
  const flush = (flushHandle: number) => client.call(C.FlushContext, { flushHandle });
  const primary = (primaryHandle: number, inPublic: T.TPMT_PUBLIC) =>
    client.call(C.CreatePrimary, {
      primaryHandle,
      inSensitive: { userAuth: EMPTY, data: EMPTY },
      inPublic,
      outsideInfo: EMPTY,
      creationPCR: [T.pcrSelection(A.SHA256, [0, 7])],
    });

  await transport.powerOn();
  await client.call(C.Startup, { startupType: T.TPM_SU.CLEAR });
  await transport.hashStart();
  await transport.hashData(random(100));
  await transport.hashEnd();
  await client.call(C.PCR_Event, { pcrHandle: 7, eventData: random(50) });

  const problems: string[] = [];
  for (const template of [T.AK_ECC_P256, T.AK_RSA2048]) {
    const key = await primary(RH.ENDORSEMENT, template);
    const nonce = random(20);
    const pcrs = [T.pcrSelection(A.SHA256, [0, 7, 17])];
    const { quoted, signature } = await client.call(C.Quote, {
      signHandle: key.objectHandle,
      qualifyingData: nonce,
      inScheme: { scheme: A.NULL },
      PCRselect: pcrs,
    });
    const { pcrValues } = await client.call(C.PCR_Read, { pcrSelectionIn: pcrs });
    problems.push(
      ...T.checkQuote({
        attest: T.encode(T.TPM2B_ATTEST, quoted).slice(2),
        signature: T.encode(T.TPMT_SIGNATURE, signature),
        publicArea: key.outPublic,
        nonce,
        banks: new Map([[A.SHA256, new Map([0, 7, 17].map((pcr, i) => [pcr, pcrValues[i] ?? EMPTY]))]]),
      }),
    );
    await flush(key.objectHandle);
  }

  // Sessions salted by an ECC and by an RSA key; what goes to the TPM and what comes back is encrypted with AES.
  const secrets: string[] = [];
  for (const template of [
    T.SRK_ECC_P256,
    { ...T.EK_RSA2048, objectAttributes: T.SRK_ECC_P256.objectAttributes, authPolicy: EMPTY },
  ]) {
    const parent = await primary(RH.OWNER, template);
    const session = await T.ClientSession.start(client, {
      salt: { handle: parent.objectHandle, publicArea: parent.outPublic },
      symmetric: AES,
      random,
    });
    const both = S.continueSession | S.encrypt | S.decrypt;
    const names = { parentHandle: parent.name };
    const sealed = await client.call(
      C.Create,
      {
        parentHandle: parent.objectHandle,
        inSensitive: { userAuth: utf8('password'), data: utf8('secret') },
        inPublic: SEALED,
        outsideInfo: EMPTY,
        creationPCR: [],
      },
      { auth: [{ with: session, attributes: both }], names },
    );
    const item = await client.call(C.Load, {
      parentHandle: parent.objectHandle,
      inPrivate: sealed.outPrivate,
      inPublic: sealed.outPublic,
    });
    const { outData } = await client.call(
      C.Unseal,
      { itemHandle: item.objectHandle },
      {
        auth: [{ with: session, authValue: utf8('password'), attributes: S.continueSession | S.encrypt }],
        names: { itemHandle: item.name },
      },
    );
    secrets.push(new TextDecoder().decode(outData));
    for (const handle of [item.objectHandle, session.handle, parent.objectHandle]) await flush(handle);
  }

  // An RSA key made of random numbers, not of a seed and a template.
  const parent = await primary(RH.OWNER, T.SRK_ECC_P256);
  const made = await client.call(C.Create, {
    parentHandle: parent.objectHandle,
    inSensitive: { userAuth: EMPTY, data: EMPTY },
    inPublic: RSA_SIGNER,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  const loaded = await client.call(C.Load, {
    parentHandle: parent.objectHandle,
    inPrivate: made.outPrivate,
    inPublic: made.outPublic,
  });
  const digest = random(32);
  const { signature } = await client.call(C.Sign, {
    keyHandle: loaded.objectHandle,
    digest,
    inScheme: { scheme: A.NULL },
    validation: { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY },
  });
  if (signature.sigAlg !== A.NULL)
    await client.call(C.VerifySignature, { keyHandle: loaded.objectHandle, digest, signature });
  const bound = await T.ClientSession.start(client, {
    bind: { handle: RH.OWNER, authValue: EMPTY },
    symmetric: AES,
    random,
  });
  await client.call(
    C.HierarchyChangeAuth,
    { authHandle: RH.OWNER, newAuth: utf8('owner') },
    { auth: [{ with: bound, bound: true, attributes: S.continueSession | S.decrypt }] },
  );
  return { log, secrets, problems };
}
