/** UEFI variables of the simulated machine that decide Secure Boot and the boot order. */
import { allBytes, fromHex, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import {
  bootOptionName,
  buildBootOrder,
  buildLoadOption,
  certificateDatabase,
  digestDatabase,
  GLOBAL_VARIABLE_GUID,
  type Gpt,
  guid,
  guidText,
  IMAGE_SECURITY_GUID,
  LOAD_OPTION_ACTIVE,
} from '../../src/uefi/index.ts';
import type { HostSpec } from '../spec/schema.ts';
import { DEFAULT_SECURE_BOOT_KEYS } from './default-keys.ts';
import { filePathNodes } from './disk.ts';

/** One variable. */
export interface UefiVariable {
  readonly guid: string;
  readonly name: string;
  readonly data: Uint8Array;
}

/** The variables that are measured, by what they are for. */
export interface UefiVariables {
  /** SecureBoot, PK, KEK, db, dbx: in the order of PCR 7. */
  readonly policy: readonly UefiVariable[];
  /** BootOrder and Boot####. */
  readonly boot: readonly UefiVariable[];
  readonly db: Uint8Array;
  readonly dbx: Uint8Array;
  /** `SetupMode == 0 && SecureBoot == 1`, as the loaders decide it. */
  readonly secureBoot: boolean;
}

/** SignatureOwner of entries that a user's spec brings along. */
const USER_OWNER = guid('77fa9abd-0359-4d32-bd60-28f4e78f784b');

const derOf = (pem: string, field: string): Uint8Array => {
  const [block] = decodePem(pem);
  if (block === undefined) throw new InputError(`host spec: hardware.secureBoot.keys.${field}: no PEM certificate`);
  return block.bytes;
};

interface Databases {
  readonly pk: Uint8Array;
  readonly kek: Uint8Array;
  readonly db: Uint8Array;
  readonly dbx: Uint8Array;
}

function databases(spec: HostSpec): Databases {
  const keys = spec.hardware.secureBoot.keys;
  if (keys === undefined) {
    const { owner, pk, kek, db } = DEFAULT_SECURE_BOOT_KEYS;
    // An empty dbx would be odd on a real machine: one revoked image, which exists nowhere.
    const dbx = digestDatabase(owner, [hash('sha256', utf8('esxsim revoked image'))]);
    return {
      pk: certificateDatabase(owner, pk),
      kek: certificateDatabase(owner, kek),
      db: certificateDatabase(owner, db),
      dbx,
    };
  }
  const certificates = (field: 'pk' | 'kek' | 'db') =>
    certificateDatabase(
      USER_OWNER,
      keys[field].map((pem) => derOf(pem, field)),
    );
  return {
    pk: certificates('pk'),
    kek: certificates('kek'),
    db: certificates('db'),
    dbx: digestDatabase(USER_OWNER, keys.dbx.map(fromHex)),
  };
}

/** The variables of a machine. */
export function uefiVariables(spec: HostSpec, disk: Gpt): UefiVariables {
  const { enabled, setupMode } = spec.hardware.secureBoot;
  const keys = databases(spec);
  // Without a platform key a machine is in setup mode, whatever the switch says (UEFI 2.10, 32.3).
  const inSetup = setupMode || keys.pk.length === 0 || allBytes(keys.pk, 0);
  const secureBoot = enabled && !inSetup;
  const global = guidText(GLOBAL_VARIABLE_GUID);
  const security = guidText(IMAGE_SECURITY_GUID);
  const option = buildLoadOption({
    attributes: LOAD_OPTION_ACTIVE,
    description: 'VMware ESXi',
    path: filePathNodes(disk, 'EFI/BOOT/BOOTX64.EFI'),
    optionalData: new Uint8Array(0),
  });
  return {
    policy: [
      { guid: global, name: 'SecureBoot', data: new Uint8Array([secureBoot ? 1 : 0]) },
      { guid: global, name: 'PK', data: keys.pk },
      { guid: global, name: 'KEK', data: keys.kek },
      { guid: security, name: 'db', data: keys.db },
      { guid: security, name: 'dbx', data: keys.dbx },
    ],
    boot: [
      { guid: global, name: 'BootOrder', data: buildBootOrder([0]) },
      { guid: global, name: bootOptionName(0), data: option },
    ],
    db: keys.db,
    dbx: keys.dbx,
    secureBoot,
  };
}
