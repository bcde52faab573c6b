package main

import (
	"errors"
	"strings"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/download"
	"github.com/muster-log/muster/release/measure"
	"github.com/muster-log/muster/release/register"
)

// downloaded is what release download prints.
type downloaded struct {
	Origin  string         `json:"origin"`
	Size    uint64         `json:"size"`
	Index   uint64         `json:"index"`
	Digest  release.Digest `json:"digest"`
	Product string         `json:"product"`
	Channel string         `json:"channel"`
	Version string         `json:"version"`
	// Standing and Why say how the release stands, by the log's index; absent of a
	// bundle in a file, which says what was live when it was made.
	Standing register.Word     `json:"standing,omitempty"`
	Why      string            `json:"why,omitempty"`
	Images   []downloadedImage `json:"images"`
	// Result is one of the words below.
	Result string `json:"result"`

	exit int
}

// What a download comes to.
const (
	resultAgrees     = "agrees"
	resultDiffers    = "differs"
	resultIncomplete = "incomplete"
)

type downloadedImage struct {
	Kind      release.Kind         `json:"kind"`
	Name      string               `json:"name"`
	Version   string               `json:"version"`
	Mode      release.Mode         `json:"mode"`
	Digest    release.Digest       `json:"digest"`
	StruckBy  *uint64              `json:"struckBy,omitempty"`
	Directory string               `json:"directory"`
	Artifacts []downloadedArtifact `json:"artifacts"`
	// Agreed and the rest are empty while not all artifacts are there.
	Agreed      []string             `json:"agreed"`
	Differences []measuredDifference `json:"differences"`
	NotMeasured []notMeasured        `json:"notMeasured"`

	measured bool
}

