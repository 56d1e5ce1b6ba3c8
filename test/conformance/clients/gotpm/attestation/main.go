// Command attestation enrols a TPM and attests a platform with go-attestation, as a fleet's agent and its verifier do in
// turn: endorsement key and certificate, attestation key, credential activation, application key certified by it, quotes of
// every bank over PCRs into which the events of a real log were extended, and the verifier's replay of that log. It prints
// JSON: for each step what was found, or why it failed.
//
//	attestation [-log eventlog.bin] swtpm:HOST:PORT|swtpm:/PATH|mssim:HOST:PORT
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"esxsim.test/gotpm/dial"
	"github.com/google/go-attestation/attest"
	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"
)

// channel is a TPM with the log of the platform it sits in.
type channel struct {
	*dial.TPM
	log []byte
}

// MeasurementLog implements attest.CommandChannelTPM20.
func (c *channel) MeasurementLog() ([]byte, error) { return c.log, nil }

type found map[string]any

type outcome struct {
	Step  string `json:"step"`
	Error string `json:"error,omitempty"`
	Found found  `json:"found,omitempty"`
}

func main() {
	logFile := flag.String("log", "", "TCG log whose events are extended and attested")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "one TPM address is needed")
		os.Exit(2)
	}
	outcomes, err := run(flag.Arg(0), *logFile)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(outcomes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(address, logFile string) ([]outcome, error) {
	tpm, err := dial.Open(address)
	if err != nil {
		return nil, err
	}
	if err := tpm2.Startup(tpm, tpm2.StartupClear); err != nil {
		return nil, err
	}
	c := &channel{TPM: tpm}
	if logFile != "" {
		if c.log, err = os.ReadFile(logFile); err != nil {
			return nil, err
		}
	}
	t, err := attest.OpenTPM(&attest.OpenConfig{CommandChannel: c})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	var outcomes []outcome
	step := func(name string, work func() (found, error)) {
		result := outcome{Step: name}
		if result.Found, err = attempt(work); err != nil {
			result.Error = err.Error()
		}
		outcomes = append(outcomes, result)
	}
	var ek attest.EK
	step("information", func() (found, error) { return information(t) })
	step("endorsement certificates", func() (f found, err error) { ek, f, err = endorsement(t); return f, err })
	for _, algorithm := range []attest.Algorithm{attest.RSA, attest.ECDSA} {
		var ak *attest.AK
		step(string(algorithm)+" attestation key, activated", func() (f found, err error) { ak, err = enrol(t, ek, algorithm); return nil, err })
		step("keys certified by it", func() (found, error) { return nil, certifiedKeys(t, ak) })
		if c.log != nil {
			step("platform attested", func() (found, error) { return platform(t, c, ak) })
		}
		step("unloaded and loaded", func() (found, error) { return nil, reload(t, ak) })
	}
	return outcomes, nil
}

// attempt runs a step; a panic (a key that an earlier step could not make) is that step's failure.
func attempt(work func() (found, error)) (f found, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return work()
}

func information(t *attest.TPM) (found, error) {
	info, err := t.Info()
	if err != nil {
		return nil, err
	}
	banks, err := t.PCRBanks()
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, bank := range banks {
		names = append(names, bank.String())
	}
	return found{"vendor": info.VendorInfo, "major": info.FirmwareVersionMajor, "minor": info.FirmwareVersionMinor, "banks": names}, nil
}

func endorsement(t *attest.TPM) (attest.EK, found, error) {
	certified, err := t.EKCertificates()
	if err != nil {
		return attest.EK{}, nil, err
	}
	all, err := t.EKs()
	if err != nil {
		return attest.EK{}, nil, err
	}
	if len(all) == 0 {
		return attest.EK{}, nil, errors.New("no endorsement key")
	}
	issuers := []string{}
	for _, ek := range certified {
		issuers = append(issuers, ek.Certificate.Issuer.String())
	}
	return all[0], found{"keys": len(all), "issuers": issuers}, nil
}

func enrol(t *attest.TPM, ek attest.EK, algorithm attest.Algorithm) (*attest.AK, error) {
	ak, err := t.NewAK(&attest.AKConfig{Algorithm: algorithm})
	if err != nil {
		return nil, err
	}
	// The verifier's side: it sees public values only.
	challenge := attest.ActivationParameters{EK: ek.Public, AK: ak.AttestationParameters()}
	secret, encrypted, err := challenge.Generate()
	if err != nil {
		return ak, err
	}
	got, err := ak.ActivateCredentialWithEK(t, *encrypted, ek)
	if err != nil {
		return ak, err
	}
	if !bytes.Equal(got, secret) {
		return ak, fmt.Errorf("activated %x, made %x", got, secret)
	}
	return ak, nil
}

func certifiedKeys(t *attest.TPM, ak *attest.AK) error {
	verifier, err := attest.ParseAKPublic(ak.AttestationParameters().Public)
	if err != nil {
		return err
	}
	for _, config := range []attest.KeyConfig{
		{Algorithm: attest.ECDSA, Size: 256}, {Algorithm: attest.ECDSA, Size: 384}, {Algorithm: attest.RSA, Size: 2048},
	} {
		config.QualifyingData = []byte("qualifying data")
		if err := certifiedKey(t, ak, verifier, &config); err != nil {
			return fmt.Errorf("%s %d: %w", config.Algorithm, config.Size, err)
		}
	}
	return nil
}

func certifiedKey(t *attest.TPM, ak *attest.AK, verifier *attest.AKPublic, config *attest.KeyConfig) error {
	key, err := t.NewKey(ak, config)
	if err != nil {
		return err
	}
	parameters := key.CertificationParameters()
	// go-attestation's own verification of certifications accepts RSA keys only.
	if _, isRSA := verifier.Public.(*rsa.PublicKey); isRSA {
		if err := parameters.Verify(attest.VerifyOpts{Public: verifier.Public, Hash: verifier.Hash}); err != nil {
			return err
		}
	}
	private, err := key.Private(key.Public())
	if err != nil {
		return err
	}
	// Keys have a scheme with the hash of their curve's size.
	hash := crypto.SHA256
	if config.Size == 384 {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write([]byte("signed by an application"))
	digest := h.Sum(nil)
	signature, err := private.(crypto.Signer).Sign(rand.Reader, digest, hash)
	if err != nil {
		return err
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		err = rsa.VerifyPKCS1v15(public, hash, digest, signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, digest, signature) {
			err = errors.New("ECDSA: signature is wrong")
		}
	}
	return errors.Join(err, key.Close())
}

// platform extends the log's events into PCR 0 to 15 after a power cycle, attests, and verifies.
func platform(t *attest.TPM, c *channel, ak *attest.AK) (found, error) {
	log, err := attest.ParseEventLog(c.log)
	if err != nil {
		return nil, err
	}
	// A second platform needs its PCRs as they were at power on, and the key again.
	blob, err := ak.Marshal()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ak.Close(t), tpm2.Shutdown(c.TPM, tpm2.StartupClear), c.Reset(), tpm2.Startup(c.TPM, tpm2.StartupClear)); err != nil {
		return nil, err
	}
	loaded, err := t.LoadAK(blob)
	if err != nil {
		return nil, err
	}
	*ak = *loaded
	for _, bank := range log.Algs {
		algorithm := map[attest.HashAlg]tpm2.Algorithm{attest.HashSHA1: tpm2.AlgSHA1, attest.HashSHA256: tpm2.AlgSHA256}[bank]
		for _, event := range log.Events(bank) {
			if event.Index > 15 || event.Type == 3 { // EV_NO_ACTION extends nothing
				continue
			}
			if err := tpm2.PCRExtend(c.TPM, tpmutil.Handle(event.Index), algorithm, event.Digest, ""); err != nil {
				return nil, err
			}
		}
	}
	nonce := []byte("nonce of a verifier")
	attested, err := t.AttestPlatform(ak, nonce, nil)
	if err != nil {
		return nil, err
	}
	// The verifier's side.
	public, err := attest.ParseAKPublic(attested.Public)
	if err != nil {
		return nil, err
	}
	if err := public.VerifyAll(attested.Quotes, attested.PCRs, nonce); err != nil {
		return nil, err
	}
	if err := public.VerifyAll(attested.Quotes, attested.PCRs, []byte("another nonce")); err == nil {
		return nil, errors.New("accepted for another nonce")
	}
	parsed, err := attest.ParseEventLog(attested.EventLog)
	if err != nil {
		return nil, err
	}
	counts := found{"quotes": len(attested.Quotes)}
	for name, hash := range map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256} {
		var bank []attest.PCR
		for _, pcr := range attested.PCRs {
			if pcr.DigestAlg == hash && pcr.Index <= 15 {
				if !pcr.QuoteVerified() {
					return nil, fmt.Errorf("PCR %d is not covered by a quote", pcr.Index)
				}
				bank = append(bank, pcr)
			}
		}
		events, err := parsed.Verify(bank)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		counts[name] = len(events)
	}
	return counts, nil
}

func reload(t *attest.TPM, ak *attest.AK) error {
	blob, err := ak.Marshal()
	if err != nil {
		return err
	}
	if err := ak.Close(t); err != nil {
		return err
	}
	loaded, err := t.LoadAK(blob)
	if err != nil {
		return err
	}
	nonce := []byte("after loading")
	quote, err := loaded.Quote(t, nonce, attest.HashSHA256)
	if err != nil {
		return err
	}
	pcrs, err := t.PCRs(attest.HashSHA256)
	if err != nil {
		return err
	}
	public, err := attest.ParseAKPublic(loaded.AttestationParameters().Public)
	if err != nil {
		return err
	}
	return errors.Join(public.Verify(*quote, pcrs, nonce), loaded.Close(t))
}
