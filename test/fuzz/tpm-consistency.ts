/** Whether a TPM still holds together: what it says of itself can be read, written down and brought back. */
import type { Tpm2Engine } from '../../sim/tpm/engine.ts';
import { decodeSnapshot, encodeSnapshot } from '../../sim/tpm/snapshot.ts';
import { equalBytes } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';

const { COMMANDS: C, TPM_CAP } = T;

/** First property of each group of TPM2_GetCapability. */
const GROUPS: readonly (readonly [capability: number, property: number])[] = [
  [TPM_CAP.ALGS, 0],
  [TPM_CAP.HANDLES, 0x0000_0000],
  [TPM_CAP.HANDLES, 0x0100_0000],
  [TPM_CAP.HANDLES, 0x0200_0000],
  [TPM_CAP.HANDLES, 0x0300_0000],
  [TPM_CAP.HANDLES, 0x4000_0000],
  [TPM_CAP.HANDLES, 0x8000_0000],
  [TPM_CAP.HANDLES, 0x8100_0000],
  [TPM_CAP.COMMANDS, 0],
  [TPM_CAP.PP_COMMANDS, 0],
  [TPM_CAP.AUDIT_COMMANDS, 0],
  [TPM_CAP.PCRS, 0],
  [TPM_CAP.TPM_PROPERTIES, 0x100],
  [TPM_CAP.TPM_PROPERTIES, 0x200],
  [TPM_CAP.PCR_PROPERTIES, 0],
  [TPM_CAP.ECC_CURVES, 0],
  [TPM_CAP.AUTH_POLICIES, 0x4000_0000],
];

/** Answers of a reader that refuses nothing. */
class Reader {
  readonly problems: string[] = [];
  readonly #engine: Tpm2Engine;

  constructor(engine: Tpm2Engine) {
    this.#engine = engine;
  }

  ask<In, Out>(row: T.CommandRow<In, Out>, input: In, allowed: readonly number[] = []): Out | undefined {
    const command = T.prepareCommand(row, input);
    const response = this.#engine.execute(command.bytes, 0);
    const rc = T.responseCode(response);
    if (rc !== 0) {
      if (!allowed.includes(rc)) {
        this.problems.push(`TPM2_${row.name} ${JSON.stringify(input)}: ${T.describeResponseCode(rc)}`);
      }
      return undefined;
    }
    try {
      return command.accept(response);
    } catch (error) {
      this.problems.push(`TPM2_${row.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

/** The state written down and brought back is the same state. */
function roundTrip(engine: Tpm2Engine): string[] {
  const before = encodeSnapshot(engine.snapshot());
  engine.restore(decodeSnapshot(before));
  return equalBytes(before, encodeSnapshot(engine.snapshot())) ? [] : ['the snapshot is another after its round trip'];
}

/** What cannot be read of a started TPM. */
function unreadable(engine: Tpm2Engine): string[] {
  const reader = new Reader(engine);
  for (const [capability, property] of GROUPS) {
    const got = reader.ask(C.GetCapability, { capability, property, propertyCount: 127 })?.capabilityData;
    if (got?.capability !== TPM_CAP.HANDLES) continue;
    for (const handle of got.data) {
      const type = handle >>> 24;
      // A sequence has no public area; a persistent object needs room; a switched off hierarchy hides what is its.
      const busy = [T.TPM_RC.SEQUENCE, T.TPM_RC.OBJECT_MEMORY, T.TPM_RC.HANDLE | 0x100, T.TPM_RC.HIERARCHY | 0x100];
      if (type === 0x80 || type === 0x81) reader.ask(C.ReadPublic, { objectHandle: handle }, busy);
      if (type === 0x01) reader.ask(C.NV_ReadPublic, { nvIndex: handle }, busy);
    }
  }
  const pcrs = Array.from({ length: 8 }, (_, pcr) => pcr);
  reader.ask(C.PCR_Read, { pcrSelectionIn: [T.pcrSelection(T.TPM_ALG.SHA256, pcrs)] });
  reader.ask(C.GetRandom, { bytesRequested: 8 });
  return reader.problems;
}

/** What is wrong with a TPM now and after a TPM Reset; it is left as it was. */
export function inconsistencies(engine: Tpm2Engine): string[] {
  const kept = engine.snapshot();
  const out: string[] = roundTrip(engine);
  if (engine.state.started && engine.state.failure === undefined) out.push(...unreadable(engine));
  engine.powerOn();
  const started = engine.execute(T.encodeCommand(C.Startup, { startupType: T.TPM_SU.CLEAR }), 0);
  if (T.responseCode(started) !== 0) out.push('TPM2_Startup(CLEAR) after a power cycle fails');
  out.push(...unreadable(engine).map((problem) => `after TPM Reset: ${problem}`), ...roundTrip(engine));
  engine.restore(kept);
  return out;
}
