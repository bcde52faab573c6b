package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxConnections bounds the connections that are open at once, and with them the bodies
// that are being read: each has one.
const maxConnections = 256

// stage says what a connection that is open would lose if it were closed.
type stage int

const (
	// stageQuiet: it has sent nothing since it was opened or last answered.
	stageQuiet stage = iota
	// stageAsking: a request of it is being read, or answered.
	stageAsking
	// stageSigned: it handed in a withdrawal whose signatures verify.
	stageSigned
)

// connections are those that are open, at most so many. Where one more comes, one that
// sends nothing gives way, and where there is none the one that has been asking longest:
// whoever would keep others out has to open connections faster than they are answered.
// One that handed in what a withdraw key signed never gives way.
type connections struct {
	most int
	mu   sync.Mutex
	open map[net.Conn]*connection
}

type connection struct {
	stage stage
	since time.Time
}

type connectionKey struct{}

// context lets a handler name its connection.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// changed is the server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	one := c.open[conn]
	switch {
	case state == http.StateNew:
		c.makeRoom()
		c.open[conn] = &connection{stageQuiet, now}
	case state == http.StateClosed || state == http.StateHijacked:
		delete(c.open, conn)
	case one == nil: // it gave way already
	case state == http.StateActive:
		one.stage, one.since = stageAsking, now
	case state == http.StateIdle:
		one.stage, one.since = stageQuiet, now
	}
}

// makeRoom closes a connection if there are as many as there may be; mu is held.
func (c *connections) makeRoom() {
	if len(c.open) < c.most {
		return
	}
	var first net.Conn
	for conn, one := range c.open {
		if one.stage == stageSigned {
			continue
		}
		if other := c.open[first]; other == nil || one.stage < other.stage || one.stage == other.stage && one.since.Before(other.since) {
			first = conn
		}
	}
	if first != nil {
		delete(c.open, first)
		first.Close()
	}
}

// signed keeps the connection of a request open until it is answered.
func (c *connections) signed(ctx context.Context) {
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.open[conn]; one != nil {
		one.stage = stageSigned
	}
}
