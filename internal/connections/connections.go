// Package connections bounds the connections that an HTTP server holds open, in all and
// for each remote address: what is read and kept of requests that are not whole yet is
// bounded with them, and nobody keeps the others out by holding connections.
package connections

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// stage says what a connection that is open would lose if it were closed.
type stage int

const (
	// stageQuiet: it has sent nothing since it was opened or last answered.
	stageQuiet stage = iota
	// stageAsking: a request of it is being read, or answered.
	stageAsking
	// stageKept: the server said that the request is worth an answer.
	stageKept
)

// A Bound is the connections of one server. Where one more comes than there may be, one
// that sends nothing gives way, the quietest first, and where there is none the one that
// has been asking longest: whoever would keep others out has to open connections faster
// than they are answered. One that is kept never gives way; where all are, the new one
// does.
type Bound struct {
	most, perAddress int

	mu        sync.Mutex
	open      map[net.Conn]*connection
	addresses map[netip.Prefix]int
}

type connection struct {
	stage   stage
	since   time.Time
	address netip.Prefix
}

// New returns a bound of most connections, and of perAddress for one remote address; 0:
// no bound. An address is an IPv4 address or the 64 bits of an IPv6 address that one
// customer has. Loopback addresses have no bound of their own: a proxy on the same
// machine brings everybody's requests.
func New(most, perAddress int) *Bound {
	return &Bound{most: most, perAddress: perAddress, open: map[net.Conn]*connection{}, addresses: map[netip.Prefix]int{}}
}

type contextKey struct{}

// held is a connection and what holds it.
type held struct {
	bound *Bound
	conn  net.Conn
}

// Apply makes the bound that of a server, which must not serve yet and has neither
// ConnState nor ConnContext of its own.
func (b *Bound) Apply(server *http.Server) {
	server.ConnState = b.changed
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, contextKey{}, held{b, conn})
	}
}

// Keep keeps the connection of a request, whose context it takes, open until it is
// answered or the function it returns is called: before an answer is written that the
// client may be slow to read. Without a Bound it does nothing.
func Keep(ctx context.Context) (release func()) {
	one, ok := ctx.Value(contextKey{}).(held)
	if !ok {
		return func() {}
	}
	one.bound.set(one.conn, stageKept)
	return func() { one.bound.set(one.conn, stageAsking) }
}

func (b *Bound) set(conn net.Conn, stage stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.open[conn]; one != nil { // nil: it gave way already
		one.stage, one.since = stage, time.Now()
	}
}

// changed is the server's ConnState.
func (b *Bound) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		b.add(conn)
	case http.StateActive:
		b.set(conn, stageAsking)
	case http.StateIdle:
		b.set(conn, stageQuiet)
	case http.StateClosed, http.StateHijacked:
		b.mu.Lock()
		b.remove(conn)
		b.mu.Unlock()
	}
}

// add takes in a new connection and closes one if there are more than there may be.
func (b *Bound) add(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	address, room := addressOf(conn), true
	switch {
	case b.perAddress > 0 && address.IsValid() && b.addresses[address] >= b.perAddress:
		room = b.giveWay(address)
	case b.most > 0 && len(b.open) >= b.most:
		room = b.giveWay(netip.Prefix{})
	}
	if !room {
		conn.Close()
		return
	}
	b.open[conn] = &connection{stageQuiet, time.Now(), address}
	if address.IsValid() {
		b.addresses[address]++
	}
}

// giveWay closes a connection of that address, of any if it is zero, and reports whether
// there was one to close; mu is held.
func (b *Bound) giveWay(of netip.Prefix) bool {
	var first net.Conn
	for conn, one := range b.open {
		if one.stage == stageKept || of.IsValid() && one.address != of {
			continue
		}
		if other := b.open[first]; other == nil || one.stage < other.stage || one.stage == other.stage && one.since.Before(other.since) {
			first = conn
		}
	}
	if first == nil {
		return false
	}
	b.remove(first)
	first.Close()
	return true
}

// remove forgets a connection; mu is held.
func (b *Bound) remove(conn net.Conn) {
	one := b.open[conn]
	if one == nil {
		return
	}
	delete(b.open, conn)
	if !one.address.IsValid() {
		return
	}
	if b.addresses[one.address]--; b.addresses[one.address] == 0 {
		delete(b.addresses, one.address)
	}
}

// addressOf is what the connections of one client have in common; zero: nothing that is
// bounded.
func addressOf(conn net.Conn) netip.Prefix {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := remote.AddrPort().Addr().Unmap().WithZone("")
	if address.IsLoopback() || !address.IsValid() {
		return netip.Prefix{}
	}
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // the bits are in range
	return prefix
}
