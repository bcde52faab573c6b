package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMachineSources(t *testing.T) {
	const main = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
	const security = "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"deb822, with others": {map[string]string{
			"sources.list.d/debian.sources": "# a comment\nTypes: deb deb-src\n# another\nURIs: http://mirror.example/debian\nSuites: trixie\n trixie-updates\nComponents: main contrib\nSigned-By: /keys.gpg\n\nTypes: deb\nURIs: http://mirror.example/debian-security\nSuites: trixie-security\nComponents: main\n",
			"sources.list.d/other.sources":  "Types: deb\nURIs: https://packages.example/node\nSuites: nodistro\nComponents: main\n",
			"sources.list.d/off.sources":    "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main\n",
			"sources.list.d/x.disabled":     "Types: deb\nURIs: http://aaa.example/debian\nSuites: trixie\nComponents: main\n",
		}, main + security},
		"lines": {map[string]string{
			"sources.list": "#deb http://old.example/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main # here\ndeb-src http://src.example/debian bookworm main\ndeb [ arch=amd64 ] http://mirror.example/debian-security bookworm-security main\ndeb http://packages.example/apt cloud main\n",
		}, main + security},
		"no security":  {map[string]string{"sources.list": "deb http://mirror.example/debian bookworm main\n"}, main},
		"not main":     {map[string]string{"sources.list": "deb http://mirror.example/debian bookworm contrib\n"}, ""},
		"no sources":   {nil, ""},
		"other distro": {map[string]string{"sources.list": "deb http://archive.example/ubuntu noble main\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			if err := os.MkdirAll(filepath.Join(directory, "sources.list.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range test.files {
				if err := os.WriteFile(filepath.Join(directory, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := machineSources(directory)
			if (err != nil) != (test.want == "") {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestReach: how to reach a mirror is taken over; what weakens signatures, or
// runs programs, is not.
func TestReach(t *testing.T) {
	dump := `Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://127.0.0.1:3128";
Acquire::http::Proxy::deb.debian.org "DIRECT";
Acquire::http::Timeout "30";
Acquire::https::CaInfo "/etc/ca.pem";
Acquire::https::Verify-Peer "false";
Acquire::AllowInsecureRepositories "true";
Acquire::Check-Valid-Until "false";
Acquire::Changelogs::URI::Origin::Debian "https://metadata.example/x";
APT::Update::Post-Invoke:: "rm -f /x";
`
	want := `Acquire::http::Proxy "http://127.0.0.1:3128";
Acquire::http::Proxy::deb.debian.org "DIRECT";
Acquire::https::CaInfo "/etc/ca.pem";
Acquire::Check-Valid-Until "false";
`
	if diff := cmp.Diff(want, reach(dump)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
