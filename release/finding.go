package release

import "time"

// Finding is what an auditor says about an entry. The type is reserved: it
// decodes, so that its form stays free of other uses, and no log admits it.
type Finding struct {
	Issued    time.Time
	Authority Digest // payload digest of the authority in force
	Product   string
	Entry     Digest // payload digest of the entry it is about: the subject
	Auditor   string // who found it
	Result    string // a code [a-z][a-z0-9-]{0,63}
	Reference string // an https URL of the report
}
