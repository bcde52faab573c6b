package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
)

// connection is one submitter that posts over one connection and reads no more
// of an answer than it must: it shares the cores with what is measured, and
// net/http's client costs as much as its server.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	host   string
}

func dial(tb testing.TB, address string) *connection {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &connection{conn: conn, reader: bufio.NewReaderSize(conn, 2048), host: address}
}

// submit posts an entry; the answer must be 201, published.
func (c *connection) submit(entry []byte) error {
	request := make([]byte, 0, len(entry)+256)
	request = fmt.Appendf(request, "POST /api/v1/entries HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", c.host, len(entry))
	if _, err := c.conn.Write(append(request, entry...)); err != nil {
		return err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 201 ")) {
		return fmt.Errorf("got %q", status)
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\r\n"))
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without a length")
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return err
}
