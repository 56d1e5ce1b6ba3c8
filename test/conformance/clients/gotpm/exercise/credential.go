package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

func integer(octets []byte) *big.Int { return new(big.Int).SetBytes(octets) }

// endorsementPolicy is the policy of the low-range endorsement keys: the endorsement hierarchy's authorisation.
func endorsementPolicy(t transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
	_, err := tpm2.PolicySecret{
		AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		PolicySession: session,
		NonceTPM:      nonce,
	}.Execute(t)
	return err
}

var pairs = []struct{ ek, ak string }{
	{"ek-rsa", "ak-rsa"}, {"ek-rsa", "ak-ecc"}, {"ek-ecc", "ak-rsa"}, {"ek-ecc", "ak-ecc"},
}

func (b *bench) activate(ek, ak *key, blob, secret []byte) ([]byte, error) {
	response, err := tpm2.ActivateCredential{
		ActivateHandle: tpm2.AuthHandle{Handle: ak.Handle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		KeyHandle:      tpm2.AuthHandle{Handle: ek.Handle, Name: ek.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, endorsementPolicy)},
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: blob},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: secret},
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	return response.CertInfo.Buffer, nil
}

// eachPair runs something with every endorsement key and attestation key.
func (b *bench) eachPair(run func(ek, ak *key) error) error {
	for _, pair := range pairs {
		ek, err := b.endorsement(pair.ek)
		if err != nil {
			return err
		}
		if err := run(ek, b.keys[pair.ak]); err != nil {
			return fmt.Errorf("%s, %s: %w", pair.ek, pair.ak, err)
		}
		if err := b.flush(ek); err != nil {
			return err
		}
	}
	return nil
}

var credential = []byte("a credential of thirty-two bytes")

func (b *bench) softwareCredential() (found, error) {
	return nil, b.eachPair(func(ek, ak *key) error {
		encapsulation, err := tpm2.ImportEncapsulationKey(ek.public)
		if err != nil {
			return err
		}
		blob, secret, err := tpm2.CreateCredential(rand.Reader, encapsulation, ak.Name.Buffer, credential)
		if err != nil {
			return err
		}
		got, err := b.activate(ek, ak, blob, secret)
		if err != nil {
			return err
		}
		return check(bytes.Equal(got, credential), "activated %x", got)
	})
}

func (b *bench) tpmCredential() (found, error) {
	return nil, b.eachPair(func(ek, ak *key) error {
		made, err := tpm2.MakeCredential{
			Handle: ek.Handle, Credential: tpm2.TPM2BDigest{Buffer: credential}, ObjectName: ak.Name,
		}.Execute(b.tpm)
		if err != nil {
			return err
		}
		got, err := b.activate(ek, ak, made.CredentialBlob.Buffer, made.Secret.Buffer)
		if err != nil {
			return err
		}
		return check(bytes.Equal(got, credential), "activated %x", got)
	})
}

func (b *bench) wrongCredential() (found, error) {
	return nil, b.eachPair(func(ek, ak *key) error {
		encapsulation, err := tpm2.ImportEncapsulationKey(ek.public)
		if err != nil {
			return err
		}
		blob, secret, err := tpm2.CreateCredential(rand.Reader, encapsulation, ek.Name.Buffer, credential)
		if err != nil {
			return err
		}
		_, err = b.activate(ek, ak, blob, secret)
		return check(errors.Is(err, tpm2.TPMRCIntegrity), "want TPM_RC_INTEGRITY, got %v", err)
	})
}
