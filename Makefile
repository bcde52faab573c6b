# Muster. Every target does its own set-up; `make help` lists them.

GO ?= go

.PHONY: help build test
help:
	@echo "make build   the four programs into bin/"
	@echo "make test    install what is missing, then every test with the race detector"

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

test:
	$(GO) test -race -timeout 15m ./...
