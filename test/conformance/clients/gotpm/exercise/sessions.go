package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

func (b *bench) saltedSessions() (found, error) {
	for _, name := range []string{"ek-rsa", "ek-ecc"} {
		ek, err := b.endorsement(name)
		if err != nil {
			return nil, err
		}
		for _, bits := range []tpm2.TPMKeyBits{128, 256} {
			session, closeSession, err := tpm2.HMACSession(b.tpm, tpm2.TPMAlgSHA256, 16,
				tpm2.Salted(ek.Handle, *ek.public), tpm2.AESEncryption(bits, tpm2.EncryptInOut))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			// Both directions: the TPM hashes what arrived encrypted and encrypts what it answers.
			message := []byte("what only the TPM may read")
			for range 2 {
				response, err := tpm2.Hash{
					Data: tpm2.TPM2BMaxBuffer{Buffer: message}, HashAlg: tpm2.TPMAlgSHA256, Hierarchy: tpm2.TPMRHNull,
				}.Execute(b.tpm, session)
				if err != nil {
					return nil, fmt.Errorf("%s, AES-%d: %w", name, bits, err)
				}
				want := sha256.Sum256(message)
				if !bytes.Equal(response.OutHash.Buffer, want[:]) {
					return nil, fmt.Errorf("%s, AES-%d: hash %x", name, bits, response.OutHash.Buffer)
				}
			}
			if err := closeSession(); err != nil {
				return nil, err
			}
		}
		if err := b.flush(ek); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// signAndVerify signs with the TPM, verifies in Go and in the TPM, and has a changed signature refused.
func (b *bench) signAndVerify(k *key) error {
	message := []byte("message to be signed")
	digest := sha256.Sum256(message)
	response, err := tpm2.Sign{
		KeyHandle:  tpm2.AuthHandle{Handle: k.Handle, Name: k.Name, Auth: tpm2.PasswordAuth(nil)},
		Digest:     tpm2.TPM2BDigest{Buffer: digest[:]},
		Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
	}.Execute(b.tpm)
	if err != nil {
		return err
	}
	if err := verify(k.public, message, response.Signature); err != nil {
		return err
	}
	if _, err := (tpm2.VerifySignature{
		KeyHandle: k.NamedHandle, Digest: tpm2.TPM2BDigest{Buffer: digest[:]}, Signature: response.Signature,
	}).Execute(b.tpm); err != nil {
		return err
	}
	digest[0] ^= 1
	_, err = tpm2.VerifySignature{
		KeyHandle: k.NamedHandle, Digest: tpm2.TPM2BDigest{Buffer: digest[:]}, Signature: response.Signature,
	}.Execute(b.tpm)
	return check(errors.Is(err, tpm2.TPMRCSignature), "another digest: want TPM_RC_SIGNATURE, got %v", err)
}

func (b *bench) signatures() (found, error) {
	for name, template := range map[string]tpm2.TPMTPublic{
		"RSASSA":       rsaSigning(tpm2.TPMAlgRSASSA, false),
		"RSAPSS":       rsaSigning(tpm2.TPMAlgRSAPSS, false),
		"ECDSA, P-256": eccSigning(tpm2.TPMECCNistP256, false),
		"ECDSA, P-384": eccSigning(tpm2.TPMECCNistP384, false),
	} {
		k, err := b.primary(name, tpm2.TPMRHNull, template)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(b.signAndVerify(k), b.flush(k)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	// A restricted key signs what the TPM hashed, and nothing that could be taken for an attestation.
	ak := b.keys["ak-ecc"]
	hashed, err := tpm2.Hash{
		Data: tpm2.TPM2BMaxBuffer{Buffer: []byte("hashed inside")}, HashAlg: tpm2.TPMAlgSHA256, Hierarchy: tpm2.TPMRHOwner,
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	sign := tpm2.Sign{
		KeyHandle:  tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		Digest:     hashed.OutHash,
		Validation: hashed.Validation,
	}
	signed, err := sign.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	sign.Validation = tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull}
	_, refused := sign.Execute(b.tpm)
	return nil, errors.Join(
		verify(ak.public, []byte("hashed inside"), signed.Signature),
		check(errors.Is(refused, tpm2.TPMRCTicket), "without ticket: want TPM_RC_TICKET, got %v", refused),
	)
}

func (b *bench) agreement() (found, error) {
	decrypting := tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, Decrypt: true}
	oaep := tpm2.TPMTRSAScheme{
		Scheme: tpm2.TPMAlgOAEP, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgOAEP, &tpm2.TPMSEncSchemeOAEP{HashAlg: tpm2.TPMAlgSHA256}),
	}
	k, err := b.primary("OAEP", tpm2.TPMRHNull, tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: decrypting,
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{Scheme: oaep, KeyBits: 2048}),
	})
	if err != nil {
		return nil, err
	}
	public, err := publicKey(k.public)
	if err != nil {
		return nil, err
	}
	// The TPM's label ends with a zero octet that is part of it.
	message, label := []byte("encrypted in Go"), []byte("label\x00")
	encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), message, label)
	if err != nil {
		return nil, err
	}
	decrypted, err := tpm2.RSADecrypt{
		KeyHandle:  tpm2.AuthHandle{Handle: k.Handle, Name: k.Name, Auth: tpm2.PasswordAuth(nil)},
		CipherText: tpm2.TPM2BPublicKeyRSA{Buffer: encrypted},
		InScheme:   tpm2.TPMTRSADecrypt{Scheme: tpm2.TPMAlgNull},
		Label:      tpm2.TPM2BData{Buffer: label},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.flush(k), check(bytes.Equal(decrypted.Message.Buffer, message), "decrypted %q", decrypted.Message.Buffer)); err != nil {
		return nil, err
	}
	if k, err = b.primary("ECDH", tpm2.TPMRHNull, tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: decrypting,
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256}),
	}); err != nil {
		return nil, err
	}
	parameters, err := k.public.Parameters.ECCDetail()
	if err != nil {
		return nil, err
	}
	point, err := k.public.Unique.ECC()
	if err != nil {
		return nil, err
	}
	theirs, err := tpm2.ECDHPub(parameters, point)
	if err != nil {
		return nil, err
	}
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	want, err := ours.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	octets := ours.PublicKey().Bytes()
	shared, err := tpm2.ECDHZGen{
		KeyHandle: tpm2.AuthHandle{Handle: k.Handle, Name: k.Name, Auth: tpm2.PasswordAuth(nil)},
		InPoint: tpm2.New2B(tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: octets[1:33]}, Y: tpm2.TPM2BECCParameter{Buffer: octets[33:]},
		}),
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	z, err := shared.OutPoint.Contents()
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(b.flush(k), check(bytes.Equal(z.X.Buffer, want), "Z %x, computed %x", z.X.Buffer, want))
}

