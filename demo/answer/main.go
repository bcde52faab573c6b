// Command answer is the work of the demo's release: it answers every question with
// the SHA-256 of the question and of the model's weights. What a node runs is said by
// the release; that it is this, by its config image.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// maxQuestion bounds a question, in bytes.
const maxQuestion = 64 << 10

func main() {
	socket := flag.String("socket", "", "the socket to listen on")
	model := flag.String("model", "", "the directory of the model")
	flag.Parse()
	if err := run(*socket, *model); err != nil {
		fmt.Fprintln(os.Stderr, "answer:", err)
		os.Exit(1)
	}
}

func run(socket, model string) error {
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	fmt.Printf("msg=listening url=unix:%s\n", socket)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		digest, err := answer(model, question)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "you asked %q; the model's answer is %x\n", question, digest[:8])
	})}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answer hashes the question with every file of the model.
func answer(model string, question []byte) ([]byte, error) {
	hash := sha256.New()
	hash.Write(question)
	files, err := filepath.Glob(filepath.Join(model, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(hash, file)
		file.Close()
		if err != nil {
			return nil, err
		}
	}
	return hash.Sum(nil), nil
}
