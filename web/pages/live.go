package pages

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	// maxLiveShown bounds the live releases of one channel on the page; the
	// others are in the list.
	maxLiveShown = 20
	// maxProducts bounds the products on the page.
	maxProducts = 100
)

type liveView struct {
	Checkpoint checkpointView
	Products   []productView
	More       int // products that are not shown
	Void       uint64
	Unknown    uint64
	Retired    *retiredView
	Authority  authorityLine
}

// authorityLine is the authority in force.
type authorityLine struct {
	Version int
	Index   uint64
	Expires time.Time
	Soon    bool // it expires within register.ExpiryAlarm
	Past    bool // it has expired
}

type productView struct {
	Name     string
	Channels []channelView
	Roll     rollLine
}

// rollLine is the newest roll of a product that is not struck.
type rollLine struct {
	Logged bool
	Index  uint64
	Issued time.Time
}

type channelView struct {
	Name     string
	Mode     release.Mode
	Releases []liveReleaseView
	More     int // live releases that are not shown
}

type liveReleaseView struct {
	Index    uint64
	Version  string
	Digest   release.Digest
	Since    time.Time // witnessed since; zero: not known
	NotAfter time.Time
	Past     bool // by this machine's clock; log time has not got there
	Images   []imageLine
}

type imageLine struct {
	Known   bool // the search index has it
	Index   uint64
	Digest  release.Digest
	Kind    release.Kind
	Name    string
	Version string
}

// live is the page of what is live now.
func (p *Pages) live(c echo.Context) error {
	ctx := c.Request().Context()
	view := liveView{Checkpoint: p.checkpoint()}
	size := view.Checkpoint.Size
	type found struct {
		product string
		live    []register.LiveRelease
		roll    rollLine
	}
	var all []found
	modes := make(map[string]release.Mode)
	indices := make(map[release.Digest]uint64)
	p.config.Log.View(func(state *register.State) {
		view.Void, view.Unknown = state.VoidAt(size), state.UnknownAt(size)
		if authority, _ := state.AuthorityAt(size); authority != nil {
			chain := state.AuthorityChain()
			view.Retired = retiredAt(state, size)
			inForce := log.AuthorityStatus{Version: authority.Version, Index: chain[authority.Version-1], Expires: authority.Expires}
			now := p.config.Now()
			view.Authority = authorityLine{Version: inForce.Version, Index: inForce.Index, Expires: inForce.Expires, Soon: inForce.ExpiresSoon(now), Past: !now.Before(inForce.Expires)}
			for _, channel := range authority.Channels {
				modes[channel.Name] = channel.Mode
			}
		}
		products := state.ProductsAt(size)
		view.More = max(0, len(products)-maxProducts)
		for _, product := range products[:len(products)-view.More] {
			live, _ := state.LiveAt(product, size)
			roll := rollLine{}
			if roll.Index, roll.Logged = state.NewestRoll(product, size); roll.Logged {
				record, _ := state.Entry(roll.Index)
				roll.Issued = record.Issued
			}
			all = append(all, found{product, live, roll})
			for _, entry := range live {
				for _, image := range entry.Images {
					if index, ok := state.Lookup(image); ok {
						indices[image] = index
					}
				}
			}
		}
	})
	for _, f := range all {
		product := productView{Name: f.product, Roll: f.roll}
		for _, channel := range byChannel(f.live, modes) {
			shown := channelView{Name: channel[0].Channel, Mode: modes[channel[0].Channel]}
			shown.More = max(0, len(channel)-maxLiveShown)
			for _, entry := range channel[:min(len(channel), maxLiveShown)] {
				shown.Releases = append(shown.Releases, p.liveRelease(ctx, entry, indices))
			}
			product.Channels = append(product.Channels, shown)
		}
		view.Products = append(view.Products, product)
	}
	title := "What is live"
	if view.Retired != nil {
		title = "What was live"
	}
	return p.render(c, http.StatusOK, "live", frame{Title: title, Here: "live", View: view})
}

// byChannel groups live releases by channel, those for production first, in each
// the newest entry first.
func byChannel(live []register.LiveRelease, modes map[string]release.Mode) [][]register.LiveRelease {
	production := func(e register.LiveRelease) int {
		if modes[e.Channel] == release.ModeProduction {
			return 0
		}
		return 1
	}
	sorted := slices.Clone(live)
	slices.SortFunc(sorted, func(a, b register.LiveRelease) int {
		return cmp.Or(cmp.Compare(production(a), production(b)), strings.Compare(a.Channel, b.Channel), cmp.Compare(b.Index, a.Index))
	})
	var channels [][]register.LiveRelease
	for i, entry := range sorted {
		if i == 0 || sorted[i-1].Channel != entry.Channel {
			channels = append(channels, nil)
		}
		last := len(channels) - 1
		channels[last] = append(channels[last], entry)
	}
	return channels
}

func (p *Pages) liveRelease(ctx context.Context, entry register.LiveRelease, indices map[release.Digest]uint64) liveReleaseView {
	return liveReleaseView{Index: entry.Index, Version: entry.Version, Digest: entry.Digest, Since: p.witnessed(ctx, entry.Index), NotAfter: entry.NotAfter,
		Past: !p.config.Now().Before(entry.NotAfter), Images: p.images(ctx, entry.Images, indices)}
}

// images describes images by their payload digests, in their order. What the
// search index does not have yet is shown by its digest.
func (p *Pages) images(ctx context.Context, digests []release.Digest, indices map[release.Digest]uint64) []imageLine {
	var asked []uint64
	for _, digest := range digests {
		if index, ok := indices[digest]; ok {
			asked = append(asked, index)
		}
	}
	byIndex := make(map[uint64]log.Record)
	if records, err := p.config.Index.Records(ctx, asked); err == nil {
		for _, record := range records {
			byIndex[record.Index] = record
		}
	}
	lines := make([]imageLine, 0, len(digests))
	for _, digest := range digests {
		line := imageLine{Digest: digest, Index: indices[digest]}
		if record, ok := byIndex[line.Index]; ok && record.Payload == digest {
			line.Known, line.Kind, line.Name, line.Version = true, record.Kind, record.Name, record.Version
		}
		lines = append(lines, line)
	}
	slices.SortStableFunc(lines, func(a, b imageLine) int { return kindOrder(a.Kind) - kindOrder(b.Kind) })
	return lines
}

// kindOrder lists what boots first, what is loaded after it next.
func kindOrder(kind release.Kind) int {
	order := []release.Kind{release.KindOS, release.KindFirmware, release.KindModel, release.KindAdapter, release.KindConfig}
	if at := slices.Index(order, kind); at >= 0 {
		return at
	}
	return len(order)
}
