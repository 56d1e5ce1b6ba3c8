// Command goverify judges the evidence of a boot with other people's verifiers: go-attestation, go-eventlog, go-tpm and Go's
// own X.509. Each judge accepts or names its reason; the exit status is 1 where any judge does not accept.
//
//	goverify -nonce HEX FOLDER
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/google/go-attestation/attest"
	"github.com/google/go-eventlog/extract"
	pb "github.com/google/go-eventlog/proto/state"
	"github.com/google/go-eventlog/register"
	"github.com/google/go-eventlog/tcg"
	"github.com/google/go-eventlog/tpmeventlog"
	"github.com/google/go-tpm/tpm2"
)

var banks = map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256}

// evidence is a folder's content.
type evidence struct {
	folder string
	nonce  []byte
	pcrs   map[string]map[int][]byte
}

func (e *evidence) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(e.folder, name))
}

// values are the PCRs of a bank in order of their numbers.
func (e *evidence) values(bank string) []attest.PCR {
	var all []attest.PCR
	for index, digest := range e.pcrs[bank] {
		all = append(all, attest.PCR{Index: index, Digest: digest, DigestAlg: banks[bank]})
	}
	slices.SortFunc(all, func(a, b attest.PCR) int { return a.Index - b.Index })
	return all
}

type finding map[string]any

type judgement struct {
	Judge   string  `json:"judge"`
	Refused string  `json:"refused,omitempty"`
	Found   finding `json:"found,omitempty"`
}

var judges = []struct {
	name  string
	judge func(*evidence) (finding, error)
}{
	{"quote by go-attestation", quoteByGoAttestation},
	{"quote by go-tpm", quoteByGoTPM},
	{"log by go-attestation", logByGoAttestation},
	{"log by go-eventlog", logByGoEventlog},
	{"TXT log by go-eventlog", txtLog},
	{"Secure Boot by go-attestation", secureBootByGoAttestation},
	{"firmware state by go-eventlog", stateByGoEventlog},
	{"endorsement certificate", endorsementCertificate},
}

func main() {
	nonce := flag.String("nonce", "", "what the quote must be fresh for, in hexadecimal")
	flag.Parse()
	e, err := open(flag.Args(), *nonce)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var judgements []judgement
	status := 0
	for _, j := range judges {
		found, err := j.judge(e)
		result := judgement{Judge: j.name, Found: found}
		if err != nil {
			result.Refused = err.Error()
			status = 1
		}
		judgements = append(judgements, result)
	}
	if err := json.NewEncoder(os.Stdout).Encode(judgements); err != nil {
		status = 2
	}
	os.Exit(status)
}

func open(folders []string, nonce string) (*evidence, error) {
	if len(folders) != 1 {
		return nil, errors.New("one evidence folder is needed")
	}
	e := &evidence{folder: folders[0], pcrs: map[string]map[int][]byte{}}
	var err error
	if e.nonce, err = hex.DecodeString(nonce); err != nil {
		return nil, err
	}
	text, err := e.read("pcrs.json")
	if err != nil {
		return nil, err
	}
	var written map[string]map[string]string
	if err := json.Unmarshal(text, &written); err != nil {
		return nil, err
	}
	for bank, values := range written {
		e.pcrs[bank] = map[int][]byte{}
		for index, value := range values {
			number, err := strconv.Atoi(index)
			if err != nil {
				return nil, err
			}
			if e.pcrs[bank][number], err = hex.DecodeString(value); err != nil {
				return nil, err
			}
		}
	}
	return e, nil
}

// attestationKey is the TPMT_PUBLIC inside ak.pub.
func (e *evidence) attestationKey() ([]byte, error) {
	sized, err := e.read("ak.pub")
	if err != nil {
		return nil, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](sized)
	if err != nil {
		return nil, err
	}
	return public.Bytes(), nil
}

func quoteByGoAttestation(e *evidence) (finding, error) {
	public, err := e.attestationKey()
	if err != nil {
		return nil, err
	}
	ak, err := attest.ParseAKPublic(public)
	if err != nil {
		return nil, err
	}
	quoted, err := e.read("quote.attest")
	if err != nil {
		return nil, err
	}
	signature, err := e.read("quote.sig")
	if err != nil {
		return nil, err
	}
	pcrs := e.values("sha256")
	if err := ak.Verify(attest.Quote{Quote: quoted, Signature: signature}, pcrs, e.nonce); err != nil {
		return nil, err
	}
	for _, pcr := range pcrs {
		if !pcr.QuoteVerified() {
			return nil, fmt.Errorf("PCR %d is not covered by the quote", pcr.Index)
		}
	}
	return finding{"pcrs": len(pcrs), "key": fmt.Sprintf("%T", ak.Public)}, nil
}

