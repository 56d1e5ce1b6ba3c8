/** A small crypto-agile log made with the writer, for tests of whatever reads logs. */
import { fromHex, utf8 } from '../../src/bytes/index.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as log from '../../src/eventlog/index.ts';

const { EV } = log;
/** Banks of {@link sampleLog}. */
export const BANKS = ['sha1', 'sha256'] as const;

/** Digests of some bytes in these banks. */
export const digestsOf = (bytes: Uint8Array): log.LogDigest[] =>
  BANKS.map((alg) => ({ alg, digest: hash(alg, bytes) }));

/** Header, startup locality, twelve events in all. */
export function sampleLog(): Uint8Array {
  const w = new log.EventLogWriter({ algorithms: BANKS });
  const add = (pcr: number, type: number, data: Uint8Array, hashed = data) =>
    w.append({ pcr, type, digests: digestsOf(hashed), data });
  w.appendStartupLocality(3);
  add(0, EV.S_CRTM_VERSION, log.encodeCrtmVersion('2.19.1'));
  const secureBoot = { guid: log.EFI_GLOBAL_VARIABLE, name: 'SecureBoot', data: fromHex('01') };
  add(7, EV.EFI_VARIABLE_DRIVER_CONFIG, log.encodeVariable(secureBoot));
  for (let pcr = 0; pcr < 8; pcr++) add(pcr, EV.SEPARATOR, log.encodeSeparator());
  add(12, EV.EVENT_TAG, log.encodeEsxiEvent({ kind: 'module', name: 's.v00' }), utf8('abc'));
  return w.bytes();
}
