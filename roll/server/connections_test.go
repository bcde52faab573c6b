package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
)

// TestMakeRoom: what is quiet gives way first, then what asks, in the order of its age;
// what a withdraw key signed never does.
func TestMakeRoom(t *testing.T) {
	c := connections{most: 4, open: map[net.Conn]*connection{}}
	names := map[net.Conn]string{}
	add := func(name string, states ...http.ConnState) net.Conn {
		conn, other := net.Pipe()
		t.Cleanup(func() { conn.Close(); other.Close() })
		names[conn] = name
		for _, state := range append([]http.ConnState{http.StateNew}, states...) {
			c.changed(conn, state)
		}
		return conn
	}
	signed := add("signed", http.StateActive)
	c.signed(c.context(context.Background(), signed))
	add("first asks", http.StateActive)
	idle := add("idle", http.StateActive, http.StateIdle)
	add("second asks", http.StateActive)
	for i, gone := range []string{"idle", "first asks", "second asks", "later 0", "later 1"} {
		add(fmt.Sprint("later ", i), http.StateActive)
		for conn := range c.open {
			if names[conn] == gone {
				t.Errorf("%q is kept", gone)
			}
		}
		if len(c.open) != 4 || c.open[signed] == nil {
			t.Fatalf("%d are open; signed: %v", len(c.open), c.open[signed] != nil)
		}
	}
	c.changed(idle, http.StateActive)
	if c.open[idle] != nil {
		t.Error("one that gave way is counted again")
	}
	if _, err := idle.Write([]byte("x")); err == nil {
		t.Error("one that gave way is open")
	}
	c.changed(signed, http.StateIdle)
	c.changed(signed, http.StateClosed)
	if len(c.open) != 3 {
		t.Errorf("%d are open, want 3", len(c.open))
	}
}
