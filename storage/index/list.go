package index

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release/register"
)

// maxStreams is up to how many series and versions a list is merged from their
// own newest entries. A search that fits more of them reads the entries from the
// newest down instead, where it soon finds enough.
const maxStreams = 32

// maxText bounds what is searched for in bytes. No text of an entry that could be
// found is longer than 255: the origin of an authority.
const maxText = 255

// condition is a WHERE clause as it grows, with its arguments.
type condition struct {
	text      strings.Builder
	arguments []any
}

// and adds a clause in which every %s stands for one of the values.
func (c *condition) and(clause string, values ...any) {
	if c.text.Len() > 0 {
		c.text.WriteString(" AND ")
	}
	places := make([]any, len(values))
	for i, value := range values {
		c.arguments = append(c.arguments, value)
		places[i] = fmt.Sprintf("$%d", len(c.arguments))
	}
	fmt.Fprintf(&c.text, clause, places...)
}

func (c *condition) String() string {
	if c.text.Len() == 0 {
		return "TRUE"
	}
	return c.text.String()
}

// List implements log.Index.
func (x *Index) List(ctx context.Context, query log.Query) ([]log.Record, error) {
	count := limit(query.Limit)
	if count == 0 || query.Before == 0 || !findable(query.Text) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if !bySeries(query) && query.Text == "" {
		where := base(query)
		return x.newest(ctx, where, count)
	}
	series, versions, err := x.streams(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(series) > maxStreams || len(versions) > maxStreams {
		return x.scan(ctx, query, count)
	}
	var all []uint64
	for _, id := range series {
		where := base(query)
		where.and("e.series = %s", id)
		if all, err = x.newestIndices(ctx, where, count, all); err != nil {
			return nil, err
		}
	}
	for _, id := range versions {
		where := base(query)
		where.and("e.version = %s", id)
		if bySeries(query) {
			clause, values := seriesFilter(query)
			where.and("+e.series IN (SELECT id FROM series WHERE "+clause+")", values...)
		}
		if all, err = x.newestIndices(ctx, where, count, all); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b uint64) int { return cmp.Compare(b, a) })
	all = slices.Compact(all)
	return x.Records(ctx, all[:min(len(all), count)])
}

// newestIndices appends the indices of the newest records that fit.
func (x *Index) newestIndices(ctx context.Context, where *condition, count int, indices []uint64) ([]uint64, error) {
	text := where.String()
	arguments := append(where.arguments, count)
	rows, err := x.db.QueryContext(ctx, fmt.Sprintf("SELECT e.idx FROM entries e WHERE %s ORDER BY e.idx DESC LIMIT $%d", text, len(arguments)), arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var index int64
		if err := rows.Scan(&index); err != nil {
			return nil, err
		}
		indices = append(indices, uint64(index))
	}
	return indices, rows.Err()
}

// newest returns the newest records that fit.
func (x *Index) newest(ctx context.Context, where *condition, count int) ([]log.Record, error) {
	text := where.String()
	arguments := append(where.arguments, count)
	return x.records(ctx, fmt.Sprintf("%s%s ORDER BY e.idx DESC LIMIT $%d", selectRecords, text, len(arguments)), arguments...)
}

// scan reads entries from the newest down until enough of them fit. The plus
// keeps SQLite from gathering and sorting all that fit.
func (x *Index) scan(ctx context.Context, query log.Query, count int) ([]log.Record, error) {
	where := base(query)
	if bySeries(query) {
		clause, values := seriesFilter(query)
		where.and("+e.series IN (SELECT id FROM series WHERE "+clause+")", values...)
	}
	if query.Text != "" {
		inSeries, values := textInSeries(query.Text)
		inVersion, more := versionPrefix(query.Text)
		where.and("(+e.series IN (SELECT id FROM series WHERE "+inSeries+") OR +e.version IN (SELECT id FROM versions WHERE "+inVersion+"))", append(values, more...)...)
	}
	return x.newest(ctx, where, count)
}

// base is what does not ask for a series or a text.
func base(query log.Query) *condition {
	where := new(condition)
	where.and("e.idx < %s", bound(query.Before))
	if query.Status != 0 {
		where.and("e.status = %s", int64(query.Status))
		if query.Status != register.StatusAdmitted {
			// SQLite uses the index of the few others only where this stands.
			where.and("e.status <> 1")
		}
	}
	if query.Version != "" {
		where.and("e.version = (SELECT id FROM versions WHERE version = %s)", query.Version)
	}
	return where
}

// streams returns the series whose entries fit the query, and the versions whose
// entries fit its text; of each at most one more than can be merged.
func (x *Index) streams(ctx context.Context, query log.Query) (series, versions []int64, err error) {
	where := new(condition)
	if bySeries(query) {
		clause, values := seriesFilter(query)
		where.and(clause, values...)
	}
	if query.Text != "" {
		clause, values := textInSeries(query.Text)
		where.and(clause, values...)
	}
	if series, err = x.ids(ctx, "series", where); err != nil || query.Text == "" {
		return series, nil, err
	}
	where = new(condition)
	clause, values := versionPrefix(query.Text)
	where.and(clause, values...)
	versions, err = x.ids(ctx, "versions", where)
	return series, versions, err
}

func (x *Index) ids(ctx context.Context, table string, where *condition) ([]int64, error) {
	rows, err := x.db.QueryContext(ctx, fmt.Sprintf("SELECT id FROM %s WHERE %s LIMIT %d", table, where, maxStreams+1), where.arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// findable reports whether a text could stand in an entry: texts of entries are
// printable ASCII. To SQLite a pattern ends at a NUL.
func findable(text string) bool {
	return len(text) <= maxText && !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

func bySeries(query log.Query) bool {
	return query.Type != "" || query.Product != "" || query.Kind != "" || query.Name != "" || query.Channel != ""
}

// seriesFilter asks for the members of a query that a series has.
func seriesFilter(query log.Query) (clause string, values []any) {
	var clauses []string
	for _, member := range []struct{ column, value string }{
		{"type", string(query.Type)}, {"product", query.Product}, {"kind", string(query.Kind)},
		{"name", query.Name}, {"channel", query.Channel},
	} {
		if member.value != "" {
			clauses = append(clauses, member.column+" = %s")
			values = append(values, member.value)
		}
	}
	return strings.Join(clauses, " AND "), values
}

// textInSeries asks for a part of product, name or channel, which are all in
// lower case.
func textInSeries(text string) (clause string, values []any) {
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(text))
	pattern := "%" + escaped + "%"
	return `(product LIKE %s ESCAPE '\' OR name LIKE %s ESCAPE '\' OR channel LIKE %s ESCAPE '\')`, []any{pattern, pattern, pattern}
}

// versionPrefix asks for the beginning of a version. Versions are ASCII, so no
// version that begins with text is greater than text and a DEL.
func versionPrefix(text string) (clause string, values []any) {
	return `(version >= %s AND version < %s AND version <> '')`, []any{text, text + "\x7f"}
}
