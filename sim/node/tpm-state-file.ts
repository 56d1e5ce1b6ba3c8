/**
 * The TPM's permanent state in a file. What is in it is what a power cycle leaves: it is written (beside the file, synced,
 * renamed) whenever a command changed that, before the answer goes out. A kill at any moment leaves the old or the new state;
 * what was volatile is gone, as after a power failure.
 */
import { existsSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { TPM_SU } from '../../src/tpm2/constants.ts';
import { stir } from '../tpm/drbg.ts';
import type { Tpm2Engine } from '../tpm/engine.ts';
import { MACHINE_EVENT, type MachineObserver } from '../tpm/servers/machine.ts';
import { noContexts } from '../tpm/sessions.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../tpm/snapshot.ts';
import type { NvIndex, TpmState } from '../tpm/state.ts';
import { cloneValue, equalValues } from '../tpm/state-value.ts';
import { readFile, removeLeftTemporaries, writeFileAtomic } from './files.ts';

/** A process that holds a lock, told apart from a later one with the same number by its start time where the system tells it. */
function holder(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22, counted after the name in parentheses, which may hold anything.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return `${pid} `;
  }
}

function isAlive(text: string): boolean {
  const pid = Number(/^(\d+) /.exec(text)?.[1]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return holder(pid) === text;
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Takes `path`.lock, also from a process that is gone. InputError where a living one has it. */
function lock(path: string): () => void {
  const name = `${path}.lock`;
  const mine = `${name}.${process.pid}`;
  const me = holder(process.pid);
  try {
    writeFileSync(mine, me);
  } catch (error) {
    throw new InputError(`${path}: cannot lock: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        // A link appears whole or not at all, and only one process can make it.
        linkSync(mine, name);
        return () => {
          if (readLock(name) === me) rmSync(name, { force: true });
        };
      } catch {
        const text = readLock(name);
        if (text !== undefined && isAlive(text)) {
          throw new InputError(`${path}: is in use by process ${text.split(' ')[0]}`, { source: path });
        }
        if (text !== undefined) removeStale(name, text);
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new InputError(`${path}: cannot lock`, { source: path });
}

/** Removes the lock of a process that is gone, unless another process was faster and took it. */
function removeStale(name: string, text: string): void {
  const aside = `${name}.${process.pid}.stale`;
  try {
    renameSync(name, aside);
  } catch {
    return;
  }
  if (readLock(aside) !== text) {
    try {
      linkSync(aside, name);
    } catch {
      // Somebody holds it again: the loop sees that.
    }
  }
  rmSync(aside, { force: true });
}

const EMPTY = new Uint8Array(0);

/** What TPM2_Startup leaves of an NV index. */
const lasting = (index: NvIndex): NvIndex =>
  index.backing === undefined ? index : { ...index, publicArea: { ...index.publicArea, attributes: 0 }, data: EMPTY };

/** What is looked at to see whether there is something to write. */
type Compared = Pick<Snapshot, 'state' | 'config'>;

/**
 * The parts whose change alone is not written: volatile, or caught up with at the next write and at the end. Contexts, the
 * audit log and commitments outlast a start only after TPM2_Shutdown(STATE): until one is in force they are volatile too.
 * An orderly NV index comes back as its backing has it.
 */
function comparable(engine: Tpm2Engine): Compared {
  const state = engine.powerCycledView();
  const { access, banks, shutdown } = state;
  const resumable = shutdown === TPM_SU.STATE;
  const kept: TpmState = {
    ...state,
    initAt: 0,
    timeAtInit: 0,
    clockAtInit: 0n,
    drbg: { key: EMPTY, counter: 0 },
    banks: banks.map((bank) => ({ ...bank, values: [] })),
    pcrUpdateCounter: 0,
    nv: new Map([...state.nv].map(([handle, index]) => [handle, lasting(index)])),
    commitments: resumable ? state.commitments : undefined,
    access: {
      ...access,
      exclusiveAudit: 0,
      contexts: resumable ? access.contexts : noContexts(),
      audit: resumable ? access.audit : { ...access.audit, digest: EMPTY },
    },
  };
  return { state: kept, config: engine.config };
}

const OWNER_ONLY = 0o600;

/** Keeps the permanent state of an engine in a file. */
export class TpmStateFile implements MachineObserver {
  readonly #path: string;
  readonly #engine: Tpm2Engine;
  readonly #unlock: () => void;
  readonly #mode: number;
  #written: Compared;
  /** Whether there was a TPM in the file already. */
  readonly restored: boolean;
  /** What happened last is not in the file: the TPM has failed and does not go on from it. */
  #behind = false;

  /**
   * Locks the file; an existing one is read and restored into the engine, a new one is written. InputError where it is in
   * use, damaged or something else; it is left as it is then.
   * @param mode permissions of the file; default those it has, of a new one its owner's alone: it holds the TPM's seeds
   */
  constructor(path: string, engine: Tpm2Engine, mode?: number) {
    this.#path = path;
    this.#engine = engine;
    const there = statSync(path, { throwIfNoEntry: false });
    if (path === '' || (there !== undefined && !there.isFile()))
      throw new InputError(`${JSON.stringify(path)}: a TPM's state is kept in a file`, { source: path });
    this.#mode = mode ?? (there === undefined ? OWNER_ONLY : there.mode & 0o777);
    this.#unlock = lock(path);
    try {
      removeLeftTemporaries(path);
      this.restored = existsSync(path);
      if (this.restored) this.#load();
      this.#written = this.#write();
    } catch (error) {
      this.#unlock();
      throw error;
    }
  }

  #load(): void {
    const snapshot = withSource(this.#path, () => decodeSnapshot(readFile(this.#path)));
    const { drbg, shutdown, resetCount } = snapshot.state;
    // After a power failure the generator's last position may not be in the file: what it gave must not come again.
    if (shutdown === undefined) stir(drbg, concat(utf8('restart '), new Uint8Array([resetCount & 0xff])));
    this.#engine.restore(snapshot);
  }

  #write(): Compared {
    const compared = cloneValue(comparable(this.#engine));
    writeFileAtomic(this.#path, encodeSnapshot(this.#engine.powerCycled()), this.#mode);
    return compared;
  }

  #save(): void {
    if (equalValues(comparable(this.#engine), this.#written)) return;
    this.#behind = true;
    this.#written = this.#write();
    this.#behind = false;
  }

  /** Throws where the change cannot be written (InputError); then nothing more is until {@link platform}. */
  command(): void {
    if (!this.#behind) this.#save();
  }

  /** After a change that could not be written the TPM begins again, at its next power cycle, with what is in the file. */
  platform(event: string): void {
    const powered = event === MACHINE_EVENT.powerOn;
    if (this.#behind && !powered && event !== MACHINE_EVENT.restored) return;
    if (this.#behind && powered && existsSync(this.#path)) this.#load();
    this.#save();
  }

  /** Writes what is left (clock, generator) and gives the file free. */
  close(): void {
    try {
      if (!this.#behind) this.#write();
    } finally {
      this.#unlock();
    }
  }
}
