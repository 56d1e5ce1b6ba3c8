/** A script for swtpm, run with swtpm and with `esxsim tpm serve` in its place: nothing it does may come out differently. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, run, tempFolder } from './run.ts';

/** Starts a TPM in the background, uses it with tpm2-tools over several connections, ends it, starts it again with its state. */
const SCRIPT = `
set -eu
at="type=unixio,path=$PWD/tpm,mode=0600"
start() {
  $TPM socket --tpm2 --server "$at" --ctrl "type=unixio,path=$PWD/tpm.ctrl" --tpmstate "dir=$PWD" --flags not-need-init,startup-clear \\
    --daemon --pid "file=$PWD/pid" --log "file=$PWD/log,level=1,prefix=tpm:" >/dev/null
}
end() {
  swtpm_ioctl --unix tpm.ctrl -s
  for i in $(seq 100); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  echo "still there"
}
export TPM2TOOLS_TCTI=swtpm:path=$PWD/tpm
start
stat -c %a tpm
kill -0 "$(cat pid)" && echo running
tpm2_pcrextend "10:sha256=${'11'.repeat(32)}"
tpm2_pcrread sha1:0,10+sha256:0,10
tpm2_nvdefine 0x1500001 -s 4 -a 'ownerread|ownerwrite'
printf data | tpm2_nvwrite 0x1500001 -C o -i -
swtpm_ioctl --unix tpm.ctrl -l 3; swtpm_ioctl --unix tpm.ctrl -h measured; swtpm_ioctl --unix tpm.ctrl -l 0
tpm2_pcrread sha256:17,18
swtpm_ioctl --unix tpm.ctrl -g
tpm2_shutdown -c
end "$(cat pid)"
ls | grep -cE '^(pid|tpm|tpm.ctrl)$' || true
start
tpm2_nvread 0x1500001 -C o
echo
tpm2_pcrread sha256:10
end "$(cat pid)"
`;

/** Its state folder goes away for a while: the TPM fails, the server does not, and INIT ends it once the folder is back. */
const LOST_STATE = `
at="type=unixio,path=$PWD/tpm"
mkdir state
$TPM socket --tpm2 --server "$at" --ctrl "type=unixio,path=$PWD/tpm.ctrl" --tpmstate "dir=$PWD/state" --flags not-need-init,startup-clear \\
  --daemon --pid "file=$PWD/pid" --log "file=$PWD/log,level=1" >/dev/null
export TPM2TOOLS_TCTI=swtpm:path=$PWD/tpm
tpm2_nvdefine 0x1500001 -s 4 -C o; echo "rc $?"
mv state aside
tpm2_nvdefine 0x1500002 -s 4 -C o 2>&1 | grep -o 'Finish ErrorCode (0x00000101)' | head -1
tpm2_getrandom 4 --hex 2>&1 | grep -o 'Finish ErrorCode (0x00000101)' | head -1
tpm2_gettestresult 2>&1 | head -1
mv aside state
swtpm_ioctl --unix tpm.ctrl -i; echo "rc $?"
tpm2_startup -c; echo "rc $?"
tpm2_getcap handles-nv-index | grep 0x15
swtpm_ioctl --unix tpm.ctrl -s
`;

/** Localities set among the commands, as a client without a control channel does; PCR 20 can be reset at 2 and 4 (PC Client: 2, 4). */
const SET_LOCALITY = `
for flags in "" "--locality allow-set-locality" "--locality allow-set-locality,reject-locality-4"; do
  rm -rf state; mkdir state
  $TPM socket --tpm2 --server "type=unixio,path=$PWD/tpm" --ctrl "type=unixio,path=$PWD/tpm.ctrl" --tpmstate "dir=$PWD/state" \\
    --flags not-need-init,startup-clear $flags --daemon --pid "file=$PWD/pid" --log "file=$PWD/log,level=1" >/dev/null
  python3 - <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('tpm')
def say(text):
    s.send(bytes.fromhex(text))
    print(s.recv(4096).hex())
say('80010000000a20001000')
for locality in range(6):
    say('80010000000b20001000%02x' % locality)
    for pcr in (16, 17, 20, 22):
        say('80020000001b0000013d%08x00000009400000090000010000' % pcr)
for command in ('80010000000c200010000200', '80020000000b2000100002', '00c10000000b2000100002'):
    say(command)
END
  swtpm_ioctl --unix tpm.ctrl -s
  sleep 0.3
done
`;

function outcome(tpm: string, script = SCRIPT) {
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'script'), script);
  const { code, stdout, stderr } = run('bash', ['script'], { cwd, env: { TPM: tpm } });
  return { code, stdout, stderr, log: readFileSync(join(cwd, 'log'), 'utf8') };
}

