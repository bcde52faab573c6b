// Package network reads the log lists of the witness network
// (https://witness-network.org/log-list-format): files that tell witnesses which
// logs to follow, and how often each may ask.
//
// The format is a header line and an item of several lines for each log:
//
//	logs/v0
//
//	vkey log.example/acme+40e4649c+AbREdVkLjLUytG9UZpTyqwk6T5FqdD3VAnr2o3PexnBU
//	origin the log's origin, where it is not the name in its key
//	qpd 86400
//	contact someone (at) log.example
//
// Blank lines and lines that begin with '#' are ignored, and so is white space at
// both ends of a line. Two things of the format's first text are read as well,
// because lists of that time have them: "origin none" for the name in the key, and a
// line "bastion ..." beside qpd, of which only that it is there is taken notice.
// Anything else is refused, with its line: a list that is half understood would have
// a witness follow what nobody meant.
package network

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

const (
	// MaxList is the length of the longest list, in bytes: MaxLogs items of the
	// length that is usual, several times over.
	MaxList = 64 << 20
	// MaxLogs is the greatest number of items: more than twice what the largest
	// list of the network is planned for.
	MaxLogs = 100_000
	// MaxLine is the length of the longest line, in bytes without its line break:
	// an origin, a key or a contact address is well below.
	MaxLine = 2048
	// MaxKeys is the greatest number of items of one origin: as many keys as a
	// witness knows of one log.
	MaxKeys = 16
	// MaxRequestsPerDay is the greatest qpd, as the format says.
	MaxRequestsPerDay = math.MaxInt32
)

// header is the first line that is neither blank nor a comment.
const header = "logs/v0"

// Log is one item of a list.
type Log struct {
	// Origin is the log's origin; [witness.CheckOrigin] holds.
	Origin string
	// Key is the log's verifier key, of type Ed25519 (0x01).
	Key tlog.VerifierKey
	// RequestsPerDay is how many add-checkpoint requests the log may make.
	RequestsPerDay uint64
	// Contact helps a person to reach the log's operator. It is anything that its
	// author wrote, without control characters.
	Contact string
	// Line is where the item begins, counted from 1.
	Line int
}

// List is a log list. A log that has several keys stands there several times, with
// one number of requests and one contact.
type List struct{ Logs []Log }

// Error is a list that is not in the format.
type Error struct {
	// Line is the line at fault, counted from 1; 0: the list as a whole.
	Line int
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return "log list: " + e.Err.Error()
	}
	return fmt.Sprintf("log list, line %d: %v", e.Line, e.Err)
}

// Unwrap returns what is wrong with the line.
func (e *Error) Unwrap() error { return e.Err }

// Parse reads a list. Every error is an [*Error].
func Parse(data []byte) (*List, error) {
	if len(data) > MaxList {
		return nil, &Error{Err: fmt.Errorf("more than %d bytes", MaxList)}
	}
	r := reader{seen: make(map[string][]int)}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if err := r.line(number, strings.TrimSuffix(line, "\n")); err != nil {
			return nil, &Error{Line: number, Err: err}
		}
	}
	switch {
	case !r.begun:
		return nil, &Error{Err: fmt.Errorf("no line %q: this is no log list", header)}
	case r.item.vkey:
		return nil, &Error{Line: number, Err: fmt.Errorf("the list ends within the item of line %d, want %s", r.log.Line, r.item.wanted())}
	}
	return &List{Logs: r.logs}, nil
}

// reader collects a list line by line.
type reader struct {
	begun bool
	logs  []Log
	log   Log  // the item that is being read
	item  item // which of its lines were read
	// seen has, of each origin, the places of its items in logs.
	seen map[string][]int
}

// item says which lines of an item were read.
type item struct{ vkey, origin, bastion, qpd bool }

// wanted names the lines that may come next.
func (i item) wanted() string {
	switch {
	case !i.vkey:
		return "vkey"
	case i.qpd:
		return "contact"
	case i.origin || i.bastion:
		return "qpd"
	}
	return "origin or qpd"
}

