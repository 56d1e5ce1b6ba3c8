"""Reads an attribute certificate with the ASN.1 module of RFC 5755 in pyasn1-modules.

    attribute_certificate.py CERTIFICATE FOLDER

The encoding must be DER: encoding what was read must give the same octets. Prints JSON, and writes into the folder what an
independent check of the signature needs: `acinfo.der` (what is signed) and `signature.der`.
"""

import json
import sys
from pathlib import Path

from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1_modules import rfc5280, rfc5755


def directory_name(names):
    """The attributes of the only directory name among general names: types and texts."""
    (name,) = names
    found = {}
    for rdn in name["directoryName"]["rdnSequence"]:
        for attribute in rdn:
            value, rest = decode(attribute["value"])
            assert not rest
            found[str(attribute["type"])] = str(value)
    return found


def extension(value, spec):
    decoded, rest = decode(value, asn1Spec=spec)
    assert not rest and encode(decoded) == bytes(value)
    return decoded


def main():
    octets = Path(sys.argv[1]).read_bytes()
    folder = Path(sys.argv[2])
    certificate, rest = decode(octets, asn1Spec=rfc5755.AttributeCertificate())
    assert not rest, "octets after the certificate"
    assert encode(certificate) == octets, "not DER"
    info = certificate["acinfo"]
    assert info["signature"] == certificate["signatureAlgorithm"]
    (folder / "acinfo.der").write_bytes(encode(info))
    (folder / "signature.der").write_bytes(certificate["signatureValue"].asOctets())
    holder = info["holder"]["baseCertificateID"]
    extensions = {str(one["extnID"]): one for one in info["extensions"]}
    policies = extension(extensions["2.5.29.32"]["extnValue"], rfc5280.CertificatePolicies())
    qualifiers = {}
    for qualifier in policies[0]["policyQualifiers"]:
        spec = rfc5280.UserNotice() if str(qualifier["policyQualifierId"]).endswith(".2.2") else rfc5280.CPSuri()
        value, _ = decode(qualifier["qualifier"], asn1Spec=spec)
        qualifiers[str(qualifier["policyQualifierId"])] = (
            str(value["explicitText"].getComponent()) if isinstance(value, rfc5280.UserNotice) else str(value)
        )
    key = extension(extensions["2.5.29.35"]["extnValue"], rfc5280.AuthorityKeyIdentifier())
    print(
        json.dumps(
            {
                "version": int(info["version"]),
                "algorithm": str(info["signature"]["algorithm"]),
                "holder": {"issuer": directory_name(holder["issuer"]), "serial": f"{int(holder['serial']):x}"},
                "issuer": directory_name(info["issuer"]["v2Form"]["issuerName"]),
                "notBefore": str(info["attrCertValidityPeriod"]["notBeforeTime"]),
                "notAfter": str(info["attrCertValidityPeriod"]["notAfterTime"]),
                "attributes": {
                    str(one["type"]): [bytes(value).hex() for value in one["values"]] for one in info["attributes"]
                },
                "platform": directory_name(extension(extensions["2.5.29.17"]["extnValue"], rfc5280.SubjectAltName())),
                "qualifiers": qualifiers,
                "keyIdentifier": bytes(key["keyIdentifier"]).hex(),
                "critical": [oid for oid, one in extensions.items() if bool(one["critical"])],
            }
        )
    )


main()
