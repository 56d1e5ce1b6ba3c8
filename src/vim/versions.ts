/**
 * Versions of the vSphere API (namespace `urn:vim25`). A client says which one it speaks in its SOAPAction header; a
 * server must not answer with anything newer (facts: VMware vSphere Web Services API, "API versioning").
 */

/** All published versions, newest first; `2.0` belongs to the older namespace `urn:vim2`. */
export const API_VERSIONS = [
  '9.1.0.0',
  '9.0.0.0',
  '8.0.3.0',
  '8.0.2.0',
  '8.0.1.0',
  '8.0.0.2',
  '8.0.0.1',
  '8.0.0.0',
  '7.0.3.2',
  '7.0.3.1',
  '7.0.3.0',
  '7.0.2.1',
  '7.0.2.0',
  '7.0.1.1',
  '7.0.1.0',
  '7.0.0.2',
  '7.0.0.0',
  '6.9.1',
  '6.8.7',
  '6.7.3',
  '6.7.2',
  '6.7.1',
  '6.7',
  '6.5',
  '6.0',
  '5.5',
  '5.1',
  '5.0',
  '4.1',
  '4.0',
  '2.5u2server',
  '2.5u2',
  '2.5',
  '2.0',
] as const;

/** A published version. */
export type ApiVersion = (typeof API_VERSIONS)[number];

/** The version a simulated server speaks unless told otherwise (vSphere 8.0 Update 3). */
export const DEFAULT_API_VERSION: ApiVersion = '8.0.3.0';

const RANK: ReadonlyMap<string, number> = new Map(API_VERSIONS.map((v, i) => [v, API_VERSIONS.length - i]));

/** Whether `text` is a published version. */
export function isApiVersion(text: string): text is ApiVersion {
  return RANK.has(text);
}

/** Position in the history: larger is newer. */
export function versionRank(version: ApiVersion): number {
  return RANK.get(version) ?? 0;
}

/** Whether something that came with `since` is known to a peer that speaks `version`. */
export function isKnownAt(since: ApiVersion, version: ApiVersion): boolean {
  return versionRank(since) <= versionRank(version);
}

/** The published versions up to `newest`, newest first: what a server of that release lists. */
export function versionsUpTo(newest: ApiVersion): readonly ApiVersion[] {
  return API_VERSIONS.filter((v) => isKnownAt(v, newest));
}

/**
 * The version in which to answer a request.
 *
 * @param asked version a client named, e.g. `6.7` of SOAPAction `urn:vim25/6.7`; undefined where it named none
 * @param own   newest version of the server; also the answer to unknown and newer requests
 */
export function negotiate(asked: string | undefined, own: ApiVersion): ApiVersion {
  if (asked === undefined || !isApiVersion(asked)) return own;
  return isKnownAt(asked, own) ? asked : own;
}

/** The version in a SOAPAction header (`urn:vim25/8.0.3.0`, with or without quotes, `urn:internalvim25/…` too). */
export function versionOfSoapAction(header: string | null): string | undefined {
  return header === null ? undefined : /^"?urn:(?:internal)?vim25\/([0-9A-Za-z.]{1,20})"?$/.exec(header.trim())?.[1];
}

/** The document `/sdk/vimServiceVersions.xml` of a server whose newest version is `newest`. */
export function serviceVersionsXml(newest: ApiVersion): string {
  const older = versionsUpTo(newest).filter((v) => v !== newest && v !== '2.0');
  return `<?xml version="1.0" encoding="UTF-8"?>
<namespaces version="1.0">
 <namespace>
  <name>urn:vim25</name>
  <version>${newest}</version>
  <priorVersions>
${older.map((v) => `   <version>${v}</version>`).join('\n')}
  </priorVersions>
 </namespace>
 <namespace>
  <name>urn:vim2</name>
  <version>2.0</version>
 </namespace>
</namespaces>
`;
}
