"""Endorsement keys of a TPM through tpm2-pytss, which brings its own templates and NV indices of the TCG EK Credential Profile.

    identity.py TCTI KIND...        such as L-1 or H-3

For each kind: the certificate must be that of the key which the template makes, and the key must open credentials with its policy,
through each of the two branches where it is a High Range key. Prints JSON: the certificates, the public areas without the key
itself, and the digests of the policies, all in hexadecimal.
"""

import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tpm2_pytss import (
    ESAPI,
    ESYS_TR,
    TPM2_ALG,
    TPM2_SE,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE_CREATE,
    TPML_DIGEST,
    TPMA_OBJECT,
    TPMT_SYM_DEF,
)
from tpm2_pytss.utils import NVReadEK, create_ek_template, make_credential

POLICY_INDEX = {TPM2_ALG.SHA256: 0x01C07F01, TPM2_ALG.SHA384: 0x01C07F02, TPM2_ALG.SHA512: 0x01C07F03}
SECRET = b"a credential of thirty-two bytes"


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def session(tpm, alg):
    return tpm.start_auth_session(
        ESYS_TR.NONE, ESYS_TR.NONE, TPM2_SE.POLICY, TPMT_SYM_DEF(algorithm=TPM2_ALG.NULL), alg
    )


def endorsement(tpm, policy):
    tpm.policy_secret(ESYS_TR.ENDORSEMENT, policy, expiration=0)


def delegated(tpm, policy, alg):
    """Policy C: what the policy index holds, which is policy A on a new TPM."""
    endorsement(tpm, policy)
    index = tpm.tr_from_tpmpublic(POLICY_INDEX[alg])
    tpm.policy_authorize_nv(index, policy, auth_handle=index)


def examine(tpm, kind):
    certificate, template = create_ek_template(kind, NVReadEK(tpm))
    assert certificate is not None, f"{kind}: no certificate"
    ek, public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template, ESYS_TR.ENDORSEMENT)
    certified = x509.load_der_x509_certificate(certificate).public_key()
    assert spki(certified) == spki(load_pem_public_key(public.to_pem())), f"{kind}: certificate of another key"

    key_template = TPM2B_PUBLIC.parse(
        "ecc256:aes128cfb", objectAttributes=TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATEPRIMARY_ATTRS
    )
    key, key_public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), key_template, ESYS_TR.OWNER)
    blob, encrypted = make_credential(public, SECRET, key_public.get_name())
    alg = public.publicArea.nameAlg
    found = {"certificate": certificate.hex(), "authPolicy": bytes(public.publicArea.authPolicy).hex()}

    branches = {"a": lambda policy: endorsement(tpm, policy)}
    high = kind.startswith("H")
    if high:
        branches["c"] = lambda policy: delegated(tpm, policy, alg)
        for branch, satisfy in branches.items():
            policy = session(tpm, alg)
            satisfy(policy)
            found[branch] = bytes(tpm.policy_get_digest(policy)).hex()
            tpm.flush_context(policy)
    for satisfy in branches.values():
        policy = session(tpm, alg)
        satisfy(policy)
        if high:
            tpm.policy_or(policy, TPML_DIGEST([bytes.fromhex(found["a"]), bytes.fromhex(found["c"])]))
        got = tpm.activate_credential(key, ek, blob, encrypted, session2=policy)
        assert bytes(got) == SECRET, f"{kind}: activated {bytes(got).hex()}"
        tpm.flush_context(policy)
    if high:
        assert bytes(tpm.activate_credential(key, ek, blob, encrypted)) == SECRET, f"{kind}: not with its own authorisation"

    tpm.flush_context(key)
    tpm.flush_context(ek)
    return found


def main():
    tpm = ESAPI(sys.argv[1])
    print(json.dumps({kind: examine(tpm, kind) for kind in sys.argv[2:]}))


main()
