package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-log/muster/witness"
)

// pageLogs is how many logs one page lists.
const pageLogs = 100

var (
	//go:embed home.html
	homeText string
	//go:embed home.css
	homeStyle string

	homeTemplate = template.Must(template.New("home").Parse(homeText))
	homePolicy   = func() string {
		hash := sha256.Sum256([]byte(homeStyle))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	}()
)

type homePage struct {
	Name, URL string
	Style     template.CSS
	Keys      []homeKey
	Halted    bool
	NotReady  string
	Logs      []homeLog
	// From is the origin that the list was asked to begin at, Next that of the
	// next page.
	From, Next string
}

type homeKey struct{ Type, Key string }

type homeLog struct {
	// Origin is shown; Hash is what it leads to.
	Origin, Hash string
	// Hidden says that Origin is not quite what the log's is.
	Hidden, Disabled, Cosigned bool
	Size, Evidence             uint64
	Root, Time, Age            string
}

// home is the page for people: who the witness is and what it follows. Pages
// are made one at a time, so that they take no more than a part of the machine
// from cosigning.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	select {
	case s.rendering <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	body, err := s.renderHome(r)
	<-s.rendering
	if err != nil {
		s.refuse(w, r, fmt.Errorf("make the page: %w", err))
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", homePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Write(body)
}

func (s *Server) renderHome(r *http.Request) ([]byte, error) {
	from := r.URL.Query().Get("from")
	from = from[:min(len(from), witness.MaxOrigin)]
	followed, err := s.config.Witness.Followed(r.Context(), before(from), pageLogs+1)
	if err != nil {
		return nil, err
	}
	keys := s.config.Witness.Keys()
	page := homePage{Name: keys[0].Name, URL: s.address(r), Style: template.CSS(homeStyle), Halted: s.config.Witness.Halted(), NotReady: s.notReady(),
		From: shown(from)}
	for _, key := range keys {
		page.Keys = append(page.Keys, homeKey{key.Type.String(), key.String()})
	}
	if len(followed) > pageLogs {
		page.Next = followed[pageLogs].Origin
		followed = followed[:pageLogs]
	}
	now := s.config.Now()
	for _, log := range followed {
		page.Logs = append(page.Logs, describe(log, now))
	}
	var body bytes.Buffer
	err = homeTemplate.Execute(&body, page)
	return body.Bytes(), err
}

// before is a text such that the origins after it are those from origin on: a
// byte that no origin has stands at its end.
func before(origin string) string {
	if origin == "" {
		return ""
	}
	last := len(origin) - 1
	if origin[last] == 0 {
		return origin[:last]
	}
	return origin[:last] + string([]byte{origin[last] - 1, 0xff})
}

// address is the prefix of the witness's URLs as who asks sees it.
func (s *Server) address(r *http.Request) string {
	switch {
	case s.config.URL != "":
		return s.config.URL
	case r.Host == "":
		return ""
	case r.Header.Get("X-Forwarded-Proto") == "https":
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func describe(log witness.Followed, now time.Time) homeLog {
	hash := sha256.Sum256([]byte(log.Origin))
	described := homeLog{Origin: shown(log.Origin), Hash: hex.EncodeToString(hash[:]), Disabled: log.Disabled, Evidence: log.Evidence}
	described.Hidden = described.Origin != log.Origin
	if !log.Latest.IsZero() {
		described.Cosigned = true
		described.Size = log.Latest.Size
		described.Root = base64.StdEncoding.EncodeToString(log.Latest.Root[:])
		at := time.Unix(int64(log.Latest.Time), 0)
		described.Time, described.Age = at.UTC().Format(time.RFC3339), age(now.Sub(at))
	}
	return described
}

// shown is an origin without what could steer the text around it or cannot be
// seen: control and format characters, and what is no UTF-8.
func shown(origin string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(origin, string(utf8.RuneError)))
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if count := d / unit.length; count > 1 {
			return fmt.Sprintf("%d %ss ago", count, unit.name)
		} else if count == 1 {
			return "1 " + unit.name + " ago"
		}
	}
	return "just now"
}
