package connections

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// from is a connection that comes from an address.
type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }

// door adds connections to a bound by name.
type door struct {
	t       *testing.T
	bound   *Bound
	context func(context.Context, net.Conn) context.Context
	names   map[net.Conn]string
}

func newDoor(t *testing.T, most, perAddress int) *door {
	server := new(http.Server)
	bound := New(most, perAddress)
	bound.Apply(server)
	return &door{t, bound, server.ConnContext, map[net.Conn]string{}}
}

func (d *door) add(name, address string, states ...http.ConnState) net.Conn {
	pipe, other := net.Pipe()
	d.t.Cleanup(func() { pipe.Close(); other.Close() })
	conn := from{pipe, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 1))}
	d.names[conn] = name
	for _, state := range append([]http.ConnState{http.StateNew}, states...) {
		d.bound.changed(conn, state)
	}
	return conn
}

func (d *door) keep(conn net.Conn) func() { return Keep(d.context(d.t.Context(), conn)) }

func (d *door) open(name string) bool {
	for conn := range d.bound.open {
		if d.names[conn] == name {
			return true
		}
	}
	return false
}

// TestGiveWay: what is quiet gives way first, then what asks, in the order of its age;
// what is kept never does.
func TestGiveWay(t *testing.T) {
	d := newDoor(t, 4, 0)
	kept := d.add("kept", "192.0.2.1", http.StateActive)
	d.keep(kept)
	d.add("first asks", "192.0.2.1", http.StateActive)
	idle := d.add("idle", "192.0.2.1", http.StateActive, http.StateIdle)
	d.add("second asks", "192.0.2.1", http.StateActive)
	for i, gone := range []string{"idle", "first asks", "second asks", "later 0", "later 1"} {
		d.add(fmt.Sprint("later ", i), "192.0.2.1", http.StateActive)
		if d.open(gone) {
			t.Errorf("%q is kept", gone)
		}
		if len(d.bound.open) != 4 || !d.open("kept") {
			t.Fatalf("%d are open; kept: %v", len(d.bound.open), d.open("kept"))
		}
	}
	d.bound.changed(idle, http.StateActive)
	if d.open("idle") {
		t.Error("one that gave way is counted again")
	}
	if _, err := idle.Write([]byte("x")); err == nil {
		t.Error("one that gave way is open")
	}
	d.bound.changed(kept, http.StateIdle)
	d.bound.changed(kept, http.StateClosed)
	if len(d.bound.open) != 3 {
		t.Errorf("%d are open, want 3", len(d.bound.open))
	}
}

// TestAllKept: the bound holds also where nothing may give way; what is released may.
func TestAllKept(t *testing.T) {
	d := newDoor(t, 2, 0)
	d.keep(d.add("a", "192.0.2.1", http.StateActive))
	release := d.keep(d.add("b", "192.0.2.1", http.StateActive))
	refused := d.add("c", "192.0.2.1", http.StateActive)
	if d.open("c") || !d.open("a") || !d.open("b") {
		t.Errorf("open are %v", d.bound.open)
	}
	if _, err := refused.Write([]byte("x")); err == nil {
		t.Error("what was not taken in is open")
	}
	release()
	if d.add("d", "192.0.2.1"); d.open("b") || !d.open("d") {
		t.Errorf("what was released did not give way to the next")
	}
}

// TestPerAddress: who has as many as it may takes from itself alone.
func TestPerAddress(t *testing.T) {
	d := newDoor(t, 10, 2)
	d.add("other", "192.0.2.1")
	d.add("6 other", "2001:db8:0:1::1")
	d.add("first", "192.0.2.2", http.StateActive)
	d.add("second", "::ffff:192.0.2.2")
	d.add("third", "192.0.2.2")
	if d.open("second") || !d.open("first") || !d.open("third") || !d.open("other") {
		t.Errorf("the quiet one of the same address did not give way: %v", d.names)
	}
	d.add("6 first", "2001:db8::1")
	d.add("6 second", "2001:db8::ffff:1")
	d.add("6 third", "2001:db8::2:1:1:1")
	if d.open("6 first") || !d.open("6 second") || !d.open("6 third") || !d.open("6 other") {
		t.Error("a network of 64 bits is not one address")
	}
	for i := range 4 {
		if d.add(fmt.Sprint("local ", i), "127.0.0.1"); !d.open(fmt.Sprint("local ", i)) {
			t.Error("a loopback address is bounded")
		}
	}
	for conn := range d.names {
		d.bound.changed(conn, http.StateClosed)
	}
	if len(d.bound.open) != 0 || len(d.bound.addresses) != 0 {
		t.Errorf("%d connections and %d addresses are remembered", len(d.bound.open), len(d.bound.addresses))
	}
}

func TestKeepWithoutBound(t *testing.T) { Keep(t.Context())() }