type downloadedArtifact struct {
	Name   string         `json:"name"`
	Digest release.Digest `json:"sha256"`
	Size   uint64         `json:"size"`
	// Status is fetched, there or failed.
	Status  string `json:"status"`
	URL     string `json:"url,omitempty"`
	Resumed uint64 `json:"resumed,omitempty"`
	Code    string `json:"code,omitempty"`
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// How an artifact came to be there, or not.
const (
	artifactFetched = "fetched"
	artifactThere   = "there"
	artifactFailed  = "failed"
)

type measuredDifference struct {
	Member   string `json:"member"`
	File     string `json:"file,omitempty"`
	Stated   string `json:"stated"`
	Measured string `json:"measured"`
}

type notMeasured struct {
	Member string `json:"member"`
	Why    string `json:"why"`
}

func newDownloaded(logged *loggedBundle, newest *loggedStatement, images []loggedStatement) *downloaded {
	stated := newest.statement.Predicate.(*release.Release)
	d := &downloaded{Origin: logged.origin, Size: logged.size, Index: newest.index, Digest: newest.digest,
		Product: stated.Product, Channel: stated.Channel, Version: stated.Version, Images: []downloadedImage{}}
	for _, image := range images {
		stated := image.statement.Predicate.(*release.Image)
		d.Images = append(d.Images, downloadedImage{Kind: stated.Kind, Name: stated.Name, Version: stated.Version, Mode: stated.Mode, Digest: image.digest,
			StruckBy: image.struckBy, Directory: imageDirectory(stated), Artifacts: []downloadedArtifact{},
			Agreed: []string{}, Differences: []measuredDifference{}, NotMeasured: []notMeasured{}})
	}
	return d
}

// imageDirectory is the name of an image's directory. Slashes of its name become
// plus signs, which no name has; that no two images have one directory, download
// sees to.
func imageDirectory(image *release.Image) string {
	return string(image.Kind) + "-" + strings.ReplaceAll(image.Name, "/", "+") + "-" + image.Version
}

func (d *downloaded) sets(images []loggedStatement) []download.Set {
	var sets []download.Set
	for i, image := range images {
		sets = append(sets, download.Set{Directory: d.Images[i].Directory, Artifacts: image.statement.Predicate.(*release.Image).Artifacts})
	}
	return sets
}

// note takes in what became of the artifacts, which are in the order of the sets.
func (d *downloaded) note(fetched []download.Fetched) {
	for _, f := range fetched {
		directory, _, _ := strings.Cut(f.Path, "/")
		for i := range d.Images {
			if d.Images[i].Directory == directory {
				d.Images[i].Artifacts = append(d.Images[i].Artifacts, downloadedOf(f))
			}
		}
	}
}

func downloadedOf(f download.Fetched) downloadedArtifact {
	shown := downloadedArtifact{Name: f.Artifact.Name, Digest: f.Artifact.Digest, Size: f.Artifact.Size, Status: artifactFetched, URL: f.URL, Resumed: f.Resumed}
	if f.There {
		shown.Status = artifactThere
	}
	if failed, ok := errors.AsType[*download.Error](f.Err); ok {
		shown.Status, shown.Code, shown.Problem, shown.Hint = artifactFailed, string(failed.Code), oneLine(failed.Err.Error()), failed.Hint
	}
	return shown
}

func (i *downloadedImage) complete() bool {
	for _, artifact := range i.Artifacts {
		if artifact.Status == artifactFailed {
			return false
		}
	}
	return true
}

func (i *downloadedImage) compared(c *measure.Comparison) {
	i.measured, i.Agreed = true, append(i.Agreed, c.Agreed...)
	for _, d := range c.Differences {
		i.Differences = append(i.Differences, measuredDifference(d))
	}
	for _, n := range c.NotMeasured {
		i.NotMeasured = append(i.NotMeasured, notMeasured(n))
	}
}

// conclude says what all of it comes to. A difference weighs more than a file that
// could not be had.
func (d *downloaded) conclude() {
	d.Result, d.exit = resultAgrees, exitcode.Verified
	for _, image := range d.Images {
		if !image.complete() && d.Result == resultAgrees {
			d.Result, d.exit = resultIncomplete, exitcode.Unknown
		}
		differs := len(image.Differences) > 0
		for _, artifact := range image.Artifacts {
			differs = differs || artifact.Code == string(download.CodeDigest)
		}
		if differs {
			d.Result, d.exit = resultDiffers, exitcode.Refused
		}
	}
}

// maxShown bounds how many differences of an image are shown to people; --json has
// all of them.
const maxShown = 40

// downloaded writes what was fetched, and how it compares.
func (p *page) downloaded(d *downloaded) {
	p.line("release %s of %s in channel %s", d.Version, d.Product, d.Channel)
	p.field("digest", "%s", d.Digest)
	p.field("log", "%s, entry %d of %d, proved with your policy", quote(d.Origin), d.Index, d.Size)
	if d.Standing != "" {
		p.field("stands", "%s, says the log's index", d.Why)
	}
	for _, image := range d.Images {
		p.line("%s/%s %s, %s, in %s", image.Kind, image.Name, image.Version, image.Mode, image.Directory)
		if image.StruckBy != nil {
			p.field("struck", "by the authority at entry %d: it was signed with a key that is listed as compromised", *image.StruckBy)
		}
		for _, artifact := range image.Artifacts {
			switch artifact.Status {
			case artifactFailed:
				p.field("failed", "%s: %s", artifact.Name, artifact.Problem)
				if artifact.Hint != "" {
					p.field("", "%s", artifact.Hint)
				}
			case artifactThere:
				p.field("there", "%s, %d bytes", artifact.Name, artifact.Size)
			default:
				from := ""
				if artifact.URL != "" {
					from = ", from " + artifact.URL
				}
				p.field("fetched", "%s, %d bytes%s", artifact.Name, artifact.Size, from)
			}
		}
		if !image.measured {
			p.field("not measured", "not all of its files are there")
			continue
		}
		p.field("agree", "%d values of the statement and its files", len(image.Agreed))
		for n, difference := range image.Differences {
			if n == maxShown {
				p.field("differ", "and %d more: --json lists all", len(image.Differences)-maxShown)
				break
			}
			p.field("differs", "%s", difference.Member)
			p.field("", "stated %s", quoteWhole(difference.Stated))
			p.field("", "measured %s", quoteWhole(difference.Measured))
		}
		for _, n := range image.NotMeasured {
			p.field("not measured", "%s: %s", n.Member, n.Why)
		}
	}
	switch d.Result {
	case resultAgrees:
		p.line("result: statements, bytes and measurements agree")
	case resultDiffers:
		p.line("result: something differs, do not use these files")
	default:
		p.line("result: not all files could be fetched, so not all is compared")
	}
}
