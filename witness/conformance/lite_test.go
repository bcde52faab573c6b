//go:build system

package conformance

import (
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/litewitnesstest"
)

// litewitness is the program that ours is compared with.
type litewitness struct{}

func (litewitness) name() string  { return "litewitness " + litewitnesstest.Version }
func (litewitness) foreign() bool { return true }

func (litewitness) install(t testing.TB, directory string) instance {
	t.Helper()
	return &liteInstance{litewitnesstest.New(t, directory, "litewitness.example/w"), t}
}

// liteInstance is one litewitness.
type liteInstance struct {
	*litewitnesstest.Witness
	t testing.TB
}

func (i *liteInstance) start(flags ...string) error {
	if len(flags) > 0 {
		return cannot("it has nothing of that kind to set")
	}
	return i.Start()
}

func (i *liteInstance) stop() error              { return i.Stop() }
func (i *liteInstance) kill() error              { return i.Kill() }
func (i *liteInstance) pid() int                 { return i.PID() }
func (i *liteInstance) url() string              { return i.URL() }
func (i *liteInstance) keys() []tlog.VerifierKey { return []tlog.VerifierKey{i.Key()} }
func (i *liteInstance) database() string         { return i.Database() }
func (i *liteInstance) anchor() string           { return "" }

func (i *liteInstance) addLog(origin string, key tlog.VerifierKey) error {
	return i.AddLog(origin, key)
}
func (i *liteInstance) disableLog(origin string) error { return i.DisableLog(origin) }
func (i *liteInstance) disableKey(origin string, key tlog.VerifierKey) error {
	return i.DisableKey(origin, key)
}

func (i *liteInstance) second(same second) error {
	if same == sameDatabase {
		return i.Second(i.Database())
	}
	return i.Second(filepath.Join(i.t.TempDir(), "data"))
}

func (i *liteInstance) signingKeys() ([]*tlog.SigningKey, error) {
	return nil, cannot("its private key stays in the ssh-agent")
}

func (i *liteInstance) tool(arguments ...string) (string, error) {
	return "", cannot("it has no command of that kind, and nothing specified demands one: " + arguments[0])
}
