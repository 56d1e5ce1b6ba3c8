// Command report logs in to a vSphere server with govmomi, reads the host properties that attestation services read,
// and prints every host's TPM attestation report as JSON. Digests are printed as hexadecimal text.
//
// usage: report URL   (credentials in the URL; the server's certificate is checked against the file in CA_FILE, if set)
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type event struct {
	Pcr    int32  `json:"pcr"`
	Type   string `json:"type"`
	Hash   string `json:"hash"`
	Method string `json:"method"`
	Text   string `json:"text"`
}

type pcr struct {
	Index  int32  `json:"index"`
	Method string `json:"method"`
	Value  string `json:"value"`
}

type host struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Vendor     string  `json:"vendor"`
	Bios       string  `json:"bios"`
	Version    string  `json:"version"`
	TpmVersion string  `json:"tpmVersion"`
	Status     string  `json:"status"`
	Reliable   bool    `json:"reliable"`
	Pcrs       []pcr   `json:"pcrs"`
	Events     []event `json:"events"`
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		if soap.IsSoapFault(err) {
			fmt.Fprintf(os.Stderr, "fault %T: %s\n", soap.ToSoapFault(err).VimFault(), soap.ToSoapFault(err).String)
			os.Exit(3)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) error {
	u, err := soap.ParseURL(address)
	if err != nil {
		return err
	}
	client, err := connect(ctx, u)
	if err != nil {
		return err
	}
	m := session.NewManager(client)
	if err := m.Login(ctx, u.User); err != nil {
		return err
	}
	defer func() { _ = m.Logout(ctx) }()

	v, err := view.NewManager(client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"HostSystem"}, true)
	if err != nil {
		return err
	}
	defer func() { _ = v.Destroy(ctx) }()
	var found []mo.HostSystem
	properties := []string{"name", "summary", "config", "capability", "hardware", "runtime", "parent"}
	if err := v.Retrieve(ctx, []string{"HostSystem"}, properties, &found); err != nil {
		return err
	}
	hosts := make([]host, 0, len(found))
	for _, h := range found {
		out, err := read(ctx, client, h)
		if err != nil {
			return err
		}
		hosts = append(hosts, out)
	}
	return json.NewEncoder(os.Stdout).Encode(hosts)
}

func connect(ctx context.Context, u *url.URL) (*vim25.Client, error) {
	ca := os.Getenv("CA_FILE")
	s := soap.NewClient(u, ca == "")
	if ca != "" {
		if err := s.SetRootCAs(ca); err != nil {
			return nil, err
		}
	}
	return vim25.NewClient(ctx, s)
}

func read(ctx context.Context, client *vim25.Client, h mo.HostSystem) (host, error) {
	out := host{ID: h.Self.Value, Name: h.Name, Vendor: h.Hardware.SystemInfo.Vendor, Bios: h.Hardware.BiosInfo.BiosVersion,
		Version: h.Config.Product.Version, TpmVersion: h.Capability.TpmVersion}
	if a := h.Summary.TpmAttestation; a != nil {
		out.Status = string(a.Status)
	}
	reply, err := methods.QueryTpmAttestationReport(ctx, client, &types.QueryTpmAttestationReport{This: h.Self})
	if err != nil {
		return out, err
	}
	if reply.Returnval == nil {
		return out, nil
	}
	out.Reliable = reply.Returnval.TpmLogReliable
	for _, p := range reply.Returnval.TpmPcrValues {
		out.Pcrs = append(out.Pcrs, pcr{p.PcrNumber, p.DigestMethod, hex.EncodeToString(p.DigestValue)})
	}
	for _, e := range reply.Returnval.TpmEvents {
		out.Events = append(out.Events, describe(e))
	}
	return out, nil
}

func describe(e types.HostTpmEventLogEntry) event {
	base := e.EventDetails.GetHostTpmEventDetails()
	out := event{Pcr: e.PcrIndex, Hash: hex.EncodeToString(base.DataHash), Method: base.DataHashMethod}
	switch d := e.EventDetails.(type) {
	case *types.HostTpmSoftwareComponentEventDetails:
		out.Type, out.Text = "SoftwareComponent", d.ComponentName
	case *types.HostTpmCommandEventDetails:
		out.Type, out.Text = "Command", d.CommandLine
	case *types.HostTpmOptionEventDetails:
		out.Type, out.Text = "Option", d.OptionsFileName+"="+string(d.BootOptions)
	case *types.HostTpmBootSecurityOptionEventDetails:
		out.Type, out.Text = "BootSecurityOption", d.BootSecurityOption
	case *types.HostTpmNvTagEventDetails:
		out.Type, out.Text = "NvTag", d.BootSecurityOption
	case *types.HostTpmSignerEventDetails:
		out.Type, out.Text = "Signer", d.BootSecurityOption
	case *types.HostTpmVersionEventDetails:
		out.Type, out.Text = "Version", hex.EncodeToString(d.Version)
	case *types.HostTpmBootCompleteEventDetails:
		out.Type = "BootComplete"
	default:
		out.Type = "unknown"
	}
	return out
}
