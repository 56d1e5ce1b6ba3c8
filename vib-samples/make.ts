/** Makes the sample VIBs from recipes, contents and test PKI. The same input gives the same bytes. */
import { utf8 } from '../src/bytes/bytes.ts';
import { InputError } from '../src/bytes/errors.ts';
import { encodePem } from '../src/crypto/pem.ts';
import { withDirectories } from '../src/esxboot/archive-tree.ts';
import { signModule } from '../src/esxboot/index.ts';
import {
  type AcceptanceLevel,
  type ArchiveInput,
  acceptanceCode,
  buildVib,
  type VibConstraint,
  type PayloadRecipe as VibPayload,
  vibId,
  writeVmtar,
} from '../src/vib/index.ts';
import { BOOTLOADER_FOLDER, bootloaderImages } from './content/bootloader.ts';
import { filler } from './content/filler.ts';
import { trustedBootLoader, vmkernel } from './content/kernel.ts';
import { amdMicrocode, intelMicrocode, kernelModule, userWorld } from './content/modules.ts';
import type { SamplePki } from './pki.ts';
import type {
  DriverRecipe,
  FileRecipe,
  PayloadRecipe,
  ReleaseRecipe,
  SetRecipe,
  SystemVibRecipe,
} from './recipes/recipe.ts';
import { ESXI_67, ESXI_80, EXTRA } from './recipes/sets.ts';

/** Folder of the driver map files. */
const DRIVER_MAPS = 'etc/vmware/default.map.d';
const DRIVER_FOLDER = 'usr/lib/vmware/vmkmod';
const LICENSE = 'ThirdParty:esxsim sample';

