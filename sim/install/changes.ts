/** What an installation changes on a host, and what the host must do for it. */
import { type Vib, vibId } from '../../src/vib/index.ts';

/** One VIB that comes or goes. */
export interface InstallChange {
  readonly vib: string;
  readonly action: 'install' | 'remove';
  /** Whether a running host can do it (`live-install-allowed`, `live-remove-allowed`). */
  readonly live: boolean;
  /** Whether a running host must be in maintenance mode for it (`maintenance-mode`). */
  readonly maintenanceMode: boolean;
  /** Whether the CIM broker restarts after it (`cimom-restart`). */
  readonly cimomRestart: boolean;
}

/** The change that one VIB makes. */
function change({ descriptor }: Vib, action: InstallChange['action']): InstallChange {
  const { liveInstallAllowed, liveRemoveAllowed, cimomRestart, systemRequires } = descriptor;
  const { maintenanceMode, maintenanceModeInstall = maintenanceMode } = systemRequires;
  return {
    vib: vibId(descriptor),
    action,
    live: action === 'install' ? liveInstallAllowed : liveRemoveAllowed,
    maintenanceMode: action === 'install' ? maintenanceModeInstall : maintenanceMode,
    cimomRestart,
  };
}

/** From what is installed to what shall be: removals first. A VIB whose bytes of the descriptor stay does not change. */
export function changesBetween(before: readonly Vib[], after: readonly Vib[]): InstallChange[] {
  const ids = (vibs: readonly Vib[]): Set<string> => new Set(vibs.map(({ descriptor }) => vibId(descriptor)));
  const [old, fresh] = [ids(before), ids(after)];
  return [
    ...before.filter(({ descriptor }) => !fresh.has(vibId(descriptor))).map((vib) => change(vib, 'remove')),
    ...after.filter(({ descriptor }) => !old.has(vibId(descriptor))).map((vib) => change(vib, 'install')),
  ];
}

/** One line per change that a running host could not simply make. */
export function changeLines(changes: readonly InstallChange[]): string[] {
  return changes.map(({ vib, action, live, maintenanceMode, cimomRestart }) => {
    const needs = [
      ...(live ? [] : ['needs a reboot']),
      ...(live && maintenanceMode ? ['needs maintenance mode'] : []),
      ...(live && cimomRestart ? ['restarts the CIM broker'] : []),
    ];
    return `${action} ${vib}: ${needs.length === 0 ? 'can be done live' : needs.join(', ')}`;
  });
}
