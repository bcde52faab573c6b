// Package pages is the log for people: what is live, the entries that the
// search index finds, and one entry with everything that is known of it. Three
// pages made on the server, that need no script.
//
// A page is a convenience, not a proof, and every page says so: it shows what
// the log's operator wants it to show. Everything that stands in an entry is
// somebody else's text.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog/policy"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// Config is what the pages show. Log, Index and Policy must stand.
type Config struct {
	Log         *log.Log
	Index       log.Index
	Policy      *policy.Policy
	Operators   map[string]string // by the policy's witness names
	LogOperator string
	// URL is the log's public address; empty: that of the request.
	URL string
	// Now is the clock: default time.Now.
	Now func() time.Time
}

// Pages answers for one log.
type Pages struct {
	config Config

	// known remembers the known times of anchors, which do not change.
	mu    sync.Mutex
	known map[uint64]time.Time
}

// New makes the pages of a log.
func New(config Config) *Pages {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Pages{config: config, known: make(map[uint64]time.Time)}
}

// Register adds the routes of the pages.
func (p *Pages) Register(e *echo.Echo) {
	for path, handler := range map[string]echo.HandlerFunc{
		"/":               p.live,
		"/releases":       p.releases,
		"/entries/:index": p.entry,
		"/assets/:name":   asset,
	} {
		e.GET(path, handler)
		e.HEAD(path, handler)
	}
	e.GET("/releases/", withoutSlash)
	e.HEAD("/releases/", withoutSlash)
}

// withoutSlash leads from /releases/ to /releases, with its parameters.
func withoutSlash(c echo.Context) error {
	target := url.URL{Path: "/releases", RawQuery: c.Request().URL.RawQuery}
	return c.Redirect(http.StatusMovedPermanently, target.String())
}

// An asset is served under a name that holds its digest, and so for ever.
var (
	style  = assetName("style.css")
	icon   = assetName("icon.svg")
	assets = map[string]string{style: "style.css", icon: "icon.svg"}
)

var assetTypes = map[string]string{style: "text/css; charset=utf-8", icon: "image/svg+xml"}

func assetName(name string) string {
	data, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:8]) + "-" + name
}

func asset(c echo.Context) error {
	name := c.Param("name")
	file, ok := assets[name]
	if !ok {
		return fmt.Errorf("asset %.80q: %w", name, fs.ErrNotExist)
	}
	data, err := assetFiles.ReadFile("assets/" + file)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Content-Type", assetTypes[name])
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("ETag", `"`+name[:16]+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(data))
	return nil
}

// frame is what every page has. View is the page's own, Here its
// place in the navigation; render fills in the rest.
type frame struct {
	Title       string
	Origin      string
	Style, Icon string
	Retired     *retiredView // the log is, so no page may look as if it were in use
	// Here is the page's place in the navigation.
	Here string
	View any
}

var templates = parseTemplates("live", "releases", "entry", "failure")

func parseTemplates(names ...string) map[string]*template.Template {
	functions := template.FuncMap{
		"instant": instantText,
		"ago":     agoText,
		"bytes":   bytesText,
		"search":  searchPath,
	}
	parsed := make(map[string]*template.Template, len(names))
	for _, name := range names {
		parsed[name] = template.Must(template.New("frame.html").Funcs(functions).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return parsed
}

// render answers with a page, or fails before a byte of it is sent.
func (p *Pages) render(c echo.Context, status int, name string, f frame) error {
	f.Style, f.Icon = style, icon
	if p.config.Log != nil { // an error is answered even by a server that has no log
		f.Origin, f.Retired = p.config.Log.Origin(), p.retired()
	}
	var body bytes.Buffer
	if err := templates[name].Execute(&body, f); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	header := c.Response().Header()
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-cache")
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	if c.Request().Method == http.MethodHead {
		c.Response().WriteHeader(status)
		return nil
	}
	return c.Blob(status, "text/html; charset=utf-8", body.Bytes())
}

// address is the log's URL in the commands that a page shows.
func (p *Pages) address(c echo.Context) string {
	if p.config.URL != "" {
		return p.config.URL
	}
	base := url.URL{Scheme: c.Scheme(), Host: c.Request().Host}
	return base.String()
}
