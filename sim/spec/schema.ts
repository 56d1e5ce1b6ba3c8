/**
 * The host spec: one document that describes a simulated host completely (design §5). Profiles are complete specs; a user's
 * document overrides parts of one. Unknown keys are refused, and every complaint names its path in the document.
 */
import { z } from 'zod';
import { EK_KINDS } from '../../src/tpm2/ek-profile.ts';
import { EXTRA_ALGORITHMS } from '../../src/tpm2/extra-algorithms.ts';
import { isRevocationEntry } from '../../src/vib/revocation.ts';
import { API_VERSIONS } from '../../src/vim/versions.ts';

const text = z.string().min(1).max(256);
const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `must be ${bytes * 2} lower-case hexadecimal digits`);
const pem = z.string().max(65536).includes('-----BEGIN CERTIFICATE-----');
const banks = z
  .array(z.enum(['sha1', 'sha256', 'sha384', 'sha512']))
  .min(1)
  .max(4);

export const ACCEPTANCE_LEVELS = [
  'VMwareCertified',
  'VMwareAccepted',
  'PartnerSupported',
  'CommunitySupported',
] as const;

const release = z.strictObject({
  product: text.describe('product name as in AboutInfo.name'),
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/)
    .describe('product version, e.g. 8.0.3'),
  build: z.string().regex(/^\d+$/).describe('build number'),
  apiVersion: z.enum(API_VERSIONS).describe('newest vSphere API version the host speaks, e.g. 8.0.3.0'),
});

const identity = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9.-]+$/, 'must be a host name')
    .describe('host name in the inventory'),
  uuid: z.uuid().describe('SMBIOS system UUID'),
  serialNumber: text,
  vendor: text,
  model: text,
  bios: z.strictObject({ vendor: text, version: text, releaseDate: z.iso.date() }),
});

const cpu = z.strictObject({
  vendor: z.enum(['intel', 'amd']),
  model: text,
  packages: z.number().int().min(1).max(64),
  coresPerPackage: z.number().int().min(1).max(256),
  threadsPerCore: z.number().int().min(1).max(2),
  megahertz: z.number().int().min(100).max(10_000),
  features: z
    .array(z.enum(['nx', 'smep', 'smap', 'vmx', 'smx']))
    .describe('memory protections and launch features the CPU has'),
});

const tpm = z.strictObject({
  present: z.boolean(),
  version: z.enum(['2.0']),
  banks,
  ekAlgorithm: z.enum(EK_KINDS).describe("the host's own endorsement key"),
  endorsementKeys: z
    .array(z.enum(EK_KINDS))
    .max(EK_KINDS.length)
    .describe('EKs whose certificates the TPM carries beside that of ekAlgorithm'),
  akAlgorithm: z.enum(['rsa2048', 'eccP256']),
  extraAlgorithms: z
    .array(z.enum(EXTRA_ALGORITHMS))
    .max(EXTRA_ALGORITHMS.length)
    .describe('key sizes that this TPM has and swtpm 0.7.1 has not: AES with 192 bits, RSA with 4,096'),
  manufacturer: z
    .string()
    .regex(/^(?=.{1,4}$)[A-Z0-9]+ *$/, 'must be 1 to 4 capital letters or digits, spaces at the end count')
    .describe('TPM_PT_MANUFACTURER, as the TCG vendor ID registry has it (e.g. "IFX", "STM ")'),
  vendorString: z.string().min(1).max(16),
  firmwareVersion: z
    .string()
    .regex(/^\d{1,5}\.\d{1,5}(\.\d{1,5}\.\d{1,5})?$/, 'must look like 1.59 or 1.59.0.1')
    .refine((text) => text.split('.').every((part) => Number(part) <= 0xffff), 'has a part above 65535'),
  platformCertificate: z.boolean().describe('TCG platform certificate of the machine in NV index 0x01C08000'),
  assetTag: z.string().max(512).optional().describe('asset tag written to NV index 0x01C10110 before the boot'),
});

const secureBoot = z.strictObject({
  enabled: z.boolean(),
  setupMode: z.boolean(),
  keys: z
    .strictObject({ pk: z.array(pem), kek: z.array(pem), db: z.array(pem), dbx: z.array(hex(32)) })
    .optional()
    .describe('UEFI key databases (dbx: SHA-256 of forbidden images); the built-in test keys where absent'),
});

const txt = z.strictObject({
  enabled: z.boolean().describe('dynamic launch of the hypervisor through SENTER'),
  sinit: text.describe('name and version of the SINIT ACM; its bytes follow from it'),
  biosAcm: text.describe('name and version of the BIOS ACM; its registration data follows from it'),
});

const firmware = z.strictObject({
  startupLocality: z.union([z.literal(0), z.literal(3)]).describe('locality of TPM2_Startup; 3 shows in PCR 0'),
  optionRoms: z.array(text).max(16).describe('UEFI drivers of add-in cards, measured into PCR 2'),
});

const image = z.strictObject({
  sample: z.enum(['esxi-8.0', 'esxi-6.7']).optional().describe('sample image shipped with the package'),
  paths: z
    .array(z.string().min(1))
    .max(1000)
    .optional()
    .describe('.vib files or folders of them, or one bootbank folder'),
});

const boot = z.strictObject({
  kernelOptions: z.string().max(3000).describe('kernelopt of boot.cfg'),
  bootUuid: hex(16).describe('UUID of the boot bank volume, handed on as bootUUID='),
  execInstalledOnly: z.boolean().describe('VMkernel runs only files of installed VIBs'),
});

const vmkernel = z.strictObject({
  payloadCheck: z
    .enum(['warn', 'enforce'])
    .describe('what the late Secure Boot phase does with a payload that differs from its VIB'),
  randomizeLayout: z.boolean().describe('address space layout randomisation'),
  revokedCertificates: z
    .array(z.string().refine(isRevocationEntry, 'must be a SHA-256 fingerprint or a serial number in hexadecimal'))
    .max(65_536)
    .optional()
    .describe('certificates that VIB signatures may not rest on: SHA-256 fingerprints or serial numbers'),
});

/** Schema of a complete spec. */
export const hostSpecSchema = z.strictObject({
  profile: text.describe('profile this spec starts from'),
  release,
  identity,
  hardware: z.strictObject({
    cpu,
    memoryBytes: z
      .number()
      .int()
      .min(2 ** 30)
      .max(2 ** 46),
    tpm,
    secureBoot,
    txt,
    firmware,
  }),
  image,
  acceptanceLevel: z.enum(ACCEPTANCE_LEVELS),
  boot,
  vmkernel,
  report: z.strictObject({ banks: banks.describe('PCR banks the vSphere attestation report lists') }),
  time: z.iso.datetime().describe('virtual time at power-on'),
  seed: z.union([z.string().min(1).max(256), z.number().int()]).transform(String),
  nonce: z
    .string()
    .regex(/^([0-9a-f]{2}){1,64}$/, 'must be 1 to 64 bytes in lower-case hexadecimal')
    .optional()
    .describe('qualifying data of the quote; 32 bytes from the seed where absent'),
  faults: z.array(text).max(64),
});

/** A complete, checked host spec. */
export type HostSpec = z.output<typeof hostSpecSchema>;

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;

/** What a user writes: any part of a spec; the rest comes from the profile. */
export type HostSpecInput = DeepPartial<z.input<typeof hostSpecSchema>>;