// quoteByGoTPM parses with go-tpm's newer structures, which refuse bytes left over, and verifies with Go's cryptography.
func quoteByGoTPM(e *evidence) (finding, error) {
	octets, err := e.attestationKey()
	if err != nil {
		return nil, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](octets)
	if err != nil {
		return nil, err
	}
	key, err := tpm2.Pub(*public)
	if err != nil {
		return nil, err
	}
	quoted, err := e.read("quote.attest")
	if err != nil {
		return nil, err
	}
	signed, err := e.read("quote.sig")
	if err != nil {
		return nil, err
	}
	signature, err := tpm2.Unmarshal[tpm2.TPMTSignature](signed)
	if err != nil {
		return nil, err
	}
	if err := verify(key, quoted, signature); err != nil {
		return nil, err
	}
	info, err := tpm2.Unmarshal[tpm2.TPMSAttest](quoted)
	if err != nil {
		return nil, err
	}
	quote, err := info.Attested.Quote()
	if err != nil {
		return nil, err
	}
	h := crypto.SHA256.New()
	for _, pcr := range e.values("sha256") {
		h.Write(pcr.Digest)
	}
	attributes := public.ObjectAttributes
	return finding{"firmwareVersion": info.FirmwareVersion, "resetCount": info.ClockInfo.ResetCount}, errors.Join(
		must(bytes.Equal(info.ExtraData.Buffer, e.nonce), "extraData %x is not the nonce", info.ExtraData.Buffer),
		must(bytes.Equal(quote.PCRDigest.Buffer, h.Sum(nil)), "pcrDigest %x is not that of the PCRs", quote.PCRDigest.Buffer),
		must(attributes.Restricted && attributes.SignEncrypt && attributes.FixedTPM && attributes.SensitiveDataOrigin,
			"the key could sign what no TPM made: %+v", attributes),
	)
}

func verify(key crypto.PublicKey, message []byte, signature *tpm2.TPMTSignature) error {
	h := crypto.SHA256.New()
	h.Write(message)
	switch public := key.(type) {
	case *rsa.PublicKey:
		scheme, err := signature.Signature.RSASSA()
		if err != nil {
			return err
		}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, h.Sum(nil), scheme.Sig.Buffer)
	case *ecdsa.PublicKey:
		scheme, err := signature.Signature.ECDSA()
		if err != nil {
			return err
		}
		encoded, err := asn1.Marshal(struct{ R, S *big.Int }{integer(scheme.SignatureR.Buffer), integer(scheme.SignatureS.Buffer)})
		if err != nil {
			return err
		}
		return must(ecdsa.VerifyASN1(public, h.Sum(nil), encoded), "ECDSA: signature is wrong")
	}
	return fmt.Errorf("key of type %T", key)
}

// logByGoAttestation replays bank by bank: given both at once, one that fits would do.
func logByGoAttestation(e *evidence) (finding, error) {
	octets, err := e.read("eventlog.bin")
	if err != nil {
		return nil, err
	}
	log, err := attest.ParseEventLog(octets)
	if err != nil {
		return nil, err
	}
	counts := finding{}
	for bank := range banks {
		events, err := log.Verify(e.values(bank))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", bank, err)
		}
		counts[bank] = len(events)
	}
	return counts, nil
}

// registers are the PCRs of a bank in go-eventlog's form, only those with an index that is wanted.
func (e *evidence) registers(bank string, wanted func(int) bool) register.PCRBank {
	algorithms := map[string]pb.HashAlgo{"sha1": pb.HashAlgo_SHA1, "sha256": pb.HashAlgo_SHA256}
	all := register.PCRBank{TCGHashAlgo: algorithms[bank]}
	for _, pcr := range e.values(bank) {
		if wanted(pcr.Index) {
			all.PCRs = append(all.PCRs, register.PCR{Index: pcr.Index, Digest: pcr.Digest, DigestAlg: pcr.DigestAlg})
		}
	}
	return all
}

func every(int) bool { return true }

