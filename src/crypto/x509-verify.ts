/** Certification path validation (RFC 5280, 6.1, without policy trees and name constraints; revocation is the caller's to know). */
import { equalBytes, toHex } from '../bytes/bytes.ts';
import { EKU_OID } from './asn1-oids.ts';
import { verifyMessage } from './keys.ts';
import type { Certificate, KeyUsage } from './x509.ts';

/** Why a chain is refused. */
export type ChainProblem =
  | 'issuer-unknown'
  | 'untrusted-root'
  | 'bad-signature'
  | 'weak-digest'
  | 'expired'
  | 'not-yet-valid'
  | 'not-a-ca'
  | 'path-length'
  | 'key-usage'
  | 'extended-key-usage'
  | 'critical-extension'
  | 'revoked'
  | 'too-deep';

/** The outcome: the path from leaf to trusted root, or the reason and the certificate it was found at. */
export type ChainResult =
  | { readonly ok: true; readonly path: readonly Certificate[] }
  | {
      readonly ok: false;
      readonly code: ChainProblem;
      readonly certificate: Certificate;
      /** Subject of that certificate. */
      readonly where: string;
      readonly message: string;
    };

/** What a chain must satisfy. */
export interface ChainOptions {
  /** Milliseconds since 1970 at which every certificate must be valid; `'ignore'` for verifiers that do not look at dates. */
  readonly time: number | 'ignore';
  /** What the leaf must be allowed to do, where it has the extension. */
  readonly usage?: { readonly keyUsage?: KeyUsage; readonly extendedKeyUsage?: string };
  /** Critical extensions that the caller itself understands. */
  readonly allowedCritical?: readonly string[];
  /** Whether a certificate, at any place of a path, was revoked. */
  readonly isRevoked?: (certificate: Certificate) => boolean;
  /** What a path is worth to the caller: of several the one with the highest value is taken. Without it the first that is found. */
  readonly worth?: (path: readonly Certificate[]) => number;
  /** Accepts SHA-1 signatures. MD5 and older are never accepted. */
  readonly allowSha1?: boolean;
}

/** Longest path, root included. */
const MAX_PATH = 8;
/** Signature checks in one search: bounds the work that crafted sets of look-alike certificates can cause. */
const MAX_CHECKS = 64;

type Failure = Extract<ChainResult, { ok: false }>;

function failure(code: ChainProblem, certificate: Certificate, message: string): Failure {
  return { ok: false, code, certificate, where: certificate.subject.text, message };
}

/** Whether `issuer` can have issued `certificate` by name and, where both carry one, key identifier. */
function mayIssue(issuer: Certificate, certificate: Certificate): boolean {
  if (!equalBytes(issuer.subject.der, certificate.issuer.der)) return false;
  const { authorityKeyIdentifier: wanted } = certificate;
  const { subjectKeyIdentifier: own } = issuer;
  return wanted === undefined || own === undefined || equalBytes(wanted, own);
}

function checkSignature(certificate: Certificate, issuer: Certificate, options: ChainOptions): Failure | undefined {
  const algorithm = certificate.signatureAlgorithm;
  if (algorithm.scheme === 'other') {
    return failure('weak-digest', certificate, `signature algorithm ${algorithm.name} is not accepted`);
  }
  if (algorithm.hash === 'sha1' && options.allowSha1 !== true) {
    return failure('weak-digest', certificate, 'signed with SHA-1');
  }
  if (verifyMessage(issuer.publicKey, algorithm, certificate.tbs, certificate.signature)) return undefined;
  return failure('bad-signature', certificate, `not signed by the key of ${issuer.subject.text}`);
}

const iso = (time: number): string => new Date(time).toISOString();

/** Checks of one certificate at its place in the path; 0 is the leaf. */
function checkPlace(certificate: Certificate, depth: number, options: ChainOptions): Failure | undefined {
  const { time } = options;
  if (time !== 'ignore' && time < certificate.notBefore) {
    return failure('not-yet-valid', certificate, `valid from ${iso(certificate.notBefore)}, judged at ${iso(time)}`);
  }
  if (time !== 'ignore' && time > certificate.notAfter) {
    return failure('expired', certificate, `valid until ${iso(certificate.notAfter)}, judged at ${iso(time)}`);
  }
  const unhandled = certificate.unknownCritical.find((oid) => !(options.allowedCritical ?? []).includes(oid));
  if (unhandled !== undefined) {
    return failure('critical-extension', certificate, `critical extension ${unhandled} is not understood`);
  }
  const unfit = depth === 0 ? checkLeaf(certificate, options) : checkAuthority(certificate, depth);
  if (unfit !== undefined || options.isRevoked?.(certificate) !== true) return unfit;
  return failure('revoked', certificate, `serial ${toHex(certificate.serial)} is on the revocation list`);
}

