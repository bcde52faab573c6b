package index

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release/register"
)

// The queries that would otherwise read a whole table use an index: how SQLite
// goes about them is asked of SQLite.
func TestQueriesUseIndices(t *testing.T) {
	x, err := Open(t.Context(), filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	void := base(log.Query{Before: 1000, Status: register.StatusVoid})
	series := base(log.Query{Before: 1000})
	series.and("e.series = %s", int64(1))
	for _, c := range []struct {
		name, query string
		arguments   []any
		want        string
	}{
		{"void entries", selectRecords + void.String() + " ORDER BY e.idx DESC LIMIT 10", void.arguments, "entries_status"},
		{"a series", "SELECT e.idx FROM entries e WHERE " + series.String() + " ORDER BY e.idx DESC LIMIT 10", series.arguments, "entries_series"},
		{"one digest from an index on", "SELECT idx FROM mentions WHERE digest = $1 AND digest = $2 AND idx >= $3 AND idx < $4 ORDER BY digest, idx, relation LIMIT 10",
			[]any{[]byte{1}, []byte{1}, 5, 9}, "digest=? AND idx>? AND idx<?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := explain(t, x, c.query, c.arguments...)
			if !strings.Contains(plan, c.want) || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("the plan is not by %s, or sorts:\n%s", c.want, plan)
			}
		})
	}
}

func explain(t *testing.T, x *Index, query string, arguments ...any) string {
	t.Helper()
	rows, err := x.db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	return plan.String()
}