func (e *evidence) replay(file string, wanted func(int) bool) (finding, error) {
	octets, err := e.read(file)
	if err != nil {
		return nil, err
	}
	counts := finding{}
	for bank := range banks {
		events, err := tcg.ParseAndReplay(octets, e.registers(bank, wanted).MRs(), tcg.ParseOpts{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", bank, err)
		}
		counts[bank] = len(events)
	}
	return counts, nil
}

func logByGoEventlog(e *evidence) (finding, error) { return e.replay("eventlog.bin", every) }

// txtLog replays the log of the measured launch, which ends before later software extends PCR 19 and up.
func txtLog(e *evidence) (finding, error) {
	found, err := e.replay("txt-eventlog.bin", func(index int) bool { return index == 17 || index == 18 })
	if errors.Is(err, fs.ErrNotExist) {
		return finding{"none": true}, nil
	}
	return found, err
}

func secureBootByGoAttestation(e *evidence) (finding, error) {
	octets, err := e.read("eventlog.bin")
	if err != nil {
		return nil, err
	}
	log, err := attest.ParseEventLog(octets)
	if err != nil {
		return nil, err
	}
	events, err := log.Verify(e.values("sha256"))
	if err != nil {
		return nil, err
	}
	state, err := attest.ParseSecurebootState(events)
	if err != nil {
		return nil, err
	}
	return finding{
		"enabled":   state.Enabled,
		"platform":  names(state.PlatformKeys),
		"exchange":  names(state.ExchangeKeys),
		"permitted": names(state.PermittedKeys),
		"forbidden": len(state.ForbiddenKeys) + len(state.ForbiddenHashes),
		"authority": names(append(state.PreSeparatorAuthority, state.PostSeparatorAuthority...)),
	}, nil
}

func names(certificates []x509.Certificate) []string {
	list := []string{}
	for _, c := range certificates {
		list = append(list, c.Subject.CommonName)
	}
	return list
}

func stateByGoEventlog(e *evidence) (finding, error) {
	octets, err := e.read("eventlog.bin")
	if err != nil {
		return nil, err
	}
	state, err := tpmeventlog.ReplayAndExtract(octets, e.registers("sha256", every), extract.Opts{Loader: extract.UnsupportedLoader})
	if err != nil {
		return nil, err
	}
	found := finding{"events": len(state.RawEvents), "secureBoot": state.SecureBoot.GetEnabled(), "applications": len(state.Efi.GetApps())}
	for _, event := range state.RawEvents {
		if event.DigestVerified {
			count, _ := found["ofTheirData"].(int)
			found["ofTheirData"] = count + 1
		}
	}
	return found, nil
}

func endorsementCertificate(e *evidence) (finding, error) {
	octets, err := e.read("ek.crt")
	if err != nil {
		return nil, err
	}
	certificate, err := attest.ParseEKCertificate(octets)
	if err != nil {
		return nil, err
	}
	sized, err := e.read("ek.pub")
	if err != nil {
		return nil, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](sized)
	if err != nil {
		return nil, err
	}
	area, err := public.Contents()
	if err != nil {
		return nil, err
	}
	key, err := tpm2.Pub(*area)
	if err != nil {
		return nil, err
	}
	pem, err := e.read("ek-ca.pem")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ek-ca.pem: no certificate")
	}
	certified, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	// The subject alternative name (TPM manufacturer, model, version) is critical, and Go leaves such names to its caller.
	certificate.UnhandledCriticalExtensions = slices.DeleteFunc(certificate.UnhandledCriticalExtensions,
		func(oid asn1.ObjectIdentifier) bool { return oid.String() == "2.5.29.17" })
	_, chain := certificate.Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CurrentTime: certificate.NotBefore,
	})
	// tcg-kp-EKCertificate
	purpose := slices.ContainsFunc(certificate.UnknownExtKeyUsage, func(oid asn1.ObjectIdentifier) bool { return oid.String() == "2.23.133.8.1" })
	return finding{"issuer": certificate.Issuer.String()}, errors.Join(
		must(ok && certified.Equal(key), "the certificate is for another key than ek.pub"),
		must(purpose, "no key purpose tcg-kp-EKCertificate"),
		chain,
	)
}

func must(condition bool, format string, arguments ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, arguments...)
}

func integer(octets []byte) *big.Int { return new(big.Int).SetBytes(octets) }
