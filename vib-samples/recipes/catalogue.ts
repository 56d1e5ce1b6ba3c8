/**
 * Images of a size that real hosts have: rows of component names, vendors and levels from which a set of about 60 or about
 * 150 VIBs is made. Names are those of components in public ESXi images; versions only have the form of real ones.
 */
import type { AcceptanceLevel } from '../../src/vib/acceptance.ts';

/** One component of one payload. */
export interface CatalogueRow {
  readonly name: string;
  readonly vendor: string;
  readonly version: string;
  readonly level: AcceptanceLevel;
  readonly kind: 'driver' | 'agent' | 'tool';
  /** Size of the member in KiB at real scale. */
  readonly kib: number;
}

/** `name[:KiB]` words of inbox drivers, vendor VMW. The first line is in both catalogues. */
const INBOX_SMALL =
  'atlantic:90 bnxtroce:160 brcmfcoe:900 elxiscsi:520 elxnet:620 i40iwn:180 iavmd:90 icen:1100 igbn:300 ionic-en:330 irdman:420 iser:240 lpnic:600 lsi-msgpt4:420 lsuv2-drivers-plugin:1800 mtip32xx-native:240 ne1000e:220 nenic:210 nfnic:480 nhpsa:540';
const INBOX_LARGE =
  'nmlx4-core:400 nmlx4-en:650 nmlx4-rdma:280 nmlx5-rdma:300 ntg3:140 nvme-tcp:120 nvmerdma:120 nvmetcp:130 qcnic:320 qedentv:2900 qedrntv:1800 qfle3:2100 qfle3f:1500 qfle3i:380 qflge:520 rdmahl:60 rste:820 sfvmk:720 smartpqiv2:380 vmkata:210 vmkfcoe:950 vmkplexer-vmkplexer:90 vmksdhci:80 vmw-ahci-legacy:120 mpi3mr:460 bfedac-esxio:40 dwi2c:40 mlnx-bfbootctl:40 penedac:40 pengpio:40 pensandoatlas:17000 penspi:40 rd1173:40 rdmacm:60 spidev:40 tpm2-native:70 xhci-xhci:260 ehci-ehci-hcd:110 uhci-usb-uhci:90 ohci-usb-ohci:100 ata-pata-amd:60 ata-pata-atiixp:60 ata-pata-cmd64x:60 ata-pata-hpt3x2n:60 ata-pata-pdc2027x:60 ata-pata-serverworks:60 ata-pata-sil680:60 ata-pata-via:60 block-cciss:90 char-random:50 hid-hid:60 ima-qla4xxx:700 ipmi-ipmi-devintf:60 ipmi-ipmi-msghandler:80 ipmi-ipmi-si-drv:90 misc-drivers:2600 ohci-native:80 sata-ahci:110 sata-ata-piix:110 scsi-aacraid:220 scsi-adp94xx:290 scsi-aic79xx:320 scsi-fnic:300 scsi-hpsa:180 scsi-ips:120 scsi-megaraid-sas:310';
/** `vendor/name[:KiB]` words of agents and tools. */
const OTHERS_SMALL =
  'VMware/bmcal:2600 VMware/clusterstore:1400 VMware/cpu-microcode:5200 VMware/crx:14000 VMware/drivervm-gpu-base:9000 VMware/esx-dvfilter-generic-fastpath:500 VMware/esxio-combiner:3000 VMware/infravisor:24000 VMware/loadesx:1500 VMware/lsuv2-hpv2-hpsa-plugin:1400 VMware/native-misc-drivers:4400 VMware/tools-light:48000 VMware/trx:2900 VMware/vdfs:11000';
const OTHERS_LARGE =
  'VMware/elx-esx-libelxima.so:1900 VMware/esxio-base:42000 VMware/esxio-dvfilter-generic-fastpath:480 VMware/esxio-update:10000 VMware/vds-vsip:21000 VMware/nsx-proxy:12000 VMware/nsx-esx-datapath:20000 VMware/nsx-host:2500 VMware/nsx-monitoring:1200 VMware/nsx-opsagent:3500 VMware/nsxcli:1800';
/** Partners, names invented; `level/vendor/name[:KiB]`. */
const PARTNERS =
  'PartnerSupported/ACME/acme-cim-provider:2600 PartnerSupported/ACME/acme-smx-limited:1500 VMwareAccepted/EXA/exa-fcoe-tools:900 VMwareAccepted/EXA/exa-multipath:700 PartnerSupported/INI/ini-ams:3100 PartnerSupported/INI/ini-conrep:300 PartnerSupported/INI/ini-ilo:200 PartnerSupported/INI/ini-ssacli:8600';

const TAIL = '803.0.0.24022510';
const SYSTEM_VERSION = '8.0.3-0.0.24022510';

/** A version that only depends on the name, in the form of native drivers: `1.2.3.4-5vmw.803.0.0.24022510`. */
function driverVersion(name: string, suffix: string): string {
  const sum = [...name].reduce((total, c, i) => (total * 31 + c.charCodeAt(0) * (i + 1)) % 9973, 7);
  return `${1 + (sum % 14)}.${sum % 10}.${sum % 7}.${sum % 23}-${1 + (sum % 9)}${suffix}.${TAIL}`;
}

function words(text: string): { path: string[]; kib: number }[] {
  return text.split(' ').map((word) => {
    const [path = '', kib = '100'] = word.split(':');
    return { path: path.split('/'), kib: Number(kib) };
  });
}

const inbox = (text: string): CatalogueRow[] =>
  words(text).map(({ path: [name = ''], kib }) => ({
    name,
    vendor: 'VMW',
    version: driverVersion(name, 'vmw'),
    level: 'VMwareCertified',
    kind: 'driver',
    kib,
  }));

const others = (text: string): CatalogueRow[] =>
  words(text).map(({ path: [vendor = '', name = ''], kib }) => ({
    name,
    vendor,
    version: SYSTEM_VERSION,
    level: 'VMwareCertified',
    kind: 'agent',
    kib,
  }));

const isLevel = (text: string | undefined): text is 'PartnerSupported' | 'VMwareAccepted' =>
  text === 'PartnerSupported' || text === 'VMwareAccepted';

const partners = (text: string): CatalogueRow[] =>
  words(text).flatMap(({ path: [level, vendor = '', name = ''], kib }) =>
    isLevel(level) ? [{ name, vendor, version: driverVersion(name, 'OEM'), level, kind: 'tool', kib }] : [],
  );

/** Sizes of the two catalogues. */
export type CatalogueSize = 60 | 150;

/** The components that a catalogue adds to the sample set `esxi-8.0`. */
export function catalogueRows(size: CatalogueSize): CatalogueRow[] {
  const small = [...inbox(INBOX_SMALL), ...others(OTHERS_SMALL)];
  return size === 60 ? small : [...small, ...inbox(INBOX_LARGE), ...others(OTHERS_LARGE), ...partners(PARTNERS)];
}
