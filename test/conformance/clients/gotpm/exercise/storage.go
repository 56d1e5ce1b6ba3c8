package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

var password = []byte("NV password")

// define makes an NV index with a password and gives its handle with the Name that go-tpm computes.
func (b *bench) define(index tpm2.TPMHandle, kind tpm2.TPMNT, size uint16) (tpm2.NamedHandle, tpm2.TPMSNVPublic, error) {
	area := tpm2.TPMSNVPublic{
		NVIndex: index, NameAlg: tpm2.TPMAlgSHA256, DataSize: size,
		Attributes: tpm2.TPMANV{AuthWrite: true, AuthRead: true, OwnerRead: true, NoDA: true, NT: kind},
	}
	_, err := tpm2.NVDefineSpace{
		AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16)},
		Auth:       tpm2.TPM2BAuth{Buffer: password},
		PublicInfo: tpm2.New2B(area),
	}.Execute(b.tpm)
	if err != nil {
		return tpm2.NamedHandle{}, area, err
	}
	named, err := nvNamed(&area)
	return named, area, err
}

func nvNamed(area *tpm2.TPMSNVPublic) (tpm2.NamedHandle, error) {
	name, err := tpm2.NVName(area)
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	return tpm2.NamedHandle{Handle: area.NVIndex, Name: *name}, nil
}

func (b *bench) undefine(index tpm2.NamedHandle) error {
	_, err := tpm2.NVUndefineSpace{
		AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NVIndex: index,
	}.Execute(b.tpm)
	return err
}

func (b *bench) nv() (found, error) {
	index, area, err := b.define(0x01800101, tpm2.TPMNTOrdinary, 64)
	if err != nil {
		return nil, err
	}
	authorised := func(session tpm2.Session) tpm2.AuthHandle {
		return tpm2.AuthHandle{Handle: index.Handle, Name: index.Name, Auth: session}
	}
	_, err = tpm2.NVRead{AuthHandle: authorised(tpm2.PasswordAuth(password)), NVIndex: index, Size: 4}.Execute(b.tpm)
	if err := check(errors.Is(err, tpm2.TPMRCNVUninitialized), "read before write: want TPM_RC_NV_UNINITIALIZED, got %v", err); err != nil {
		return nil, err
	}
	data := bytes.Repeat([]byte("8 bytes "), 8)
	// First half with a password, second half in a session of its own whose parameters are encrypted.
	if _, err := (tpm2.NVWrite{
		AuthHandle: authorised(tpm2.PasswordAuth(password)), NVIndex: index, Data: tpm2.TPM2BMaxNVBuffer{Buffer: data[:32]},
	}).Execute(b.tpm); err != nil {
		return nil, err
	}
	// Its first write changed the index's Name.
	area.Attributes.Written = true
	if index, err = nvNamed(&area); err != nil {
		return nil, err
	}
	public, err := tpm2.NVReadPublic{NVIndex: index.Handle}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(public.NVName.Buffer, index.Name.Buffer) {
		return nil, fmt.Errorf("Name %x, computed %x", public.NVName.Buffer, index.Name.Buffer)
	}
	session := tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(password), tpm2.AESEncryption(128, tpm2.EncryptIn),
		tpm2.Bound(index.Handle, index.Name, password))
	if _, err := (tpm2.NVWrite{
		AuthHandle: authorised(session), NVIndex: index, Data: tpm2.TPM2BMaxNVBuffer{Buffer: data[32:]}, Offset: 32,
	}).Execute(b.tpm); err != nil {
		return nil, err
	}
	_, err = tpm2.NVRead{
		AuthHandle: authorised(tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth([]byte("wrong")))), NVIndex: index, Size: 64,
	}.Execute(b.tpm)
	if err := check(errors.Is(err, tpm2.TPMRCBadAuth), "wrong password: want TPM_RC_BAD_AUTH, got %v", err); err != nil {
		return nil, err
	}
	read, err := tpm2.NVRead{
		AuthHandle: authorised(tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(password), tpm2.AESEncryption(128, tpm2.EncryptOut))),
		NVIndex:    index, Size: 64,
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(read.Data.Buffer, data) {
		return nil, fmt.Errorf("read %q", read.Data.Buffer)
	}
	ak := b.keys["ak-ecc"]
	certified, err := tpm2.NVCertify{
		SignHandle:     tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		AuthHandle:     authorised(tpm2.PasswordAuth(password)),
		NVIndex:        index,
		QualifyingData: tpm2.TPM2BData{Buffer: nonce},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		Size:           16, Offset: 24,
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	attest, err := b.attested(ak, tpm2.TPMSTAttestNV, certified.CertifyInfo, certified.Signature)
	if err != nil {
		return nil, err
	}
	contents, err := attest.Attested.NV()
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(
		check(bytes.Equal(contents.NVContents.Buffer, data[24:40]), "certified contents %q", contents.NVContents.Buffer),
		check(contents.Offset == 24, "certified offset %d", contents.Offset),
		check(bytes.Equal(contents.IndexName.Buffer, index.Name.Buffer), "certified Name %x", contents.IndexName.Buffer),
		b.undefine(index),
	)
}

