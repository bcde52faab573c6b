package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"time"

	_ "embed"

	"github.com/muster-log/muster/witness"
)

// maxListed bounds the page: a public witness may follow thousands of logs.
const maxListed = 500

//go:embed home.html
var homeText string

var homeTemplate = template.Must(template.New("home").Parse(homeText))

type homePage struct {
	Name string
	Keys []string
	Logs []homeLog
	More bool
}

type homeLog struct {
	// Origin is what the link shows; Hash is what it leads to.
	Origin, Hash string
	Cosigned     bool
	Size         uint64
	Root, Time   string
}

// home is the page for people: who the witness is and what it follows.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	followed, err := s.witness.Followed(r.Context(), "", maxListed+1)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	page := homePage{Name: s.witness.Keys()[0].Name, More: len(followed) > maxListed}
	for _, key := range s.witness.Keys() {
		page.Keys = append(page.Keys, key.String())
	}
	for _, log := range followed[:min(len(followed), maxListed)] {
		page.Logs = append(page.Logs, describe(log))
	}
	var body bytes.Buffer
	if err := homeTemplate.Execute(&body, page); err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body.Bytes())
}

func describe(log witness.Followed) homeLog {
	hash := sha256.Sum256([]byte(log.Origin))
	described := homeLog{Origin: log.Origin, Hash: hex.EncodeToString(hash[:])}
	if !log.Latest.IsZero() {
		described.Cosigned = true
		described.Size = log.Latest.Size
		described.Root = base64.StdEncoding.EncodeToString(log.Latest.Root[:])
		described.Time = time.Unix(int64(log.Latest.Time), 0).UTC().Format(time.RFC3339)
	}
	return described
}
