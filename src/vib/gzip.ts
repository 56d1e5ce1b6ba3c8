/** gzip (RFC 1952) of payloads: written the same on every machine, read with limits. */

import { gzipSync } from 'fflate';
import { primitives } from '#primitives';
import { FormatError } from '../bytes/errors.ts';

/** How far decompression may go. */
export interface GunzipLimits {
  /** Most bytes out. Default 4 GiB − 1. */
  readonly maxBytes?: number;
  /** Most bytes out per byte in. Default 1000; deflate itself ends near 1032. */
  readonly maxRatio?: number;
}

/** Outputs up to this size are never refused for their ratio: a small file of zeros is no bomb. */
const HARMLESS = 1024 * 1024;

/** Whether the bytes start like a gzip stream (RFC 1952, 2.3.1). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** One gzip member without name and time (mtime 0): the same input gives the same bytes everywhere. */
export function gzip(data: Uint8Array): Uint8Array {
  return gzipSync(data, { mtime: 0, level: 9 });
}

/** Most bytes that `size` bytes of gzip may become. */
export function gunzipLimit(size: number, { maxBytes = 0xffffffff, maxRatio = 1000 }: GunzipLimits = {}): number {
  return Math.min(maxBytes, Math.max(HARMLESS, Math.floor(size * maxRatio)));
}

/** What the decompressor threw, as a {@link FormatError} with the payload's name and the limit that was exceeded. */
export function gunzipError(error: unknown, field: string, size: number, limits: GunzipLimits = {}): FormatError {
  const { maxBytes = 0xffffffff, maxRatio = 1000 } = limits;
  const message = error instanceof Error ? error.message : String(error);
  const limit = gunzipLimit(size, limits);
  const ratio = limit === maxBytes ? '' : ` (${maxRatio} times its ${size} bytes)`;
  const problem = message.includes('too large')
    ? `decompresses to more than the limit of ${limit} bytes${ratio}`
    : `damaged: ${message}`;
  return new FormatError({ structure: 'gzip', field, problem }, { cause: error });
}

/** Decompresses within limits. Damaged input and exceeded limits are a {@link FormatError}; `field` names the payload. */
export function gunzip(data: Uint8Array, field: string, limits: GunzipLimits = {}): Uint8Array {
  if (!isGzip(data)) throw new FormatError({ structure: 'gzip', field, problem: 'does not start with 1f 8b' });
  try {
    return primitives.gunzip(data, gunzipLimit(data.length, limits));
  } catch (error) {
    throw gunzipError(error, field, data.length, limits);
  }
}
