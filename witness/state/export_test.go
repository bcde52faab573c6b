package state

import "errors"

// WriterPragma reads a setting of the connection that makes the changes.
func (s *Serving) WriterPragma(name string) (value string, err error) {
	statement, _, err := s.writer.conn.Prepare("PRAGMA " + name)
	if err != nil {
		return "", err
	}
	defer statement.Close()
	if !statement.Step() {
		return "", errors.Join(errors.New("no such pragma"), statement.Err())
	}
	return statement.ColumnText(0), nil
}
