/** Tardisks: archives of the boot bank that the VMkernel mounts as its file system, in boot order. */
import { InputError } from '../../src/bytes/errors.ts';
import { isUstar, readUstar } from '../../src/vib/ustar.ts';
import { isVmtar, readVmtar } from '../../src/vib/vmtar.ts';
import type { BootModule } from '../boot/modules.ts';
import type { Machine } from '../machine.ts';

/** A file of a mounted archive. */
export interface TardiskFile {
  /** Path without a leading slash. */
  readonly path: string;
  readonly data: Uint8Array;
}

/** A mounted archive. */
export interface Tardisk {
  readonly module: BootModule;
  readonly files: readonly TardiskFile[];
}

/**
 * The files of an archive; undefined where the module is none. Their data are taken from the module when they are asked for,
 * so that a mounted archive holds no memory. Throws FormatError where it is damaged.
 */
export function openArchive(module: BootModule): TardiskFile[] | undefined {
  const { content } = module;
  const entries = isVmtar(content) ? readVmtar(content) : isUstar(content) ? readUstar(content) : undefined;
  return entries
    ?.filter(({ type }) => type === 'file' || type === 'shared')
    .map(({ name, data }) => {
      // The readers give views of the content.
      const start = data.byteOffset - content.byteOffset;
      return tardiskFile(module, name.replace(/^(\.?\/)+/, ''), start, start + data.length);
    });
}

/** A function of its own, because a getter made beside the content would keep all of it alive. */
function tardiskFile(module: BootModule, path: string, start: number, end: number): TardiskFile {
  return {
    path,
    get data() {
      return module.content.subarray(start, end);
    },
  };
}

/** Mounts every archive among the modules. A damaged one is not mounted; its absence shows later, as on a host. */
export function mountTardisks(machine: Machine, modules: readonly BootModule[]): Tardisk[] {
  const mounted: Tardisk[] = [];
  for (const module of modules) {
    try {
      const files = openArchive(module);
      if (files !== undefined) mounted.push({ module, files });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      machine.console.print('vmkernel', `VisorFS: cannot mount ${module.name}: ${error.message}`);
    }
  }
  machine.console.print('vmkernel', `VisorFS: mounted ${mounted.length} tardisks`);
  return mounted;
}
