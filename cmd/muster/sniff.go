package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

// kindsByMembers are the JSON files of the work, each known by members that no
// other has together.
var kindsByMembers = []struct {
	kind    string
	members []string
}{
	{"a proof bundle", []string{"anchors", "checkpoint", "entries"}},
	{"a signature file", []string{"keyid", "payload", "sig"}},
	{"a measurement", []string{"artifacts", "kind", "measurements"}},
	{"requirements", []string{"authority", "channels", "logOperator", "products"}},
	{"a memory", []string{"authorities", "logs"}},
	{"evidence", []string{"kind", "origin"}},
	{"a node's answer", []string{"batch", "bundle", "evidence", "profile"}},
	{"a record", []string{"answer", "nonce", "spki"}},
	{"an authority's plan", []string{"origin", "roles"}},
	{"an envelope", []string{"payload", "payloadType", "signatures"}},
}

// sniff says what a file seems to be, for the message to somebody who gave the
// wrong one; empty: nothing that is known. It judges nothing.
func sniff(data []byte) string {
	text := string(data)
	switch {
	case strings.HasPrefix(text, "-----BEGIN") && strings.Contains(text, "PRIVATE KEY"):
		return "a private key"
	case strings.HasPrefix(text, "-----BEGIN") && strings.Contains(text, "PUBLIC KEY"):
		return "a public key"
	case strings.HasPrefix(text, "-----BEGIN SSH SIGNATURE"):
		return "an SSH signature"
	case strings.HasPrefix(text, "-----BEGIN PGP SIGNATURE"):
		return "an OpenPGP signature"
	case strings.HasPrefix(text, "-----BEGIN CERTIFICATE"):
		return "a certificate"
	case strings.HasPrefix(text, "untrusted comment: ") && strings.Contains(text, "\ntrusted comment: "):
		return "a minisign signature"
	case strings.HasPrefix(text, "untrusted comment: "), strings.HasPrefix(text, "ssh-"), strings.HasPrefix(text, "ecdsa-sha2-"), strings.HasPrefix(text, "sk-"):
		return "a public key"
	case strings.HasPrefix(text, "DSSEv1 "):
		return "what pae writes, not signed"
	case strings.HasPrefix(text, "c2sp.org/tlog-proof@"):
		return "an entry's proof"
	case strings.Contains(text, "\n\n\u2014 "):
		return "a checkpoint"
	}
	if doc, err := parseDocument(data); err == nil {
		return draftOf(doc.statement.Type)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil {
		for _, known := range kindsByMembers {
			all := true
			for _, name := range known.members {
				all = all && members[name] != nil
			}
			if all {
				return known.kind
			}
		}
		return ""
	}
	for line := range bytes.Lines(data) {
		if word, _, _ := strings.Cut(string(line), " "); word == "log" || word == "witness" || word == "quorum" {
			return "a policy"
		}
	}
	return ""
}

// draftOf is the kind of a draft; of no type: of any.
func draftOf(what release.Type) string {
	switch what {
	case "":
		return "a draft"
	case release.TypeAuthority, release.TypeImage:
		return "an " + string(what) + " draft"
	}
	return "a " + string(what) + " draft"
}

// wrongFile is the error of a file of another kind than wanted, where what it is
// can be told; else it is err, which says what is wrong with it.
func wrongFile(path string, data []byte, want string, err error) error {
	got := sniff(data)
	if got == "" || got == want || (want == "a draft" && (got == "an envelope" || strings.HasSuffix(got, " draft"))) {
		return err
	}
	if got == "an envelope" && strings.HasSuffix(want, " draft") {
		return err // one that is damaged
	}
	return fail(exitcode.Usage, "wrong-file", "", fmt.Errorf("%s is %s, want %s", path, got, want))
}

// verifyOf names the command that judges what is no proof bundle.
var verifyOf = map[string]string{
	"evidence":        "muster verify fork",
	"a node's answer": "muster verify evidence",
	"a record":        "muster verify record",
}

// otherVerify refuses what another command judges, and names it.
func otherVerify(path string, data []byte) error {
	got := sniff(data)
	if verifyOf[got] == "" {
		return nil
	}
	return fail(exitcode.Usage, "wrong-file", "judge it with "+verifyOf[got], fmt.Errorf("%s is %s, want a proof bundle", path, got))
}
