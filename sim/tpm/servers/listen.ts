/** TPM servers: which conversation is held on which socket. */
import type { Socket } from 'node:net';
import { InputError } from '../../../src/bytes/errors.ts';
import type { Address } from '../ports/stream.ts';
import { steadyConnection } from './connection.ts';
import { converse } from './converse.ts';
import type { TpmMachine } from './machine.ts';
import { MssimConversation } from './mssim.ts';
import { Port } from './port.ts';
import { SwtpmStore } from './swtpm-commands.ts';
import { SwtpmControl } from './swtpm-control.ts';
import { type LocalityRules, SwtpmData } from './swtpm-data.ts';

/** Protocols of a TPM server. */
export const PROTOCOLS = ['swtpm', 'mssim'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A protocol's name in an option; InputError for another word. */
export function protocolOf(text: string | undefined, option: string): Protocol {
  const found = PROTOCOLS.find((one) => one === text);
  if (found === undefined) throw new InputError(`${option} ${text}: expected ${PROTOCOLS.join(' or ')}`);
  return found;
}

/** A listening TPM server. */
export interface TpmServer<At = Address> {
  /** Address of the data or command port; of the control port where there is no other. */
  readonly address: At;
  /** Resolves when a client asked the server to end; rejects where the TPM cannot go on. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** A connection that the process was started with, by its descriptor. */
export interface Inherited {
  readonly descriptor: number;
}

/** One socket of {@link listenSwtpm}. */
export interface Place {
  /** A server that is given a connection ends with it. */
  readonly address: Address | Inherited;
  /** Permissions of a Unix socket; default 0770. */
  readonly mode?: number;
}

/** swtpm's two channels, each where it is said. */
export interface SwtpmPlaces {
  /** Commands. Left out: they come over a descriptor that SET_DATAFD brings, as from QEMU. */
  readonly data?: Place;
  readonly control?: Place;
  /** The server ends with the data connection (`--terminate`). */
  readonly terminate?: boolean;
  /** Every answer ends its data connection (`--server …,disconnect`). */
  readonly disconnect?: boolean;
  /** Localities that clients may take. */
  readonly locality?: LocalityRules;
  /** Told in words what a person should know. */
  readonly say?: (text: string) => void;
  /** What must not happen without the channels; done once they are there, before anybody is served. */
  readonly prepare?: () => void;
}

/** The address of the control or platform port: the next port, or the path with `.ctrl`. */
export const neighbour = (address: Address): Address =>
  'path' in address ? { path: `${address.path}.ctrl` } : { host: address.host, port: nextPort(address.port) };

function nextPort(port: number): number {
  if (port >= 65_535) throw new InputError(`port ${port}: the control port is the next one, and there is none`);
  return port + 1;
}

/** The end of a server, as a promise and what settles it. */
function ending(): { ended: Promise<void>; end: (error?: unknown) => void } {
  let end: (error?: unknown) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  ended.catch(() => undefined);
  return { ended, end };
}

/**
 * Starts a server for `machine` on neighbouring ports. InputError where an address cannot be used.
 * @param prepare what must not happen without the addresses; done once they are there, before anybody is served
 */
export async function listenTpm(
  machine: TpmMachine,
  protocol: Protocol,
  address: Address,
  prepare: () => void = () => undefined,
): Promise<TpmServer> {
  const { ended, end } = ending();
  const store = new SwtpmStore();
  const [data, control] =
    protocol === 'swtpm'
      ? [
          new Port({ begin: () => new SwtpmData(machine), end }),
          new Port({ begin: () => new SwtpmControl(machine, store), end }),
        ]
      : [
          new Port({ begin: () => new MssimConversation(machine, 'command'), end }),
          new Port({ begin: () => new MssimConversation(machine, 'platform'), end }),
        ];
  const close = async (): Promise<void> => {
    await Promise.all([data.close(), control.close()]);
  };
  try {
    const bound = await listenPair(data, control, address);
    prepare();
    data.open();
    control.open();
    return { address: bound, ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Attempts to find two neighbouring free ports. */
const ATTEMPTS = 20;

/** Port 0 takes any port whose neighbour is free too. */
async function listenPair(data: Port, control: Port, address: Address): Promise<Address> {
  for (let attempt = 1; ; attempt++) {
    const bound = await data.listen(address);
    try {
      await control.listen(neighbour(bound));
      return bound;
    } catch (error) {
      const anyPort = 'port' in address && address.port === 0;
      if (!anyPort || attempt === ATTEMPTS) throw error;
      await data.close();
    }
  }
}

/** Starts a server for `machine` with swtpm's channels. InputError where an address cannot be used or there is no channel. */
export async function listenSwtpm(machine: TpmMachine, places: SwtpmPlaces): Promise<TpmServer<Address | Inherited>> {
  const { ended, end } = ending();
  const store = new SwtpmStore();
  store.locality = places.locality ?? store.locality;
  store.say = places.say ?? store.say;
  if (places.data === undefined) store.data = 'awaited';
  let passed: Socket | undefined;
  const left = (): void => {
    if (places.terminate) end();
  };
  const begin = () => new SwtpmData(machine, places.disconnect, store.locality);
  /** The descriptor is the data channel until its other end closes; then SET_DATAFD may bring another. */
  const adopt = (socket: Socket): void => {
    const connection = steadyConnection(socket);
    passed = connection.socket;
    passed.once('close', () => {
      passed = undefined;
      store.data = 'awaited';
      left();
    });
    converse(connection, begin(), { end });
  };
  const inherited = (place: Place | undefined): boolean => place !== undefined && 'descriptor' in place.address;
  const ports = {
    data: places.data && {
      port: new Port({ begin, end, left: inherited(places.data) ? () => end() : left }),
      place: places.data,
    },
    control: places.control && {
      port: new Port({
        begin: () => new SwtpmControl(machine, store),
        end,
        // Reading descriptors has a price (descriptor-socket.ts): not where none is wanted.
        ...(places.data === undefined ? { adopt } : {}),
        ...(inherited(places.control) ? { left: () => end() } : {}),
      }),
      place: places.control,
    },
  };
  const open = [ports.data, ports.control].filter((one) => one !== undefined);
  const close = async (): Promise<void> => {
    passed?.destroySoon();
    await Promise.all(open.map(({ port }) => port.close()));
  };
  try {
    const bound: (Address | Inherited)[] = [];
    for (const { port, place } of open) {
      const { address, mode } = place;
      if ('descriptor' in address) {
        port.attach(address.descriptor);
        bound.push(address);
      } else bound.push(await port.listen(address, mode));
    }
    const [address] = bound;
    if (address === undefined) throw new InputError('a TPM server needs a data or a control channel');
    places.prepare?.();
    for (const { port } of open) port.open();
    return { address, ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}
