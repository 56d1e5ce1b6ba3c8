// Package dial opens TPMs that listen on sockets, with either of the two protocols in use, and devices of the kernel.
package dial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/tcp"
)

// TPM is a powered TPM: whole commands with Send, or the write-then-read of older software.
type TPM struct {
	send     func([]byte) ([]byte, error)
	reset    func() error
	closers  []io.Closer
	response []byte
}

// Open connects to "swtpm:HOST:PORT", "swtpm:/PATH" (control socket PATH.ctrl) or "mssim:HOST:PORT" and powers the TPM on.
// The control or platform port is the next one. "device:/PATH" is a TPM that the kernel has started.
func Open(address string) (*TPM, error) {
	protocol, place, found := strings.Cut(address, ":")
	if !found {
		return nil, fmt.Errorf("address %q: want swtpm:HOST:PORT, swtpm:/PATH, mssim:HOST:PORT or device:/PATH", address)
	}
	if protocol == "device" {
		return openDevice(place)
	}
	network, data, control := "unix", place, place+".ctrl"
	if !strings.HasPrefix(place, "/") {
		host, port, err := net.SplitHostPort(place)
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		network, control = "tcp", net.JoinHostPort(host, strconv.Itoa(number+1))
	}
	switch protocol {
	case "swtpm":
		return openSwtpm(network, data, control)
	case "mssim":
		return openMssim(data, control)
	}
	return nil, fmt.Errorf("address %q: unknown protocol %q", address, protocol)
}

func openDevice(path string) (*TPM, error) {
	tpm, err := linuxtpm.Open(path)
	if err != nil {
		return nil, err
	}
	reset := func() error { return errors.New("a device cannot be power cycled") }
	return &TPM{send: tpm.Send, reset: reset, closers: []io.Closer{tpm}}, nil
}

func openMssim(data, control string) (*TPM, error) {
	tpm, err := tcp.Open(tcp.Config{CommandAddress: data, PlatformAddress: control})
	if err != nil {
		return nil, err
	}
	if err := tpm.PowerOn(); err != nil {
		return nil, err
	}
	return &TPM{send: tpm.Send, reset: tpm.Reset, closers: []io.Closer{tpm}}, nil
}

// Command of swtpm's control channel that (re)initialises the TPM; its argument is a word of flags.
const cmdInit = 2

func openSwtpm(network, data, control string) (*TPM, error) {
	controlConn, err := net.Dial(network, control)
	if err != nil {
		return nil, err
	}
	initialise := func() error {
		request := binary.BigEndian.AppendUint32(nil, cmdInit)
		if _, err := controlConn.Write(binary.BigEndian.AppendUint32(request, 0)); err != nil {
			return err
		}
		var result uint32
		if err := binary.Read(controlConn, binary.BigEndian, &result); err != nil {
			return err
		}
		if result != 0 {
			return fmt.Errorf("CMD_INIT: result %#x", result)
		}
		return nil
	}
	if err := initialise(); err != nil {
		return nil, err
	}
	dataConn, err := net.Dial(network, data)
	if err != nil {
		return nil, err
	}
	send := func(command []byte) ([]byte, error) {
		if _, err := dataConn.Write(command); err != nil {
			return nil, err
		}
		header := make([]byte, 10)
		if _, err := io.ReadFull(dataConn, header); err != nil {
			return nil, err
		}
		size := binary.BigEndian.Uint32(header[2:])
		if size < 10 || size > 1<<16 {
			return nil, fmt.Errorf("response of %d bytes", size)
		}
		response := append(header, make([]byte, size-10)...)
		_, err := io.ReadFull(dataConn, response[10:])
		return response, err
	}
	return &TPM{send: send, reset: initialise, closers: []io.Closer{dataConn, controlConn}}, nil
}

// TPM_RC_RETRY: the same command will be taken when it comes again (a TPM's first use of a key under dictionary attack
// protection, for one). Kernels repeat such commands for their programs.
const rcRetry = 0x922

// Send runs one command.
func (t *TPM) Send(command []byte) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		response, err := t.send(command)
		if err != nil || len(response) < 10 || binary.BigEndian.Uint32(response[6:]) != rcRetry || attempt == 5 {
			return response, err
		}
	}
}

// Reset is a power cycle; TPM2_Startup must follow.
func (t *TPM) Reset() error { return t.reset() }

// Write runs one command; Read gives its response.
func (t *TPM) Write(command []byte) (int, error) {
	response, err := t.Send(command)
	if err != nil {
		return 0, err
	}
	t.response = response
	return len(command), nil
}

// Read gives the response to the last command written.
func (t *TPM) Read(buffer []byte) (int, error) {
	if len(t.response) == 0 {
		return 0, io.EOF
	}
	count := copy(buffer, t.response)
	t.response = t.response[count:]
	return count, nil
}

// Close ends the connections; the TPM goes on.
func (t *TPM) Close() error {
	var all []error
	for _, closer := range t.closers {
		all = append(all, closer.Close())
	}
	return errors.Join(all...)
}

var _ transport.TPMCloser = (*TPM)(nil)
