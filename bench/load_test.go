package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
)

// connection is one submitter that posts over one connection and reads no more
// of an answer than it must: it shares the cores with what is measured, and
// net/http's client costs as much as its server.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	host   string // with the port
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
	length, err := c.send(postRequest("/api/v1/entries", "application/json", c.host, entry), http.StatusCreated)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return err
}

// postRequest is a request as it goes over the wire.
func postRequest(path, contentType, host string, body []byte) []byte {
	request := make([]byte, 0, len(body)+256)
	request = fmt.Appendf(request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, host, contentType, len(body))
	return append(request, body...)
}

// send writes a request and reads the header of its answer, which must have that
// status. It returns the length of the body, which is read next.
func (c *connection) send(request []byte, want int) (length int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if words := bytes.Fields(status); len(words) < 2 || string(words[1]) != strconv.Itoa(want) {
		return 0, fmt.Errorf("got %q, want status %d", status, want)
	}
	length = -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSuffix(line, []byte("\r\n"))
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("an answer without a length")
	}
	return length, nil
}
