package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/verify"
)

// maxKernelLine bounds a record of /dev/kmsg, in bytes: the kernel refuses those of
// about a thousand.
const maxKernelLine = 900

// Places are where a verdict about this machine goes.
type Places struct {
	Text   io.Writer // for whoever watches: standard error
	Kernel string    // the kernel's log: /dev/kmsg; empty: not there
	File   string    // the verdict's JSON: /run/muster/verdict.json; empty: nowhere
}

// DefaultPlaces are those of a real machine.
func DefaultPlaces(text io.Writer) Places {
	return Places{Text: text, Kernel: "/dev/kmsg", File: "/run/muster/verdict.json"}
}

// Write writes a verdict to all places, and goes on at a place that fails.
func (p Places) Write(program string, v *verify.Verdict) error {
	var failures []error
	for _, line := range Words(v) {
		_, err := fmt.Fprintf(p.Text, "%s: %s\n", program, line)
		failures = append(failures, err)
	}
	if p.Kernel != "" {
		failures = append(failures, p.kernel(program, v))
	}
	if p.File != "" {
		failures = append(failures, p.file(v))
	}
	return errors.Join(failures...)
}

// Words are lines for people: what it came to, and each check that decided.
func Words(v *verify.Verdict) []string {
	words := map[verify.Result]string{
		verify.Pass:    "this machine passes muster",
		verify.Fail:    "this machine does not pass muster",
		verify.Unknown: "whether this machine passes muster cannot be told",
	}
	first := words[v.Result]
	if released := v.Judged.Release; released != nil && v.Result == verify.Pass {
		first += fmt.Sprintf(": it runs %s %s %s", released.Product, released.Channel, released.Version)
	}
	lines := []string{first}
	for _, check := range v.Checks {
		if check.Decisive() {
			lines = append(lines, fmt.Sprintf("%s: expected %s, found %s", check.Code, check.Expected, check.Found))
		}
	}
	if v.Result == verify.Fail {
		return append(lines, "the TPM says so until this machine boots again")
	}
	for _, check := range v.Checks {
		if check.Status == verify.StatusWaived {
			lines = append(lines, fmt.Sprintf("note: %s: %s", check.Code, check.Found))
		}
	}
	return lines
}

func (p Places) kernel(program string, v *verify.Verdict) error {
	log, err := os.OpenFile(p.Kernel, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	level := 5 // notice
	if v.Result != verify.Pass {
		level = 3 // error
	}
	for _, line := range Words(v) {
		// One write is one record.
		record := fmt.Sprintf("<%d>%s: %s", level, program, line)
		if _, err := log.WriteString(record[:min(len(record), maxKernelLine)] + "\n"); err != nil {
			return err
		}
	}
	return nil
}

func (p Places) file(v *verify.Verdict) error {
	data, err := v.Marshal()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.File), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(p.File, append(data, '\n'), 0o644)
}
