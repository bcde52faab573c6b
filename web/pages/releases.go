package pages

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	// pageSize is how many entries one page of the list shows.
	pageSize = 25
	// maxText bounds a parameter in bytes; what is longer is cut.
	maxText = 128
)

// allTypes is the value of the parameter type that selects every entry.
const allTypes = "all"

type listView struct {
	Query    listQuery
	Types    []typeLink
	Rows     []rowView
	Older    string // the address of the next page; empty: this is the last
	First    bool   // the page begins with the newest
	Size     uint64 // of the newest checkpoint
	Mixed    bool   // the rows are of several types
	ByDigest bool   // what was searched for was found as a digest
	Entry    string // an entry whose index is what was searched for
	Heading  string
	Date     string // what the column of the entries' last date is called; empty: they have none
}

// listQuery is the search as the address has it.
type listQuery struct {
	Text, Type, Product, Channel, Status, Before string
}

type typeLink struct {
	Name, Value string
	Here        bool
}

type rowView struct {
	Index    uint64
	Type     string
	What     string // version or name, as the type has it
	Product  string
	Channel  string
	State    stateView
	Issued   time.Time
	Date     string    // what Until is called in its type
	Until    time.Time // the last date that the entry states
	Mentions []string  // how the entry mentions the digest that was searched for
}

var listTypes = []struct{ name, value string }{
	{"Releases", ""},
	{"Images", string(release.TypeImage)},
	{"Withdrawals", string(release.TypeWithdrawal)},
	{"Rolls", string(release.TypeRoll)},
	{"Authorities", string(release.TypeAuthority)},
	{"All entries", allTypes},
}

// listedTypes are the types that a list may be of.
var listedTypes = []release.Type{release.TypeAuthority, release.TypeImage, release.TypeRelease, release.TypeWithdrawal, release.TypeRoll, release.TypeFinding}

// releases is the list with its search box. Text that has the form of a digest
// is looked up as one first.
func (p *Pages) releases(c echo.Context) error {
	ctx := c.Request().Context()
	newest, _ := p.config.Log.Checkpoint()
	size := newest.Checkpoint.Size
	parameter := func(name string) string { value := c.QueryParam(name); return value[:min(len(value), maxText)] }
	query := listQuery{Text: parameter("q"), Type: parameter("type"), Product: parameter("product"), Channel: parameter("channel"), Status: parameter("status"), Before: parameter("before")}
	if query.Type != allTypes && query.Type != "" && !slices.Contains(listedTypes, query.listType()) {
		return &TypeError{Got: query.Type}
	}
	view := listView{Query: query, Size: size, First: true}
	for _, t := range listTypes {
		link := typeLink{Name: t.name, Value: t.value, Here: t.value == query.Type}
		if link.Here {
			view.Heading = t.name
		}
		view.Types = append(view.Types, link)
	}
	if index, err := strconv.ParseUint(query.Text, 10, 63); err == nil && index < size {
		view.Entry = strconv.FormatUint(index, 10)
	}
	records, mentions, err := p.byDigest(ctx, query, size)
	if err != nil {
		return err
	}
	switch {
	case len(records) == 1:
		return c.Redirect(http.StatusSeeOther, "/entries/"+strconv.FormatUint(records[0].Index, 10))
	case len(records) > 1:
		view.ByDigest = true
	default:
		before := size
		if index, err := strconv.ParseUint(query.Before, 10, 63); err == nil {
			before, view.First = min(index, size), index >= size
		}
		// One more than is shown tells whether there is a further page.
		records, err = p.config.Index.List(ctx, log.Query{Before: before, Limit: pageSize + 1, Type: query.listType(), Status: query.listStatus(),
			Product: query.Product, Channel: query.Channel, Text: query.Text})
		if err != nil {
			return err
		}
		if len(records) > pageSize {
			records = records[:pageSize]
			view.Older = strconv.FormatUint(records[pageSize-1].Index, 10)
		}
	}
	p.config.Log.View(func(state *register.State) {
		for _, record := range records {
			row := rowOf(record, state, size)
			row.Mentions = mentions[record.Index]
			view.Rows = append(view.Rows, row)
		}
	})
	if view.Heading == "" {
		view.Heading = "Entries"
	}
	if view.Mixed = view.ByDigest || query.Type == allTypes; view.Mixed {
		view.Date = "Deadline"
	} else {
		view.Date = dateText(query.listType())
	}
	return p.render(c, http.StatusOK, "releases", frame{Title: view.Heading, Here: "releases", View: view})
}

