package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

const (
	// PageLimit is how many entries a log lists at once.
	PageLimit = 200
	// maxPage bounds the answer with a page in bytes: 8 KiB an entry, most of it
	// the key ids of who signed.
	maxPage = PageLimit * (8 << 10)
	// maxLive bounds the answer with everything that is live, in bytes: ten
	// products, each with its 512 releases of a few images.
	maxLive = 8 << 20
	// maxProducts and maxReleases bound what is live: products, and releases of each,
	// as many as a roll states.
	maxProducts = 64
	maxReleases = 512
	// maxBy bounds the entries that are the reason of a standing.
	maxBy = 1024
	// maxListText bounds each text of a listed entry in bytes.
	maxListText = 512
)

// Listed is an entry as the log's index lists it: a convenience, not a proof. Its
// texts are the log's: bounded, in printable ASCII, and otherwise as it wrote them.
type Listed struct {
	Index    uint64   `json:"index"`
	Digest   string   `json:"digest"` // of the payload
	Type     string   `json:"type"`
	Product  string   `json:"product"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Channel  string   `json:"channel"`
	Version  string   `json:"version"`
	Issued   string   `json:"issued"`
	NotAfter string   `json:"notAfter"`
	Identity string   `json:"identity"`
	Status   string   `json:"status"`
	Standing string   `json:"standing"`
	By       []uint64 `json:"by"`
}

// Query says which entries are listed; an empty text means any.
type Query struct {
	Type, Product, Channel string
	// Before: only entries below this index; nil: any.
	Before *uint64
	// Limit is how many entries a page has, 1 to PageLimit; 0: PageLimit.
	Limit int
}

// Page is a part of a list, newest first.
type Page struct {
	// Size is that of the checkpoint which the log's index answers at.
	Size    uint64
	Entries []Listed
	// Next is Before of the next page; nil: there is none.
	Next *uint64
}

// List asks the log's index for a page of entries. The page is in the order that
// was asked for, and the next one lies below it, so that following Next ends.
func (c *Client) List(ctx context.Context, query Query) (*Page, error) {
	parameters := url.Values{}
	for name, value := range map[string]string{"type": query.Type, "product": query.Product, "channel": query.Channel} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	if query.Before != nil {
		parameters.Set("before", strconv.FormatUint(*query.Before, 10))
	}
	if query.Limit < 1 || query.Limit > PageLimit {
		query.Limit = PageLimit
	}
	parameters.Set("limit", strconv.Itoa(query.Limit))
	var page Page
	var size *uint64
	err := c.getJSON(ctx, "api/v1/entries", parameters, maxPage, func(d *jsonReader, name string) error {
		switch name {
		case "size":
			return d.value(&size)
		case "next":
			return d.value(&page.Next)
		case "entries":
			return d.list(query.Limit, func() error {
				entry, err := d.listed()
				page.Entries = append(page.Entries, entry)
				return err
			})
		}
		return d.skip()
	})
	bad := func(format string, args ...any) (*Page, error) {
		return nil, fmt.Errorf("the log's list: %w: "+format, append([]any{ErrAnswer}, args...)...)
	}
	switch {
	case err != nil:
		return nil, err
	case size == nil:
		return bad("no size")
	}
	page.Size = *size
	below := page.Size
	if query.Before != nil {
		below = min(below, *query.Before)
	}
	for _, e := range page.Entries {
		if e.Index >= below {
			return bad("entry %d after one below %d", e.Index, below)
		}
		below = e.Index
		if query.Type != "" && e.Type != query.Type || query.Product != "" && e.Product != query.Product || query.Channel != "" && e.Channel != query.Channel {
			return bad("entry %d is not what was asked for", e.Index)
		}
	}
	if page.Next != nil && (len(page.Entries) == 0 || *page.Next != below) {
		return bad("the next page begins below %d, want %d", *page.Next, below)
	}
	return &page, nil
}

// listed reads an entry, and holds it to what can be shown.
func (d *jsonReader) listed() (entry Listed, err error) {
	if err := d.value(&entry); err != nil {
		return entry, err
	}
	if err := entry.check(); err != nil {
		return entry, fmt.Errorf("entry %d: %w", entry.Index, err)
	}
	return entry, nil
}

// check holds the texts of an entry to what can be shown.
func (l *Listed) check() error {
	for _, text := range []string{l.Digest, l.Type, l.Product, l.Kind, l.Name, l.Channel, l.Version, l.Issued, l.NotAfter, l.Identity, l.Status, l.Standing} {
		if len(text) > maxListText {
			return fmt.Errorf("a text of %d bytes", len(text))
		}
		for i := range len(text) {
			if text[i] < 0x20 || text[i] > 0x7e {
				return fmt.Errorf("a text outside printable ASCII: %.40q", text)
			}
		}
	}
	if len(l.By) > maxBy {
		return fmt.Errorf("%d reasons of its standing", len(l.By))
	}
	return nil
}

// Live is what the log says is live at a size, of all products or of one.
type Live struct {
	Size     uint64
	Releases []Listed // by product, as the log lists them
}

// Live asks the log what is live; an empty product means all, of a log that has at
// most 64 which have something live. A roll says the same, signed.
func (c *Client) Live(ctx context.Context, product string) (*Live, error) {
	parameters := url.Values{}
	if product != "" {
		parameters.Set("product", product)
	}
	live := &Live{Releases: []Listed{}}
	var size *uint64
	err := c.getJSON(ctx, "api/v1/live", parameters, maxLive, func(d *jsonReader, name string) error {
		switch name {
		case "size":
			return d.value(&size)
		case "products":
			return d.list(maxProducts, func() error {
				releases, err := d.liveProduct(product)
				live.Releases = append(live.Releases, releases...)
				return err
			})
		}
		return d.skip()
	})
	bad := func(format string, args ...any) (*Live, error) {
		return nil, fmt.Errorf("what the log says is live: %w: "+format, append([]any{ErrAnswer}, args...)...)
	}
	switch {
	case err != nil:
		return nil, err
	case size == nil:
		return bad("no size")
	}
	live.Size = *size
	for _, r := range live.Releases {
		if r.Index >= live.Size {
			return bad("release %d at size %d", r.Index, live.Size)
		}
	}
	return live, nil
}

// liveProduct reads what is live of a product; an empty one: of any.
func (d *jsonReader) liveProduct(asked string) ([]Listed, error) {
	of := Listed{Type: "release", Status: "admitted", Standing: "live"}
	var releases []Listed
	err := d.object(func(name string) error {
		switch name {
		case "product":
			return d.value(&of.Product)
		case "releases":
			return d.list(maxReleases, func() error {
				r, err := d.listed()
				r.Type, r.Status, r.Standing, r.By = of.Type, of.Status, of.Standing, nil
				releases = append(releases, r)
				return err
			})
		}
		return d.skip()
	})
	if err == nil {
		err = of.check()
	}
	if err == nil && asked != "" && of.Product != asked {
		err = errors.New("another product than was asked for")
	}
	for i := range releases {
		releases[i].Product = of.Product
	}
	return releases, err
}
