/** Requests and replies in the smallest form that the HTTP server, the fetch app and msw can all be adapted to. */

/** Longest request body in bytes. */
export const MAX_BODY = 8 << 20;

/** A request whose body is read only when it is wanted. */
export interface HttpRequest {
  readonly method: string;
  /** Path without query, e.g. `/sdk`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** A header by its lower-case name; null where it is absent. */
  header(name: string): string | null;
  /** The whole body; undefined where it is longer than {@link MAX_BODY}. */
  body(): Promise<Uint8Array | undefined>;
  /** Whether the connection is encrypted: decides about `Secure` cookies. */
  readonly secure: boolean;
  /** Address of the client, as far as it is known. */
  readonly address: string;
  /** Ends when the client goes away. */
  readonly signal: AbortSignal | undefined;
}

/** A reply. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** Anything that answers requests. It never throws. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpReply>;

/** A reply with text of some type. */
export function reply(
  status: number,
  type: string,
  body: Uint8Array | string,
  more: Record<string, string> = {},
): HttpReply {
  return { status, headers: { 'content-type': type, ...more }, body };
}

/** A reply without body. */
export function emptyReply(status: number, headers: Record<string, string> = {}): HttpReply {
  return { status, headers, body: '' };
}

/** The value of a cookie, without the quotes around it; attributes that a client echoes are passed over. */
export function cookie(request: HttpRequest, name: string): string | undefined {
  for (const part of (request.header('cookie') ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name)
      return part
        .slice(at + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
