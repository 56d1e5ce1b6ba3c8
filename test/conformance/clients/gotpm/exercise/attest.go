package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

var nonce = []byte("nonce of the relying party")

func selection(bank tpm2.TPMIAlgHash, pcrs ...uint) tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{
		{Hash: bank, PCRSelect: tpm2.PCClientCompatible.PCRs(pcrs...)},
	}}
}

// readPCRs reads any number of PCRs of a bank.
func (b *bench) readPCRs(bank tpm2.TPMIAlgHash, pcrs ...uint) ([][]byte, error) {
	var values [][]byte
	for _, pcr := range pcrs {
		response, err := tpm2.PCRRead{PCRSelectionIn: selection(bank, pcr)}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		if len(response.PCRValues.Digests) != 1 {
			return nil, fmt.Errorf("PCR %d: %d values", pcr, len(response.PCRValues.Digests))
		}
		values = append(values, response.PCRValues.Digests[0].Buffer)
	}
	return values, nil
}

func (b *bench) pcrs() (found, error) {
	event := []byte("something measured")
	hashes := map[tpm2.TPMIAlgHash]func() hash.Hash{
		tpm2.TPMAlgSHA1: sha1.New, tpm2.TPMAlgSHA256: sha256.New, tpm2.TPMAlgSHA384: sha512.New384,
	}
	for bank, new := range hashes {
		before, err := tpm2.PCRRead{PCRSelectionIn: selection(bank, 12)}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		if len(before.PCRValues.Digests) == 0 {
			continue // not a bank of this TPM
		}
		h := new()
		h.Write(event)
		digest := h.Sum(nil)
		if _, err := (tpm2.PCRExtend{
			PCRHandle: tpm2.AuthHandle{Handle: 12, Auth: tpm2.PasswordAuth(nil)},
			Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: bank, Digest: digest}}},
		}).Execute(b.tpm); err != nil {
			return nil, err
		}
		h = new()
		h.Write(before.PCRValues.Digests[0].Buffer)
		h.Write(digest)
		after, err := b.readPCRs(bank, 12)
		if err != nil {
			return nil, err
		}
		if err := check(bytes.Equal(after[0], h.Sum(nil)), "bank %#x: PCR 12 is %x", bank, after[0]); err != nil {
			return nil, err
		}
	}
	_, err := tpm2.PCRReset{PCRHandle: tpm2.AuthHandle{Handle: 12, Auth: tpm2.PasswordAuth(nil)}}.Execute(b.tpm)
	return nil, check(errors.Is(err, tpm2.TPMRCLocality), "PCR_Reset of PCR 12: want TPM_RC_LOCALITY, got %v", err)
}

// qualifiedName is the Name of a key qualified by those of its ancestors, starting at a hierarchy.
func qualifiedName(hierarchy tpm2.TPMHandle, names ...tpm2.TPM2BName) []byte {
	qualified := tpm2.HandleName(hierarchy).Buffer
	for _, name := range names {
		h := sha256.New()
		h.Write(qualified)
		h.Write(name.Buffer)
		qualified = h.Sum([]byte{0, byte(tpm2.TPMAlgSHA256)})
	}
	return qualified
}

// attested checks what every attestation has in common, and gives its parsed form.
func (b *bench) attested(ak *key, kind tpm2.TPMST, info tpm2.TPM2BAttest, signature tpm2.TPMTSignature) (*tpm2.TPMSAttest, error) {
	if err := verify(ak.public, info.Bytes(), signature); err != nil {
		return nil, err
	}
	attest, err := info.Contents()
	if err != nil {
		return nil, err
	}
	signer := qualifiedName(tpm2.TPMRHOwner, b.keys["srk"].Name, ak.Name)
	return attest, errors.Join(
		check(attest.Magic == tpm2.TPMGeneratedValue, "magic %#x", attest.Magic),
		check(attest.Type == kind, "type %#x", attest.Type),
		check(bytes.Equal(attest.ExtraData.Buffer, nonce), "extraData %x", attest.ExtraData.Buffer),
		check(bytes.Equal(attest.QualifiedSigner.Buffer, signer), "qualifiedSigner %x, computed %x", attest.QualifiedSigner.Buffer, signer),
	)
}

func (b *bench) quote() (found, error) {
	f := found{}
	for _, name := range []string{"ak-rsa", "ak-ecc"} {
		ak := b.keys[name]
		pcrs := []uint{0, 7, 12, 17, 23}
		response, err := tpm2.Quote{
			SignHandle:     tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
			QualifyingData: tpm2.TPM2BData{Buffer: nonce},
			InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
			PCRSelect:      selection(tpm2.TPMAlgSHA256, pcrs...),
		}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		attest, err := b.attested(ak, tpm2.TPMSTAttestQuote, response.Quoted, response.Signature)
		if err != nil {
			return nil, err
		}
		quoted, err := attest.Attested.Quote()
		if err != nil {
			return nil, err
		}
		values, err := b.readPCRs(tpm2.TPMAlgSHA256, pcrs...)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256(slices.Concat(values...))
		if !bytes.Equal(quoted.PCRDigest.Buffer, digest[:]) {
			return nil, fmt.Errorf("%s: pcrDigest %x, computed %x", name, quoted.PCRDigest.Buffer, digest)
		}
		f[name] = attest.FirmwareVersion
	}
	return f, nil
}

