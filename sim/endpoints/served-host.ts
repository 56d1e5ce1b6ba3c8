/** What the endpoints need to know of a host. The simulator's Host is adapted to this; tests use plain objects. */
import type { HostTpmAttestationReport } from '../../src/vim/report.ts';

/** Acceptance levels in the words of VIBs and esxcli. */
export type AcceptanceLevel = 'VMwareCertified' | 'VMwareAccepted' | 'PartnerSupported' | 'CommunitySupported';

/** An installed VIB. */
export interface SoftwareFacts {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
  readonly type: 'bootbank' | 'tools' | 'meta';
  readonly acceptanceLevel: AcceptanceLevel;
  readonly summary: string;
  readonly description: string;
  /** Milliseconds since 1970. */
  readonly creationDate?: number;
  /** Names of the payloads. */
  readonly payloads: readonly string[];
  readonly maintenanceModeRequired?: boolean;
  readonly liveInstallAllowed?: boolean;
  readonly liveRemoveAllowed?: boolean;
  readonly statelessReady?: boolean;
  readonly overlay?: boolean;
}

/** Facts of a powered-on host. Read anew for every request, so they may change with a reboot. */
export interface HostFacts {
  readonly vendor: string;
  readonly model: string;
  /** SMBIOS UUID in its text form. */
  readonly uuid: string;
  readonly serialNumber?: string;
  readonly assetTag?: string;
  readonly serviceTag?: string;
  readonly bios: {
    readonly version: string;
    readonly vendor?: string;
    /** Milliseconds since 1970. */
    readonly releaseDate?: number;
    readonly firmwareType: 'BIOS' | 'UEFI';
  };
  readonly cpu: {
    readonly vendor: 'intel' | 'amd' | 'unknown';
    readonly model: string;
    readonly packages: number;
    readonly cores: number;
    readonly threads: number;
    readonly hz: number;
  };
  /** Bytes. */
  readonly memorySize: number;
  readonly product: {
    /** e.g. `8.0.3`. */
    readonly version: string;
    /** e.g. `24022510`. */
    readonly build: string;
    /** Default: `VMware ESXi <version> build-<build>`. */
    readonly fullName?: string;
    /** e.g. `30`. */
    readonly patchLevel?: string;
  };
  /** Absent: no TPM. */
  readonly tpmVersion?: '1.2' | '2.0';
  readonly txtEnabled: boolean;
  readonly uefiSecureBoot: boolean;
  readonly bootCommandLine?: string;
  /** Milliseconds since 1970. */
  readonly bootTime: number;
  readonly stateEncryption?: {
    readonly protectionMode: 'none' | 'tpm';
    readonly requireSecureBoot: boolean;
    readonly requireExecInstalledOnly: boolean;
  };
  readonly acceptanceLevel: AcceptanceLevel;
  readonly imageProfile: { readonly name: string; readonly vendor: string };
  /** Milliseconds since 1970. */
  readonly installDate: number;
  readonly software: readonly SoftwareFacts[];
  /** Advanced options by key, e.g. `VMkernel.Boot.execInstalledOnly`. */
  readonly options?: Readonly<Record<string, string | boolean | number>>;
}

/** What vCenter found when it attested the host. */
export interface AttestationStatus {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly status: 'accepted' | 'notAccepted';
  readonly message?: { readonly key: string; readonly text: string };
}

/** A host that endpoints serve. */
export interface ServedHost {
  /** Name in the inventory, e.g. `esx01.example.test`. */
  readonly name: string;
  readonly facts: HostFacts;
  /** false: the last boot was refused or halted, so vCenter shows the host as not responding. Default true. */
  readonly running?: boolean;
  /** undefined before vCenter attested the host, and without a TPM. */
  readonly attestation: AttestationStatus | undefined;
  /**
   * The report of the current boot; undefined without a TPM. Return the same object for the same boot: its encoded forms
   * are kept by identity.
   */
  report(): HostTpmAttestationReport | undefined;
  /** Boots the host again; a host without it cannot be rebooted through the API. */
  reboot?(): Promise<void>;
}
