package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/google/go-tpm/tpm2"
)

// Standard indices of the certificates of the low-range endorsement keys (TCG EK Credential Profile 2.5, section 2.2.1.4).
const (
	rsaCertificateIndex = 0x01C00002
	eccCertificateIndex = 0x01C0000A
)

// primary creates a primary key and remembers it.
func (b *bench) primary(name string, hierarchy tpm2.TPMHandle, template tpm2.TPMTPublic) (*key, error) {
	response, err := tpm2.CreatePrimary{PrimaryHandle: hierarchy, InPublic: tpm2.New2B(template)}.Execute(b.tpm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	public, err := response.OutPublic.Contents()
	if err != nil {
		return nil, err
	}
	if err := nameMatches(public, response.Name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k := &key{tpm2.NamedHandle{Handle: response.ObjectHandle, Name: response.Name}, public}
	b.keys[name] = k
	return k, nil
}

// nameMatches compares the TPM's Name with the one that go-tpm computes from the public area.
func nameMatches(public *tpm2.TPMTPublic, name tpm2.TPM2BName) error {
	want, err := tpm2.ObjectName(public)
	if err != nil {
		return err
	}
	return check(bytes.Equal(want.Buffer, name.Buffer), "Name %x, computed %x", name.Buffer, want.Buffer)
}

// load creates a key under a parent and loads it.
func (b *bench) load(name string, parent *key, template tpm2.TPMTPublic, data []byte) (*key, *tpm2.CreateResponse, error) {
	create := tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: parent.Handle, Name: parent.Name, Auth: tpm2.PasswordAuth(nil)},
		InPublic:     tpm2.New2B(template),
	}
	if data != nil {
		create.InSensitive = tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: data}),
		}}
	}
	created, err := create.Execute(b.tpm)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	loaded, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.Handle, Name: parent.Name, Auth: tpm2.PasswordAuth(nil)},
		InPrivate:    created.OutPrivate,
		InPublic:     created.OutPublic,
	}.Execute(b.tpm)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	public, err := created.OutPublic.Contents()
	if err != nil {
		return nil, nil, err
	}
	k := &key{tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name}, public}
	return k, created, nameMatches(public, loaded.Name)
}

func (b *bench) flush(k *key) error {
	_, err := tpm2.FlushContext{FlushHandle: k.Handle}.Execute(b.tpm)
	return err
}

func (b *bench) endorsementKeys() (found, error) {
	f := found{}
	for name, template := range map[string]tpm2.TPMTPublic{"ek-rsa": tpm2.RSAEKTemplate, "ek-ecc": tpm2.ECCEKTemplate} {
		ek, err := b.primary(name, tpm2.TPMRHEndorsement, template)
		if err != nil {
			return nil, err
		}
		f[name] = hex.EncodeToString(ek.Name.Buffer)
		// The same seed and template give the same key.
		again, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(template)}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		if _, err := (tpm2.FlushContext{FlushHandle: again.ObjectHandle}).Execute(b.tpm); err != nil {
			return nil, err
		}
		if !bytes.Equal(again.Name.Buffer, ek.Name.Buffer) {
			return nil, fmt.Errorf("%s: created twice, Names %x and %x", name, ek.Name.Buffer, again.Name.Buffer)
		}
		if err := b.flush(ek); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// endorsement loads an endorsement key anew: few TPMs hold more than three objects.
func (b *bench) endorsement(name string) (*key, error) {
	template := tpm2.RSAEKTemplate
	if name == "ek-ecc" {
		template = tpm2.ECCEKTemplate
	}
	return b.primary(name, tpm2.TPMRHEndorsement, template)
}

// readNV reads a whole index with its own empty authorisation.
func (b *bench) readNV(index tpm2.TPMHandle) ([]byte, error) {
	public, err := tpm2.NVReadPublic{NVIndex: index}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	area, err := public.NVPublic.Contents()
	if err != nil {
		return nil, err
	}
	var data []byte
	for len(data) < int(area.DataSize) {
		part, err := tpm2.NVRead{
			AuthHandle: tpm2.AuthHandle{Handle: index, Name: public.NVName, Auth: tpm2.PasswordAuth(nil)},
			NVIndex:    tpm2.NamedHandle{Handle: index, Name: public.NVName},
			Size:       min(512, area.DataSize-uint16(len(data))),
			Offset:     uint16(len(data)),
		}.Execute(b.tpm)
		if err != nil {
			return nil, err
		}
		data = append(data, part.Data.Buffer...)
	}
	return data, nil
}

func (b *bench) endorsementCertificates() (found, error) {
	f := found{}
	for name, index := range map[string]tpm2.TPMHandle{"ek-rsa": rsaCertificateIndex, "ek-ecc": eccCertificateIndex} {
		data, err := b.readNV(index)
		if err != nil {
			return nil, fmt.Errorf("index %#x: %w", index, err)
		}
		certificate, err := x509.ParseCertificate(data)
		if err != nil {
			return nil, fmt.Errorf("index %#x: %w", index, err)
		}
		public, err := publicKey(b.keys[name].public)
		if err != nil {
			return nil, err
		}
		certified, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !certified.Equal(public) {
			return nil, fmt.Errorf("index %#x: certifies another key than that of the template", index)
		}
		f[name] = certificate.Issuer.String()
		if b.ca == "" {
			continue
		}
		if err := chains(certificate, b.ca); err != nil {
			return nil, fmt.Errorf("index %#x: %w", index, err)
		}
	}
	return f, nil
}

// chains verifies an endorsement certificate to the self-signed ones of a PEM file.
func chains(certificate *x509.Certificate, file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: no certificate", file)
	}
	// The subject alternative name (TPM manufacturer, model, version) is critical and Go leaves such names to its caller.
	var unhandled []asn1.ObjectIdentifier
	for _, oid := range certificate.UnhandledCriticalExtensions {
		if oid.String() != "2.5.29.17" {
			unhandled = append(unhandled, oid)
		}
	}
	certificate.UnhandledCriticalExtensions = unhandled
	_, err = certificate.Verify(x509.VerifyOptions{Roots: pool, Intermediates: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CurrentTime: certificate.NotBefore})
	return err
}

