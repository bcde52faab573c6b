package main

import (
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/register"
)

// registerOptions are those of every register that this program makes: it judges
// OpenPGP and X.509 signatures, too, as the log does.
func (a *app) registerOptions() []register.Option {
	return []register.Option{register.WithForeignVerifier(foreign.Verify)}
}
