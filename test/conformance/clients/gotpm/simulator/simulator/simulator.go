// Package simulator stands where upstream's tests expect the Microsoft simulator linked in: it has the same functions, and
// gives them a fresh TPM in a process of its own. TPM_SERVER says which: "swtpm", or a command that serves swtpm's protocol
// on a TCP port of its choice and prints `ready HOST:PORT`.
package simulator

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"esxsim.test/gotpm/dial"
	"github.com/google/go-tpm/legacy/tpm2"
)

// ErrUsingClosedSimulator is returned where a closed simulator is used.
var ErrUsingClosedSimulator = errors.New("attempting to use a closed simulator")

// One simulator at a time, as upstream's.
var lock sync.Mutex

// Simulator is a running TPM.
type Simulator struct {
	tpm    *dial.TPM
	stop   func()
	closed bool
}

// Get starts a TPM as it leaves its manufacturer, and TPM2_Startup(CLEAR).
func Get() (*Simulator, error) {
	lock.Lock()
	s := &Simulator{}
	if err := s.start(); err != nil {
		lock.Unlock()
		return nil, err
	}
	return s, nil
}

// GetWithFixedSeedInsecure is Get: no server has a way to set its seeds over the wire.
func GetWithFixedSeedInsecure(int64) (*Simulator, error) { return Get() }

func (s *Simulator) start() error {
	address, stop, err := launch()
	if err != nil {
		return err
	}
	s.stop = stop
	if s.tpm, err = dial.Open(address); err != nil {
		stop()
		return err
	}
	return tpm2.Startup(s.tpm, tpm2.StartupClear)
}

func launch() (string, func(), error) {
	server := os.Getenv("TPM_SERVER")
	switch server {
	case "":
		return "", nil, errors.New("TPM_SERVER is not set")
	case "swtpm":
		return launchSwtpm()
	}
	words := strings.Fields(server)
	command := exec.Command(words[0], words[1:]...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop := func() { _ = command.Process.Kill(); _ = command.Wait() }
	line, err := bufio.NewReader(output).ReadString('\n')
	place, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		stop()
		return "", nil, fmt.Errorf("%s: not ready: %q %v", server, line, err)
	}
	return "swtpm:" + place, stop, nil
}

func launchSwtpm() (string, func(), error) {
	folder, err := os.MkdirTemp("", "swtpm")
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(folder, "s")
	command := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+folder,
		"--server", "type=unixio,path="+path, "--ctrl", "type=unixio,path="+path+".ctrl")
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop := func() { _ = command.Process.Kill(); _ = command.Wait(); _ = os.RemoveAll(folder) }
	for range 500 {
		if probe, err := net.Dial("unix", path+".ctrl"); err == nil {
			_ = probe.Close()
			return "swtpm:" + path, stop, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("swtpm does not listen")
}

// Reset is a reboot.
func (s *Simulator) Reset() error {
	if s.closed {
		return ErrUsingClosedSimulator
	}
	if err := tpm2.Shutdown(s.tpm, tpm2.StartupClear); err != nil {
		return err
	}
	if err := s.tpm.Reset(); err != nil {
		return err
	}
	return tpm2.Startup(s.tpm, tpm2.StartupClear)
}

// ManufactureReset gives another TPM.
func (s *Simulator) ManufactureReset() error {
	if s.closed {
		return ErrUsingClosedSimulator
	}
	_ = s.tpm.Close()
	s.stop()
	return s.start()
}

// Write runs a command.
func (s *Simulator) Write(command []byte) (int, error) {
	if s.closed {
		return 0, ErrUsingClosedSimulator
	}
	return s.tpm.Write(command)
}

// Read gives the response to it.
func (s *Simulator) Read(buffer []byte) (int, error) {
	if s.closed {
		return 0, ErrUsingClosedSimulator
	}
	return s.tpm.Read(buffer)
}

// IsClosed says whether Close was called.
func (s *Simulator) IsClosed() bool { return s.closed }

// Close shuts the TPM down, as upstream's does, and ends its process.
func (s *Simulator) Close() error {
	if s.closed {
		return ErrUsingClosedSimulator
	}
	err := tpm2.Shutdown(s.tpm, tpm2.StartupClear)
	s.closed = true
	_ = s.tpm.Close()
	s.stop()
	lock.Unlock()
	return err
}
