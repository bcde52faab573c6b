package tpm

import (
	"fmt"
	"io"
	"os"

	"github.com/muster-log/muster/attest"
)

// DefaultEventLog is where the kernel shows the firmware's event log.
const DefaultEventLog = "/sys/kernel/security/tpm0/binary_bios_measurements"

// EventLog reads the firmware's event log. It is at most attest.MaxEventLog bytes.
func EventLog(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the event log: %w: is securityfs mounted, and may this user read it?", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, attest.MaxEventLog+1))
	if err != nil {
		return nil, fmt.Errorf("read the event log: %w", err)
	}
	if len(data) > attest.MaxEventLog {
		return nil, fmt.Errorf("read the event log: %s has more than %d bytes", path, attest.MaxEventLog)
	}
	return data, nil
}