function checkLeaf(leaf: Certificate, { usage }: ChainOptions): Failure | undefined {
  const wanted = usage?.keyUsage;
  if (wanted !== undefined && leaf.keyUsage !== undefined && !leaf.keyUsage.includes(wanted)) {
    return failure('key-usage', leaf, `key usage lacks ${wanted}`);
  }
  const purpose = usage?.extendedKeyUsage;
  const purposes = leaf.extendedKeyUsage;
  if (purpose === undefined || purposes === undefined) return undefined;
  if (purposes.includes(purpose) || purposes.includes(EKU_OID.any)) return undefined;
  return failure('extended-key-usage', leaf, `extended key usage lacks ${purpose}`);
}

function checkAuthority(certificate: Certificate, depth: number): Failure | undefined {
  const constraints = certificate.basicConstraints;
  // Version 1 roots carry no extensions; as explicitly trusted anchors they may issue (RFC 5280, 6.1.1 d).
  if (certificate.version >= 3 && constraints?.ca !== true) {
    return failure('not-a-ca', certificate, 'issues certificates but is no CA');
  }
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.includes('keyCertSign')) {
    return failure('key-usage', certificate, 'key usage lacks keyCertSign');
  }
  const limit = constraints?.pathLength;
  if (limit === undefined || depth - 1 <= limit) return undefined;
  return failure('path-length', certificate, `${depth - 1} CA certificates below, allowed are ${limit}`);
}

function noIssuer(last: Certificate): Failure {
  if (equalBytes(last.subject.der, last.issuer.der)) {
    return failure('untrusted-root', last, 'signs itself and is not among the trusted certificates');
  }
  return failure('issuer-unknown', last, `issuer ${last.issuer.text} is not among the trusted certificates`);
}

/** How far a failure got; the most telling one of several candidate paths is reported. */
const RANK: Readonly<Partial<Record<ChainProblem, number>>> = {
  'issuer-unknown': 0,
  'too-deep': 1,
  'bad-signature': 2,
};

/** A search for paths, and what kept it from others. */
class PathSearch {
  readonly #intermediates: readonly Certificate[];
  readonly #roots: readonly Certificate[];
  readonly #options: ChainOptions;
  #checks = 0;
  #worst: Failure | undefined;

  constructor(intermediates: readonly Certificate[], roots: readonly Certificate[], options: ChainOptions) {
    this.#intermediates = intermediates;
    this.#roots = roots;
    this.#options = options;
  }

  /** The most telling failure so far. */
  get worst(): Failure | undefined {
    return this.#worst;
  }

  #note(found: Failure): void {
    if (this.#worst === undefined || (RANK[found.code] ?? 3) > (RANK[this.#worst.code] ?? 3)) this.#worst = found;
  }

  #isRoot({ der }: Certificate): boolean {
    return this.#roots.some((root) => equalBytes(root.der, der));
  }

  /** The good paths that begin with `path`, whose last certificate is not looked at yet. */
  *from(path: readonly Certificate[], last: Certificate): Generator<readonly Certificate[]> {
    const bad = checkPlace(last, path.length - 1, this.#options);
    if (bad !== undefined) return this.#note(bad);
    if (this.#isRoot(last)) {
      yield path;
      return;
    }
    if (path.length >= MAX_PATH) {
      return this.#note(failure('too-deep', last, `no trusted root within ${MAX_PATH} certificates`));
    }
    const issuers = [...this.#roots, ...this.#intermediates].filter(
      (c) => mayIssue(c, last) && !path.some((seen) => equalBytes(seen.der, c.der)),
    );
    if (issuers.length === 0) this.#note(noIssuer(last));
    for (const issuer of issuers) {
      if (++this.#checks > MAX_CHECKS) return;
      const unsigned = checkSignature(last, issuer, this.#options);
      if (unsigned !== undefined) this.#note(unsigned);
      else yield* this.from([...path, issuer], issuer);
    }
  }
}

/**
 * Looks for a path from `leaf` over `intermediates` to one of `roots` (trusted as they stand, by their bytes) and checks it.
 * A leaf that itself is one of the roots is its own path. Where there are several, `options.worth` decides and not their order,
 * which nobody signs.
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
  options: ChainOptions,
): ChainResult {
  const search = new PathSearch(intermediates, roots, options);
  let best: readonly Certificate[] | undefined;
  let most = -Infinity;
  for (const path of search.from([leaf], leaf)) {
    const value = options.worth?.(path) ?? 0;
    if (best === undefined || value > most) [best, most] = [path, value];
    if (options.worth === undefined) break;
  }
  if (best !== undefined) return { ok: true, path: best };
  return search.worst ?? failure('too-deep', leaf, `gave up after ${MAX_CHECKS} signature checks`);
}
