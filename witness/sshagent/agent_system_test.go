//go:build system

package sshagent

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openSSH is OpenSSH's agent at a socket, and its keys in a directory.
type openSSH struct {
	directory, socket string
	agent             *exec.Cmd
}

func newOpenSSH(t *testing.T) *openSSH {
	t.Helper()
	socket := socketPath(t)
	a := &openSSH{directory: filepath.Dir(socket), socket: socket}
	a.start(t)
	return a
}

// start runs ssh-agent in the foreground until the test ends.
func (a *openSSH) start(t *testing.T) {
	t.Helper()
	a.agent = exec.Command("ssh-agent", "-D", "-a", a.socket)
	if err := a.agent.Start(); err != nil {
		t.Fatal(err)
	}
	running := a.agent
	t.Cleanup(func() {
		if running.ProcessState == nil {
			running.Process.Kill()
			running.Wait()
		}
	})
	for range 500 {
		if _, err := os.Stat(a.socket); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("ssh-agent makes no socket")
}

// stop ends the agent, and with it its keys.
func (a *openSSH) stop(t *testing.T) {
	t.Helper()
	if err := a.agent.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	a.agent.Wait()
	os.Remove(a.socket)
}

// run runs one of OpenSSH's programs with this agent; answers goes to what asks
// for a password.
func (a *openSSH) run(t *testing.T, password, program string, args ...string) string {
	t.Helper()
	ask := filepath.Join(a.directory, "askpass")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho "+password+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+a.socket, "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v, %s", program, args, err, output)
	}
	return string(output)
}

// key makes a key file of a type and returns its path and fingerprint.
func (a *openSSH) key(t *testing.T, kind string) (path, fingerprint string) {
	t.Helper()
	path = filepath.Join(a.directory, kind)
	a.run(t, "", "ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path)
	return path, strings.Fields(a.run(t, "", "ssh-keygen", "-l", "-f", path))[1]
}

// TestOpenSSH: a key in OpenSSH's agent signs, also after the agent was locked
// and unlocked, and restarted.
func TestOpenSSH(t *testing.T) {
	a := newOpenSSH(t)
	path, fingerprint := a.key(t, "ed25519")
	public, err := PublicKey("", path+".pub")
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(want string, err error) {
		t.Helper()
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Fingerprint != fingerprint || !strings.Contains(err.Error(), want) || !strings.Contains(failed.Hint, "ssh-add") {
			t.Errorf("got %v, want %q and the key %s", err, want, fingerprint)
		}
	}
	_, err = Open(a.socket, public)
	refuses("holds no key, or is locked", err)

	a.run(t, "", "ssh-add", path)
	if !strings.Contains(a.run(t, "", "ssh-add", "-l"), fingerprint) {
		t.Fatal("ssh-add prints another fingerprint")
	}
	if found, err := PublicKey(a.socket, fingerprint); err != nil || !found.Equal(public) {
		t.Errorf("by fingerprint: got %x, %v", found, err)
	}
	signer, err := Open(a.socket, public)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	signs := func() {
		t.Helper()
		signature, err := signer.Sign(nil, []byte("message"), crypto.Hash(0))
		if err != nil || !ed25519.Verify(public, []byte("message"), signature) {
			t.Errorf("got %x, %v", signature, err)
		}
	}
	signs()

	a.run(t, "password", "ssh-add", "-x")
	_, err = signer.Sign(nil, []byte("message"), crypto.Hash(0))
	refuses("does not sign", err)
	_, err = Open(a.socket, public)
	refuses("holds no key, or is locked", err)
	a.run(t, "password", "ssh-add", "-X")
	signs()

	a.stop(t)
	_, err = signer.Sign(nil, []byte("message"), crypto.Hash(0))
	refuses("no such file", err)
	a.start(t)
	_, err = signer.Sign(nil, []byte("message"), crypto.Hash(0))
	refuses("does not sign", err)
	a.run(t, "", "ssh-add", path)
	signs()

	// Within two signatures, so that the old connection is what is asked.
	a.stop(t)
	a.start(t)
	a.run(t, "", "ssh-add", path)
	signs()
}

// TestOpenSSHConfirm: a key whose every use a person has to confirm is found out
// at the start.
func TestOpenSSHConfirm(t *testing.T) {
	t.Setenv("SSH_ASKPASS", "/bin/false") // the agent's: nobody confirms
	a := newOpenSSH(t)
	path, _ := a.key(t, "ed25519")
	public, err := PublicKey("", path+".pub")
	if err != nil {
		t.Fatal(err)
	}
	a.run(t, "", "ssh-add", "-c", path)
	_, err = Open(a.socket, public)
	if failed, ok := errors.AsType[*Error](err); !ok || !strings.Contains(failed.Hint, "ssh-add -c") {
		t.Errorf("got %v", err)
	}
}

// TestOpenSSHOtherKeys: keys of OpenSSH that make no cosignatures are refused by
// name, in the agent and as files.
func TestOpenSSHOtherKeys(t *testing.T) {
	a := newOpenSSH(t)
	for _, kind := range []string{"rsa", "ecdsa"} {
		path, fingerprint := a.key(t, kind)
		a.run(t, "", "ssh-add", path)
		for _, named := range []string{fingerprint, path + ".pub"} {
			if _, err := PublicKey(a.socket, named); err == nil || !strings.Contains(err.Error(), "want ssh-ed25519") || !strings.Contains(err.Error(), kind) {
				t.Errorf("%s: got %v", named, err)
			}
		}
	}
	// A certificate is added beside its key, and has the key's fingerprint.
	authority, _ := a.key(t, "rsa-sha2-512")
	path, fingerprint := a.key(t, "ed25519")
	a.run(t, "", "ssh-keygen", "-q", "-s", authority, "-I", "w1", path+".pub")
	a.run(t, "", "ssh-add", path)
	public, err := PublicKey(a.socket, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err := Open(a.socket, public); err != nil {
		t.Error(err)
	} else {
		signer.Close()
	}
	if _, err := PublicKey(a.socket, path+"-cert.pub"); err == nil || !strings.Contains(err.Error(), "is a certificate") {
		t.Errorf("a certificate's file: got %v", err)
	}
}