func (r *reader) line(number int, line string) error {
	if len(line) > MaxLine {
		return fmt.Errorf("%d bytes, at most %d are possible", len(line), MaxLine)
	}
	if !utf8.ValidString(line) {
		return errors.New("not valid UTF-8")
	}
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	if strings.ContainsFunc(line, unicode.IsControl) {
		return errors.New("it holds a control character")
	}
	if !r.begun {
		if line != header {
			return fmt.Errorf("got %s, want %q: this is no log list", quote(line), header)
		}
		r.begun = true
		return nil
	}
	keyword, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	i := &r.item
	switch {
	case keyword == "vkey" && !i.vkey:
		*i = item{vkey: true}
		return r.vkey(number, value)
	case keyword == "origin" && i.vkey && !i.origin && !i.bastion && !i.qpd:
		i.origin = true
		return r.origin(value)
	case keyword == "bastion" && i.vkey && !i.bastion:
		i.bastion = true
		return needsValue(keyword, value)
	case keyword == "qpd" && i.vkey && !i.qpd:
		i.qpd = true
		return r.requestsPerDay(value)
	case keyword == "contact" && i.qpd:
		*i = item{}
		return r.contact(value)
	}
	return fmt.Errorf("got a line %s, want %s", quote(keyword), i.wanted())
}

func needsValue(keyword, value string) error {
	if value == "" {
		return fmt.Errorf("%s without a value", keyword)
	}
	return nil
}

func (r *reader) vkey(number int, value string) error {
	if len(r.logs) == MaxLogs {
		return fmt.Errorf("more than %d logs", MaxLogs)
	}
	key, err := tlog.ParseVerifierKey(value)
	if err != nil {
		return err
	}
	if key.Type != tlog.TypeEd25519 {
		return fmt.Errorf("verifier key of %s is of type %v, a list has Ed25519 (0x01) alone", quote(key.Name), key.Type)
	}
	r.log = Log{Origin: key.Name, Key: key, Line: number}
	return nil
}

func (r *reader) origin(value string) error {
	if err := needsValue("origin", value); err != nil {
		return err
	}
	if value != "none" {
		r.log.Origin = value
	}
	return nil
}

func (r *reader) requestsPerDay(value string) error {
	count, err := strconv.ParseUint(value, 10, 64)
	if err != nil || count < 1 || count > MaxRequestsPerDay || strconv.FormatUint(count, 10) != value {
		return fmt.Errorf("qpd %s: want a whole number from 1 to %d", quote(value), MaxRequestsPerDay)
	}
	r.log.RequestsPerDay = count
	return nil
}

// contact ends an item.
func (r *reader) contact(value string) error {
	if err := needsValue("contact", value); err != nil {
		return err
	}
	r.log.Contact = value
	if err := witness.CheckOrigin(r.log.Origin); err != nil {
		return fmt.Errorf("the item of line %d: %w", r.log.Line, err)
	}
	if len(r.seen[r.log.Origin]) == MaxKeys {
		return fmt.Errorf("more than %d items of origin %s", MaxKeys, quote(r.log.Origin))
	}
	for _, at := range r.seen[r.log.Origin] {
		if err := r.fits(r.logs[at]); err != nil {
			return err
		}
	}
	r.seen[r.log.Origin] = append(r.seen[r.log.Origin], len(r.logs))
	r.logs = append(r.logs, r.log)
	return nil
}

// fits compares the item with an earlier one of its origin: a log that has several
// keys is one log.
func (r *reader) fits(earlier Log) error {
	of := fmt.Sprintf("the items of lines %d and %d are both of origin %s", earlier.Line, r.log.Line, quote(r.log.Origin))
	switch {
	case earlier.Key.Equal(r.log.Key):
		return fmt.Errorf("%s with one key: one of them is too many", of)
	case earlier.Key.Name == r.log.Key.Name && earlier.Key.KeyID == r.log.Key.KeyID:
		return fmt.Errorf("%s and have two keys of one name and key id: no signature line could tell them apart", of)
	case earlier.RequestsPerDay != r.log.RequestsPerDay:
		return fmt.Errorf("%s and say qpd %d and %d: a log has one rate", of, earlier.RequestsPerDay, r.log.RequestsPerDay)
	case earlier.Contact != r.log.Contact:
		return fmt.Errorf("%s and name two contacts: a log has one operator", of)
	}
	return nil
}

// quote shows what a list says, bounded and in ASCII.
func quote(text string) string {
	const most = 80
	if strings.Contains(text, "PRIVATE+KEY+") {
		return "a private key" // a key file given in place of a list; no word of it
	}
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
