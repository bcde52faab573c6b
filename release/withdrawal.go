package release

import "time"

// Withdrawal takes back an image or a release, earlier and later entries alike.
type Withdrawal struct {
	Issued      time.Time
	Authority   Digest // payload digest of the authority in force
	Product     string
	Target      Digest  // payload digest of an image or a release: the subject
	Reason      string  // a code [a-z][a-z0-9-]{0,63}, such as ReasonVulnerability
	Replacement *Digest // payload digest of what to use instead, if there is something
	Note        string
}

// The recommended reasons of a withdrawal. Others are allowed.
const (
	ReasonVulnerability = "vulnerability" // it can be made to break its promise
	ReasonCompromised   = "compromised"   // a key or a build machine behind it was not its owner's
	ReasonDefect        = "defect"        // it does not work as it should
	ReasonSuperseded    = "superseded"    // it is replaced, and not to run any more
	ReasonMistake       = "mistake"       // it was never meant to be logged
)
