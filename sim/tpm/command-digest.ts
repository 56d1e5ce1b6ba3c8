/** The command being performed, as sessions and audit see it. */

import type { AnyCommandRow } from '../../src/tpm2/command-row.ts';
import { cpHash } from '../../src/tpm2/session-crypto.ts';
import type { Tpm } from './context.ts';
import { entityName } from './entities.ts';

/** A command with its handles and its parameters as they were sent; Names and digests are made when somebody asks. */
export class CommandDigest {
  readonly row: AnyCommandRow;
  readonly handles: readonly number[];
  readonly #tpm: Tpm;
  readonly #command: Uint8Array;
  readonly #parametersAt: number;
  #digests: Map<number, Uint8Array> | undefined;
  #names: readonly Uint8Array[] | undefined;

  /** @param parametersAt where the parameters begin in `command` */
  constructor(tpm: Tpm, row: AnyCommandRow, handles: readonly number[], command: Uint8Array, parametersAt: number) {
    this.#tpm = tpm;
    this.row = row;
    this.handles = handles;
    this.#command = command;
    this.#parametersAt = parametersAt;
  }

  /** Parameters as they were sent. */
  get parameters(): Uint8Array {
    return this.#command.subarray(this.#parametersAt);
  }

  /** Names of the handles, as they were before the command. */
  get names(): readonly Uint8Array[] {
    this.#names ??= this.handles.map((handle) => entityName(this.#tpm, handle));
    return this.#names;
  }

  /** cpHash by a hash algorithm. */
  cpHash(alg: number): Uint8Array {
    this.#digests ??= new Map();
    let digest = this.#digests.get(alg);
    if (digest === undefined) {
      digest = cpHash(alg, this.row.code, this.names, this.parameters);
      this.#digests.set(alg, digest);
    }
    return digest;
  }
}
