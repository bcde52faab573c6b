package modelsigning

import (
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/modelsigning/modelsigningtest"
)

// largeBundle is one of the greatest number of files, with paths of 100 characters.
func largeBundle(tb testing.TB) (data, public []byte) {
	tb.Helper()
	files := make([]release.Resource, MaxFiles)
	for i := range files {
		name := fmt.Sprintf("%s/%06d", strings.Repeat("d", 93), i)
		files[i] = release.Resource{Name: name, Digest: sha256.Sum256([]byte(name))}
	}
	key, public := modelsigningtest.Key(tb, elliptic.P256())
	return modelsigningtest.Marshal(tb, modelsigningtest.Bundle(tb, key, modelsigningtest.Marshal(tb, modelsigningtest.Statement("large", nil, files...)), nil)), public
}

// TestLargeBundle: the bound of a bundle leaves room for that of its files.
func TestLargeBundle(t *testing.T) {
	data, public := largeBundle(t)
	if len(data) > MaxBundle {
		t.Errorf("got %d bytes, the bound is %d", len(data), MaxBundle)
	}
	manifest, err := Verify(data, trustOf(t, public))
	if err != nil || len(manifest.Resources) != MaxFiles {
		t.Errorf("got %v", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	data, public := largeBundle(b)
	trust := trustOf(b, public)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(data, trust); err != nil {
			b.Fatal(err)
		}
	}
}
