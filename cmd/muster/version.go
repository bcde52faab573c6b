package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is what the program knows of its own making, from the build
// information that Go puts into every program.
type buildVersion struct {
	// Version is the module's version; "(devel)" for a build from a checkout
	// without a tag.
	Version string `json:"version"`
	// Revision and Time are of the commit it was built from; empty if unknown.
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	// Modified says that the checkout held changes that are not committed.
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which version this is, and what it was built from",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			return a.print(v, func(p *page) {
				p.line("muster %s", v.Version)
				if v.Revision != "" {
					changed := ""
					if v.Modified {
						changed = ", with changes that are not committed"
					}
					p.field("commit", "%s of %s%s", v.Revision, v.Time, changed)
				}
				p.field("built with", "%s for %s", v.Go, v.Platform)
			})
		},
	}
}

func readVersion() buildVersion {
	v := buildVersion{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}
