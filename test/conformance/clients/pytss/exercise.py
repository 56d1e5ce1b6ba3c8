"""Uses a TPM through tpm2-pytss (the bindings of tpm2-tss): ESAPI with its sessions, policies, NV, quotes and import.

    exercise.py TCTI        such as swtpm:host=127.0.0.1,port=2321 or mssim:host=127.0.0.1,port=2321

Prints JSON: for each step what was found, or why it failed. Signatures and digests are checked with `cryptography`.
"""

import hashlib
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tpm2_pytss import (
    ESAPI,
    ESYS_TR,
    TPM2_ALG,
    TPM2_CAP,
    TPM2_CC,
    TPM2_NT,
    TPM2_PT,
    TPM2_RC,
    TPM2_SE,
    TPM2_ST,
    TPM2_SU,
    TPM2B_AUTH,
    TPM2B_DIGEST,
    TPM2B_MAX_NV_BUFFER,
    TPM2B_NV_PUBLIC,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE,
    TPM2B_SENSITIVE_CREATE,
    TPM2B_SENSITIVE_DATA,
    TPMA_NV,
    TPMA_OBJECT,
    TPMA_SESSION,
    TPML_DIGEST,
    TPML_DIGEST_VALUES,
    TPML_PCR_SELECTION,
    TPMS_ATTEST,
    TPMS_NV_PUBLIC,
    TPMS_SENSITIVE_CREATE,
    TPMT_HA,
    TPMT_SIG_SCHEME,
    TPMT_SIGNATURE,
    TPMT_SYM_DEF,
    TPMT_SYM_DEF_OBJECT,
    TPMU_SYM_KEY_BITS,
    TPMU_SYM_MODE,
    TSS2_Exception,
)
from tpm2_pytss.types import TPM2_HANDLE
from tpm2_pytss.utils import NVReadEK, create_ek_template, make_credential, wrap

NONCE = b"nonce of the relying party"
AES_CFB = TPMT_SYM_DEF(
    algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(aes=128), mode=TPMU_SYM_MODE(aes=TPM2_ALG.CFB)
)
STORAGE = TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATEPRIMARY_ATTRS
NULL_SCHEME = TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL)


def ec_key():
    """A key on P-256 whose coordinates have no leading zero: pytss writes such ones shorter than a TPM takes them (TPM_RC_KEY)."""
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_numbers()
        if point.x >> 248 and point.y >> 248:
            return key


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def refused(code, work, *arguments, **options):
    """The TPM must answer with this code (the number of a session or parameter aside)."""
    try:
        work(*arguments, **options)
    except TSS2_Exception as error:
        require(error.error == code, f"want {code:#x}, got {error.rc:#x}: {error}")
        return
    raise AssertionError(f"want {code:#x}, got success")


