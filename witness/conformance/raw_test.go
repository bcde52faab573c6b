package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// dial opens a connection on which a check writes bytes, for at most a minute.
func (s *site) dial() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url(), "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	return connection, bufio.NewReader(connection)
}

// writeRequest writes an add-checkpoint request.
func writeRequest(w io.Writer, body []byte) error {
	_, err := fmt.Fprintf(w, "POST /add-checkpoint HTTP/1.1\r\nHost: witness.example\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// drain reads a response to its end.
func drain(response *http.Response) error {
	defer response.Body.Close()
	_, err := io.Copy(io.Discard, response.Body)
	return err
}
