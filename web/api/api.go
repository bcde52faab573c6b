package api

import (
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

const (
	// DefaultPublishWait is how long a submission waits for its publication
	// before it is answered 202. It is less than package log/remote waits for an
	// answer's header (45 s).
	DefaultPublishWait = 30 * time.Second

	// DefaultBodyTimeout bounds how long a submission may take to arrive: 64 KiB
	// on a bad line.
	DefaultBodyTimeout = 10 * time.Second

	// DefaultReceiving bounds how many submissions are held at once, from their
	// first byte until they are admitted. Peers that send slowly hold these
	// places, and so they are many: at the greatest size of an entry, 512 MiB.
	DefaultReceiving = 8192

	// DefaultAdmitting bounds how many submissions that have arrived whole are
	// admitted at once. How a peer sends does not matter here.
	DefaultAdmitting = 1024

	// DefaultWaiting bounds how many submissions wait for their publication.
	// Those above it are answered 202 at once.
	DefaultWaiting = 4096
)

// Config is what an API serves. Log, Index and Policy must stand.
type Config struct {
	Log   *log.Log
	Index log.Index
	// Manifests are the lists of models' files that are kept beside the log; nil:
	// none are.
	Manifests log.Manifests
	// Spool is the directory in which manifests lie while they arrive, at most 1 GiB
	// together; empty: that of the system for temporary files.
	Spool string
	// Policy is the log's own words on its key and witnesses, a C2SP
	// tlog-policy for relying parties.
	Policy []byte
	// PublishWait: default DefaultPublishWait; negative: none.
	PublishWait time.Duration
	// BodyTimeout: default DefaultBodyTimeout.
	BodyTimeout time.Duration
	// ManifestTimeout: default DefaultManifestTimeout.
	ManifestTimeout time.Duration
	// Receiving: default DefaultReceiving.
	Receiving int
	// Admitting: default DefaultAdmitting.
	Admitting int
	// Waiting: default DefaultWaiting.
	Waiting int
	// Stopping, when closed, ends the wait of submissions: they are answered
	// 202. It may be nil.
	Stopping <-chan struct{}
}

// API answers for one log.
type API struct {
	config    Config
	receiving chan struct{}
	admitting chan struct{}
	waiting   chan struct{}
	storing   chan struct{}
	parsing   chan struct{}
	arriving  *arrivals

	mu      sync.Mutex
	keeping map[release.Digest]*keeping
}

// New makes the API of a log.
func New(config Config) *API {
	if config.PublishWait == 0 {
		config.PublishWait = DefaultPublishWait
	}
	if config.BodyTimeout == 0 {
		config.BodyTimeout = DefaultBodyTimeout
	}
	if config.ManifestTimeout == 0 {
		config.ManifestTimeout = DefaultManifestTimeout
	}
	if config.Receiving == 0 {
		config.Receiving = DefaultReceiving
	}
	if config.Admitting == 0 {
		config.Admitting = DefaultAdmitting
	}
	if config.Waiting == 0 {
		config.Waiting = DefaultWaiting
	}
	return &API{
		config:    config,
		receiving: make(chan struct{}, config.Receiving),
		admitting: make(chan struct{}, config.Admitting),
		waiting:   make(chan struct{}, config.Waiting),
		storing:   make(chan struct{}, maxStoring),
		parsing:   make(chan struct{}, 1),
		arriving:  newArrivals(),
		keeping:   map[release.Digest]*keeping{},
	}
}

// The paths that other parts of the server name.
const (
	PathEntries = "/api/v1/entries"
	PathEntry   = "/api/v1/entries/:entry"
)

// Register adds the API's routes.
func (a *API) Register(e *echo.Echo) {
	for _, route := range []struct {
		path    string
		handler echo.HandlerFunc
	}{
		{"/checkpoint", a.checkpoint},
		{"/checkpoint/:size", a.checkpointAt},
		{"/tile/*", a.tile},
		{PathEntries, a.list},
		{PathEntry, a.entry},
		{PathEntry + "/proof", a.proof},
		{PathEntry + "/bundle", a.bundle},
		{"/api/v1/digests/:digest", a.digests},
		{PathManifest, a.manifest},
		{"/api/v1/live", a.live},
		{"/api/v1/policy", a.policy},
		{"/readyz", a.ready},
		{"/livez", a.alive},
	} {
		e.GET(route.path, route.handler)
		e.HEAD(route.path, route.handler)
	}
	e.POST(PathEntries, a.submit)
	e.POST(PathManifest, a.storeManifest)
}

// alive says that the process answers; it says nothing of the log's state.
func (a *API) alive(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, typeText, []byte("ok\n"))
}