def verify(public, message, signature):
    """Checks a signature over SHA-256 of a message with `cryptography`."""
    key = load_pem_public_key(public.to_pem())
    octets = bytes(signature)
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(octets, message, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(octets, message, padding.PKCS1v15(), hashes.SHA256())


class Bench:
    """An open TPM and the keys that later steps need."""

    def __init__(self, tcti):
        self.tpm = ESAPI(tcti)
        self.session = None

    def startup(self):
        try:
            self.tpm.startup(TPM2_SU.CLEAR)
        except TSS2_Exception as error:
            require(error.rc == TPM2_RC.INITIALIZE, str(error))

    def capabilities(self):
        _, data = self.tpm.get_capability(TPM2_CAP.TPM_PROPERTIES, TPM2_PT.MANUFACTURER, 1)
        manufacturer = data.data.tpmProperties[0].value
        _, pcrs = self.tpm.get_capability(TPM2_CAP.PCRS, 0, 1)
        banks = [TPM2_ALG.to_string(s.hash) for s in pcrs.data.assignedPCR if any(bytes(s.pcrSelect[0 : s.sizeofSelect]))]
        _, commands = self.tpm.get_capability(TPM2_CAP.COMMANDS, TPM2_CC.FIRST, 256)
        require(len(self.tpm.get_random(16)) == 16, "random bytes")
        self.tpm.self_test(True)
        return {"manufacturer": manufacturer.to_bytes(4, "big").decode(), "banks": banks, "commands": len(commands.data.command)}

    def salted_session(self):
        """A session salted with a primary key that encrypts parameters, for all later commands."""
        public = TPM2B_PUBLIC.parse("ecc256:aes128cfb", objectAttributes=STORAGE)
        self.srk, self.srk_public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), public)
        self.session = self.tpm.start_auth_session(self.srk, ESYS_TR.NONE, TPM2_SE.HMAC, AES_CFB, TPM2_ALG.SHA256)
        self.tpm.trsess_set_attributes(
            self.session, TPMA_SESSION.CONTINUESESSION | TPMA_SESSION.DECRYPT | TPMA_SESSION.ENCRYPT
        )

    def create_load_sign(self):
        for kind in ("ecc256:ecdsa-sha256", "rsa2048:rsassa-sha256"):
            attributes = TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATE_ATTRS
            public = TPM2B_PUBLIC.parse(kind, objectAttributes=attributes & ~TPMA_OBJECT.DECRYPT)
            sensitive = TPM2B_SENSITIVE_CREATE(TPMS_SENSITIVE_CREATE(userAuth=TPM2B_AUTH(b"key password")))
            private, public, _, creation_hash, _ = self.tpm.create(self.srk, sensitive, public, session1=self.session)
            key = self.tpm.load(self.srk, private, public, session1=self.session)
            self.tpm.tr_set_auth(key, b"key password")
            message = b"message to be signed"
            digest, ticket = self.tpm.hash(message, TPM2_ALG.SHA256, ESYS_TR.OWNER)
            require(bytes(digest) == hashlib.sha256(message).digest(), "digest")
            signature = self.tpm.sign(key, digest, NULL_SCHEME, ticket, session1=self.session)
            verify(public, message, signature)
            self.tpm.verify_signature(key, digest, signature)
            wrong = TPM2B_DIGEST(hashlib.sha256(b"another message").digest())
            refused(TPM2_RC.SIGNATURE, self.tpm.verify_signature, key, wrong, signature)
            self.tpm.tr_set_auth(key, b"wrong")
            refused(TPM2_RC.AUTH_FAIL, self.tpm.sign, key, digest, NULL_SCHEME, ticket)
            self.tpm.dictionary_attack_lock_reset(ESYS_TR.LOCKOUT)
            self.tpm.flush_context(key)

    def quote(self):
        attributes = TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATE_ATTRS | TPMA_OBJECT.RESTRICTED
        for kind in ("ecc256:ecdsa-sha256:null", "rsa2048:rsassa-sha256:null"):
            public = TPM2B_PUBLIC.parse(kind, objectAttributes=attributes & ~TPMA_OBJECT.DECRYPT)
            key, public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), public, ESYS_TR.ENDORSEMENT)
            measured = hashlib.sha256(b"something measured").digest()
            self.tpm.pcr_extend(ESYS_TR.PCR12, TPML_DIGEST_VALUES([TPMT_HA(hashAlg=TPM2_ALG.SHA256, digest={"sha256": measured})]))
            selection = TPML_PCR_SELECTION.parse("sha256:0,7,12,23")
            attest, signature = self.tpm.quote(key, selection, NONCE, NULL_SCHEME)
            verify(public, bytes(attest), signature)
            _, _, values = self.tpm.pcr_read(selection)
            digest = hashlib.sha256(b"".join(bytes(v) for v in values)).digest()
            info = self.attested(attest)
            require(bytes(info.extraData) == NONCE, "extraData")
            require(bytes(info.attested.quote.pcrDigest) == digest, "pcrDigest")
            self.tpm.flush_context(key)

    @staticmethod
    def attested(attest):
        info, rest = TPMS_ATTEST.unmarshal(bytes(attest))
        require(rest == len(bytes(attest)), "bytes left over")
        return info

    def certify(self):
        attributes = TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATE_ATTRS & ~TPMA_OBJECT.DECRYPT
        template = TPM2B_PUBLIC.parse("ecc256:ecdsa-sha256", objectAttributes=attributes)
        key, public, _, creation_hash, ticket = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template)
        attest, signature = self.tpm.certify(key, key, NONCE, NULL_SCHEME)
        verify(public, bytes(attest), signature)
        require(bytes(self.attested(attest).attested.certify.name) == bytes(public.get_name()), "certified Name")
        attest, signature = self.tpm.certify_creation(key, key, NONCE, creation_hash, NULL_SCHEME, ticket)
        verify(public, bytes(attest), signature)
        require(bytes(self.attested(attest).attested.creation.creationHash) == bytes(creation_hash), "creationHash")
        attest, signature = self.tpm.get_time(key, NONCE)
        verify(public, bytes(attest), signature)
        self.tpm.flush_context(key)

    @staticmethod
    def certified(certificate, public):
        """Issuer of an endorsement certificate, which must hold the key of the template."""
        parsed = x509.load_der_x509_certificate(bytes(certificate))
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        require(parsed.public_key().public_bytes(*form) == public.to_der(), "certificate of another key")
        return parsed.issuer.rfc4514_string()

    def credential(self):
        found = {}
        for kind in ("EK-RSA2048", "EK-ECC256"):
            certificate, template = create_ek_template(kind, NVReadEK(self.tpm))
            ek, ek_public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template, ESYS_TR.ENDORSEMENT)
            if certificate is not None:
                found[kind] = self.certified(certificate, ek_public)
            secret = b"a credential of thirty-two bytes"
            blob, encrypted = make_credential(ek_public, secret, self.srk_public.get_name())
            policy = self.tpm.start_auth_session(
                ESYS_TR.NONE, ESYS_TR.NONE, TPM2_SE.POLICY, TPMT_SYM_DEF(algorithm=TPM2_ALG.NULL), TPM2_ALG.SHA256
            )
            self.tpm.policy_secret(ESYS_TR.ENDORSEMENT, policy, expiration=0)
            got = self.tpm.activate_credential(self.srk, ek, blob, encrypted, session2=policy)
            require(bytes(got) == secret, f"activated {bytes(got).hex()}")
            self.tpm.flush_context(policy)
            self.tpm.flush_context(ek)
        return found

    def nv(self):
        public = TPM2B_NV_PUBLIC(
            TPMS_NV_PUBLIC(
                nvIndex=TPM2_HANDLE(0x01800201),
                nameAlg=TPM2_ALG.SHA256,
                attributes=TPMA_NV.AUTHREAD | TPMA_NV.AUTHWRITE | TPMA_NV.WRITE_STCLEAR,
                dataSize=32,
            )
        )
        index = self.tpm.nv_define_space(TPM2B_AUTH(b"NV password"), public, session1=self.session)
        data = bytes(range(32))
        refused(TPM2_RC.NV_UNINITIALIZED, self.tpm.nv_read, index, 32)
        self.tpm.nv_write(index, TPM2B_MAX_NV_BUFFER(data), session1=self.session)
        require(bytes(self.tpm.nv_read(index, 32, session1=self.session)) == data, "data read")
        area, name = self.tpm.nv_read_public(index)
        require(bytes(area.get_name()) == bytes(name), "Name of the index")
        self.tpm.nv_write_lock(index)
        refused(TPM2_RC.NV_LOCKED, self.tpm.nv_write, index, TPM2B_MAX_NV_BUFFER(b"x"))
        self.tpm.nv_undefine_space(index)

    def nv_types(self):
        results = {}
        for number, kind in enumerate((TPM2_NT.COUNTER, TPM2_NT.BITS, TPM2_NT.EXTEND)):
            size = 32 if kind == TPM2_NT.EXTEND else 8
            public = TPM2B_NV_PUBLIC(
                TPMS_NV_PUBLIC(
                    nvIndex=TPM2_HANDLE(0x01800210 + number),
                    nameAlg=TPM2_ALG.SHA256,
                    attributes=TPMA_NV.OWNERREAD | TPMA_NV.OWNERWRITE | (kind << TPMA_NV.TPM2_NT_SHIFT),
                    dataSize=size,
                )
            )
            index = self.tpm.nv_define_space(TPM2B_AUTH(), public)
            if kind == TPM2_NT.COUNTER:
                self.tpm.nv_increment(index, ESYS_TR.OWNER)
                first = int.from_bytes(bytes(self.tpm.nv_read(index, size, auth_handle=ESYS_TR.OWNER)), "big")
                self.tpm.nv_increment(index, ESYS_TR.OWNER)
                second = int.from_bytes(bytes(self.tpm.nv_read(index, size, auth_handle=ESYS_TR.OWNER)), "big")
                require(second == first + 1, f"counter {first}, {second}")
                results["counter"] = second
            elif kind == TPM2_NT.BITS:
                self.tpm.nv_set_bits(index, 0b101, ESYS_TR.OWNER)
                self.tpm.nv_set_bits(index, 0b1000, ESYS_TR.OWNER)
                value = int.from_bytes(bytes(self.tpm.nv_read(index, size, auth_handle=ESYS_TR.OWNER)), "big")
                require(value == 0b1101, f"bits {value:#b}")
            else:
                self.tpm.nv_extend(index, TPM2B_MAX_NV_BUFFER(b"event"), ESYS_TR.OWNER)
                value = bytes(self.tpm.nv_read(index, size, auth_handle=ESYS_TR.OWNER))
                require(value == hashlib.sha256(bytes(32) + b"event").digest(), f"extended {value.hex()}")
            self.tpm.nv_undefine_space(index)
        return results

    def policy(self, kind):
        return self.tpm.start_auth_session(ESYS_TR.NONE, ESYS_TR.NONE, kind, AES_CFB, TPM2_ALG.SHA256)

    def unseal(self):
        """Sealed to the PCRs or to the knowledge of a password: TPM2_PolicyOR of two branches."""
        selection = TPML_PCR_SELECTION.parse("sha256:12,23")

        def pcr_branch(session):
            self.tpm.policy_pcr(session, b"", selection)

        def password_branch(session):
            self.tpm.policy_auth_value(session)
            self.tpm.policy_command_code(session, TPM2_CC.Unseal)

        branches = []
        for branch in (pcr_branch, password_branch):
            trial = self.policy(TPM2_SE.TRIAL)
            branch(trial)
            branches.append(self.tpm.policy_get_digest(trial))
            self.tpm.flush_context(trial)
        either = TPML_DIGEST([bytes(b) for b in branches])
        computed = hashlib.sha256(bytes(32) + TPM2_CC.PolicyOR.to_bytes(4, "big") + b"".join(map(bytes, branches))).digest()
        template = TPM2B_PUBLIC.parse(
            "keyedhash",
            objectAttributes=TPMA_OBJECT.FIXEDTPM | TPMA_OBJECT.FIXEDPARENT | TPMA_OBJECT.ADMINWITHPOLICY,
            authPolicy=computed,
        )
        secret = b"sealed secret"
        sensitive = TPM2B_SENSITIVE_CREATE(
            TPMS_SENSITIVE_CREATE(userAuth=TPM2B_AUTH(b"branch"), data=TPM2B_SENSITIVE_DATA(secret))
        )
        private, public, _, _, _ = self.tpm.create(self.srk, sensitive, template, session1=self.session)
        item = self.tpm.load(self.srk, private, public, session1=self.session)
        self.tpm.tr_set_auth(item, b"branch")
        for branch in (pcr_branch, password_branch):
            session = self.policy(TPM2_SE.POLICY)
            branch(session)
            self.tpm.policy_or(session, either)
            require(bytes(self.tpm.policy_get_digest(session)) == computed, "digest of the policy")
            require(bytes(self.tpm.unseal(item, session1=session)) == secret, "unsealed")
            self.tpm.flush_context(session)
        session = self.policy(TPM2_SE.POLICY)
        refused(TPM2_RC.POLICY_FAIL, self.tpm.unseal, item, session1=session)
        pcr_branch(session)
        self.tpm.policy_or(session, either)
        # Extends of PCR 23 do not count as changes (TPM_PT_PCR_NO_INCREMENT); those of PCR 12 do.
        self.tpm.pcr_event(ESYS_TR.PCR23, b"an event in between")
        require(bytes(self.tpm.unseal(item, session1=session)) == secret, "unsealed after an extend of PCR 23")
        self.tpm.pcr_reset(ESYS_TR.PCR23)
        pcr_branch(session)
        self.tpm.policy_or(session, either)
        self.tpm.pcr_event(ESYS_TR.PCR12, b"an event in between")
        refused(TPM2_RC.PCR_CHANGED, self.tpm.unseal, item, session1=session)
        self.tpm.flush_context(session)
        self.tpm.flush_context(item)

    def signed_policy(self):
        """TPM2_PolicySigned with a key outside the TPM, for one session's nonce."""
        outside = ec_key()
        pem = outside.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        public = TPM2B_PUBLIC.from_pem(pem, objectAttributes=TPMA_OBJECT.USERWITHAUTH | TPMA_OBJECT.SIGN_ENCRYPT)
        key = self.tpm.load_external(public, hierarchy=ESYS_TR.OWNER)
        session = self.policy(TPM2_SE.POLICY)
        nonce = bytes(self.tpm.trsess_get_nonce_tpm(session))
        expiration = -60
        raw = outside.sign(nonce + expiration.to_bytes(4, "big", signed=True), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(raw)
        signature = TPMT_SIGNATURE(sigAlg=TPM2_ALG.ECDSA)
        signature.signature.ecdsa.hash = TPM2_ALG.SHA256
        signature.signature.ecdsa.signatureR = r.to_bytes(32, "big")
        signature.signature.ecdsa.signatureS = s.to_bytes(32, "big")
        timeout, ticket = self.tpm.policy_signed(key, session, signature, nonce, expiration=expiration)
        require(ticket.tag == TPM2_ST.AUTH_SIGNED, f"ticket {ticket.tag:#x}")
        name = bytes(public.get_name())
        first = hashlib.sha256(bytes(32) + TPM2_CC.PolicySigned.to_bytes(4, "big") + name).digest()
        require(bytes(self.tpm.policy_get_digest(session)) == hashlib.sha256(first).digest(), "digest of the policy")
        self.tpm.flush_context(session)
        again = self.policy(TPM2_SE.POLICY)
        self.tpm.policy_ticket(again, timeout, name, ticket)
        self.tpm.flush_context(again)
        self.tpm.flush_context(key)

    def imported(self):
        private = ec_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        sensitive = TPM2B_SENSITIVE.from_pem(pem)
        public = TPM2B_PUBLIC.from_pem(
            private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            objectAttributes=TPMA_OBJECT.USERWITHAUTH | TPMA_OBJECT.SIGN_ENCRYPT,
        )
        no_inner = TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL)
        aes = TPMT_SYM_DEF_OBJECT(
            algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(aes=128), mode=TPMU_SYM_MODE(aes=TPM2_ALG.CFB)
        )
        for inner, symmetric in ((None, no_inner), (b"inner wrapper 16", aes)):
            parent = self.srk_public.publicArea
            encryption_key, duplicate, seed = wrap(parent, public, sensitive, inner, symmetric)
            imported = self.tpm.import_(self.srk, encryption_key, public, duplicate, seed, symmetric)
            key = self.tpm.load(self.srk, imported, public)
            digest = hashlib.sha256(b"signed by an imported key").digest()
            scheme = TPMT_SIG_SCHEME(scheme=TPM2_ALG.ECDSA)
            scheme.details.any.hashAlg = TPM2_ALG.SHA256
            verify(public, b"signed by an imported key", self.tpm.sign(key, digest, scheme))
            self.tpm.flush_context(key)

    def symmetric(self):
        template = TPM2B_PUBLIC.parse("aes128cfb", objectAttributes=TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATE_ATTRS)
        key, _, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template)
        message = b"a message of more than one block"
        encrypted, _ = self.tpm.encrypt_decrypt_2(key, False, TPM2_ALG.CFB, bytes(16), message)
        require(bytes(encrypted) != message, "nothing was encrypted")
        decrypted, _ = self.tpm.encrypt_decrypt_2(key, True, TPM2_ALG.CFB, bytes(16), encrypted)
        require(bytes(decrypted) == message, "decrypted")
        self.tpm.flush_context(key)

    def sequences(self):
        parts = [b"a" * 1000, b"b" * 1000, b"the end"]
        sequence = self.tpm.hash_sequence_start(b"", TPM2_ALG.SHA256)
        for part in parts[:2]:
            self.tpm.sequence_update(sequence, part)
        digest, _ = self.tpm.sequence_complete(sequence, parts[2], ESYS_TR.OWNER)
        require(bytes(digest) == hashlib.sha256(b"".join(parts)).digest(), "digest")

    def contexts(self):
        template = TPM2B_PUBLIC.parse("ecc256:ecdsa-sha256", objectAttributes=TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATE_ATTRS & ~TPMA_OBJECT.DECRYPT)
        key, public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template)
        saved = self.tpm.context_save(key)
        self.tpm.flush_context(key)
        key = self.tpm.context_load(saved)
        persistent = self.tpm.evict_control(ESYS_TR.OWNER, key, 0x81000201)
        _, name, _ = self.tpm.read_public(persistent)
        require(bytes(name) == bytes(public.get_name()), "Name of the persistent key")
        self.tpm.evict_control(ESYS_TR.OWNER, persistent, 0x81000201)
        self.tpm.flush_context(key)

    def hierarchies(self):
        self.tpm.hierarchy_change_auth(ESYS_TR.OWNER, b"owner password", session1=self.session)
        self.tpm.tr_set_auth(ESYS_TR.OWNER, b"wrong")
        template = TPM2B_PUBLIC.parse("ecc256:aes128cfb", objectAttributes=STORAGE)
        refused(TPM2_RC.BAD_AUTH, self.tpm.create_primary, TPM2B_SENSITIVE_CREATE(), template)
        self.tpm.tr_set_auth(ESYS_TR.OWNER, b"owner password")
        key, public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template)
        before = bytes(public.get_name())
        self.tpm.flush_context(key)
        self.tpm.flush_context(self.session)
        self.session = None
        self.tpm.clear(ESYS_TR.LOCKOUT)
        self.tpm.tr_set_auth(ESYS_TR.OWNER, b"")
        key, public, _, _, _ = self.tpm.create_primary(TPM2B_SENSITIVE_CREATE(), template)
        require(bytes(public.get_name()) != before, "TPM2_Clear keeps the storage seed")
        self.tpm.flush_context(key)


STEPS = (
    "startup",
    "capabilities",
    "salted_session",
    "create_load_sign",
    "quote",
    "certify",
    "credential",
    "nv",
    "nv_types",
    "unseal",
    "signed_policy",
    "imported",
    "symmetric",
    "sequences",
    "contexts",
    "hierarchies",
)


def main():
    bench = Bench(sys.argv[1])
    outcomes = []
    for step in STEPS:
        outcome = {"step": step}
        try:
            found = getattr(bench, step)()
            if found:
                outcome["found"] = found
        except Exception as error:  # every reason is reported
            outcome["error"] = f"{type(error).__name__}: {error}"
        outcomes.append(outcome)
    print(json.dumps(outcomes))


main()
