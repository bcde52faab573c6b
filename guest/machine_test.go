//go:build system

package guest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// bootTimeout bounds a boot under emulation, on a machine that is ten times as
	// slow as one where it takes 25 seconds.
	bootTimeout = 5 * time.Minute
	// PCR 0 of the same firmware varies with these.
	processors, megabytes = "1", "768"
)

// trustedModule is a TPM as it left its maker: state that swtpm takes up, with an
// endorsement key and its certificate inside.
type trustedModule struct {
	state   string // a directory
	issuers []byte // PEM: the issuers of the certificate, the root last
	root    string // SHA-256 of the root's DER, in hexadecimal
}

// newTrustedModule makes a certificate authority and a TPM with swtpm's own tools.
func newTrustedModule(t testing.TB) trustedModule {
	t.Helper()
	directory := t.TempDir()
	for name, text := range map[string]string{
		"localca.conf":    fmt.Sprintf("statedir = %[1]s/ca\nsigningkey = %[1]s/ca/signkey.pem\nissuercert = %[1]s/ca/issuercert.pem\ncertserial = %[1]s/ca/certserial\n", directory),
		"localca.options": "--platform-manufacturer Muster\n--platform-version 1\n--platform-model guest\n",
		"setup.conf":      fmt.Sprintf("create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = %[1]s/localca.conf\ncreate_certs_tool_options = %[1]s/localca.options\nactive_pcr_banks = sha256,sha384\n", directory),
	} {
		write(t, filepath.Join(directory, name), []byte(text))
	}
	m := trustedModule{state: filepath.Join(directory, "state")}
	for _, name := range []string{m.state, filepath.Join(directory, "ca")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	output(t, "", nil, "swtpm_setup", "--tpm2", "--tpm-state", m.state, "--create-ek-cert", "--config", filepath.Join(directory, "setup.conf"),
		"--logfile", filepath.Join(directory, "setup.log"), "--runas", self.Username)
	issuer, err := os.ReadFile(filepath.Join(directory, "ca/issuercert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(filepath.Join(directory, "ca/swtpm-localca-rootca-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(root); block != nil {
		digest := sha256.Sum256(block.Bytes)
		m.issuers, m.root = append(issuer, root...), hex.EncodeToString(digest[:])
		return m
	}
	t.Fatal("swtpm_localca's root is not PEM")
	return m
}

// machine is a computer that can be switched on.
type machine struct {
	keys   secureBoot
	module trustedModule
	disks  []disk
	// firmware are further arguments of qemu: what the host tells the firmware.
	firmware []string
}

// disk is a read-only disk with a serial number. The first is started from.
type disk struct{ serial, file string }

// running is a machine that is switched on. It is switched off with the test.
type running struct {
	t       testing.TB
	address string // where its port 8443 is, on the loopback interface
	console string // a file
	ended   chan struct{}
}

// start switches a machine on.
func (m machine) start(t testing.TB) *running {
	t.Helper()
	directory := t.TempDir()
	state, variables := filepath.Join(directory, "tpm"), filepath.Join(directory, "variables.fd")
	if err := os.CopyFS(state, os.DirFS(m.module.state)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(m.keys.variables)
	if err != nil {
		t.Fatal(err)
	}
	write(t, variables, data)
	socket := filepath.Join(directory, "tpm.socket")
	child(t, "swtpm", filepath.Join(directory, "swtpm.log"), "swtpm", "socket", "--tpm2", "--tpmstate", "dir="+state, "--ctrl", "type=unixio,path="+socket, "--terminate", "--flags", "startup-clear")
	await(t, "swtpm's socket", func() error { _, err := os.Stat(socket); return err })

	r := &running{t: t, address: freePort(t), console: filepath.Join(directory, "console")}
	arguments := []string{"-machine", "q35,smm=on,accel=tcg", "-global", "driver=cfi.pflash01,property=secure,value=on", "-cpu", "max", "-m", megabytes, "-smp", processors, "-nodefaults", "-display", "none", "-no-reboot",
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + ovmf,
		"-drive", "if=pflash,unit=1,format=raw,file=" + variables,
		"-chardev", "socket,id=tpm,path=" + socket, "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0",
		"-netdev", "user,id=net,restrict=on,hostfwd=tcp:" + r.address + "-:8443", "-device", "virtio-net-pci,netdev=net,romfile=",
		"-serial", "file:" + r.console}
	for n, d := range m.disks {
		drive := fmt.Sprintf("disk%d", n)
		device := "virtio-blk-pci,drive=" + drive + ",serial=" + d.serial
		if n == 0 {
			device += ",bootindex=1"
		}
		arguments = append(arguments, "-drive", "if=none,id="+drive+",format=raw,readonly=on,file="+d.file, "-device", device)
	}
	r.ended = child(t, "qemu", filepath.Join(directory, "qemu.log"), "qemu-system-x86_64", append(arguments, m.firmware...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console of %s:\n%s", t.Name(), r.printed())
		}
	})
	return r
}

// child starts a program that ends with the test, and with this process however it
// ends: its thread is kept, which is what the kernel looks at.
func child(t testing.TB, name, log, program string, arguments ...string) chan struct{} {
	t.Helper()
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := command.Start()
		if started <- err; err == nil {
			command.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The group is the child's own. It may have ended.
		if err := syscall.Kill(-command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		<-ended
		file.Close()
		if text, _ := os.ReadFile(log); t.Failed() && len(text) > 0 {
			t.Logf("%s printed:\n%s", name, text)
		}
	})
	return ended
}

// await asks again until there is no error, for as long as a boot may take.
func await(t testing.TB, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v (%v)", what, err, ctx.Err())
		}
	}
}

var ports struct {
	sync.Mutex
	given map[string]bool
}

// freePort finds a port of the loopback interface that nobody listens on. qemu
// cannot be asked for the number of one that it chooses.
func freePort(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		listener.Close()
		if !ports.given[address] {
			if ports.given == nil {
				ports.given = map[string]bool{}
			}
			ports.given[address] = true
			return address
		}
	}
}

// printed is what the machine has printed on its serial console.
func (r *running) printed() string {
	data, err := os.ReadFile(r.console)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(bytes.ToValidUTF8(bytes.ReplaceAll(data, []byte{0x1b}, nil), []byte("?")))
}

// awaitConsole waits until the console holds a text.
func (r *running) awaitConsole(text string) {
	r.t.Helper()
	await(r.t, "the console", func() error {
		printed := r.printed()
		if strings.Contains(printed, text) {
			return nil
		}
		select {
		case <-r.ended:
			r.t.Fatalf("the machine is off, and did not print %q", text)
		default:
		}
		return fmt.Errorf("holds no %q", text)
	})
}

// awaitOff waits until the machine has switched itself off.
func (r *running) awaitOff() {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(bootTimeout):
		r.t.Fatal("the machine is still on")
	}
}

// awaitPort waits until the machine says that it listens, and answers on its port:
// qemu takes connections long before.
func (r *running) awaitPort(listens string) {
	r.t.Helper()
	r.awaitConsole(listens)
	patience := 250 * time.Millisecond
	await(r.t, "the machine's port", func() error {
		// What came before the machine's network is up is answered late, or never.
		patience = min(patience*5/4, 10*time.Second)
		select {
		case <-r.ended:
			r.t.Fatal("the machine is off")
		default:
		}
		dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
		connection, err := dialer.Dial("tcp", r.address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}
