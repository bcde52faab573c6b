package index

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

// maxRemembered bounds the ids kept in memory, for each kind of text.
const maxRemembered = 10000

// seriesText is what the entries of a series have in common.
type seriesText struct {
	typ, predicate, product, kind, name, channel string
}

// mention is one row of the table.
type mention struct {
	log.Mention
	index uint64
}

func (m mention) compare(other mention) int {
	return cmp.Or(bytes.Compare(m.Digest[:], other.Digest[:]), cmp.Compare(m.index, other.index), cmp.Compare(m.Relation, other.Relation))
}

// Add implements log.Index.
func (x *Index) Add(ctx context.Context, records []log.Record) error {
	if len(records) == 0 {
		return nil
	}
	err := x.transact(ctx, func(tx *sql.Tx) error {
		next, err := size(ctx, tx)
		if err != nil {
			return err
		}
		for i, record := range records {
			if want := next + uint64(i); record.Index != want {
				return fmt.Errorf("got the record of entry %d, want that of %d", record.Index, want)
			}
		}
		if err := x.addEntries(ctx, tx, records); err != nil {
			return err
		}
		return addMentions(ctx, tx, records)
	})
	if err != nil {
		x.forget() // ids of the transaction that did not take place
	}
	return err
}

// statements are those that adding entries repeats.
type statements struct {
	insert, findSeries, makeSeries, findVersion, makeVersion *sql.Stmt
}

func prepareStatements(ctx context.Context, tx *sql.Tx) (*statements, error) {
	s := new(statements)
	for _, each := range []struct {
		statement **sql.Stmt
		query     string
	}{
		{&s.insert, `INSERT INTO entries
			(idx, series, version, status, code, entry, payload, identity, signers, issued, not_after)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`},
		{&s.findSeries, `SELECT id FROM series WHERE type = $1 AND predicate = $2 AND product = $3 AND kind = $4 AND name = $5 AND channel = $6`},
		{&s.makeSeries, `INSERT INTO series (type, predicate, product, kind, name, channel) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`},
		{&s.findVersion, `SELECT id FROM versions WHERE version = $1`},
		{&s.makeVersion, `INSERT INTO versions (version) VALUES ($1) RETURNING id`},
	} {
		var err error
		// The transaction closes its statements.
		if *each.statement, err = tx.PrepareContext(ctx, each.query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (x *Index) addEntries(ctx context.Context, tx *sql.Tx, records []log.Record) error {
	prepared, err := prepareStatements(ctx, tx)
	if err != nil {
		return err
	}
	for i := range records {
		record := &records[i]
		text := seriesText{string(record.Type), record.Predicate, record.Product, string(record.Kind), record.Name, record.Channel}
		series, err := textID(ctx, x.series, text, prepared.findSeries, prepared.makeSeries, text.typ, text.predicate, text.product, text.kind, text.name, text.channel)
		if err != nil {
			return err
		}
		version, err := textID(ctx, x.versions, record.Version, prepared.findVersion, prepared.makeVersion, record.Version)
		if err != nil {
			return err
		}
		var identity []byte
		if !record.Identity.IsZero() {
			identity = record.Identity[:]
		}
		signers := make([]byte, 0, len(record.Signers)*len(release.KeyID{}))
		for _, signer := range record.Signers {
			signers = append(signers, signer[:]...)
		}
		if _, err := prepared.insert.ExecContext(ctx, int64(record.Index), series, version, int64(record.Status), string(record.Code),
			record.Entry[:], record.Payload[:], identity, signers, seconds(record.Issued), seconds(record.NotAfter)); err != nil {
			return err
		}
	}
	return nil
}

// addMentions inserts in the order of the table, so that pages are touched once.
func addMentions(ctx context.Context, tx *sql.Tx, records []log.Record) error {
	var all []mention
	for i := range records {
		for _, each := range records[i].Mentions {
			all = append(all, mention{each, records[i].Index})
		}
	}
	slices.SortFunc(all, mention.compare)
	all = slices.Compact(all)
	for _, rows := range []int{mentionRows, 1} {
		insert, err := tx.PrepareContext(ctx, insertMentions(rows))
		if err != nil {
			return err
		}
		defer insert.Close()
		values := make([]any, 0, 3*rows)
		for ; len(all) >= rows; all = all[rows:] {
			values = values[:0]
			for i := range all[:rows] {
				values = append(values, all[i].Digest[:], int64(all[i].index), int64(all[i].Relation))
			}
			if _, err := insert.ExecContext(ctx, values...); err != nil {
				return err
			}
		}
	}
	return nil
}

// mentionRows is how many mentions one statement inserts: most of the cost of a
// row is that of its statement.
const mentionRows = 50

// insertMentions is the statement that inserts so many mentions.
func insertMentions(rows int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO mentions (digest, idx, relation) VALUES ")
	for row := range rows {
		if row > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, "($%d,$%d,$%d)", 3*row+1, 3*row+2, 3*row+3)
	}
	return text.String()
}

// textID returns the id of a text that stands once in a table of its own, and
// makes it stand there if it is new.
func textID[Text comparable](ctx context.Context, ids map[Text]int64, text Text, find, insert *sql.Stmt, columns ...any) (id int64, err error) {
	if id, ok := ids[text]; ok {
		return id, nil
	}
	err = find.QueryRowContext(ctx, columns...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = insert.QueryRowContext(ctx, columns...).Scan(&id)
	}
	if err == nil {
		remember(ids, text, id)
	}
	return id, err
}

func remember[Text comparable](ids map[Text]int64, text Text, id int64) {
	if len(ids) >= maxRemembered {
		clear(ids)
	}
	ids[text] = id
}

func (x *Index) forget() {
	x.series, x.versions = make(map[seriesText]int64), make(map[string]int64)
}

// seconds is a time for the database; no time is NULL.
func seconds(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}