// publicKey is the Go form of an RSA or ECC public area. An ECC point is checked to be on its curve.
func publicKey(public *tpm2.TPMTPublic) (crypto.PublicKey, error) {
	if public.Type == tpm2.TPMAlgRSA {
		parameters, err := public.Parameters.RSADetail()
		if err != nil {
			return nil, err
		}
		unique, err := public.Unique.RSA()
		if err != nil {
			return nil, err
		}
		return tpm2.RSAPub(parameters, unique)
	}
	parameters, err := public.Parameters.ECCDetail()
	if err != nil {
		return nil, err
	}
	unique, err := public.Unique.ECC()
	if err != nil {
		return nil, err
	}
	if _, err := tpm2.ECDHPub(parameters, unique); err != nil {
		return nil, err
	}
	return tpm2.ECDSAPub(parameters, unique)
}

func rsaSigning(scheme tpm2.TPMAlgID, restricted bool) tpm2.TPMTPublic {
	var details tpm2.TPMUAsymScheme
	if scheme == tpm2.TPMAlgRSASSA {
		details = tpm2.NewTPMUAsymScheme(scheme, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256})
	} else {
		details = tpm2.NewTPMUAsymScheme(scheme, &tpm2.TPMSSigSchemeRSAPSS{HashAlg: tpm2.TPMAlgSHA256})
	}
	return tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: signing(restricted),
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{
			Scheme: tpm2.TPMTRSAScheme{Scheme: scheme, Details: details}, KeyBits: 2048,
		}),
	}
}

func eccSigning(curve tpm2.TPMECCCurve, restricted bool) tpm2.TPMTPublic {
	return tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: signing(restricted),
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
			Scheme: tpm2.TPMTECCScheme{
				Scheme:  tpm2.TPMAlgECDSA,
				Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256}),
			},
			CurveID: curve,
		}),
	}
}

func signing(restricted bool) tpm2.TPMAObject {
	return tpm2.TPMAObject{
		FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true,
		Restricted: restricted, SignEncrypt: true,
	}
}

func (b *bench) attestationKeys() (found, error) {
	srk, err := b.primary("srk", tpm2.TPMRHOwner, tpm2.ECCSRKTemplate)
	if err != nil {
		return nil, err
	}
	f := found{}
	for name, template := range map[string]tpm2.TPMTPublic{
		"ak-rsa": rsaSigning(tpm2.TPMAlgRSASSA, true),
		"ak-ecc": eccSigning(tpm2.TPMECCNistP256, true),
	} {
		ak, created, err := b.load(name, srk, template, nil)
		if err != nil {
			return nil, err
		}
		b.keys[name] = ak
		creation, err := created.CreationData.Contents()
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(creation.ParentName.Buffer, srk.Name.Buffer) {
			return nil, fmt.Errorf("%s: creation data names parent %x", name, creation.ParentName.Buffer)
		}
		hash := sha256.Sum256(tpm2.Marshal(created.CreationData)[2:])
		if !bytes.Equal(hash[:], created.CreationHash.Buffer) {
			return nil, fmt.Errorf("%s: creation hash %x, computed %x", name, created.CreationHash.Buffer, hash)
		}
		f[name] = hex.EncodeToString(ak.Name.Buffer)
	}
	// The SRK is not needed in memory by the keys under it.
	return f, b.flush(srk)
}

// verify checks a signature over a message with the key's public area.
func verify(public *tpm2.TPMTPublic, message []byte, signature tpm2.TPMTSignature) error {
	digest := sha256.Sum256(message)
	pub, err := publicKey(public)
	if err != nil {
		return err
	}
	switch signature.SigAlg {
	case tpm2.TPMAlgRSASSA:
		s, err := signature.Signature.RSASSA()
		if err != nil {
			return err
		}
		return rsa.VerifyPKCS1v15(pub.(*rsa.PublicKey), crypto.SHA256, digest[:], s.Sig.Buffer)
	case tpm2.TPMAlgRSAPSS:
		s, err := signature.Signature.RSAPSS()
		if err != nil {
			return err
		}
		return rsa.VerifyPSS(pub.(*rsa.PublicKey), crypto.SHA256, digest[:], s.Sig.Buffer, nil)
	case tpm2.TPMAlgECDSA:
		s, err := signature.Signature.ECDSA()
		if err != nil {
			return err
		}
		point := pub.(*ecdsa.PublicKey)
		size := (point.Params().BitSize + 7) / 8
		if len(s.SignatureR.Buffer) != size && point.Curve == elliptic.P256() {
			return fmt.Errorf("R of %d bytes", len(s.SignatureR.Buffer))
		}
		return check(ecdsa.Verify(point, digest[:], integer(s.SignatureR.Buffer), integer(s.SignatureS.Buffer)), "ECDSA: signature is wrong")
	}
	return fmt.Errorf("signature algorithm %#x", signature.SigAlg)
}
