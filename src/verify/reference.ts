/** Reference values of a healthy boot: what an appraisal compares evidence with. */
import { z } from 'zod';
import { InputError, toHex, tryFromHex } from '../bytes/index.ts';
import { encodePem } from '../crypto/pem.ts';
import type { HashName } from '../crypto/primitives.ts';
import { parseCertificatesPem } from '../crypto/x509.ts';
import { parseJson } from './json.ts';

const Bank = z.enum(['sha1', 'sha256', 'sha384', 'sha512']);
const Pcr = z.int().min(0).max(23);
const Hex = z
  .string()
  .max(262_144)
  .refine((text) => tryFromHex(text) !== undefined, 'expected hexadecimal');
const PcrMap = z.record(z.string().regex(/^(?:1?[0-9]|2[0-3])$/, 'expected a PCR from 0 to 23'), Hex);
const Vib = z.strictObject({ name: z.string(), version: z.string(), vendor: z.string() });

const Event = z.strictObject({
  pcr: Pcr,
  /** File the event is expected in. */
  source: z.enum(['log', 'txt', 'report']),
  /** Event type name, or the vSphere class of a report event. */
  type: z.string().max(128),
  kind: z.enum([
    'module',
    'bootOptions',
    'commandLine',
    'assetTag',
    'signer',
    'version',
    'securityOption',
    'bootComplete',
    'systemVersion',
    'firmware',
    'txt',
    'preboot',
    'tagged',
    'unknown',
  ]),
  name: z.string().max(65_536),
  digests: z.partialRecord(Bank, Hex),
  /** Readable content, to explain a difference. */
  text: z.string().max(65_536).optional(),
  /** Data of a Secure Boot variable, to name entries added to or removed from it. */
  variable: Hex.optional(),
  /** Package that owns the module. */
  vib: Vib.optional(),
});

const Policy = z.strictObject({
  /** The bank that is judged; others are only checked for agreement with the log. */
  bank: Bank,
  /** PCRs that the quote must cover. */
  quotedPcrs: z.array(Pcr).max(24),
  /** PCRs judged by their value. */
  byValue: z.array(Pcr).max(24),
  /** PCRs judged event by event. */
  byEvents: z.array(Pcr).max(24),
  /** Whether Secure Boot must be on. */
  secureBoot: z.enum(['required', 'any']),
  /** Whether `report.json` must be there. */
  report: z.enum(['required', 'optional']),
  /** What may differ from host to host and is then not judged, only named. */
  hostUnique: z.strictObject({ components: z.array(z.string()), options: z.array(z.string()) }),
  /** Least firmwareVersion of the quote, as 16 hexadecimal digits. */
  minimumTpmFirmware: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  /** Certificates of TPM manufacturers that are trusted, PEM. */
  ekAnchors: z.array(z.string().max(65_536)).max(256),
});

const ReferenceFile = z.strictObject({
  format: z.literal('esxsim-reference'),
  version: z.literal(1),
  description: z.string().max(1024),
  profile: z.string().max(128),
  /** `txt`: a dynamic launch resets PCR 17 to 22. */
  launch: z.enum(['uefi', 'txt']),
  /** Banks of the log. */
  banks: z.array(Bank).max(4),
  pcrs: z.partialRecord(Bank, PcrMap),
  events: z.array(Event).max(100_000),
  policy: Policy,
});

/** Reference values and the policy that says how they are used. */
export type Reference = z.infer<typeof ReferenceFile>;
/** One expected event. */
export type ReferenceEvent = Reference['events'][number];
/** How the values are used. */
export type ReferencePolicy = Reference['policy'];

/** Digest sizes of a reference's hexadecimal values. */
const DIGITS: Readonly<Record<HashName, number>> = { sha1: 40, sha256: 64, sha384: 96, sha512: 128 };

/** Reads a reference document (JSON, version 1). Errors: FormatError or InputError naming the path. */
export function parseReference(bytes: Uint8Array): Reference {
  const reference = parseJson('reference', bytes, ReferenceFile);
  const check = (path: string, bank: string, hex: string | undefined): void => {
    const row = Object.entries(DIGITS).find(([name]) => name === bank);
    if (hex !== undefined && row?.[1] !== hex.length) throw new InputError(`reference.${path}: not a ${bank} digest`);
  };
  for (const [bank, values] of Object.entries(reference.pcrs)) {
    for (const [pcr, hex] of Object.entries(values ?? {})) check(`pcrs.${bank}.${pcr}`, bank, hex);
  }
  reference.events.forEach((event, i) => {
    for (const [bank, hex] of Object.entries(event.digests)) check(`events.${i}.digests.${bank}`, bank, hex);
  });
  reference.policy.ekAnchors.forEach((pem, i) => {
    if (parseCertificatesPem(pem).length === 0) {
      throw new InputError(`reference.policy.ekAnchors.${i}: holds no certificate in PEM`);
    }
  });
  return reference;
}

/** The document as text: the same reference always gives the same bytes. */
export function formatReference(reference: Reference): string {
  return `${JSON.stringify(reference, null, 2)}\n`;
}

/** PEM of every self-signed certificate of a PEM text: the anchors among what came with an endorsement key. */
export function rootCertificates(pem: Uint8Array): string[] {
  const roots = parseCertificatesPem(pem).filter((c) => toHex(c.subject.der) === toHex(c.issuer.der));
  return roots.map((c) => encodePem('CERTIFICATE', c.der));
}
