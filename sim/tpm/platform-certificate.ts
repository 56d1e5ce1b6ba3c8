/**
 * Platform certificates of the simulated manufacturer (TCG Platform Certificate Profile 1.1): an attribute certificate that says
 * which machine the TPM with a given EK certificate sits in. Everything in it is fixed or follows from the description and the EK.
 */
import { concat, u32Bytes, utf8 } from '../../src/bytes/bytes.ts';
import { EXTENSION_OID } from '../../src/crypto/asn1-oids.ts';
import {
  derContext,
  derIa5,
  derImplicit,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derUtf8,
} from '../../src/crypto/asn1-write.ts';
import { createAttributeCertificate } from '../../src/crypto/attribute-certificate.ts';
import { authorityKeyIdentifier, rawExtension, subjectAltName } from '../../src/crypto/x509-build.ts';
import type { NameInput } from '../../src/crypto/x509-name.ts';
import {
  PLATFORM_ROOT_KEY_PEM,
  PLATFORM_ROOT_NAME,
  PLATFORM_SIGNER_KEY_PEM,
  PLATFORM_SIGNER_NAME,
} from '../pki/platform-manufacturer.ts';
import type { PlatformComponent, PlatformDescription } from './platform-description.ts';
import {
  ANY_POLICY,
  type Authority,
  createAuthority,
  nameAttribute,
  serialNumber,
  VALIDITY,
} from './test-authority.ts';

/** Object identifiers of the profile (TCG OID registry, 2.23.133). */
const OID = {
  platformSpecification: '2.23.133.2.17',
  tbbSecurityAssertions: '2.23.133.2.19',
  credentialSpecification: '2.23.133.2.23',
  credentialType: '2.23.133.2.25',
  platformManufacturer: '2.23.133.5.1.1',
  platformModel: '2.23.133.5.1.4',
  platformVersion: '2.23.133.5.1.5',
  platformSerial: '2.23.133.5.1.6',
  platformConfiguration: '2.23.133.5.1.7.2',
  platformAttributeCertificate: '2.23.133.8.2',
  tcgComponentClasses: '2.23.133.18.3.1',
  /** Policy qualifiers: RFC 5280, 4.2.1.4. */
  cps: '1.3.6.1.5.5.7.2.1',
  userNotice: '1.3.6.1.5.5.7.2.2',
} as const;

/** PC Client Platform TPM Profile 2.0 revision 43, and the class of servers: as in platform certificates of real machines. */
const PLATFORM_SPECIFICATION = { version: [2, 0, 43], platformClass: new Uint8Array([0, 0, 0, 1]) } as const;
/** This profile: 1.1 revision 19. */
const CREDENTIAL_SPECIFICATION = [1, 1, 19] as const;
/** MeasurementRootType (profile, 3.1.4). */
const RTM = { static: 0, hybrid: 3 } as const;
const CPS_URI = 'https://platform.example.test/cps';
/** The text that the profile prescribes for the user notice. */
const USER_NOTICE = 'TCG Trusted Platform Endorsement';

let authority: Authority | undefined;

/** Made at first use: importing this module must cost nothing. */
function manufacturer(): Authority {
  authority ??= createAuthority({
    rootKey: PLATFORM_ROOT_KEY_PEM,
    rootName: PLATFORM_ROOT_NAME,
    signerKey: PLATFORM_SIGNER_KEY_PEM,
    signerName: PLATFORM_SIGNER_NAME,
    signer: 'attribute-authority',
  });
  return authority;
}

/** DER certificates above a platform certificate: its signer, then the root. */
export const platformCertificateChain = (): readonly Uint8Array[] => manufacturer().chain;

/** TCGSpecificationVersion: major, minor, revision. */
const version = (numbers: readonly number[]): Uint8Array => derSequence(...numbers.map(derInteger));

/** `[n] IMPLICIT UTF8String`, left out where there is no text. */
const optionalText = (n: number, text: string | undefined): Uint8Array =>
  text === undefined ? new Uint8Array(0) : derImplicit(n, utf8(text));

/** ComponentIdentifier (profile, 3.1.6). */
function componentIdentifier(component: PlatformComponent): Uint8Array {
  return derSequence(
    derSequence(derOid(OID.tcgComponentClasses), derOctets(u32Bytes(component.componentClass))),
    derUtf8(component.manufacturer),
    derUtf8(component.model),
    optionalText(0, component.serial),
    optionalText(1, component.revision),
  );
}

/** TBBSecurityAssertions with nothing but the root of trust for measurement: no evaluation is claimed. */
const securityAssertions = (dynamicRtm: boolean): Uint8Array =>
  derSequence(derImplicit(2, new Uint8Array([dynamicRtm ? RTM.hybrid : RTM.static])));

function attributes({ components, dynamicRtm }: PlatformDescription) {
  const { version: numbers, platformClass } = PLATFORM_SPECIFICATION;
  return [
    { oid: OID.platformSpecification, value: derSequence(version(numbers), derOctets(platformClass)) },
    { oid: OID.credentialSpecification, value: version(CREDENTIAL_SPECIFICATION) },
    { oid: OID.credentialType, value: derSequence(derOid(OID.platformAttributeCertificate)) },
    { oid: OID.tbbSecurityAssertions, value: securityAssertions(dynamicRtm) },
    { oid: OID.platformConfiguration, value: derSequence(derContext(0, ...components.map(componentIdentifier))) },
  ];
}

/** Which machine it is: manufacturer, model, version and serial number (profile, 3.1.1). */
function platformName(platform: PlatformDescription): Uint8Array {
  return derSequence(
    nameAttribute(OID.platformManufacturer, derUtf8(platform.manufacturer)),
    nameAttribute(OID.platformModel, derUtf8(platform.model)),
    nameAttribute(OID.platformVersion, derUtf8(platform.version)),
    nameAttribute(OID.platformSerial, derUtf8(platform.serial)),
  );
}

/** certificatePolicies with the two qualifiers of the profile. */
function policies(): Uint8Array {
  const qualifiers = derSequence(
    derSequence(derOid(OID.cps), derIa5(CPS_URI)),
    derSequence(derOid(OID.userNotice), derSequence(derUtf8(USER_NOTICE))),
  );
  return derSequence(derSequence(derOid(ANY_POLICY), qualifiers));
}

/** DER attribute certificate of a platform, for the holder of an EK certificate, signed by the first of {@link platformCertificateChain}. */
export function issuePlatformCertificate(
  platform: PlatformDescription,
  ekCertificate: { readonly issuer: NameInput; readonly serial: Uint8Array },
): Uint8Array {
  const { signerKey, signerName } = manufacturer();
  const name = platformName(platform);
  const facts = attributes(platform);
  return createAttributeCertificate(
    {
      serial: serialNumber(
        'platform certificate',
        concat(ekCertificate.serial, name, ...facts.map(({ value }) => value)),
      ),
      holder: ekCertificate,
      issuer: signerName,
      ...VALIDITY,
      attributes: facts,
      extensions: [
        rawExtension(EXTENSION_OID.certificatePolicies, policies()),
        subjectAltName([{ kind: 'directory', name }]),
        authorityKeyIdentifier(signerKey),
      ],
      hash: 'sha384',
    },
    signerKey,
  );
}
