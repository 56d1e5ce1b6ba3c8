import { describe, expect, it } from 'vitest';
import { Options } from './command.ts';
import { checkSeccomp, logTarget, pidTarget, statePlace, swtpmCall } from './swtpm-options.ts';

const call = (values: Record<string, unknown>) => swtpmCall(new Options({ protocol: 'swtpm', ...values }));
const DEFAULTS = {
  disconnect: false,
  terminate: false,
  locality: { rejectLocality4: false, allowSetLocality: false },
  needInit: true,
  startup: 'none',
};

/** Left: options as people write them for swtpm(8). */
describe('channels', () => {
  it.each([
    [{ ctrl: 'type=unixio,path=/run/c' }, { control: { address: { path: '/run/c' } } }],
    [{ ctrl: 'type=unixio,path=/run/c,mode=0600' }, { control: { address: { path: '/run/c' }, mode: 0o600 } }],
    [{ ctrl: '/run/c' }, { control: { address: { path: '/run/c' } } }],
    [
      { server: 'type=tcp,port=2321', ctrl: 'type=tcp,port=2322' },
      {
        data: { address: { host: '127.0.0.1', port: 2321 } },
        control: { address: { host: '127.0.0.1', port: 2322 } },
      },
    ],
    [
      { server: 'port=2321,bindaddr=0.0.0.0,disconnect' },
      { data: { address: { host: '0.0.0.0', port: 2321 } }, disconnect: true },
    ],
    [{ port: '2321' }, { data: { address: { host: '127.0.0.1', port: 2321 } }, disconnect: true }],
    [{ server: 'type=unixio,path=/run/d' }, { data: { address: { path: '/run/d' } } }],
  ])('%j', (options, expected) => expect(call(options)).toEqual({ ...DEFAULTS, ...expected }));

  it('none: not a call in swtpm’s words', () => {
    expect(call({})).toBeUndefined();
    expect(call({ listen: '127.0.0.1:1', tpm2: true })).toBeUndefined();
  });

  it.each([
    ['not-need-init', { needInit: false }],
    ['startup-clear', { needInit: false, startup: 'clear' }],
    ['not-need-init,startup-state', { needInit: false, startup: 'state' }],
    ['startup-none', {}],
  ])('--flags %s', (flags, expected) =>
    expect(call({ ctrl: '/c', flags })).toMatchObject({ ...DEFAULTS, ...expected }),
  );

  it('--locality reject-locality-4', () => {
    expect(call({ ctrl: '/c', locality: 'reject-locality-4' })?.locality.rejectLocality4).toBe(true);
    expect(call({ ctrl: '/c', locality: 'allow-set-locality,reject-locality-4' })?.locality).toEqual({
      rejectLocality4: true,
      allowSetLocality: true,
    });
  });
});

describe('what cannot be done as swtpm does it is refused', () => {
  it.each([
    [{ port: '1', server: 'type=tcp,port=2' }, '--port and --server exclude each other'],
    [{ ctrl: 'type=unixio,path=/c,uid=0' }, '--ctrl: "uid" is not supported here'],
    [{ ctrl: 'type=unixio,path=/c,mode=888' }, '--ctrl: mode=888: expected an octal number up to 7777'],
    [{ ctrl: 'type=pipe,path=/c' }, '--ctrl: type=pipe: expected unixio or tcp'],
    [{ server: 'type=tcp,port=70000' }, '--server: port=70000: expected a number up to 65535'],
    [{ ctrl: '/c', flags: 'startup-deactivated' }, '--flags: "startup-deactivated" is not supported here'],
    [
      { ctrl: '/c', flags: 'startup-clear,startup-state' },
      '--flags: startup-clear and startup-state exclude each other',
    ],
    [{ ctrl: '/c', locality: 'allow-locality-4' }, '--locality: "allow-locality-4" is not supported here'],
    [{ ctrl: '/c', listen: '127.0.0.1:1' }, '--listen and --ctrl or --server exclude each other'],
    [{ ctrl: '/c', protocol: 'mssim' }, '--ctrl and --server speak the protocol swtpm, not mssim'],
    [{ flags: 'startup-clear' }, '--flags, --locality and --terminate need --ctrl or --server, as with swtpm'],
  ])('%j', (options, problem) => expect(() => call(options)).toThrow(problem));
});

describe('files', () => {
  const options = (values: Record<string, unknown>) => new Options(values);

  it.each([
    [{ tpmstate: 'dir=/var/vtpm' }, { path: '/var/vtpm/tpm2-00.permall', mode: 0o640 }],
    [{ tpmstate: 'dir=/var/vtpm,mode=0600' }, { path: '/var/vtpm/tpm2-00.permall', mode: 0o600 }],
    [{ tpmstate: 'backend-uri=dir:///var/vtpm' }, { path: '/var/vtpm/tpm2-00.permall', mode: 0o640 }],
    [{ tpmstate: 'backend-uri=file:///var/vtpm.state' }, { path: '/var/vtpm.state', mode: 0o640 }],
    [{ state: 'tpm.state' }, { path: 'tpm.state' }],
    [{}, undefined],
  ])('state: %j', (values, expected) => expect(statePlace(options(values))).toEqual(expected));

  it('state: neither nor, or both', () => {
    expect(() => statePlace(options({ tpmstate: 'mode=0600' }))).toThrow('--tpmstate: expected dir=FOLDER');
    expect(() => statePlace(options({ tpmstate: 'dir=/a', state: 'b' }))).toThrow('exclude each other');
  });

  it('system call filter: what swtpm(8) names, and nothing else', () => {
    for (const seccomp of ['action=none', 'action=log', 'action=kill', '']) checkSeccomp(options({ seccomp }));
    checkSeccomp(options({}));
    expect(() => checkSeccomp(options({ seccomp: 'action=trap' }))).toThrow('--seccomp: action=trap: expected none');
    expect(() => checkSeccomp(options({ seccomp: 'bogus' }))).toThrow('--seccomp: "bogus" is not supported here');
  });

  it('connections that were inherited', () => {
    const call = swtpmCall(options({ server: 'type=tcp,fd=7', ctrl: 'type=unixio,clientfd=5' }));
    expect(call?.data).toEqual({ address: { descriptor: 7 } });
    expect(call?.control).toEqual({ address: { descriptor: 5 } });
    expect(() => swtpmCall(options({ ctrl: 'type=unixio,clientfd=x' }))).toThrow(
      '--ctrl: clientfd=x: expected a number',
    );
    expect(() => swtpmCall(options({ ctrl: 'type=unixio,path=/c,fd=3' }))).toThrow(
      '--ctrl: "fd" is not supported here',
    );
  });

  it('process ID and messages', () => {
    expect(pidTarget(options({ pid: 'file=/run/p' }))).toEqual({ file: '/run/p' });
    expect(pidTarget(options({ pid: 'fd=4' }))).toEqual({ descriptor: 4 });
    expect(() => pidTarget(options({ pid: '/run/p' }))).toThrow('--pid: expected file=… or fd=…');
    expect(logTarget(options({ log: 'file=/var/l,level=20,prefix=a ,truncate' }))).toEqual({
      target: { file: '/var/l' },
      truncate: true,
      prefix: 'a ',
    });
    expect(logTarget(options({ log: 'file=-' }))?.target).toBe('none');
    expect(logTarget(options({ log: 'fd=2' }))?.target).toEqual({ descriptor: 2 });
  });
});
