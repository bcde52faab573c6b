//go:build linux

// Command answer is the work that the guest's release is for: it answers questions
// over HTTP, by what it finds in the model. The release's config image says how it is
// started. It first prints the processor time that its process has used, which is
// that of whoever executed it in its place.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxQuestion bounds a question, in bytes.
const maxQuestion = 64 << 10

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "where to answer")
	model := flag.String("model", "", "the directory of the model's files")
	flag.Parse()
	if err := run(*listen, *model); err != nil {
		fmt.Fprintln(os.Stderr, "answer:", err)
		os.Exit(1)
	}
}

func run(listen, model string) error {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	fmt.Printf("answer: before: user %d us, system %d us\n", used.Utime.Nano()/1000, used.Stime.Nano()/1000)
	fmt.Printf("answer: uid %d, gid %d, environment %q\n", os.Getuid(), os.Getgid(), os.Environ())
	if model == "" {
		return errors.New("-model is missing: name the directory of the model's files")
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("answer: listens at", listener.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		digest, err := work(model, http.MaxBytesReader(w, r.Body, maxQuestion))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"answer\":%q}\n", digest)
	})
	server := &http.Server{Handler: mux, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	return server.Serve(listener)
}

// work is SHA-256 of the model's files, in the order of their names, and the question.
func work(model string, question io.Reader) (string, error) {
	files, err := filepath.Glob(filepath.Join(model, "*"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("%s holds no files", model)
	}
	hash := sha256.New()
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(hash, file)
		file.Close()
		if err != nil {
			return "", err
		}
	}
	if _, err := io.Copy(hash, question); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
