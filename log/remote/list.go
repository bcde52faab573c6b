package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	var document struct {
		Size    *uint64  `json:"size"`
		Entries []Listed `json:"entries"`
		Next    *uint64  `json:"next"`
	}
	if err := c.getJSON(ctx, "api/v1/entries", parameters, maxPage, &document); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) (*Page, error) {
		return nil, fmt.Errorf("the log's list: %w: "+format, append([]any{ErrAnswer}, args...)...)
	}
	if document.Size == nil || len(document.Entries) > query.Limit {
		return bad("no size, or %d entries, want at most %d", len(document.Entries), query.Limit)
	}
	below := *document.Size
	if query.Before != nil {
		below = min(below, *query.Before)
	}
	for _, e := range document.Entries {
		if e.Index >= below {
			return bad("entry %d after one below %d", e.Index, below)
		}
		below = e.Index
		if query.Type != "" && e.Type != query.Type || query.Product != "" && e.Product != query.Product || query.Channel != "" && e.Channel != query.Channel {
			return bad("entry %d is not what was asked for", e.Index)
		}
		if err := e.check(); err != nil {
			return bad("entry %d: %w", e.Index, err)
		}
	}
	if document.Next != nil && (len(document.Entries) == 0 || *document.Next != below) {
		return bad("the next page begins below %d, want %d", *document.Next, below)
	}
	return &Page{*document.Size, document.Entries, document.Next}, nil
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

// Live asks the log what is live; an empty product means all. A roll says the
// same, signed.
func (c *Client) Live(ctx context.Context, product string) (*Live, error) {
	parameters := url.Values{}
	if product != "" {
		parameters.Set("product", product)
	}
	var document struct {
		Size     *uint64 `json:"size"`
		Products []struct {
			Product  string   `json:"product"`
			Releases []Listed `json:"releases"`
		} `json:"products"`
	}
	if err := c.getJSON(ctx, "api/v1/live", parameters, maxLive, &document); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) (*Live, error) {
		return nil, fmt.Errorf("what the log says is live: %w: "+format, append([]any{ErrAnswer}, args...)...)
	}
	if document.Size == nil {
		return bad("no size")
	}
	live := &Live{Size: *document.Size, Releases: []Listed{}}
	for _, p := range document.Products {
		if product != "" && p.Product != product {
			return bad("another product than was asked for")
		}
		for _, r := range p.Releases {
			r.Type, r.Product, r.Status, r.Standing, r.By = "release", p.Product, "admitted", "live", nil
			if r.Index >= live.Size {
				return bad("release %d at size %d", r.Index, live.Size)
			}
			if err := r.check(); err != nil {
				return bad("release %d: %w", r.Index, err)
			}
			live.Releases = append(live.Releases, r)
		}
	}
	return live, nil
}

// getJSON reads a JSON document of at most limit bytes. Members that this program
// does not know are passed over: the log may be newer.
func (c *Client) getJSON(ctx context.Context, path string, parameters url.Values, limit int64, into any) error {
	target := c.resolve(path)
	target.RawQuery = parameters.Encode()
	answer, err := c.do(ctx, http.MethodGet, target, nil, "", limit, []string{typeJSON})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return answer.failure()
	}
	if err := json.Unmarshal(answer.body, into); err != nil {
		return fmt.Errorf("%s: %w: %w", shown(answer.url.String()), ErrAnswer, err)
	}
	return nil
}
