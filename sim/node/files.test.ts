import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { fileSource } from './file-source.ts';
import { checkFileTarget, checkFolderTarget, writeFileAtomic, writePiecesAtomic } from './files.ts';
import { writeTree } from './trees.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'esxsim-files-'));
});
afterEach(() => rmSync(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);

describe('files written whole', () => {
  it('replace what was there and leave nothing else', () => {
    writeFileAtomic(at('a'), utf8('old'));
    expect(writePiecesAtomic(at('a'), [utf8('new'), utf8('er')])).toBe(5);
    expect(readFileSync(at('a'), 'latin1')).toBe('newer');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('through a symbolic link change its target', () => {
    writeFileSync(at('target'), 'old');
    symlinkSync('target', at('link'));
    writeFileAtomic(at('link'), utf8('new'));
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(at('target'), 'latin1')).toBe('new');
  });

  it.skipIf(process.platform === 'win32')('give a device the bytes and leave it a device', () => {
    writeFileAtomic('/dev/null', utf8('gone'));
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('that fail leave the old one', () => {
    writeFileSync(at('a'), 'old');
    function* broken(): Generator<Uint8Array> {
      yield utf8('new');
      throw new InputError('no more');
    }
    expect(() => writePiecesAtomic(at('a'), broken())).toThrow('no more');
    expect(readFileSync(at('a'), 'latin1')).toBe('old');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('a tree does not take the place of a file', () => {
    writeFileSync(at('a'), 'old');
    expect(() => writeTree(at('a'), [{ path: 'x', data: utf8('x') }])).toThrow(`${at('a')}: exists and is no folder`);
  });
});

describe('targets are checked before the work', () => {
  it.each<[string, RegExp]>([
    ['none/file', /none\/file: cannot write: no such file or folder$/],
    ['folder', /folder: cannot write: is a folder$/],
    ['new/', /new\/: cannot write: is a folder$/],
    ['file/below', /file\/below: cannot write: (.*file is no folder|a part of the path is not a folder)$/],
  ])('a file at %s', (name, message) => {
    mkdirSync(at('folder'));
    writeFileSync(at('file'), 'x');
    expect(() => checkFileTarget(`${dir}/${name}`)).toThrow(message);
    expect(readdirSync(dir).toSorted()).toEqual(['file', 'folder']);
  });

  it('what can be written passes: new files, old ones, links, devices, folders still to be made', () => {
    writeFileSync(at('file'), 'x');
    symlinkSync('file', at('link'));
    for (const name of ['file', 'new', 'link']) checkFileTarget(at(name));
    if (process.platform !== 'win32') checkFileTarget('/dev/null');
    for (const name of ['.', 'a/b/c']) checkFolderTarget(at(name));
    expect(() => checkFolderTarget(at('file'))).toThrow(/file: cannot write: .*file is no folder$/);
    expect(() => checkFolderTarget(at('file/a'))).toThrow(/cannot write: /);
    expect(readdirSync(dir).toSorted()).toEqual(['file', 'link']);
  });
});

describe('files read by place', () => {
  it.skipIf(process.platform === 'win32')('are no pipes: nothing waits for a writer', () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(() => fileSource(at('pipe'))).toThrow(`${at('pipe')}: is no regular file`);
  });
});