func (b *bench) audit() (found, error) {
	session, closeSession, err := tpm2.HMACSession(b.tpm, tpm2.TPMAlgSHA256, 16, tpm2.Audit())
	if err != nil {
		return nil, err
	}
	log, err := tpm2.NewAudit(tpm2.TPMAlgSHA256)
	if err != nil {
		return nil, err
	}
	for _, property := range []tpm2.TPMPT{tpm2.TPMPTFamilyIndicator, tpm2.TPMPTRevision, tpm2.TPMPTManufacturer} {
		command := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(property), PropertyCount: 1}
		response, err := command.Execute(b.tpm, session)
		if err != nil {
			return nil, err
		}
		if err := tpm2.AuditCommand(log, command, response); err != nil {
			return nil, err
		}
	}
	ak := b.keys["ak-ecc"]
	response, err := tpm2.GetSessionAuditDigest{
		PrivacyAdminHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		SignHandle:         tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		SessionHandle:      session.Handle(),
		QualifyingData:     tpm2.TPM2BData{Buffer: nonce},
		InScheme:           tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	attest, err := b.attested(ak, tpm2.TPMSTAttestSessionAudit, response.AuditInfo, response.Signature)
	if err != nil {
		return nil, err
	}
	audited, err := attest.Attested.SessionAudit()
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(closeSession(),
		check(bytes.Equal(audited.SessionDigest.Buffer, log.Digest()), "digest %x, computed %x", audited.SessionDigest.Buffer, log.Digest()))
}

