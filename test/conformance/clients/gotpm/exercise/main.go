// Command exercise uses a TPM as an enrolling host does, with go-tpm, and checks every answer with Go's own cryptography:
// endorsement keys and their certificates, attestation keys, credential activation, quotes, certification, NV, sealing,
// encrypted sessions, import. It prints JSON: for each step what was found, or why it failed.
//
//	exercise [-ca FILE] swtpm:HOST:PORT|swtpm:/PATH|mssim:HOST:PORT
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"esxsim.test/gotpm/dial"
	"github.com/google/go-tpm/tpm2"
)

// found is what a step saw, for the reader of the JSON.
type found map[string]any

// bench holds the TPM and the keys that later steps need.
type bench struct {
	tpm *dial.TPM
	ca  string
	// Loaded keys by name: "ek-rsa", "ek-ecc", "srk", "ak-rsa", "ak-ecc".
	keys map[string]*key
}

// key is a loaded object and its public area.
type key struct {
	tpm2.NamedHandle
	public *tpm2.TPMTPublic
}

type outcome struct {
	Step  string `json:"step"`
	Error string `json:"error,omitempty"`
	Found found  `json:"found,omitempty"`
}

var steps = []struct {
	name string
	run  func(*bench) (found, error)
}{
	{"startup", (*bench).startup},
	{"capabilities", (*bench).capabilities},
	{"endorsement keys", (*bench).endorsementKeys},
	{"endorsement certificates", (*bench).endorsementCertificates},
	{"attestation keys", (*bench).attestationKeys},
	{"credential made in Go, activated", (*bench).softwareCredential},
	{"credential made by the TPM, activated", (*bench).tpmCredential},
	{"credential for another name refused", (*bench).wrongCredential},
	{"PCR extend and read", (*bench).pcrs},
	{"quote", (*bench).quote},
	{"certify a second key", (*bench).certify},
	{"certify its creation", (*bench).certifyCreation},
	{"certified time", (*bench).time},
	{"NV define, write, read, certify", (*bench).nv},
	{"NV counter", (*bench).nvCounter},
	{"sealed to PCRs", (*bench).sealed},
	{"sessions salted with the endorsement key", (*bench).saltedSessions},
	{"signatures", (*bench).signatures},
	{"RSA decryption and ECDH", (*bench).agreement},
	{"key made elsewhere, imported", (*bench).imported},
	{"audit session", (*bench).audit},
	{"contexts and persistent keys", (*bench).contexts},
	{"power cycle", (*bench).powerCycle},
}

func main() {
	ca := flag.String("ca", "", "PEM file of the certificates that endorsement certificates must chain to")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "one TPM address is needed")
		os.Exit(2)
	}
	tpm, err := dial.Open(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	b := &bench{tpm: tpm, ca: *ca, keys: map[string]*key{}}
	var outcomes []outcome
	for _, step := range steps {
		result := outcome{Step: step.name}
		if result.Found, err = attempt(b, step.run); err != nil {
			result.Error = err.Error()
			b.clean()
		}
		outcomes = append(outcomes, result)
	}
	if err := errors.Join(json.NewEncoder(os.Stdout).Encode(outcomes), tpm.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// attempt runs a step; a panic (a key that an earlier step could not make) is that step's failure.
func attempt(b *bench, run func(*bench) (found, error)) (f found, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return run(b)
}

// clean frees what a failed step left in the TPM's memory, so that the next ones can be tried.
func (b *bench) clean() {
	for _, first := range []tpm2.TPMHandle{0x80000000, 0x02000000, 0x03000000} {
		response, err := tpm2.GetCapability{
			Capability: tpm2.TPMCapHandles, Property: uint32(first), PropertyCount: 64,
		}.Execute(b.tpm)
		if err != nil {
			continue
		}
		loaded, err := response.CapabilityData.Data.Handles()
		if err != nil {
			continue
		}
		for _, handle := range loaded.Handle {
			if ak := b.keys["ak-ecc"]; ak == nil || handle != ak.Handle {
				_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(b.tpm)
			}
		}
	}
}

// check is an error unless the condition holds.
func check(condition bool, format string, arguments ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, arguments...)
}

func (b *bench) startup() (found, error) {
	if _, err := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(b.tpm); err != nil {
		return nil, err
	}
	_, again := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(b.tpm)
	return nil, check(errors.Is(again, tpm2.TPMRCInitialize), "second Startup: want TPM_RC_INITIALIZE, got %v", again)
}

func (b *bench) property(property tpm2.TPMPT) (uint32, error) {
	response, err := tpm2.GetCapability{
		Capability: tpm2.TPMCapTPMProperties, Property: uint32(property), PropertyCount: 1,
	}.Execute(b.tpm)
	if err != nil {
		return 0, err
	}
	list, err := response.CapabilityData.Data.TPMProperties()
	if err != nil {
		return 0, err
	}
	if len(list.TPMProperty) != 1 || list.TPMProperty[0].Property != property {
		return 0, fmt.Errorf("property %#x: got %+v", property, list.TPMProperty)
	}
	return list.TPMProperty[0].Value, nil
}

func (b *bench) capabilities() (found, error) {
	family, err := b.property(tpm2.TPMPTFamilyIndicator)
	if err != nil {
		return nil, err
	}
	manufacturer, err := b.property(tpm2.TPMPTManufacturer)
	if err != nil {
		return nil, err
	}
	revision, err := b.property(tpm2.TPMPTRevision)
	if err != nil {
		return nil, err
	}
	pcrs, err := tpm2.GetCapability{Capability: tpm2.TPMCapPCRs, PropertyCount: 1}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	assigned, err := pcrs.CapabilityData.Data.AssignedPCR()
	if err != nil {
		return nil, err
	}
	banks := map[string]int{}
	for _, selection := range assigned.PCRSelections {
		name := map[tpm2.TPMIAlgHash]string{
			tpm2.TPMAlgSHA1: "sha1", tpm2.TPMAlgSHA256: "sha256", tpm2.TPMAlgSHA384: "sha384", tpm2.TPMAlgSHA512: "sha512",
		}[selection.Hash]
		for _, octet := range selection.PCRSelect {
			for ; octet != 0; octet &= octet - 1 {
				banks[name]++
			}
		}
	}
	algorithms, err := tpm2.GetCapability{Capability: tpm2.TPMCapAlgs, PropertyCount: 256}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	algorithmList, err := algorithms.CapabilityData.Data.Algorithms()
	if err != nil {
		return nil, err
	}
	commands, err := tpm2.GetCapability{
		Capability: tpm2.TPMCapCommands, Property: uint32(tpm2.TPMCCNVUndefineSpaceSpecial), PropertyCount: 256,
	}.Execute(b.tpm)
	if err != nil {
		return nil, err
	}
	commandList, err := commands.CapabilityData.Data.Command()
	if err != nil {
		return nil, err
	}
	return found{
		"family":       fourCharacters(family),
		"manufacturer": fourCharacters(manufacturer),
		"revision":     revision,
		"banks":        banks,
		"algorithms":   len(algorithmList.AlgProperties),
		"commands":     len(commandList.CommandAttributes),
	}, nil
}

func fourCharacters(value uint32) string {
	return string([]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)})
}
