# Targets that people and CI call. Each prints what it does and fails when it fails.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
# Leaves the man page writers of a library out: every process, also that of a
# job, would make their tables as it starts.
TAGS     = urfave_cli_no_docs
BINARY  ?= runner
# Seconds a fuzz target runs in `make fuzz`.
FUZZTIME ?= 20s
FUZZPACKAGES ?= ./...

.PHONY: all build test test-real lint bench demo soak cross fuzz fuzz-jobs clean

all: lint build test

build: ## the binary, ./runner
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BINARY) .

# One line says so when tests with containers are skipped.
test: ## hermetic tests under the race detector
	@$(GO) test -race -count 1 -v -run '^TestAnEngineAnswers$$' ./executors/docker/dockertest | sed -n 's/^ *[a-z_]*_test.go:[0-9]*: //p'
	$(GO) test -race -timeout 5m ./...

# The packages with tests of real processes, servers and faults.
REAL = $(addprefix ./,$(shell git grep -l '^//go:build .*real' -- '*_test.go' | xargs -n1 dirname | sort -u))

test-real: ## real processes, servers and faults
	$(GO) test -tags real -timeout 20m $(REAL)

lint: ## format, vet, staticcheck, tidiness of go.mod
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags 'real soak bench' ./...
	$(GO) tool staticcheck -tags 'real soak bench' ./...
	$(GO) mod tidy -diff

# The packages with benchmarks.
BENCHES = $(addprefix ./,$(shell git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u))

bench: ## ratios and figures, in one run; BENCH_WRITE=1 keeps the tables in docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 200ms $(BENCHES)
	BENCH_WRITE=$(BENCH_WRITE) $(GO) test -tags bench -count 1 -timeout 6m -v -run TestFigures ./commands/bench

soak: ## the long counts
	$(GO) test -tags 'real soak' -timeout 3h -run Soak ./...

demo: build ## a real workflow through the embedded server, two registrations
	./runner exec --registrations 2 -C examples/demo

cross: ## everything compiles on every platform that we name
	@for target in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
		echo "cross $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 $(GO) build -o /dev/null . || exit 1; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 $(GO) vet ./... || exit 1; \
	done

fuzz: ## the fuzz targets of FUZZPACKAGES, each for FUZZTIME
	@for package in $$($(GO) list $(FUZZPACKAGES)); do \
		targets=$$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz') || continue; \
		for target in $$targets; do \
			echo "fuzz $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

fuzz-jobs: ## what reads a job's own input, as CI does
	$(MAKE) fuzz FUZZPACKAGES="./workflow/expression ./workflow/command ./workflow/filecommand ./workflow/model ./workflow/matcher ./executors/docker/policy"

clean:
	rm -rf runner dist