describe('a script for swtpm', () => {
  it('does the same with esxsim', () => {
    const theirs = outcome('swtpm');
    const ours = outcome(`${process.execPath} ${join(ROOT, 'bin', 'esxsim.js')} tpm serve`);
    expect(ours).toMatchObject({ code: 0, stdout: theirs.stdout, stderr: theirs.stderr });
    expect(theirs).toMatchObject({ code: 0, stdout: expect.stringContaining('data') });
  });

  it('sees the TPM fail where its state cannot be written, and work again', () => {
    const theirs = outcome('swtpm', LOST_STATE);
    const ours = outcome(`${process.execPath} ${join(ROOT, 'bin', 'esxsim.js')} tpm serve`, LOST_STATE);
    expect(ours.stdout).toBe(theirs.stdout);
    expect(theirs.stdout).toContain('0x1500001');
  });

  it('sets the locality among the commands, where that is allowed', () => {
    const theirs = outcome('swtpm', SET_LOCALITY);
    const ours = outcome(`${process.execPath} ${join(ROOT, 'bin', 'esxsim.js')} tpm serve`, SET_LOCALITY);
    expect(ours.stdout).toBe(theirs.stdout);
    expect(theirs.stdout).toContain('80010000000a00000107');
    expect(theirs.stdout.match(/80010000000a00000000/g)?.length).toBeGreaterThan(8);
  });

  it('asks before it starts one: what there is, what state it has', () => {
    const cwd = tempFolder();
    const esxsim = [process.execPath, join(ROOT, 'bin', 'esxsim.js'), 'tpm', 'serve'];
    const ask = ([program = '', ...first]: readonly string[], ...args: string[]) => {
      const { code, stdout } = run(program, [...first, 'socket', '--tpm2', ...args], { cwd });
      return { code, answer: JSON.parse(stdout) };
    };
    const [theirs, ours] = [['swtpm'], esxsim].map((program) => ask(program, '--print-capabilities'));
    expect(ours).toMatchObject({ code: theirs?.code, answer: { type: theirs?.answer.type } });
    expect(Object.keys(ours?.answer ?? {})).toEqual(Object.keys(theirs?.answer ?? {}));
    // A later swtpm has more words; none of ours may be one of our own.
    const known = new Set(theirs?.answer.features);
    expect((ours?.answer.features ?? []).filter((feature: string) => !known.has(feature))).toEqual([]);
    const states = ['--print-states', '--tpmstate', 'dir=.'];
    expect(ask(esxsim, ...states)).toEqual(ask(['swtpm'], ...states));
    writeFileSync(join(cwd, 'tpm2-00.permall'), 'x'.repeat(77));
    expect(ask(esxsim, ...states)).toEqual(ask(['swtpm'], ...states));
  });

  it('is set up anew, or left alone, as swtpm_setup is told', () => {
    const again = (tpm: string) => {
      const cwd = tempFolder();
      const state = join(cwd, 'tpm2-00.permall');
      const words = ['--tpm2', '--tpmstate', cwd, '--tpm', tpm, '--ecc', '--logfile', join(cwd, 'log')];
      return [[], ['--overwrite', '--create-spk'], ['--not-overwrite'], [], ['--overwrite']].map((more) => {
        const before = existsSync(state) ? readFileSync(state) : Buffer.alloc(0);
        const { code } = run('swtpm_setup', [...words, ...more], { cwd });
        return { more, code, changed: !before.equals(readFileSync(state)) };
      });
    };
    const ours = again(`${process.execPath} ${join(ROOT, 'bin', 'esxsim.js')} tpm serve socket --no-ek-certificates`);
    const theirs = again(`${run('which', ['swtpm']).stdout.trim()} socket`);
    expect(ours).toEqual(theirs);
    expect(theirs.map(({ code }) => code)).toEqual([0, 0, 0, 1, 0]);
  });

  it('refuses the state of swtpm and leaves it as it is', () => {
    const cwd = tempFolder();
    const words = ['--tpm2', '--tpmstate', cwd, '--ecc', '--logfile', join(cwd, 'log')];
    expect(run('swtpm_setup', words, { cwd }).code).toBe(0);
    const state = readFileSync(join(cwd, 'tpm2-00.permall'));
    const serve = [join(ROOT, 'bin', 'esxsim.js'), 'tpm', 'serve', '--tpmstate', `dir=${cwd}`];
    const { code, stderr } = run(process.execPath, serve, { cwd });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^esxsim: .*tpm2-00\.permall: .*this is not a TPM state of esxsim\n$/),
    });
    expect(readFileSync(join(cwd, 'tpm2-00.permall')).equals(state)).toBe(true);
  });

  it('is set up by swtpm_setup: EKs, certificates, banks, over connections it inherits', () => {
    const program = `${process.execPath} ${join(ROOT, 'bin', 'esxsim.js')} tpm serve socket --no-ek-certificates`;
    const setUp = (tpm: string) => {
      const cwd = tempFolder();
      const words = ['--tpm2', '--tpmstate', cwd, '--tpm', tpm, '--overwrite', '--ecc', '--lock-nvram'];
      const made = ['--create-ek-cert', '--create-platform-cert', '--pcr-banks', 'sha256,sha384'];
      const { code } = run('swtpm_setup', [...words, ...made, '--logfile', join(cwd, 'log')], { cwd });
      const log = readFileSync(join(cwd, 'log'), 'utf8').split('\n');
      return { code, did: log.filter((line) => line.startsWith('Successfully')) };
    };
    const theirs = setUp(`${run('which', ['swtpm']).stdout.trim()} socket`);
    expect(setUp(program)).toEqual(theirs);
    expect(theirs.code).toBe(0);
    expect(theirs.did.at(-1)).toBe('Successfully authored TPM state.');
  });
});
