/** Login sessions: ids from the entropy stream, idle expiry by the injected clock, a bounded number. */
import { toHex } from '../../src/bytes/bytes.ts';
import type { Clock } from '../clock.ts';
import type { RandomStream } from '../entropy.ts';
import type { ManagedObject } from './managed-object.ts';

/** vCenter's default: setting `config.vmacore.soap.sessionTimeout`. */
export const IDLE_TIMEOUT = 30 * 60 * 1000;
/** Most sessions at once; one more ends the one that was idle longest, because some clients never log out. */
export const MAX_SESSIONS = 1000;
/** Most views, collectors and filters of one session. */
export const MAX_SESSION_OBJECTS = 256;

/** Someone who logged in. Views, collectors and filters belong to it and go with it. */
export interface Session {
  /** The secret that the client sends back: 40 hexadecimal digits. */
  readonly id: string;
  /** Public key of the session, as a UUID. */
  readonly key: string;
  readonly userName: string;
  readonly locale: string;
  readonly address: string;
  readonly userAgent: string;
  readonly loginTime: number;
  lastActive: number;
  calls: number;
  /** Calls that wait for changes right now; a session that waits is not idle. */
  waiting: number;
  readonly objects: Map<string, ManagedObject>;
  /** Called when the session ends. */
  readonly onEnd: Set<() => void>;
  /** For ids of objects that belong to the session. */
  nextObject: number;
}

/** Text form of a UUID (RFC 9562, version 4) from 16 random bytes. */
export function uuidText(bytes: Uint8Array): string {
  const b = Uint8Array.from(bytes);
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(b);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** All sessions of one interface (SOAP and REST each have their own). */
export class SessionTable {
  readonly #clock: Clock;
  readonly #random: RandomStream;
  // Kept in the order of last use, so that the first one is the one idle longest.
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock, random: RandomStream) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Starts a session. */
  open(who: { userName: string; locale: string; address: string; userAgent: string }): Session {
    this.#expire();
    if (this.#sessions.size >= MAX_SESSIONS) {
      const [oldest] = this.#sessions.values();
      if (oldest !== undefined) this.close(oldest);
    }
    const now = this.#clock.now();
    const session: Session = {
      id: toHex(this.#random.bytes(20)),
      key: uuidText(this.#random.bytes(16)),
      ...who,
      loginTime: now,
      lastActive: now,
      calls: 0,
      waiting: 0,
      objects: new Map(),
      onEnd: new Set(),
      nextObject: 1,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** The live session with this id; counts as activity. */
  use(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (session === undefined) return undefined;
    const now = this.#clock.now();
    if (session.waiting === 0 && now - session.lastActive >= IDLE_TIMEOUT) {
      this.close(session);
      return undefined;
    }
    session.lastActive = now;
    session.calls++;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Ends a session: its objects go and its waiting calls return. */
  close(session: Session): void {
    this.#sessions.delete(session.id);
    for (const end of [...session.onEnd]) end();
    session.onEnd.clear();
    session.objects.clear();
  }

  /** Live sessions. */
  list(): readonly Session[] {
    this.#expire();
    return [...this.#sessions.values()];
  }

  #expire(): void {
    const limit = this.#clock.now() - IDLE_TIMEOUT;
    for (const session of this.#sessions.values()) {
      if (session.lastActive > limit) break;
      if (session.waiting === 0) this.close(session);
    }
  }
}