func (b *bench) nvCounter() (found, error) {
	counter, area, err := b.define(0x01800102, tpm2.TPMNTCounter, 8)
	if err != nil {
		return nil, err
	}
	var last uint64
	for round := range 3 {
		auth := tpm2.AuthHandle{Handle: counter.Handle, Name: counter.Name, Auth: tpm2.PasswordAuth(password)}
		if _, err := (tpm2.NVIncrement{AuthHandle: auth, NVIndex: counter}).Execute(b.tpm); err != nil {
			return nil, err
		}
		area.Attributes.Written = true
		if counter, err = nvNamed(&area); err != nil {
			return nil, err
		}
		auth.Name = counter.Name
		read, err := tpm2.NVRead{AuthHandle: auth, NVIndex: counter, Size: 8}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		value := binary.BigEndian.Uint64(read.Data.Buffer)
		if round > 0 && value != last+1 {
			return nil, fmt.Errorf("counter went from %d to %d", last, value)
		}
		last = value
	}
	return found{"counter": last}, b.undefine(counter)
}

// pcrPolicy is TPM2_PolicyPCR over PCR 12 and 23 as they are now, computed by go-tpm.
func (b *bench) pcrPolicy(pcrs tpm2.TPMLPCRSelection) ([]byte, error) {
	values, err := b.readPCRs(tpm2.TPMAlgSHA256, 12, 23)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(slices.Concat(values...))
	policy, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err != nil {
		return nil, err
	}
	if err := (tpm2.PolicyPCR{PcrDigest: tpm2.TPM2BDigest{Buffer: digest[:]}, Pcrs: pcrs}).Update(policy); err != nil {
		return nil, err
	}
	return policy.Hash().Digest, nil
}

