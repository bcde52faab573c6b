package index

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

const (
	// maxRead bounds what one call returns, whatever the caller asks for.
	maxRead = 1000

	// maxTime bounds how long one call may take. The dearest search, one that
	// fits nothing in a million entries, takes a part of a second.
	maxTime = 10 * time.Second
)

const selectRecords = `SELECT e.idx, e.status, e.code, e.entry, e.payload, e.identity, e.signers, e.issued, e.not_after,
	v.version, s.type, s.predicate, s.product, s.kind, s.name, s.channel
	FROM entries e JOIN series s ON s.id = e.series JOIN versions v ON v.id = e.version WHERE `

// Records implements log.Index.
func (x *Index) Records(ctx context.Context, indices []uint64) ([]log.Record, error) {
	if len(indices) > maxRead {
		return nil, fmt.Errorf("asked for %d records, want at most %d", len(indices), maxRead)
	}
	if len(indices) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	var where strings.Builder
	where.WriteString("e.idx IN (")
	arguments := make([]any, len(indices))
	for i, index := range indices {
		if i > 0 {
			where.WriteByte(',')
		}
		fmt.Fprintf(&where, "$%d", i+1)
		arguments[i] = bound(index)
	}
	where.WriteByte(')')
	found, err := x.records(ctx, selectRecords+where.String(), arguments...)
	if err != nil {
		return nil, err
	}
	byIndex := make(map[uint64]log.Record, len(found))
	for _, record := range found {
		byIndex[record.Index] = record
	}
	records := make([]log.Record, 0, len(found))
	for _, index := range indices {
		if record, ok := byIndex[index]; ok {
			records = append(records, record)
		}
	}
	return records, nil
}

// Find implements log.Index.
func (x *Index) Find(ctx context.Context, query log.DigestQuery) ([]log.Match, error) {
	first, last, err := digestRange(query.Prefix)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	// Of one digest the entries from query.From on are found without a look at
	// those before: a key that signs everything is mentioned by every entry.
	digests := "digest >= $1 AND digest <= $2"
	if first == last {
		digests = "digest = $1 AND digest = $2"
	}
	rows, err := x.db.QueryContext(ctx, `SELECT digest, idx, relation FROM mentions
		WHERE `+digests+` AND idx >= $3 AND idx < $4
		ORDER BY digest, idx, relation LIMIT $5`,
		first[:], last[:], bound(query.From), bound(query.Before), limit(query.Limit))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var matches []log.Match
	for rows.Next() {
		var digest sql.RawBytes
		var index, relation int64
		if err := rows.Scan(&digest, &index, &relation); err != nil {
			return nil, err
		}
		match := log.Match{Index: uint64(index), Mention: log.Mention{Relation: log.Relation(relation)}}
		if copy(match.Digest[:], digest) != len(match.Digest) {
			return nil, fmt.Errorf("search index: a digest of %d bytes, want %d", len(digest), len(match.Digest))
		}
		matches = append(matches, match)
	}
	return matches, rows.Err()
}

// digestRange returns the least and the greatest digest that begin with prefix.
func digestRange(prefix string) (first, last release.Digest, err error) {
	if len(prefix) >= log.MinPrefix && len(prefix) <= 2*len(first) {
		first, err = release.ParseDigest(prefix + strings.Repeat("0", 2*len(first)-len(prefix)))
		if err == nil {
			last, err = release.ParseDigest(prefix + strings.Repeat("f", 2*len(last)-len(prefix)))
			return first, last, err
		}
	}
	return first, last, release.Refuse(release.CodeDigest, "digest", prefix,
		fmt.Sprintf("%d to %d lowercase hexadecimal digits", log.MinPrefix, 2*len(first)))
}

// records runs a query that selects the columns of selectRecords.
func (x *Index) records(ctx context.Context, query string, arguments ...any) ([]log.Record, error) {
	rows, err := x.db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []log.Record
	for rows.Next() {
		record, err := scan(rows)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, rows.Err()
}

func scan(rows *sql.Rows) (log.Record, error) {
	var record log.Record
	var index, status int64
	var code, typ, kind string
	var entry, payload, identity, signers sql.RawBytes
	var issued, notAfter sql.NullInt64
	err := rows.Scan(&index, &status, &code, &entry, &payload, &identity, &signers, &issued, &notAfter,
		&record.Version, &typ, &record.Predicate, &record.Product, &kind, &record.Name, &record.Channel)
	if err != nil {
		return record, err
	}
	record.Index, record.Status, record.Code = uint64(index), register.Status(status), release.Code(code)
	record.Type, record.Kind = release.Type(typ), release.Kind(kind)
	record.Issued, record.NotAfter = instant(issued), instant(notAfter)
	copy(record.Entry[:], entry)
	copy(record.Payload[:], payload)
	copy(record.Identity[:], identity)
	for signer := range slices.Chunk(signers, len(release.KeyID{})) {
		var id release.KeyID
		copy(id[:], signer)
		record.Signers = append(record.Signers, id)
	}
	return record, nil
}

func instant(seconds sql.NullInt64) time.Time {
	if !seconds.Valid {
		return time.Time{}
	}
	return time.Unix(seconds.Int64, 0).UTC()
}

// bound is an index for the database, which has no greater one.
func bound(index uint64) int64 { return int64(min(index, math.MaxInt64)) }

func limit(asked int) int { return max(0, min(asked, maxRead)) }
