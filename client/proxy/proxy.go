// Package proxy hands the requests of programs on this machine to one node that
// passes, and to no other: plain HTTP on one side, package client on the other.
//
// Whoever can connect to it uses the node as its owner does, so it listens on this
// machine only. Web pages are kept out: a browser on this machine may reach it too.
package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/verify"
)

// New returns a handler that proxies to the node of an https URL without path, through
// a transport of package client. What the node does not get, its caller gets as a
// problem document (RFC 9457) with status 502, and the verdict in it where there is one.
func New(node *url.URL, transport *client.Transport, logger *slog.Logger) (http.Handler, error) {
	if node.Scheme != "https" || node.Hostname() == "" || node.Path != "" && node.Path != "/" || node.RawQuery != "" || node.User != nil {
		return nil, fmt.Errorf("proxy: got %s, want an https URL of a node, without a path", node.Redacted())
	}
	node = &url.URL{Scheme: "https", Host: node.Host}
	p := &proxy{node: node, logger: logger}
	p.reverse = &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // tokens as they come
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(node) // and the Host with it
			// What this machine is called inside is not the node's to know.
			r.Out.Header.Del("Referer")
			if r.Out.Header.Get("Origin") != "" {
				r.Out.Header.Set("Origin", node.String())
			}
		},
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
	}
	return p, nil
}

type proxy struct {
	node    *url.URL
	reverse *httputil.ReverseProxy
	logger  *slog.Logger
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect || r.URL.Host != "":
		problem(w, http.StatusMisdirectedRequest, "not-a-forward-proxy", "this proxy speaks for "+p.node.Host+" alone: send requests to it as to a server", nil)
	case fromPage(r):
		problem(w, http.StatusForbidden, "from-a-web-page", "this proxy is for programs on this machine: a web page of elsewhere sent this", nil)
	default:
		p.reverse.ServeHTTP(w, r)
	}
}

// fromPage reports a request that a browser may have sent for a page of elsewhere: by
// its own headers, or by a name of elsewhere that leads here (DNS rebinding).
func fromPage(r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok || local.Network() != "unix" {
		if !isHere(r.Host) {
			return true
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host
}

// isHere reports a host, with or without a port, that can be no name of elsewhere.
func isHere(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// modify keeps the caller from going elsewhere on the node's word.
func (p *proxy) modify(response *http.Response) error {
	// They are about the node's name, and the caller knows it by another.
	response.Header.Del("Alt-Svc")
	response.Header.Del("Strict-Transport-Security")
	location := response.Header.Get("Location")
	if location == "" {
		return nil
	}
	to, err := response.Request.URL.Parse(location)
	if err != nil || to.Scheme != "https" || !sameHost(to, p.node) || to.User != nil {
		return errRedirect
	}
	to.Scheme, to.Host = "", ""
	response.Header.Set("Location", to.String())
	return nil
}

func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return "443"
		}
		return u.Port()
	}
	return a.Hostname() == b.Hostname() && port(a) == port(b)
}

var errRedirect = errors.New("the node redirects to another origin: it speaks for itself alone")

// failed answers what the node did not. It never asks anybody else.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the caller went away
	}
	code, verdict := "node", (*verify.Verdict)(nil)
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		code, verdict = "node-refused", refused.Verdict
	} else if errors.Is(err, errRedirect) {
		code = "redirect"
	}
	p.logger.Warn("not proxied", "node", p.node.Host, "code", code, "error", err)
	problem(w, http.StatusBadGateway, code, err.Error(), verdict)
}

func problem(w http.ResponseWriter, status int, code, detail string, verdict *verify.Verdict) {
	members := map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail}
	if verdict != nil {
		members["verdict"] = verdict
	}
	document, err := json.Marshal(members)
	if err != nil { // a verdict that cannot be written
		delete(members, "verdict")
		document, _ = json.Marshal(members)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(document)
}
