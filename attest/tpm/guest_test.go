package tpm

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// guest is a file of testdata: testdata/README.md.
type guest struct {
	PCRs     map[int]string `json:"pcrs"`
	EventLog []byte         `json:"eventlog"`
}

func TestReplayRealGuests(t *testing.T) {
	for _, name := range []string{"secureboot-nophases", "secureboot-dracut-4phases", "nosecureboot"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var g guest
			if err := json.Unmarshal(data, &g); err != nil {
				t.Fatal(err)
			}
			log, err := ParseEventLog(g.EventLog)
			if err != nil {
				t.Fatal(err)
			}
			for _, pcr := range []int{0, 1, 2, 3, 4, 5, 6, 7, 9} {
				got, err := log.Replay(pcr)
				if err != nil {
					t.Fatal(err)
				}
				if hex.EncodeToString(got[:]) != g.PCRs[pcr] {
					t.Errorf("PCR %d: got %x, want %s", pcr, got, g.PCRs[pcr])
				}
			}
		})
	}
}