const persistentHandle tpm2.TPMHandle = 0x81000101

func (b *bench) contexts() (found, error) {
	ak := b.keys["ak-ecc"]
	saved, err := tpm2.ContextSave{SaveHandle: ak.Handle}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if err := b.flush(ak); err != nil {
		return nil, err
	}
	loaded, err := tpm2.ContextLoad{Context: saved.Context}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	ak.Handle = loaded.LoadedHandle
	public, err := tpm2.ReadPublic{ObjectHandle: ak.Handle}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(public.Name.Buffer, ak.Name.Buffer) {
		return nil, fmt.Errorf("Name after ContextLoad %x", public.Name.Buffer)
	}
	changed := saved.Context
	changed.ContextBlob.Buffer = bytes.Clone(changed.ContextBlob.Buffer)
	changed.ContextBlob.Buffer[len(changed.ContextBlob.Buffer)-1] ^= 1
	_, err = tpm2.ContextLoad{Context: changed}.Execute(b.tpm)
	if err := check(errors.Is(err, tpm2.TPMRCIntegrity), "changed context: want TPM_RC_INTEGRITY, got %v", err); err != nil {
		return nil, err
	}
	_, err = tpm2.EvictControl{
		Auth:             tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)},
		ObjectHandle:     ak.NamedHandle,
		PersistentHandle: persistentHandle,
	}.Execute(b.tpm)
	return nil, err
}

func (b *bench) powerCycle() (found, error) {
	old := b.keys["ak-ecc"]
	if _, err := (tpm2.Shutdown{ShutdownType: tpm2.TPMSUClear}).Execute(b.tpm); err != nil {
		return nil, err
	}
	before, err := b.readPCRs(tpm2.TPMAlgSHA256, 12)
	if err != nil {
		return nil, err
	}
	if err := b.tpm.Reset(); err != nil {
		return nil, err
	}
	if _, err := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(b.tpm); err != nil {
		return nil, err
	}
	after, err := b.readPCRs(tpm2.TPMAlgSHA256, 12, 17)
	if err != nil {
		return nil, err
	}
	public, err := tpm2.ReadPublic{ObjectHandle: persistentHandle}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	_, transient := tpm2.ReadPublic{ObjectHandle: old.Handle}.Execute(b.tpm)
	clock, err := tpm2.ReadClock{}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	return found{"resetCount": clock.CurrentTime.ClockInfo.ResetCount}, errors.Join(
		check(!bytes.Equal(before[0], after[0]), "PCR 12 outlives a power cycle"),
		check(bytes.Equal(after[0], make([]byte, 32)), "PCR 12 after a power cycle: %x", after[0]),
		check(bytes.Equal(after[1], bytes.Repeat([]byte{255}, 32)), "PCR 17 after a power cycle: %x", after[1]),
		check(bytes.Equal(public.Name.Buffer, old.Name.Buffer), "Name of the persistent key %x", public.Name.Buffer),
		check(transient != nil, "a transient object outlives a power cycle"),
		b.quotePersistent(old),
	)
}

// quotePersistent quotes with the key that was made persistent.
func (b *bench) quotePersistent(ak *key) error {
	response, err := tpm2.Quote{
		SignHandle:     tpm2.AuthHandle{Handle: persistentHandle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		QualifyingData: tpm2.TPM2BData{Buffer: nonce},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		PCRSelect:      selection(tpm2.TPMAlgSHA256, 12),
	}.Execute(b.tpm)
	if err != nil {
		return err
	}
	_, err = b.attested(ak, tpm2.TPMSTAttestQuote, response.Quoted, response.Signature)
	return err
}
