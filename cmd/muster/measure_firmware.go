package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

// firmwarePCRs are those whose values profile firmware-pcrs/v1 always lists;
// secureBootPCR is the one that it may list.
var firmwarePCRs = []int{0, 2, 3, 6}

const secureBootPCR = 7

// mediaTypeEventLog is that of a TCG event log as an artifact.
const mediaTypeEventLog = "application/vnd.tcg.event-log"

type measureFirmwareOptions struct {
	images     []string
	secureBoot bool
	out        measureOut
}

func (a *app) measureFirmwareCommand() *cobra.Command {
	var o measureFirmwareOptions
	cmd := &cobra.Command{
		Use:   "firmware OBSERVED...",
		Short: "take the PCR values of firmware from machines that run it",
		Long: `Takes the reference values of profile firmware-pcrs/v1: what PCRs 0, 2, 3 and 6 held on
machines that run this firmware as they should. OBSERVED is the event log of such a
machine, a copy of /sys/kernel/security/tpm0/binary_bios_measurements, or its answer
to an evidence request. Give one for each form of machine: PCR 0 of the same firmware
may vary with the number of processors and the size of memory. Every value that was
seen is listed.

The values are observed, not computed: they are as good as the machines you took them
from. Nothing is checked of who signed an answer. The files become the artifacts of the
image, so that others can replay them; --image adds the firmware's own files.

--secure-boot lists PCR 7, too: the state of Secure Boot, its keys, and which key
verified what was started. Then a machine with other keys, or a newer list of revoked
ones, fails.`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.measureFirmware(cmd, args, &o) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.images, "image", nil, "a `FILE` of the firmware, as an artifact; may be repeated")
	flags.BoolVar(&o.secureBoot, "secure-boot", false, "list the values of PCR 7, too")
	o.out.flags(cmd)
	return cmd
}

func (a *app) measureFirmware(cmd *cobra.Command, observed []string, o *measureFirmwareOptions) error {
	if err := checkFree(o.out.path, o.out.force); err != nil {
		return err
	}
	pcrs := slices.Clone(firmwarePCRs)
	if o.secureBoot {
		pcrs = append(pcrs, secureBootPCR)
	}
	values := &release.FirmwarePCRs{Basis: release.BasisObserved, PCRs: map[int][]release.Digest{}}
	m := &measurement{kind: release.KindFirmware, measurements: release.Measurements{FirmwarePCRs: values}}
	for _, path := range observed {
		log, mediaType, err := a.readObserved(path)
		if err != nil {
			return err
		}
		for _, pcr := range pcrs {
			value, err := log.Replay(pcr)
			if err != nil {
				return err
			}
			if !slices.Contains(values.PCRs[pcr], release.Digest(value)) {
				values.PCRs[pcr] = append(values.PCRs[pcr], value)
			}
		}
		if err := a.addArtifact(cmd, m, path, mediaType); err != nil {
			return err
		}
	}
	for _, path := range o.images {
		if err := a.addArtifact(cmd, m, path, measure.MediaTypeFile); err != nil {
			return err
		}
	}
	return a.printMeasurement(m, release.ModeProduction, o.out, func(p *page) {
		p.line("firmware, profile %s, observed on %s:", release.ProfileFirmwarePCRs, count(len(observed), "machine"))
		for _, pcr := range slices.Sorted(maps.Keys(values.PCRs)) {
			for i, value := range values.PCRs[pcr] {
				p.field(first(i, "PCR "+strconv.Itoa(pcr)), "%s", value)
			}
		}
		if !o.secureBoot {
			p.field("PCR 7", "not listed: verifiers judge that Secure Boot is on, and report the rest")
		}
	})
}

// addArtifact measures a file as an artifact of the image.
func (a *app) addArtifact(cmd *cobra.Command, m *measurement, path, mediaType string) error {
	artifact, err := measure.File(cmd.Context(), path, mediaType, a.progress())
	if err != nil {
		return measured(err)
	}
	if slices.ContainsFunc(m.artifacts, func(other release.Artifact) bool { return other.Name == artifact.Name }) {
		return usage(cmd, fmt.Errorf("%s: two files have the name %s: artifacts of one image need different names", quoteUnprintable(path), artifact.Name))
	}
	m.artifacts = append(m.artifacts, artifact)
	return nil
}

// readObserved reads the event log of a machine, which lies bare in the file or in
// an answer. Of an answer the quoted values must be those of its log.
func (a *app) readObserved(path string) (*tpm.EventLog, string, error) {
	data, err := a.readFile(path, "observed machine", attest.MaxAnswer)
	if err != nil {
		return nil, "", err
	}
	if !bytes.HasPrefix(data, []byte("{")) {
		log, err := tpm.ParseEventLog(data)
		if err != nil {
			return nil, "", wrongFile(path, data, "an event log", fail(exitcode.Refused, "event-log-form", "copy /sys/kernel/security/tpm0/binary_bios_measurements of the machine", fmt.Errorf("%s: %w", path, err)))
		}
		return log, mediaTypeEventLog, nil
	}
	answer, err := attest.ParseAnswer(data)
	if err != nil {
		return nil, "", wrongFile(path, data, "a node's answer", fail(exitcode.Refused, "answer-form", "", fmt.Errorf("%s: %w", path, err)))
	}
	log, err := observedLog(answer)
	if err != nil {
		return nil, "", fail(exitcode.Refused, "event-log-form", "", fmt.Errorf("%s: %w", path, err))
	}
	return log, "application/json", nil
}

// observedLog is the event log of an answer, whose replay gives the answer's PCRs.
func observedLog(answer *attest.Answer) (*tpm.EventLog, error) {
	const size = len(attest.Digest{})
	quoted := answer.Evidence["pcrs"]
	if answer.Profile != attest.ProfileTPM2UKI || len(quoted) != 16*size {
		return nil, fmt.Errorf("got an answer of profile %s with PCRs of %d bytes, want one of %s with 16 PCRs", quote(answer.Profile), len(quoted), attest.ProfileTPM2UKI)
	}
	if len(answer.EventLog) == 0 {
		return nil, errors.New("the answer holds no event log")
	}
	log, err := tpm.ParseEventLog(answer.EventLog)
	if err != nil {
		return nil, err
	}
	for _, pcr := range append(slices.Clone(firmwarePCRs), secureBootPCR) {
		value, err := log.Replay(pcr)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(value[:], quoted[pcr*size:(pcr+1)*size]) {
			return nil, fmt.Errorf("its event log gives PCR %d %x, its quote %x", pcr, value, quoted[pcr*size:(pcr+1)*size])
		}
	}
	return log, nil
}
