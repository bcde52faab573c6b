# Muster. Every target does its own set-up; `make help` lists them.

GO ?= go

# The demo: where downloads and runs go, a model's directory to take, and 1 to end
# after the last step.
STATE ?= .state
MODEL ?=
ONCE ?=

.PHONY: help build demo test test-boot boot-bench bench witness-bench witness-table clean
help:
	@echo "make demo    the whole chain on this machine, step by step, without root"
	@echo "             ONCE=1 end after the last step; MODEL=DIR take that model; STATE=DIR keep things there"
	@echo "make test    install what is missing, then every test with the race detector"
	@echo "make test-boot  of these the ones that boot a measured machine under qemu"
	@echo "make boot-bench  what a node uses to open a small and a large model in that machine"
	@echo "make bench   one table: what it costs, beside this machine's limits"
	@echo "make witness-table  how strict the witness is, beside litewitness; writes docs/witness-conformance.md"
	@echo "make witness-bench  of that table the witness alone, beside litewitness"
	@echo "make build   the programs into bin/"
	@echo "make clean   remove bin/ and $(STATE)/"

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

demo: build
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./demo
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w -buildid=' -o bin/demo-init ./demo/init
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/demo-answer ./demo/answer
	@bin/demo -bin bin -state '$(STATE)' -model '$(MODEL)' $(if $(ONCE),-once -readme README.md)

test:
	scripts/install-test-parts
	$(GO) test -race -tags system -timeout 20m ./...

test-boot:
	scripts/install-test-parts
	$(GO) test -race -tags system -timeout 20m ./guest/...

boot-bench:
	scripts/install-test-parts
	$(GO) test -v -tags system -timeout 30m -run '^$$' -bench Open -benchtime 1x ./guest

bench:
	@$(GO) run ./bench/table

witness-bench:
	@$(GO) run ./bench/table witness

witness-table:
	@$(GO) test -c -tags system -o bin/witness-conformance.test ./witness/conformance
	@bin/witness-conformance.test -table -page docs/witness-conformance.md

clean:
	rm -rf bin '$(STATE)'