func (b *bench) sealed() (found, error) {
	pcrs := selection(tpm2.TPMAlgSHA256, 12, 23)
	policy, err := b.pcrPolicy(pcrs)
	if err != nil {
		return nil, err
	}
	inTPM, closeTrial, err := tpm2.PolicySession(b.tpm, tpm2.TPMAlgSHA256, 16, tpm2.Trial())
	if err != nil {
		return nil, err
	}
	if _, err := (tpm2.PolicyPCR{PolicySession: inTPM.Handle(), Pcrs: pcrs}).Execute(b.tpm); err != nil {
		return nil, err
	}
	trial, err := tpm2.PolicyGetDigest{PolicySession: inTPM.Handle()}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(closeTrial(),
		check(bytes.Equal(trial.PolicyDigest.Buffer, policy), "policy %x, computed %x", trial.PolicyDigest.Buffer, policy)); err != nil {
		return nil, err
	}
	srk, err := b.primary("srk", tpm2.TPMRHOwner, tpm2.ECCSRKTemplate)
	if err != nil {
		return nil, err
	}
	secret := []byte("sealed to the state of the platform")
	item, _, err := b.load("sealed", srk, tpm2.TPMTPublic{
		Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256, AuthPolicy: tpm2.TPM2BDigest{Buffer: policy},
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, AdminWithPolicy: true},
	}, secret)
	if err != nil {
		return nil, err
	}
	unseal := func() ([]byte, error) {
		response, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{
			Handle: item.Handle, Name: item.Name,
			Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, func(t transport.TPM, session tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
				_, err := tpm2.PolicyPCR{PolicySession: session, Pcrs: pcrs}.Execute(t)
				return err
			}, tpm2.AESEncryption(128, tpm2.EncryptOut), tpm2.Salted(srk.Handle, *srk.public)),
		}}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		return response.OutData.Buffer, nil
	}
	got, err := unseal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got, secret) {
		return nil, fmt.Errorf("unsealed %q", got)
	}
	_, err = tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: item.Handle, Name: item.Name, Auth: tpm2.PasswordAuth(nil)}}.Execute(b.tpm)
	if err := check(errors.Is(err, tpm2.TPMRCAuthUnavailable), "password: want TPM_RC_AUTH_UNAVAILABLE, got %v", err); err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("another event"))
	if _, err := (tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: 23, Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}).Execute(b.tpm); err != nil {
		return nil, err
	}
	_, err = unseal()
	if err := check(errors.Is(err, tpm2.TPMRCPolicyFail), "after an extend: want TPM_RC_POLICY_FAIL, got %v", err); err != nil {
		return nil, err
	}
	// PCR 23 is the application's to reset.
	if _, err := (tpm2.PCRReset{PCRHandle: tpm2.AuthHandle{Handle: 23, Auth: tpm2.PasswordAuth(nil)}}).Execute(b.tpm); err != nil {
		return nil, err
	}
	if got, err = unseal(); err != nil {
		return nil, fmt.Errorf("after the reset: %w", err)
	}
	return nil, errors.Join(check(bytes.Equal(got, secret), "unsealed %q", got), b.flush(item), b.flush(srk))
}

func (b *bench) imported() (found, error) {
	srk, err := b.primary("srk", tpm2.TPMRHOwner, tpm2.ECCSRKTemplate)
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := eccSigning(tpm2.TPMECCNistP256, false)
	template.ObjectAttributes.FixedTPM = false
	template.ObjectAttributes.FixedParent = false
	template.ObjectAttributes.SensitiveDataOrigin = false
	template.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
		X: tpm2.TPM2BECCParameter{Buffer: private.X.FillBytes(make([]byte, 32))},
		Y: tpm2.TPM2BECCParameter{Buffer: private.Y.FillBytes(make([]byte, 32))},
	})
	sensitive := tpm2.Marshal(tpm2.TPMTSensitive{
		SensitiveType: tpm2.TPMAlgECC,
		Sensitive: tpm2.NewTPMUSensitiveComposite(tpm2.TPMAlgECC,
			&tpm2.TPM2BECCParameter{Buffer: private.D.FillBytes(make([]byte, 32))}),
	})
	name, err := tpm2.ObjectName(&template)
	if err != nil {
		return nil, err
	}
	encapsulation, err := tpm2.ImportEncapsulationKey(srk.public)
	if err != nil {
		return nil, err
	}
	duplicate, seed, err := tpm2.CreateDuplicate(rand.Reader, encapsulation, name.Buffer, sensitive)
	if err != nil {
		return nil, err
	}
	parent := tpm2.AuthHandle{Handle: srk.Handle, Name: srk.Name, Auth: tpm2.PasswordAuth(nil)}
	imported, err := tpm2.Import{
		ParentHandle: parent, ObjectPublic: tpm2.New2B(template),
		Duplicate: tpm2.TPM2BPrivate{Buffer: duplicate}, InSymSeed: tpm2.TPM2BEncryptedSecret{Buffer: seed},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	loaded, err := tpm2.Load{ParentHandle: parent, InPrivate: imported.OutPrivate, InPublic: tpm2.New2B(template)}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	k := &key{tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name}, &template}
	return nil, errors.Join(b.signAndVerify(k), b.flush(k), b.flush(srk))
}
