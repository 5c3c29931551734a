# Everything one needs: Go (the version in go.mod), make, and for `make race` a C
# compiler. `make` alone prints the targets; .ci/run calls the same ones.

GO       ?= go
FUZZTIME ?= 60s
SEEDS    ?= 300
SOAK     ?= 240
BIN      ?= bin
KILLS    ?= 1000
SEED     ?= $(shell date +%s)
LINT      = $(GO) tool -modfile=tools/go.mod golangci-lint
PLATFORMS = windows/amd64 linux/arm64 android/arm64

# Packages whose tests know -update, and the fuzz targets as package:name.
GOLDEN = $(sort $(dir $(shell grep -rl --include='*_test.go' --exclude-dir=golden 'atoll/golden"' .)))
FUZZES = $(shell grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's|/[^/]*:func |:|')

.DEFAULT_GOAL := help
.PHONY: help check build test model race lint fmt fmt-check fuzz tour pictures pages bench gobench hostile planted generate golden verify modules cross ci demo clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: fmt lint test ## format, lint, test: before every push

build: ## the program, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/atoll

test: ## all tests
	$(GO) test -timeout 30m ./...

# SQLite, translated from C, is not watched: it takes its own locks, and five times as long when it is. Its driver is: it
# has a sync.Map, of which the linker takes one copy for the whole program.
UNWATCHED = $(foreach p,sqlite/lib libc memory,-gcflags='modernc.org/$p=-race=false')
race: ## all tests under the race detector, the long ones shortened
	@test "$$(CGO_ENABLED=1 $(GO) env CGO_ENABLED)" = 1 && command -v "$$($(GO) env CC)" >/dev/null || \
		{ echo "the race detector needs a C compiler ($$($(GO) env CC))"; exit 1; }
	CGO_ENABLED=1 $(GO) test -race -short -timeout 30m $(UNWATCHED) ./...

lint: ## what the linters of .golangci.yml find
	$(LINT) run ./...

fmt: ## write every file in its format
	$(LINT) fmt ./...

fmt-check: ## name files that gofmt would change
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
		test -z "$$files" || { echo "not formatted (make fmt):"; echo "$$files"; exit 1; }

simulate: build ## some hundred stories of work and misfortune, held to the laws
	$(BIN)/atoll simulate --seeds $(SEEDS) --minutes 4 --exercise --save $(BIN)/stories
	$(BIN)/atoll simulate --seeds 40 --sites 2 --minutes 1 --save $(BIN)/stories
	$(BIN)/atoll simulate --seeds 10 --sites 20 --minutes 1 --save $(BIN)/stories

soak: build ## stories from seeds that nobody chose, for SOAK minutes (240)
	$(BIN)/atoll simulate --seeds 1000000000 --seed $$(date +%s)000 --minutes $(SOAK) --save $(BIN)/stories

fuzz: ## every fuzz target for FUZZTIME (60s)
	@set -e; for f in $(FUZZES); do \
		echo "$$f"; $(GO) test -run '^$$' -fuzz "^$${f#*:}$$" -fuzztime $(FUZZTIME) "$${f%%:*}"; done

tour: ## the pictures of docs/tour.md; needs Chromium
	$(GO) test ./console -count=1 -run '^TestBrowserTour$$' -tour ../docs/tour

pictures: ## every page of the console examined by axe, with pictures in bin/pictures; needs Chromium
	$(GO) test ./console -count=1 -timeout 30m -run Browser -shots ../$(BIN)/pictures

pages: ## what the pages of the console cost at a large centre: docs/console-speed.md
	@mkdir -p $(BIN) && sed '/^## /,$$d' docs/console-speed.md > $(BIN)/console-speed.md
	$(GO) test ./console -run '^$$' -bench 'BenchmarkPages|BenchmarkFleet' -benchtime 5x -speed ../$(BIN)/console-speed.md
	@mv $(BIN)/console-speed.md docs/console-speed.md

bench: build ## what the program costs beside a bare loop; ten minutes, on a quiet machine
	$(BIN)/atoll bench --write docs/performance.md

model: ## the models of the hard protocols, with their large bounds: minutes, some gigabytes
	$(GO) test -v -count 1 -timeout 60m ./model -deep

gobench: ## all Go benchmarks, ten runs each, for benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count 10 ./...

hostile: ## a thousand processes killed, on a bad line and a full disk (KILLS, SEED)
	$(GO) test ./acceptance -run HostileAndUnlucky -count 1 -v -kills $(KILLS) -hostile 60m -seed $(SEED) -timeout 90m

planted: ## put known faults into the code, one at a time: does the simulator find each?
	$(GO) run ./simulate/planted -write

generate: ## write generated files anew
	$(GO) generate ./...

golden: ## write golden files anew; read the diff before committing it
	@set -e; for d in $(GOLDEN); do echo "$$d"; \
		out=$$($(GO) test "$$d" -update) || { echo "$$out"; exit 1; }; done

verify: ## fail if a generated or golden file was out of date
	@state() { git status --porcelain; git diff | git hash-object --stdin; }; before=$$(state); \
		$(MAKE) --no-print-directory generate golden; \
		test "$$(state)" = "$$before" || { \
		echo "these files are not what their generators make: run make generate golden, read the diff, commit"; \
		git --no-pager diff --stat; exit 1; }

modules: ## fail if a module is not what go.sum says; what go.mod lists is a test's business
	$(GO) mod verify

cross: ## the program for the other platforms, without a C compiler
	@set -e; for p in $(PLATFORMS); do \
		out=$(BIN)/$${p%/*}-$${p#*/}/; echo "$$p"; mkdir -p "$$out"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -o "$$out" ./cmd/atoll; done

ci: ## what CI runs, in its order
	bash .ci/run

demo: ## the worked example: a centre, sites, and what passes between them
	$(GO) run ./cmd/atoll demo

clean: ## remove what was built
	rm -rf $(BIN)
