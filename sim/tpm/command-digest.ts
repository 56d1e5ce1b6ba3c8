/** The command being performed, as sessions and audit see it. */

import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import { cpHash } from '../../src/tpm2/session-crypto.ts';
import type { Tpm } from './context.ts';
import { entityName } from './entities.ts';

/** A command with its handles and its parameters as they were sent; Names and digests are made when somebody asks. */
export class CommandDigest {
  readonly row: AnyCommandRow;
  readonly handles: readonly number[];
  readonly parameters: Uint8Array;
  readonly #tpm: Tpm;
  readonly #digests = new Map<number, Uint8Array>();
  #names: readonly Uint8Array[] | undefined;

  constructor(tpm: Tpm, row: AnyCommandRow, handles: readonly number[], parameters: Uint8Array) {
    this.#tpm = tpm;
    this.row = row;
    this.handles = handles;
    this.parameters = parameters;
  }

  /** Names of the handles, as they were before the command. */
  get names(): readonly Uint8Array[] {
    this.#names ??= this.handles.map((handle) => entityName(this.#tpm, handle));
    return this.#names;
  }

  /** cpHash by a hash algorithm. */
  cpHash(alg: number): Uint8Array {
    let digest = this.#digests.get(alg);
    if (digest === undefined) {
      digest = cpHash(alg, this.row.code, this.names, this.parameters);
      this.#digests.set(alg, digest);
    }
    return digest;
  }
}
