package state

import "context"

// WriterPragma reads a setting of the connection that makes the changes.
func (db *DB) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = db.write.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}
