/** Command line tools of others against one TPM, in a folder of their own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { run, tempFolder } from './run.ts';
import type { TpmProcess } from './tpm-peer.ts';

/** Runs a tool that must succeed; its output. */
export function ok(program: string, ...args: string[]): string {
  const { code, stdout, stderr } = run(program, args);
  expect({ program, args, code, stderr: code === 0 ? '' : stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** A number as the tools take it. */
export const hex = (index: number): string => `0x${index.toString(16)}`;

/** tpm2-tools against one TPM, in a folder of their own. */
export class Tools {
  readonly folder = tempFolder();
  /** How the tools reach the TPM. */
  readonly tcti: string;

  constructor({ port }: TpmProcess) {
    this.tcti = `swtpm:host=127.0.0.1,port=${port}`;
  }

  /** A file of the folder. */
  file(name: string): string {
    return join(this.folder, name);
  }

  /** Runs `tpm2_TOOL`, which must succeed; its output. */
  run(tool: string, ...args: string[]): string {
    const { code, stdout, stderr } = run(`tpm2_${tool}`, args, {
      cwd: this.folder,
      env: { TPM2TOOLS_TCTI: this.tcti },
    });
    expect({ tool, args, code, stderr: code === 0 ? '' : stderr }).toMatchObject({ code: 0, stderr: '' });
    return stdout;
  }

  /** Contents of an NV index, read with the index' own authorisation or the owner's. */
  nv(index: number, ...authorisation: string[]): Uint8Array {
    this.run('nvread', hex(index), ...authorisation, '-o', this.file('nv'));
    return new Uint8Array(readFileSync(this.file('nv')));
  }

  /** Hash algorithm and attributes of an NV index as `tpm2_nvreadpublic` words them. */
  nvKind(index: number): readonly string[] {
    const text = this.run('nvreadpublic', hex(index));
    return [...text.matchAll(/friendly: (\S+)/g)].map(([, word]) => word ?? '');
  }
}
