//go:build system && linux

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/witness/witnesstest"
)

const unit = "systemd/muster-witness.service"

// TestUnitIsHardened: systemd's own judgement of the sandbox, at or under 2.0.
func TestUnitIsHardened(t *testing.T) {
	output, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput()
	if err != nil || !strings.Contains(string(output), "Overall exposure level") {
		t.Errorf("%v, %s", err, output)
	}
	// The threshold refuses: a unit without a sandbox is above it.
	bare := filepath.Join(t.TempDir(), "bare.service")
	if err := os.WriteFile(bare, []byte("[Service]\nExecStart=/bin/true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", bare).CombinedOutput(); err == nil {
		t.Errorf("a unit without a sandbox passes: %s", output)
	}
}

// TestUnitVerifies: systemd reads every line of it, and so does serve: the flags
// of its command are the program's.
func TestUnitVerifies(t *testing.T) {
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/local/bin/muster-witness"
	if !strings.Contains(string(text), "ExecStart="+installed+" ") {
		t.Fatal("the unit does not start " + installed)
	}
	directory := t.TempDir()
	path := filepath.Join(directory, "muster-witness.service")
	verify := func(text string) (string, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
		return string(output), err
	}
	here := strings.ReplaceAll(string(text), installed, binary)
	if output, err := verify(here); err != nil || strings.Contains(output, path) {
		t.Errorf("%v, %s", err, output)
	}
	if output, _ := verify(here + "Nonsense=1\n[Service]\nAlsoNonsense=1\n"); !strings.Contains(output, "Nonsense") {
		t.Errorf("what systemd does not know passes: %q", output)
	}

	var command []string
	for line := range strings.Lines(string(text)) {
		if args, ok := strings.CutPrefix(line, "ExecStart="); ok {
			command = strings.Fields(args)[1:]
		}
	}
	// Without systemd there is no credential, and that is all that is missing.
	replaced := strings.NewReplacer("/var/lib/", directory+"/", "127.0.0.1:8080", "127.0.0.1:0")
	for i := range command {
		command[i] = replaced.Replace(command[i])
	}
	_, stderr, code := executeWith(t, []string{"CREDENTIALS_DIRECTORY=" + directory}, command...)
	if code != 3 || !strings.Contains(stderr, "no such credential") {
		t.Errorf("%v: exit code %d, %q", command, code, stderr)
	}
}

// confined is the variable that makes the test binary one that gives up writable
// memory that can be executed, before it becomes the program that it is given.
const confined = "MUSTER_TEST_CONFINED"

const (
	// setMDWE and refuseExecGain are of linux/prctl.h: no memory becomes
	// executable that is or was writable, as under MemoryDenyWriteExecute=.
	setMDWE        = 65
	refuseExecGain = 1

	writableExecutable = syscall.PROT_READ | syscall.PROT_WRITE | syscall.PROT_EXEC

	// probe is the mode that asks the kernel for such memory, probed what it
	// prints when that is refused.
	probe  = "probe"
	probed = "refused"

	// nobody is a user and a group that own nothing.
	nobody = "65534"
)

func init() {
	switch mode := os.Getenv(confined); mode {
	case "":
	case probe:
		if _, err := syscall.Mmap(-1, 0, 4096, writableExecutable, syscall.MAP_ANON|syscall.MAP_PRIVATE); err != nil {
			fmt.Print(probed)
		}
		os.Exit(0)
	default:
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setMDWE, refuseExecGain, 0, 0, 0, 0); errno != 0 {
			fmt.Println("prctl:", errno)
			os.Exit(1)
		}
		os.Setenv(confined, os.Getenv(confined+"_NEXT"))
		fmt.Println(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
		os.Exit(1)
	}
}

// TestServesConfined runs the witness as a user without any capability, who can
// gain none, without writable memory that can be executed, and lets it cosign:
// SQLite as the program has it needs none of these.
func TestServesConfined(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	probing := exec.Command(self, self)
	probing.Env = append(os.Environ(), confined+"=1", confined+"_NEXT="+probe)
	if output, err := probing.CombinedOutput(); err != nil || string(output) != probed {
		t.Fatalf("the kernel refuses nothing here: %v, %s", err, output)
	}

	s := newSite(t)
	log := witnesstest.NewLog(t, "log.example/a", 4)
	s.add(t, log)
	args := []string{self}
	if os.Getuid() == 0 {
		// The temporary directories are root's alone: what the service has is moved
		// to a place that its user reaches.
		directory, err := os.MkdirTemp("", "witness-confined-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(directory) })
		for from, to := range map[string]string{s.data: "data", s.key: "witness.key", binary: "muster-witness", self: "self"} {
			if output, err := exec.Command("cp", "-r", from, filepath.Join(directory, to)).CombinedOutput(); err != nil {
				t.Fatalf("%v, %s", err, output)
			}
		}
		if output, err := exec.Command("chown", "-R", nobody+":"+nobody, directory).CombinedOutput(); err != nil {
			t.Fatalf("%v, %s", err, output)
		}
		s = site{data: filepath.Join(directory, "data"), key: filepath.Join(directory, "witness.key")}
		args = []string{"setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups",
			"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", filepath.Join(directory, "self"), filepath.Join(directory, "muster-witness")}
	} else {
		args = append(args, binary)
	}
	args = append(args, "serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), confined+"=1", confined+"_NEXT=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }()
	first, err := bufio.NewReader(stderr).ReadString('\n')
	found := listening.FindStringSubmatch(first)
	if found == nil {
		t.Fatalf("got %q, %v", first, err)
	}
	p := &process{t: t, cmd: cmd, url: found[1]}
	for _, sizes := range [][2]int{{0, 2}, {2, 4}} {
		if status, answer, err := p.submit(log.Request(sizes[0], sizes[1]).Marshal()); status != http.StatusOK {
			t.Errorf("got %d %q, %v", status, answer, err)
		}
	}
}