func (q listQuery) listType() release.Type {
	switch q.Type {
	case "":
		return release.TypeRelease
	case allTypes:
		return ""
	}
	return release.Type(q.Type)
}

func (q listQuery) listStatus() register.Status {
	for _, status := range []register.Status{register.StatusAdmitted, register.StatusVoid, register.StatusUnknown} {
		if status.String() == q.Status {
			return status
		}
	}
	return 0
}

// byDigest finds the entries that mention a digest, newest first, and how.
func (p *Pages) byDigest(ctx context.Context, query listQuery, size uint64) ([]log.Record, map[uint64][]string, error) {
	if !looksLikeDigest(query.Text) {
		return nil, nil, nil
	}
	matches, err := p.config.Index.Find(ctx, log.DigestQuery{Prefix: query.Text, Before: size, Limit: 4 * pageSize})
	if err != nil || len(matches) == 0 {
		return nil, nil, err
	}
	mentions := make(map[uint64][]string)
	var indices []uint64
	for _, match := range matches {
		word := match.Relation.String()
		if !slices.Contains(mentions[match.Index], word) {
			mentions[match.Index] = append(mentions[match.Index], word)
		}
		indices = append(indices, match.Index)
	}
	slices.SortFunc(indices, func(a, b uint64) int { return cmp.Compare(b, a) })
	indices = slices.Compact(indices)
	records, err := p.config.Index.Records(ctx, indices[:min(len(indices), pageSize)])
	return records, mentions, err
}

// looksLikeDigest: the beginning of a digest in hexadecimal. A number alone is
// rather a version or an index.
func looksLikeDigest(text string) bool {
	if len(text) < log.MinPrefix || len(text) > 2*len(release.Digest{}) {
		return false
	}
	digits := 0
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c < 'a' || c > 'f':
			return false
		}
	}
	return digits < len(text) || len(text) == 2*len(release.Digest{})
}

// rowOf is the row of an entry as it stands at a size.
func rowOf(record log.Record, state *register.State, size uint64) rowView {
	row := rowView{Index: record.Index, Type: typeText(record.Type), Product: record.Product, Channel: record.Channel, State: stateAt(state, record.Index, size),
		Issued: record.Issued, Date: strings.ToLower(dateText(record.Type)), Until: record.NotAfter}
	switch {
	case record.Type == release.TypeImage:
		row.What = string(record.Kind) + "/" + record.Name + " " + record.Version
	case record.Type == release.TypeAuthority:
		row.What = "version " + record.Version
	case record.Version != "":
		row.What = record.Version
	case record.Type == release.TypeWithdrawal:
		row.What = "withdrawal"
		if kept, ok := state.Entry(record.Index); ok && kept.Status == register.StatusAdmitted {
			row.What += " of entry " + strconv.FormatUint(kept.Target, 10)
		}
	case record.Type == release.TypeRoll:
		row.What = "roll at entry " + strconv.FormatUint(record.Index, 10)
	default:
		row.What = "entry " + strconv.FormatUint(record.Index, 10)
	}
	return row
}

// dateText says what the last date of an entry means: an image that is live does
// not end with the day by which its files had to be published.
func dateText(t release.Type) string {
	switch t {
	case release.TypeImage:
		return "Publish by"
	case release.TypeRelease:
		return "Not after"
	case release.TypeAuthority:
		return "Expires"
	}
	return ""
}

func typeText(t release.Type) string {
	if t == "" {
		return "unknown type"
	}
	return string(t)
}