/** What every file and payload of a set is made with. */
interface Context {
  readonly release: ReleaseRecipe;
  readonly pki: SamplePki;
  /** Version of the VIB that is being made. */
  readonly version: string;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function signed(module: Uint8Array, { pki, release }: Context): Uint8Array {
  return signModule(module, pki.moduleSigner, release.schema);
}

function module(name: string, size: number, context: Context): Uint8Array {
  const { release, version } = context;
  return signed(kernelModule({ name, version, size, vmkapi: release.vmkapi, license: LICENSE }), context);
}

function file(recipe: FileRecipe, context: Context): ArchiveInput {
  const { path } = recipe;
  const name = baseName(path);
  switch (recipe.kind) {
    case 'module':
      return { name: path, type: 'shared', data: module(name, recipe.size, context) };
    case 'user-world':
      return {
        name: path,
        mode: 0o755,
        data: signed(userWorld({ name, version: context.version, size: recipe.size }), context),
      };
    case 'text':
      return { name: path, mode: recipe.mode ?? 0o644, data: utf8(recipe.text) };
    case 'opaque':
      return { name: path, data: filler(`file ${path} ${context.version}`, recipe.size) };
    case 'vib-roots':
      return {
        name: `${path}/esxsim-test-vib-root.pem`,
        data: utf8(encodePem('CERTIFICATE', context.pki.vibRoot.der)),
      };
  }
}

function payload(recipe: PayloadRecipe, context: Context): VibPayload {
  const { name } = recipe;
  const { release, pki } = context;
  switch (recipe.make) {
    case 'boot-loader':
      return { name, type: 'boot', content: signed(trustedBootLoader(release), context) };
    case 'kernel':
      return { name, type: 'boot', content: signed(vmkernel(release, pki.moduleKeys), context) };
    case 'text':
      return { name, type: 'boot', content: utf8(recipe.text) };
    case 'boot-module':
      return { name, type: 'boot', content: module(name, recipe.size, context) };
    case 'microcode': {
      const make = recipe.vendor === 'intel' ? intelMicrocode : amdMicrocode;
      return { name, type: 'boot', content: make(`${name} ${context.version}`, recipe.signature) };
    }
    case 'bootloader-archive': {
      const images = bootloaderImages(release.bootloaderVersion, pki.moduleKeys, pki.bootloader);
      const files = images.map((image) => ({ name: `${BOOTLOADER_FOLDER}/${image.name}`, data: image.data }));
      return { name, type: 'tgz', files: withDirectories(files) };
    }
    case 'archive': {
      const files = withDirectories(recipe.files.map((each) => file(each, context)));
      if (recipe.signed !== true) return { name, type: 'vgz', files };
      return {
        name,
        type: 'vgz',
        content: signed(writeVmtar(files), context),
      };
    }
  }
}

/** A finished sample. */
export interface Sample {
  /** Path below vib-samples. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

interface Head {
  readonly name: string;
  readonly vendor: string;
  readonly level: AcceptanceLevel;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly provides?: readonly VibConstraint[];
  readonly depends?: readonly VibConstraint[];
}

function sample(
  folder: string,
  head: Head,
  payloads: readonly VibPayload[],
  { release, pki, version }: Context,
): Sample {
  const { name, vendor, level, summary } = head;
  const signer = pki.vibSigners.get(level);
  if (signer === undefined && level !== 'CommunitySupported') throw new InputError(`no VIB signer for ${level}`);
  const descriptor = {
    type: 'bootbank',
    name,
    version,
    vendor,
    summary,
    description: `${summary}. A sample of esxsim: no VMware code inside.`,
    releaseDate: release.releaseDate,
    relationships: {
      depends: head.depends ?? [],
      conflicts: [],
      replaces: [],
      provides: head.provides ?? [],
      compatibleWith: [],
    },
    softwareTags: head.tags,
    systemRequires: { maintenanceMode: true, swPlatforms: [], hwPlatforms: [] },
    acceptanceLevel: acceptanceCode(level),
    statelessReady: true,
  };
  const bytes = buildVib({ descriptor, payloads }, signer === undefined ? [] : { ...signer, hash: 'sha512' });
  return { path: `${folder}/${vibId(descriptor)}.vib`, bytes };
}

/** `v2_12_0_0` as packages name the interface. */
const apiName = (vmkapi: string): string => `vmkapi_${vmkapi.replace(/^v/, '')}`;

/** What drivers and other packages may ask the base system for: every VMkernel API up to its own, and the release. */
function baseProvides({ vmkapi, release }: ReleaseRecipe): VibConstraint[] {
  const minor = Number(/^v2_(\d+)_/.exec(vmkapi)?.[1] ?? '0');
  return [
    ...Array.from({ length: minor + 1 }, (_, n) => ({ name: apiName(`v2_${n}_0_0`) })),
    { name: 'esx-version', version: release },
  ];
}

function systemVib(folder: string, recipe: SystemVibRecipe, release: ReleaseRecipe, pki: SamplePki): Sample {
  const version = recipe.version ?? release.systemVersion;
  const context: Context = { release, pki, version };
  const payloads = recipe.payloads.map(({ attributes, ...each }) => ({
    ...payload(each, context),
    ...(attributes === undefined ? {} : { attributes }),
  }));
  const provides = recipe.name === 'esx-base' ? baseProvides(release) : [];
  return sample(folder, { ...recipe, tags: recipe.tags ?? [], provides }, payloads, context);
}

/** Lines of a driver map file. */
function driverMap({ name, devices }: DriverRecipe): string {
  return devices
    .map((id) => {
      const [vendor = '', device = ''] = id.split(':');
      return `regtype=native,bus=pci,id=${vendor}${device}..............,driver=${name}\n`;
    })
    .join('');
}

function driverVib(folder: string, driver: DriverRecipe, release: ReleaseRecipe, pki: SamplePki): Sample {
  const { name, summary } = driver;
  const version = `${driver.version}.${release.driverTail}`;
  const context: Context = { release, pki, version };
  const files = withDirectories<ArchiveInput>([
    { name: `${DRIVER_MAPS}/${name}.map`, data: utf8(driverMap(driver)) },
    { name: `${DRIVER_FOLDER}/${name}`, type: 'shared', data: module(name, driver.size, context) },
  ]);
  const head: Head = {
    name,
    vendor: 'VMW',
    level: 'VMwareCertified',
    summary,
    tags: ['module', 'driver'],
    depends: [{ name: apiName(release.vmkapi) }],
  };
  return sample(folder, head, [{ name, type: 'vgz', files }], context);
}

/** Every VIB of one set. */
export function makeSet(set: SetRecipe, pki: SamplePki): Sample[] {
  const { release } = set;
  return [
    ...set.system.map((recipe) => systemVib(release.folder, recipe, release, pki)),
    ...set.drivers.map((driver) => driverVib(release.folder, driver, release, pki)),
  ];
}

/** All samples, by path. */
export function makeSamples(pki: SamplePki): Sample[] {
  const extra = EXTRA.map((recipe) => systemVib('extra', recipe, ESXI_80.release, pki));
  return [...makeSet(ESXI_80, pki), ...makeSet(ESXI_67, pki), ...extra];
}