// second creates and loads a key to be certified, under a new SRK.
func (b *bench) second() (second, srk *key, created *tpm2.CreateResponse, err error) {
	if srk, err = b.primary("srk", tpm2.TPMRHOwner, tpm2.ECCSRKTemplate); err != nil {
		return nil, nil, nil, err
	}
	parent := tpm2.AuthHandle{Handle: srk.Handle, Name: srk.Name, Auth: tpm2.PasswordAuth(nil)}
	created, err = tpm2.Create{
		ParentHandle: parent,
		InPublic:     tpm2.New2B(eccSigning(tpm2.TPMECCNistP384, false)),
		OutsideInfo:  tpm2.TPM2BData{Buffer: []byte("outside")},
		CreationPCR:  selection(tpm2.TPMAlgSHA256, 0, 7),
	}.Execute(b.tpm)
	if err != nil {
		return nil, nil, nil, err
	}
	loaded, err := tpm2.Load{ParentHandle: parent, InPrivate: created.OutPrivate, InPublic: created.OutPublic}.Execute(b.tpm)
	if err != nil {
		return nil, nil, nil, err
	}
	return &key{NamedHandle: tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name}}, srk, created, nil
}

func (b *bench) certify() (found, error) {
	// Room for the second key: one attestation key is enough.
	if err := b.flush(b.keys["ak-rsa"]); err != nil {
		return nil, err
	}
	second, srk, _, err := b.second()
	if err != nil {
		return nil, err
	}
	ak := b.keys["ak-ecc"]
	response, err := tpm2.Certify{
		ObjectHandle:   tpm2.AuthHandle{Handle: second.Handle, Name: second.Name, Auth: tpm2.PasswordAuth(nil)},
		SignHandle:     tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		QualifyingData: tpm2.TPM2BData{Buffer: nonce},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	attest, err := b.attested(ak, tpm2.TPMSTAttestCertify, response.CertifyInfo, response.Signature)
	if err != nil {
		return nil, err
	}
	certified, err := attest.Attested.Certify()
	if err != nil {
		return nil, err
	}
	qualified := qualifiedName(tpm2.TPMRHOwner, srk.Name, second.Name)
	return nil, errors.Join(
		check(bytes.Equal(certified.Name.Buffer, second.Name.Buffer), "certified Name %x", certified.Name.Buffer),
		check(bytes.Equal(certified.QualifiedName.Buffer, qualified), "qualified Name %x, computed %x", certified.QualifiedName.Buffer, qualified),
		b.flush(second), b.flush(srk),
	)
}

func (b *bench) certifyCreation() (found, error) {
	second, srk, created, err := b.second()
	if err != nil {
		return nil, err
	}
	ak := b.keys["ak-ecc"]
	response, err := tpm2.CertifyCreation{
		SignHandle:     tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		ObjectHandle:   second.NamedHandle,
		QualifyingData: tpm2.TPM2BData{Buffer: nonce},
		CreationHash:   created.CreationHash,
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		CreationTicket: created.CreationTicket,
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	attest, err := b.attested(ak, tpm2.TPMSTAttestCreation, response.CertifyInfo, response.Signature)
	if err != nil {
		return nil, err
	}
	creation, err := attest.Attested.Creation()
	if err != nil {
		return nil, err
	}
	values, err := b.readPCRs(tpm2.TPMAlgSHA256, 0, 7)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(slices.Concat(values...))
	data, err := created.CreationData.Contents()
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(
		check(bytes.Equal(creation.ObjectName.Buffer, second.Name.Buffer), "objectName %x", creation.ObjectName.Buffer),
		check(bytes.Equal(creation.CreationHash.Buffer, created.CreationHash.Buffer), "creationHash %x", creation.CreationHash.Buffer),
		check(bytes.Equal(data.PCRDigest.Buffer, digest[:]), "pcrDigest %x, computed %x", data.PCRDigest.Buffer, digest),
		check(bytes.Equal(data.OutsideInfo.Buffer, []byte("outside")), "outsideInfo %x", data.OutsideInfo.Buffer),
		b.flush(second), b.flush(srk),
	)
}

func (b *bench) time() (found, error) {
	ak := b.keys["ak-ecc"]
	response, err := tpm2.GetTime{
		PrivacyAdminHandle: tpm2.TPMRHEndorsement,
		SignHandle:         tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		QualifyingData:     tpm2.TPM2BData{Buffer: nonce},
		InScheme:           tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	attest, err := b.attested(ak, tpm2.TPMSTAttestTime, response.TimeInfo, response.Signature)
	if err != nil {
		return nil, err
	}
	time, err := attest.Attested.Time()
	if err != nil {
		return nil, err
	}
	clock, err := tpm2.ReadClock{}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(
		check(time.Time.ClockInfo.ResetCount == clock.CurrentTime.ClockInfo.ResetCount, "resetCount %d, ReadClock %d",
			time.Time.ClockInfo.ResetCount, clock.CurrentTime.ClockInfo.ResetCount),
		check(time.Time.Time <= clock.CurrentTime.Time, "time goes back"),
	)
}
