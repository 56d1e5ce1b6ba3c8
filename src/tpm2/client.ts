/** A typed TPM 2.0 client: command rows in, checked responses out. Authorisation is by password, HMAC or policy session. */
import { needObject } from '../bytes/arguments.ts';
import { type Authorization, decodeSuccess, type EntityNames, prepareCommand, responseCode } from './command-bytes.ts';
import type { CommandRow } from './command-row.ts';
import {
  decodeResponseCode,
  describeResponseCode,
  type ResponseCodeName,
  type ResponsePlace,
  TPM_RC,
} from './response-code.ts';
import type { Locality, TpmTransport } from './transport.ts';

/** The TPM refused a command. */
export class TpmError extends Error {
  /** Whole response code. */
  readonly code: number;
  /** Specification name without `TPM_RC_`; undefined for an unknown code. */
  readonly rc: ResponseCodeName | undefined;
  /** The handle, session or parameter the code points to. */
  readonly place: ResponsePlace | undefined;
  /** Name of the command. */
  readonly command: string;

  constructor(command: string, code: number) {
    super(`TPM2_${command}: ${describeResponseCode(code)}`);
    this.name = 'TpmError';
    const decoded = decodeResponseCode(code);
    this.code = code;
    this.rc = decoded.name;
    this.place = decoded.place;
    this.command = command;
  }
}

/** Options of one command. */
export interface CallOptions {
  /** Default 0. */
  readonly locality?: Locality;
  /** One entry for each handle that needs authorisation, in order, and those of further sessions; a missing one is the empty password. */
  readonly auth?: readonly Authorization[];
  /** Names of objects and NV indices by the name of their handle; sessions with HMACs need them. */
  readonly names?: EntityNames;
}

/** Named handles and parameters of a response without keyed sessions. TpmError where the TPM refused, FormatError where it is malformed. */
export function decodeResponse<Out>(row: CommandRow<never, Out>, response: Uint8Array): Out {
  const code = responseCode(response);
  if (code !== 0) throw new TpmError(row.name, code);
  return decodeSuccess(row, response);
}

/**
 * Warnings by which a TPM asks for the same command again (Part 2, 6.6.3): it did nothing yet, so sessions are as they were.
 * The first use of an entity under dictionary attack protection is answered with RETRY.
 */
const RESUBMIT: ReadonlySet<number> = new Set([TPM_RC.RETRY, TPM_RC.YIELDED, TPM_RC.TESTING]);
const MAX_ATTEMPTS = 8;

/** Sends commands to a TPM. */
export class Tpm2Client {
  readonly transport: TpmTransport;

  constructor(transport: TpmTransport) {
    needObject('Tpm2Client', transport, ['transmit()'], 'it sends commands over a transport');
    this.transport = transport;
  }

  /**
   * Runs one command. `input` holds the handles and parameters by their names in Part 3.
   * TpmError where the TPM refuses, FormatError where its answer is malformed, InputError where it cannot be reached.
   */
  async call<In, Out>(row: CommandRow<In, Out>, input: In, options: CallOptions = {}): Promise<Out> {
    const command = prepareCommand(row, input, options.auth, options.names);
    for (let attempt = 1; ; attempt++) {
      const response = await this.transport.transmit(command.bytes, options.locality ?? 0);
      const code = responseCode(response);
      if (code === 0) return command.accept(response);
      if (attempt === MAX_ATTEMPTS || !RESUBMIT.has(code)) throw new TpmError(row.name, code);
    }
  }
}
