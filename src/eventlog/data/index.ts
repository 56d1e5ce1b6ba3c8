/** Event data understood by event type. One bad event is a value, so that it does not hide the others. */
import { FormatError } from '../../bytes/index.ts';
import { type DecoderName, eventType } from '../event-types.ts';
import { decodeTagged, type TaggedEvent } from './esxi.ts';
import { decodeNoAction, type NoActionEvent, type StartupLocality } from './no-action.ts';
import {
  type ActionEvent,
  decodeAction,
  decodeCrtmVersion,
  decodeSeparator,
  decodeText,
  type SeparatorEvent,
  type TextEvent,
  type VersionEvent,
} from './text.ts';
import { decodeTxt, type TxtEvent } from './txt.ts';
import {
  decodeFirmwareBlob,
  decodeFirmwareBlob2,
  decodeGpt,
  decodeHandoffTables,
  decodeHandoffTables2,
  decodeImageLoad,
  decodeVariable,
  type FirmwareBlobEvent,
  type GptEvent,
  type HandoffTablesEvent,
  type ImageLoadEvent,
  type VariableEvent,
} from './uefi.ts';

export * from './esxi.ts';
export * from './guid.ts';
export * from './no-action.ts';
export * from './text.ts';
export * from './txt.ts';
export * from './uefi.ts';

/** Data without a structure known here. */
export interface OpaqueEvent {
  readonly kind: 'opaque';
}

/** Data that is not what its event type says; the bytes are in the event itself. */
export interface InvalidEvent {
  readonly kind: 'invalid';
  readonly why: FormatError;
}

/** Event data understood. */
export type EventData =
  | StartupLocality
  | NoActionEvent
  | SeparatorEvent
  | ActionEvent
  | TextEvent
  | VersionEvent
  | VariableEvent
  | ImageLoadEvent
  | FirmwareBlobEvent
  | HandoffTablesEvent
  | GptEvent
  | TaggedEvent
  | TxtEvent
  | OpaqueEvent
  | InvalidEvent;

type Decoder = (data: Uint8Array, base: number, type: number) => EventData;

const DECODERS: Readonly<Record<DecoderName, Decoder>> = {
  noAction: decodeNoAction,
  separator: decodeSeparator,
  action: decodeAction,
  tagged: decodeTagged,
  crtmVersion: decodeCrtmVersion,
  text: decodeText,
  variable: decodeVariable,
  imageLoad: decodeImageLoad,
  firmwareBlob: decodeFirmwareBlob,
  firmwareBlob2: decodeFirmwareBlob2,
  handoffTables: decodeHandoffTables,
  handoffTables2: decodeHandoffTables2,
  gpt: decodeGpt,
  txt: (data, base, type) => decodeTxt(type, data, base),
  opaque: () => ({ kind: 'opaque' }),
};

/**
 * Reads event data by its type. Never throws for bad data: the result is then `{ kind: 'invalid' }` with the reason.
 *
 * @param base offset of `data` in the log, for the reason
 */
export function decodeEventData(type: number, data: Uint8Array, base = 0): EventData {
  const decoder = eventType(type)?.decoder ?? 'opaque';
  try {
    return DECODERS[decoder](data, base, type);
  } catch (error) {
    if (error instanceof FormatError) return { kind: 'invalid', why: error };
    throw error;
  }
}
