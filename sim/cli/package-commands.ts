/** The commands that make and take apart packages and images. */
import type { CommandRow } from './command.ts';
import { BUNDLE_LIMIT_OPTIONS, INSTALL_LIMIT_OPTIONS, LIMIT_OPTIONS } from './limits.ts';

/** Options by which `vib build` and `vib sign` name the signers. */
const SIGNER_OPTIONS: CommandRow['options'] = [
  { flags: '--key <pem>', about: "signer's private key, PKCS #8 (repeatable, one per --cert)", repeatable: true },
  { flags: '--cert <pem>', about: "signer's certificate; intermediates may follow in the file", repeatable: true },
  { flags: '--chain <pem>', about: 'intermediate certificates to carry (repeatable)', repeatable: true },
  {
    flags: '--test-signer <level>',
    about: 'sign with the test PKI: certified, accepted or partner (repeatable)',
    repeatable: true,
  },
  { flags: '--hash <name>', about: 'digest of the signature: sha256, sha384 or sha512', default: 'sha512' },
];

/** Rows for the table of commands. */
export const PACKAGE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'vib extract',
    about: 'Unpack VIBs into a new folder. Exit 1, nothing written, where a path leads outside.',
    args: [
      { name: '<paths...>', about: '.vib files, folders of them, offline bundles; several VIBs get a folder each' },
    ],
    options: [
      { flags: '--out <dir>', about: 'folder to make; one that exists must be empty' },
      { flags: '--raw', about: 'the members as they are: descriptor.xml, sig.pkcs7, payloads' },
      ...LIMIT_OPTIONS,
    ],
    examples: ['vib extract some.vib --out content', 'vib extract some.vib --raw --out members'],
    load: () => import('./vib-extract.ts'),
  },
  {
    name: 'vib build',
    about: 'Build a VIB from a recipe (docs/vib-authoring.md). The same input gives the same bytes.',
    options: [
      { flags: '--recipe <yaml>', about: 'descriptor fields and payloads' },
      { flags: '--root <dir>', about: "folder the recipe's paths start from (default: the recipe's own)" },
      { flags: '--out <vib>', about: 'file to write' },
      ...SIGNER_OPTIONS,
      { flags: '--unsigned', about: 'leave the signature empty' },
    ],
    examples: [
      'vib build --recipe my.yaml --unsigned --out my.vib',
      'vib build --recipe my.yaml --test-signer partner --out my.vib',
      'vib build --recipe my.yaml --root build/ --key signer.key.pem --cert signer.crt.pem --out my.vib',
    ],
    load: () => import('./vib-build.ts'),
  },
  {
    name: 'vib sign',
    about: 'Replace the signature of a VIB; every other byte stays',
    args: [{ name: '<file>', about: '.vib file' }],
    options: [{ flags: '--out <vib>', about: 'file to write' }, ...SIGNER_OPTIONS],
    examples: [
      'vib sign my.vib --test-signer partner --out signed.vib',
      'vib sign my.vib --key a.key.pem --cert a.crt.pem --key b.key.pem --cert b.crt.pem --out signed.vib',
    ],
    load: () => import('./vib-sign.ts'),
  },
  {
    name: 'image build',
    about: 'Install VIBs into a boot bank folder, by the rules of an ESXi host. Exit 2 where the host would refuse.',
    args: [
      {
        name: '[paths...]',
        about:
          ".vib files, folders of them, offline bundles, or boot bank folders or discs for all VIBs installed there (default: the spec's image)",
      },
    ],
    options: [
      { flags: '--vib <path>', about: 'the same as a path without it (repeatable)', repeatable: true },
      { flags: '--profile <name>', about: 'profile the host starts from (default esxi-8.0-uefi)' },
      { flags: '--spec <file>', about: 'host spec (JSON or YAML) over the profile' },
      { flags: '--level <level>', about: 'acceptance level of the host, instead of the one in its spec' },
      {
        flags: '--root <pem>',
        about: 'trusted roots (default: the anchors in payload sb; repeatable)',
        repeatable: true,
      },
      {
        flags: '--onto <dir>',
        about: 'update: the boot bank folder or disc to start from; only the VIBs given and --remove change it',
      },
      { flags: '--remove <name>', about: 'VIB to remove from the bank of --onto (repeatable)', repeatable: true },
      {
        flags: '--force',
        about: 'install in spite of relations, file conflicts, platforms, folders, levels and signatures',
      },
      { flags: '--no-sig-check', about: 'install in spite of levels and signatures' },
      ...INSTALL_LIMIT_OPTIONS,
      { flags: '--out <dir>', about: 'folder to make; one that exists must be empty' },
    ],
    examples: [
      'image build --out disk',
      'image build --vib vib-samples/esxi-8.0 --vib my.vib --out disk',
      'image build --vib vib-samples/esxi-8.0 --vib unsigned.vib --level CommunitySupported --out disk',
      'image build --vib installer.iso --vib newer.vib --out disk',
      'image build --onto disk --vib newer.vib --remove acme-raidmon --out updated',
    ],
    load: () => import('./image-build.ts'),
  },
  {
    name: 'image bundle',
    about: 'Write an offline bundle (.zip) of VIBs. The same input gives the same bytes.',
    args: [{ name: '<paths...>', about: '.vib files, folders of them, or other bundles' }],
    options: [
      {
        flags: '--name <profile>',
        about: 'add an image profile of all VIBs, or with NAME=VIB,VIB of some (repeatable)',
        repeatable: true,
      },
      { flags: '--release <version>', about: "release the bundle is for (default: the profile's, e.g. 8.0.3)" },
      { flags: '--profile <name>', about: 'profile that gives the release (default esxi-8.0-uefi)' },
      { flags: '--vendor <name>', about: 'vendor in index.xml', default: 'esxsim' },
      { flags: '--code <code>', about: "the vendor's code", default: 'ESX' },
      { flags: '--time <iso>', about: 'time in the metadata (default: 1970-01-01)' },
      ...BUNDLE_LIMIT_OPTIONS,
      { flags: '--out <zip>', about: 'file to write' },
    ],
    examples: [
      'image bundle vib-samples/esxi-8.0 --name ESXi-8.0.3-standard --out bundle.zip',
      'image bundle vib-samples/esxi-8.0 my.vib --name standard --name tiny=esx-base,my --out bundle.zip',
    ],
    load: () => import('./image-bundle.ts'),
  },
  {
    name: 'image iso',
    about: 'Write an installer disc (.iso) that EFI firmware starts from. The same input gives the same bytes.',
    args: [
      { name: '[paths...]', about: "boot bank folder, .vib files, folders of them or bundles (default: the spec's)" },
    ],
    options: [
      { flags: '--kind <kind>', about: 'installer, or bootbank: the bank as it is', default: 'installer' },
      { flags: '--label <text>', about: 'volume label: A–Z, digits, _ and -', default: 'ESXSIM' },
      { flags: '--profile <name>', about: 'profile by whose rules VIBs are put together (default esxi-8.0-uefi)' },
      { flags: '--spec <file>', about: 'host spec (JSON or YAML) over the profile' },
      { flags: '--out <iso>', about: 'file to write' },
    ],
    examples: ['image iso --out installer.iso', 'image iso disk --kind bootbank --out disk.iso'],
    load: () => import('./image-iso.ts'),
  },
  {
    name: 'image inspect',
    about:
      'Show the modules of an image: sizes, digests, owning VIB, level, signature, PCR; or what an offline bundle holds',
    args: [
      {
        name: '<paths...>',
        about: 'boot bank folder, installer disc, .vib files, folders of them, bundle.zip#PROFILE; or bundle.zip alone',
      },
    ],
    options: [
      { flags: '--profile <name>', about: 'profile by whose rules VIBs are put together (default esxi-8.0-uefi)' },
      { flags: '--root <pem>', about: 'trusted roots besides the anchors in sb (repeatable)', repeatable: true },
      { flags: '--time <iso>', about: "time at which certificates must be valid (default: the profile's)" },
      ...BUNDLE_LIMIT_OPTIONS,
    ],
    examples: ['image inspect disk', 'image inspect vib-samples/esxi-8.0 --json', 'image inspect bundle.zip'],
    load: () => import('./image-inspect.ts'),
  },
];
