/**
 * Where CommunitySupported VIBs may put files: the extensibility rules (facts: vib-and-modules §7). Code that nobody vouches
 * for extends a host at its public seams only; drivers, firewall rules and services fit in, changes of the base system do not.
 */

import { isModuleType } from '../../src/esxboot/index.ts';
import { parseAcceptance, payloadSource, plainPath, type Vib, vibId } from '../../src/vib/index.ts';
import { entriesNow } from '../../src/vib/payload.ts';
import type { InstallProblem } from './problems.ts';

/**
 * Folders open to CommunitySupported VIBs, everything below included. From the public description of VMware's VIB author
 * tool; `default.map.d` is that of newer drivers, seen in a public community driver.
 */
export const COMMUNITY_FOLDERS: readonly string[] = [
  'etc/cim/openwsman',
  'etc/vmware/default.map.d',
  'etc/vmware/driver.map.d',
  'etc/vmware/firewall',
  'etc/vmware/pciid',
  'etc/vmware/service',
  'etc/vmware/shutdown/shutdown',
  'etc/vmware/vm-support',
  'opt',
  'usr/lib/cim',
  'usr/lib/hostprofiles/plugins',
  'usr/lib/pycim',
  'usr/lib/vmware',
  'usr/lib/vmware-debug',
  'usr/share/hwdata/driver.pciids.d',
  'var/lib/sfcb/registration',
];

/** Files named in a message. */
const MAX_NAMED = 3;

/** Whether a CommunitySupported VIB may bring a file. */
export const communityMayBring = (path: string): boolean =>
  COMMUNITY_FOLDERS.some((folder) => plainPath(path).startsWith(`${folder}/`));

/**
 * Every file: those of the list, and those of the payloads, which the list may leave out. Whatever holds an archive counts,
 * because the VMkernel mounts every module that is one; a damaged payload is another check's matter.
 */
function filesOf(vib: Vib): Set<string> {
  const files = new Set(vib.descriptor.fileList.map(plainPath));
  for (const payload of vib.payloads.filter(({ type }) => isModuleType(type))) {
    for (const { name, type } of entriesNow(payloadSource(payload), payload.name)) {
      if (type !== 'directory') files.add(plainPath(name));
    }
  }
  return files;
}

/** CommunitySupported VIBs with files elsewhere. */
export function checkExtensibility(vibs: readonly Vib[]): InstallProblem[] {
  const community = vibs.filter(
    ({ descriptor }) => parseAcceptance(descriptor.acceptanceLevel) === 'CommunitySupported',
  );
  return community.flatMap((vib): InstallProblem[] => {
    const outside = [...filesOf(vib)].filter((file) => !communityMayBring(file)).toSorted();
    if (outside.length === 0) return [];
    const named = outside.slice(0, MAX_NAMED).join(', ');
    const more = outside.length > MAX_NAMED ? ` and ${outside.length - MAX_NAMED} more` : '';
    const id = vibId(vib.descriptor);
    const message = `VIB ${id} is CommunitySupported and brings files to folders it may not extend: ${named}${more}`;
    return [{ code: 'extensibility', vib: id, message }];
  });
}
