// Command platform reads a TCG platform certificate with go-attestation and checks it against the certificate of its signer.
// Prints JSON: what the certificate says of the machine.
//
//	platform PLATFORM.CRT SIGNER.PEM
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/google/go-attestation/attributecert"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string) error {
	if len(files) != 2 {
		return errors.New("a platform certificate and the certificate of its signer are needed")
	}
	der, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	certificate, err := attributecert.ParseAttributeCertificate(der)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(files[1])
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%s: no PEM", files[1])
	}
	signer, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	if err := certificate.CheckSignatureFrom(signer); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version":      certificate.Version,
		"holderIssuer": certificate.Holder.Issuer.CommonName,
		"holderSerial": fmt.Sprintf("%x", certificate.Holder.Serial),
		"issuer":       certificate.Issuer.String(),
		"signer":       signer.Subject.String(),
		"manufacturer": certificate.PlatformManufacturer,
		"model":        certificate.PlatformModel,
		"revision":     certificate.PlatformVersion,
		"serial":       certificate.PlatformSerial,
		"rtm":          certificate.TBBSecurityAssertions.RtmType,
		"components":   certificate.Components,
	})
}
