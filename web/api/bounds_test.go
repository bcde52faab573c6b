package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
)

// TestOneSubmissionTooMany: where so many are under way that no more are read,
// a submission is told to come again, and is not read.
func TestOneSubmissionTooMany(t *testing.T) {
	a := New(Config{Receiving: 1})
	a.receiving <- struct{}{}
	body := strings.NewReader("{}")
	request := httptest.NewRequest(http.MethodPost, PathEntries, body)
	request.Header.Set("Content-Type", TypeEntry)
	recorder := httptest.NewRecorder()
	err := a.submit(echo.New().NewContext(request, recorder))
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != CodeBusy || refused.Retry == 0 || recorder.Header().Get("Connection") != "close" {
		t.Errorf("got %v, %v", err, recorder.Header())
	}
	if body.Len() != 2 {
		t.Error("the body was read")
	}
}

// TestSlowBodiesHoldNoAdmission: a submission whose body does not come is read
// beside others and takes no place among those that are admitted; one that has
// come whole is told to come again where there is none.
func TestSlowBodiesHoldNoAdmission(t *testing.T) {
	a := New(Config{Receiving: 2, Admitting: 1})
	server := echo.New()
	ended := make(chan error, 1)
	server.POST(PathEntries, func(c echo.Context) error {
		err := a.submit(c)
		ended <- err
		return err
	})
	listening := httptest.NewServer(server)
	defer listening.Close()
	connection, err := net.Dial("tcp", listening.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", PathEntries)
	for deadline := time.Now().Add(10 * time.Second); len(a.receiving) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the submission is not read")
		}
	}
	if len(a.admitting) != 0 {
		t.Error("a submission that has not arrived takes a place of those that are admitted")
	}
	a.admitting <- struct{}{}
	response, err := http.Post(listening.URL+PathEntries, TypeEntry, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	var refused *Error
	if err := <-ended; !errors.As(err, &refused) || refused.Code != CodeBusy || refused.Retry == 0 {
		t.Errorf("got %v", err)
	}
	connection.Close()
	if err := <-ended; !errors.As(err, &refused) || refused.Code != CodeBody {
		t.Errorf("the slow one: got %v", err)
	}
}

// TestChoose: which of the entries that mention a digest it means.
func TestChoose(t *testing.T) {
	match := func(index uint64, relation log.Relation) log.Match {
		return log.Match{Index: index, Mention: log.Mention{Relation: relation}}
	}
	tests := []struct {
		name    string
		matches []log.Match
		want    uint64
		code    release.Code
	}{
		{"none", nil, 0, CodeNotFound},
		{"its own payload before those that speak of it", []log.Match{match(2, log.RelationPayload), match(3, log.RelationImage), match(5, log.RelationTarget)}, 2, ""},
		{"what describes it before what speaks of it", []log.Match{match(1, log.RelationArtifact), match(4, log.RelationProvenance)}, 1, ""},
		{"one entry in several ways", []log.Match{match(1, log.RelationSection), match(1, log.RelationInitrd)}, 1, ""},
		{"two entries that describe it", []log.Match{match(1, log.RelationInitrd), match(2, log.RelationInitrd)}, 0, CodeDigestAmbiguous},
		{"one entry that speaks of it", []log.Match{match(7, log.RelationProvenance)}, 7, ""},
		{"a key of many", []log.Match{match(0, log.RelationKey), match(1, log.RelationSigner), match(2, log.RelationSigner)}, 0, CodeDigestAmbiguous},
	}
	for _, test := range tests {
		got, err := choose("abcdef", test.matches)
		var refused *Error
		errors.As(err, &refused)
		if test.code == "" && (err != nil || got != test.want) || test.code != "" && (refused == nil || refused.Code != test.code) {
			t.Errorf("%s: got %d, %v", test.name, got, err)
		}
		if test.code == CodeDigestAmbiguous && (refused == nil || len(refused.Candidates) != len(test.matches)) {
			t.Errorf("%s: candidates %+v", test.name, refused)
		}
	}
	many := make([]log.Match, maxCandidates+1)
	for i := range many {
		many[i] = match(3, log.RelationSection)
	}
	if _, err := choose("abcdef", many); err == nil {
		t.Error("more matches than were read are taken for one entry")
	}
}

// TestEveryRelationIsWeighed: a relation that package log adds is placed by
// somebody, not by chance.
func TestEveryRelationIsWeighed(t *testing.T) {
	weighed := map[int]int{}
	for relation := log.Relation(1); relation.String() != "unknown"; relation++ {
		weighed[names(relation)]++
	}
	if weighed[0] != 2 || weighed[1] != 11 || weighed[2] != 10 {
		t.Errorf("got %v: place the new relation in names, then count it here", weighed)
	}
}
