/** Hashes, HMACs and sequences on the embedded TPM and on another engine, to the last byte. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { fromHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const { EMPTY, NO_TICKET, NULL_SCHEME, sample, USER } = S;

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(() => pair.stop());

const d20 = hash('sha1', utf8('x'));
const d32 = hash('sha256', utf8('x'));

describe('hashes and HMACs', () => {
  const hashes = [A.SHA1, A.SHA256, A.SHA384, A.SHA512];
  it('one-shot', async () => {
    for (const hashAlg of [...hashes, A.NULL]) {
      for (const hierarchy of [RH.OWNER, RH.NULL, RH.ENDORSEMENT, RH.PLATFORM]) {
        for (const data of [
          EMPTY,
          fromHex('ff54'),
          fromHex('ff544347'),
          fromHex('ff5443470102'),
          d32,
          new Uint8Array(1024),
        ]) {
          const mode = hierarchy === RH.NULL ? 'bytes' : 'shape';
          await both.run(`${hashAlg} ${hierarchy} ${data.length}`, C.Hash, { data, hashAlg, hierarchy }, { mode });
        }
      }
    }
    for (const key of [
      sample('HMAC'),
      sample('HMAC', { scheme: NULL_SCHEME }, USER | O.sign | O.decrypt),
      sample('HMAC', { scheme: NULL_SCHEME }, USER),
      sample('HMAC', { scheme: S.XOR }, USER | O.decrypt),
      sample('RSA'),
      sample('ECC'),
      sample('AES'),
    ]) {
      await both.withExternal(key, async (handle) => {
        for (const hashAlg of [...hashes, A.NULL]) {
          const id = `${key.inPublic.type.toString(16)} ${key.inPublic.objectAttributes.toString(16)} ${hashAlg}`;
          await both.run(id, C.HMAC, { handle, buffer: d32, hashAlg }, { mode: 'bytes' });
          await both.run(id, C.HMAC, { handle, buffer: new Uint8Array(1024), hashAlg }, { mode: 'bytes' });
          const started = await both.run(id, C.HMAC_Start, { handle, auth: d20, hashAlg }, { mode: 'bytes' });
          if (started === undefined) continue;
          const { sequenceHandle } = started[0];
          await both.run(id, C.SequenceUpdate, { sequenceHandle, buffer: d20 }, { auth: [d20] });
          const done = { sequenceHandle, buffer: d32, hierarchy: RH.OWNER };
          await both.run(id, C.SequenceComplete, done, { auth: [d32] });
          await both.run(id, C.SequenceComplete, done, { auth: [d20], mode: 'bytes' });
          await both.run(id, C.SequenceComplete, done, { auth: [d20], mode: 'bytes' });
        }
      });
    }
    both.verdict();
  });

  it('sequences', async () => {
    await both.flushAll();
    for (const hashAlg of [...hashes, A.NULL]) {
      for (const first of [EMPTY, fromHex('ff5443'), fromHex('ff544347'), d32, new Uint8Array(1024).fill(3)]) {
        for (const hierarchy of [RH.NULL, RH.OWNER]) {
          const id = `${hashAlg} ${first.length} ${hierarchy}`;
          const { sequenceHandle } = (await both.must(id, C.HashSequenceStart, { auth: EMPTY, hashAlg }))[0];
          await both.run(id, C.SequenceUpdate, { sequenceHandle, buffer: first });
          await both.run(id, C.SequenceUpdate, { sequenceHandle, buffer: d32 });
          await both.run(id, C.ReadPublic, { objectHandle: sequenceHandle });
          await both.run(id, C.Unseal, { itemHandle: sequenceHandle });
          await both.run(id, C.ObjectChangeAuth, {
            objectHandle: sequenceHandle,
            parentHandle: sequenceHandle,
            newAuth: d20,
          });
          await both.run(id, C.HMAC, { handle: sequenceHandle, buffer: d32, hashAlg: A.SHA256 });
          await both.run(id, C.Sign, {
            keyHandle: sequenceHandle,
            digest: d32,
            inScheme: NULL_SCHEME,
            validation: NO_TICKET,
          });
          await both.run(id, C.EvictControl, {
            auth: RH.OWNER,
            objectHandle: sequenceHandle,
            persistentHandle: 0x81000001,
          });
          const mode = hierarchy === RH.NULL ? 'bytes' : 'shape';
          const end = { sequenceHandle, buffer: first };
          await both.run(id, C.SequenceComplete, { ...end, hierarchy }, { mode });
          await both.run(id, C.EventSequenceComplete, { ...end, pcrHandle: 17 }, { mode: 'bytes' });
          await both.run(id, C.EventSequenceComplete, { ...end, pcrHandle: 16 }, { mode: 'bytes' });
          await both.run(id, C.EventSequenceComplete, { ...end, pcrHandle: RH.NULL }, { mode: 'bytes' });
        }
        await both.flushAll();
      }
    }
    await both.run('PCR 16', C.PCR_Read, { pcrSelectionIn: [T.pcrSelection(A.SHA256, [16])] }, { mode: 'bytes' });
    await both.withExternal(sample('ECC'), async (handle) => {
      await both.run('no sequence', C.SequenceUpdate, { sequenceHandle: handle, buffer: d32 });
      await both.run('no sequence', C.SequenceComplete, { sequenceHandle: handle, buffer: d32, hierarchy: RH.NULL });
      await both.run('no sequence', C.EventSequenceComplete, {
        sequenceHandle: handle,
        buffer: d32,
        pcrHandle: RH.NULL,
      });
    });
    both.verdict();
  });
});
