# Colonnade. `make help` prints the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
# The folder of one build. A sanitizer build is `make BUILD=build/asan SANITIZE=address,undefined`.
BUILD ?= build
SANITIZE ?=
CC ?= cc
# The rows in the demonstration's table.
DEMO_ROWS ?= 100000

PACKAGES_BUILD := gcc libc6-dev make pkg-config libmicrohttpd-dev libjansson-dev libssl-dev \
	libgnutls28-dev libxxhash-dev libsleef-dev libsqlite3-dev libseccomp-dev zlib1g-dev libzstd-dev \
	libjs-chart.js
PACKAGES_DEMO := $(PACKAGES_BUILD) curl jq
PACKAGES_TEST := $(PACKAGES_DEMO) clang clang-format libclang-rt-14-dev llvm libcmocka-dev git \
	python3 python3-pytest python3-numpy python3-pandas python3-mpmath python3-xxhash \
	libpython3.11-testsuite npm/npm procps mandoc openssl chromium sqlite3 valgrind zstd \
	python3-yaml python3-jsonschema systemd-analyze/systemd python3-distributed python3-dask

PACKAGES_BENCH := $(PACKAGES_BUILD) curl python3 python3-numpy python3-pandas python3-numexpr python3-fastapi \
	python3-uvicorn python3-uvloop python3-httptools python3-distributed python3-dask npm/npm
# The container's test: no engine, no registry, a base image made from Debian's packages.
PACKAGES_CONTAINER := buildah podman runc mmdebstrap mount procps python3 python3-pytest

ROOMS := base kernels columns expr pool handlers server
SOURCES := $(foreach room,$(ROOMS),$(sort $(wildcard $(room)/*.c)))
# Kernels for one instruction set are for its machines only. Not asked of the compiler, which may not
# be installed yet; for another machine than this one: make CC=aarch64-linux-gnu-gcc MACHINE=aarch64
MACHINE ?= $(shell uname -m)
ifneq ($(MACHINE),x86_64)
SOURCES := $(filter-out %_avx2.c %_sha.c %_avx512.c,$(SOURCES))
endif
LIBRARY := $(filter-out server/%,$(SOURCES))
# What is made of files that are no C: the page, and the bridge to Dask.
EMBEDDED := static/assets.o pool/dask_program.o
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(EMBEDDED:%=$(BUILD)/%)
LIBRARY_OBJECTS := $(LIBRARY:%.c=$(BUILD)/%.o) $(EMBEDDED:%=$(BUILD)/%)
# The program without its main(): for unit tests and fuzz targets.
PARTS := $(filter-out server/main.c,$(SOURCES))
PART_OBJECTS := $(PARTS:%.c=$(BUILD)/%.o) $(EMBEDDED:%=$(BUILD)/%)
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/fuzz/%)

# What measures (bench/README.md).
BENCH_SHARED := bench/evaluate.c tests/cpu_level.c
BENCH_TOOLS := $(patsubst %,$(BUILD)/bench/%,load evaluator transport framing)

WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow -Wconversion -Werror
OPTIMIZE ?= -O2
CFLAGS_ALL := -std=gnu17 $(OPTIMIZE) -g -D_GNU_SOURCE -pthread -fno-strict-aliasing -fstack-protector-strong \
	$(WARNINGS) -I. -include base/banned.h $(CFLAGS)
# Results must not depend on whether a compiler fuses a multiplication with an addition.
CFLAGS_ALL += -ffp-contract=off
LDFLAGS_ALL := -pthread $(LDFLAGS)
LIBS := -lmicrohttpd -lgnutls -ljansson -lcrypto -lxxhash -lsleef -lsqlite3 -lseccomp -lz -lzstd -lm
# AddressSanitizer keeps freed memory for a while; the tests look at resident memory.
export ASAN_OPTIONS ?= quarantine_size_mb=8:malloc_context_size=20
export UBSAN_OPTIONS ?= print_stacktrace=1
ifneq ($(SANITIZE),)
CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL += -fsanitize=$(SANITIZE)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

##@ Every day
.PHONY: all
all: packages $(BUILD)/colonnade ## build build/colonnade (installs what the build needs)

.PHONY: demo
demo: packages-demo $(BUILD)/colonnade ## start a server, send it a table with curl, show result and timing, stop it
	@COLONNADE_BIN=$(BUILD)/colonnade DEMO_ROWS=$(DEMO_ROWS) sh tools/demo.sh

.PHONY: run
run: all ## start the server on 127.0.0.1:8080
	$(BUILD)/colonnade

.PHONY: test
test: packages-test ## everything that must hold: warnings, format, layers, unit, HTTP, sanitizers, fuzz corpora
	@sh tests/run.sh

.PHONY: install
install: $(BUILD)/colonnade ## install binary, man page and systemd units below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/colonnade $(DESTDIR)$(PREFIX)/sbin/colonnade
	install -D -m 644 docs/colonnade.8 $(DESTDIR)$(PREFIX)/share/man/man8/colonnade.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/local/sbin/,$(PREFIX)/sbin/,' deploy/systemd/colonnade.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/colonnade.service
	install -m 644 deploy/systemd/colonnade.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/colonnade/LICENSE
	install -D -m 644 $(CHART_LICENSE) $(DESTDIR)$(PREFIX)/share/doc/colonnade/LICENSE.chart.js

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/colonnade $(DESTDIR)$(PREFIX)/share/man/man8/colonnade.8 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/colonnade.service $(DESTDIR)$(PREFIX)/lib/systemd/system/colonnade.socket
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/colonnade

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

##@ Parts of the test
.PHONY: check-layers
check-layers: ## every #include runs down the layers
	@sh tools/check-layers.sh

.PHONY: check-format
check-format: ## sources are as clang-format leaves them
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h') && echo "format: clean"

.PHONY: format
format: ## run clang-format over all sources
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: test-unit
test-unit: $(UNIT_TESTS) ## unit tests of this build
	@sh tests/unit.sh $(UNIT_TESTS)

.PHONY: test-kernels
test-kernels: $(BUILD)/kernels/check ## the kernels' variants against the portable ones, at every level
	@$<

.PHONY: prove-numbers
prove-numbers: ## numbers to text and back against CPython, 10M and hard ones (PROVE="--count 100000000")
	/usr/bin/python3 tests/kernels/prove_numbers.py $(PROVE)

# The parts that matter to ThreadSanitizer; it cannot follow a fork.
.PHONY: test-unit-threads
test-unit-threads: $(BUILD)/unit/test_pool_threads $(BUILD)/unit/test_pool_gil $(BUILD)/unit/test_jobs \
		$(BUILD)/unit/test_load $(BUILD)/unit/test_hub $(BUILD)/unit/test_admission $(BUILD)/unit/test_budget \
		$(BUILD)/unit/test_metrics $(BUILD)/unit/test_access_log
	@sh tests/unit.sh $^

.PHONY: test-http-threads
test-http-threads: $(BUILD)/colonnade ## black-box tests of threads: executors, jobs, experiments
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 -m pytest -q \
		tests/http/test_executors.py tests/http/test_inference.py tests/http/test_stream.py \
		tests/http/test_stream_cases.py tests/http/test_protocol.py tests/http/test_map.py \
		tests/http/test_modes.py tests/http/test_repeat.py tests/http/test_jobs.py tests/http/test_events.py \
		tests/http/test_compare.py tests/http/test_notebook_cells.py tests/http/test_reload.py \
		tests/http/test_tls.py -m threads $(PYTEST)

.PHONY: test-http
test-http: $(BUILD)/colonnade $(BENCH_TOOLS) build/npm/.installed build/promtool ## black-box tests of this build over HTTP
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 -m pytest -q tests/http $(PYTEST)

TLS_TESTS := protocol smuggling slow_clients deadlines jobs events limits session stream stream_cases executors map \
	assets security_headers
.PHONY: test-http-tls
test-http-tls: $(BUILD)/colonnade ## those of them that concern connections, once more over TLS
	COLONNADE_TEST_TLS=1 COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 -m pytest -q \
		$(TLS_TESTS:%=tests/http/test_%.py) $(PYTEST)

# What the kernels have a part in.
VALUE_TESTS := csv inference json numbers expressions language hashes differential golden notebook real_tables
.PHONY: test-http-values
test-http-values: $(BUILD)/colonnade build/npm/.installed ## those of them that look at values
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 -m pytest -q \
		$(VALUE_TESTS:%=tests/http/test_%.py) $(PYTEST)

.PHONY: test-levels
test-levels: $(BUILD)/colonnade $(BENCH_TOOLS) $(UNIT_TESTS) $(BUILD)/kernels/check build/npm/.installed build/promtool ## unit and HTTP tests at every CPU level
	@for level in $$($(BUILD)/kernels/check --levels); do echo "level $$level"; \
		COLONNADE_CPU=$$level sh tests/unit.sh $(UNIT_TESTS) || exit 1; \
		COLONNADE_CPU=$$level COLONNADE_BIN=$(abspath $(BUILD)/colonnade) \
			/usr/bin/python3 -m pytest -q tests/http $(PYTEST) || exit 1; \
	done

.PHONY: test-browser
test-browser: $(BUILD)/colonnade build/npm/.installed ## the page in a real browser (BROWSER_TESTS="tests/browser/test_run.mjs")
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) node --test --test-concurrency=1 \
		--test-reporter=./tests/browser/reporter.mjs $(or $(BROWSER_TESTS),$(sort $(wildcard tests/browser/test_*.mjs)))

.PHONY: test-fuzz
test-fuzz: $(FUZZ_TARGETS) ## replay the kept inputs of every fuzz target
	@for target in $(FUZZ_TARGETS); do name=$${target##*/fuzz_}; \
		$$target tests/fuzz/corpus/$$name || exit 1; done

.PHONY: test-faults
test-faults: $(BUILD)/colonnade build/faults/faults.so ## every call fails in turn, workers die, disks fill (FAULTS=long for all of it)
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 tests/faults/run.py $(FAULTS_PARTS)

.PHONY: fuzz
fuzz: $(FUZZ_SOURCES:tests/fuzz/%.c=build/libfuzzer/%) ## fuzz each target for FUZZ_SECONDS (60) with libFuzzer
	@for target in $^; do name=$${target##*/fuzz_}; mkdir -p build/corpus/$$name; \
		$$target -max_total_time=$${FUZZ_SECONDS:-60} -print_final_stats=0 \
			$$([ -f tests/fuzz/words/$$name ] && echo -dict=tests/fuzz/words/$$name) \
			build/corpus/$$name tests/fuzz/corpus/$$name || exit 1; done

.PHONY: test-deploy
test-deploy: $(BUILD)/colonnade build/npm/.installed build/promtool ## what deploy/ holds: schemas, units, alerts, and that their metrics exist
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) /usr/bin/python3 -m pytest -q tests/deploy $(PYTEST)

.PHONY: test-dask
test-dask: $(BUILD)/colonnade ## the executor dask on a real cluster on loopback, and on hosts that are network namespaces
	COLONNADE_BIN=$(abspath $(BUILD)/colonnade) DASK_BRIDGE=$(abspath $(BUILD)/pool/dask.py) \
		/usr/bin/python3 -m pytest -q tests/dask $(PYTEST)

.PHONY: test-container
test-container: packages-container ## the image: builds, and keeps to what it may do; minutes, root (COLONNADE_KEEP=1 keeps images)
	/usr/bin/python3 -m pytest -q -s tests/container $(PYTEST)

##@ Measuring
.PHONY: bench
bench: packages-bench $(BUILD)/colonnade $(BENCH_TOOLS) build/peers/.installed ## every workload beside its peers: bench/RESULTS.md (BENCH="--quick", "--only a,d")
	/usr/bin/python3 bench/run.py --binary $(BUILD)/colonnade --modules build/peers $(BENCH)

.PHONY: bench-instructions
bench-instructions: $(BUILD)/bench/instructions ## count instructions; fail where they are 3 % above bench/instructions.txt (RENEW=1 writes it)
	@/usr/bin/python3 bench/instructions.py $< $(if $(RENEW),--renew)

.PHONY: bench-kernels
bench-kernels: $(BUILD)/kernels/check ## time every kernel at every level (BENCH=hex: one family)
	@$< --bench $(BENCH)

.PHONY: bench-large
bench-large: $(BUILD)/colonnade ## bodies larger than memory, and the curve of memory (BENCH="--gigabytes 1,4,20 --limit 512")
	/usr/bin/python3 bench/large.py --binary $(BUILD)/colonnade $(BENCH)

.PHONY: bench-notebook
bench-notebook: packages-bench $(BUILD)/colonnade ## the notebook's cases in CPython and here, in one table (BENCH="--rows 10000")
	/usr/bin/python3 bench/notebook.py --binary $(BUILD)/colonnade $(BENCH)

.PHONY: page-weight
page-weight: $(BUILD)/static/assets.c ## the bytes of the page's files, raw and gzipped
	@sh tools/page-weight.sh $(BUILD)/static/files

##@ What is installed
.PHONY: packages packages-demo packages-test packages-bench packages-container
packages: ## Debian packages that the build needs
	@sh tools/packages.sh $(PACKAGES_BUILD)
packages-demo: ## and the demonstration
	@sh tools/packages.sh $(PACKAGES_DEMO)
packages-test: ## and the tests
	@sh tools/packages.sh $(PACKAGES_TEST)
packages-bench: ## and the benchmarks
	@sh tools/packages.sh $(PACKAGES_BENCH)
packages-container: ## and the container's test
	@sh tools/packages.sh $(PACKAGES_CONTAINER)

build/npm/.installed: tests/package.json
	@mkdir -p build/npm
	cp tests/package.json build/npm/
	npm install --prefix build/npm --no-audit --no-fund --loglevel=error
	@touch $@

# Of Debian's package prometheus only this program, without installing it: its server would be started.
build/promtool:
	@mkdir -p $@.d
	cd $@.d && apt-get -q download prometheus && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/promtool
	@mv $@.d/promtool $@ && rm -rf $@.d

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {print "\n" substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- rules ---------------------------------------------------------------------------------------

$(BUILD)/colonnade: $(OBJECTS)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Loops over raw memory: the compiler may vectorise them.
$(BUILD)/kernels/%.o: OPTIMIZE_ROOM := -O3 -fno-math-errno -fno-trapping-math
# One file per instruction set, with the flags of its level (kernels/cpu.h).
FLAGS_AVX2 := -mavx2 -mbmi -mbmi2 -mlzcnt -mpclmul -mpopcnt
FLAGS_SHA := $(FLAGS_AVX2) -msha
FLAGS_AVX512 := $(FLAGS_SHA) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mavx512ifma \
	-mavx512vbmi -mavx512vbmi2 -mavx512bitalg
$(BUILD)/kernels/%_avx2.o: FLAGS_LEVEL := $(FLAGS_AVX2)
$(BUILD)/kernels/%_sha.o: FLAGS_LEVEL := $(FLAGS_SHA)
$(BUILD)/kernels/%_avx512.o: FLAGS_LEVEL := $(FLAGS_AVX512)
# Plain loops: compilers take half of the width unless they are told.
$(BUILD)/kernels/lanes_avx512.o: FLAGS_LEVEL := $(FLAGS_AVX512) -mprefer-vector-width=512
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $@"
	@$(CC) $(CFLAGS_ALL) $(OPTIMIZE_ROOM) $(FLAGS_LEVEL) -MMD -MP -c -o $@ $<

# The page: the files of static/, and Chart.js as Debian packages it.
CHART_JS := /usr/share/javascript/chart.js/chart.min.js
CHART_LICENSE := /usr/share/doc/libjs-chart.js/copyright
PAGE_FILES := $(sort $(wildcard $(addprefix static/*.,html js css svg)))
ASSETS := $(PAGE_FILES) $(CHART_JS)
# One that is removed while make runs is left out.
$(PAGE_FILES):
$(BUILD)/static/names: FORCE
	@mkdir -p $(@D)
	@echo '$(ASSETS)' | cmp -s - $@ || echo '$(ASSETS)' >$@
$(BUILD)/static/assets.c: static/embed.sh $(ASSETS) $(BUILD)/static/names
	@echo "  EMBED $@"
	@sh static/embed.sh $(BUILD)/static/files $(ASSETS) >$@
# The bridge to Dask is one program: what it sends to workers must be defined in its main module.
$(BUILD)/pool/dask.py: $(addprefix pool/dask/,start.py confine.py remote.py fetch.py attempt.py link.py bridge.py)
	@mkdir -p $(@D)
	@sed '/^from \(start\|confine\|remote\|fetch\|attempt\|link\) import /d' $^ >$@
$(BUILD)/pool/dask_program.c: pool/dask/embed.sh $(BUILD)/pool/dask.py
	@echo "  EMBED $@"
	@sh pool/dask/embed.sh $(BUILD)/pool/dask.py >$@
$(EMBEDDED:%=$(BUILD)/%): $(BUILD)/%.o: $(BUILD)/%.c $(BUILD)/flags
	@$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# They make allocations fail in their own process.
$(BUILD)/unit/test_json_trees $(BUILD)/unit/test_jobs $(BUILD)/unit/test_pool_dask: build/faults/faults.o
$(BUILD)/unit/%: tests/unit/%.c tests/cpu_level.c $(PART_OBJECTS) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	@$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^) -lcmocka $(LIBS)

# Programs that measure.
$(BUILD)/bench/transport: bench/peers/transport.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(LIBS)
$(BUILD)/bench/framing: bench/framing.c $(BUILD)/server/framing.o $(BUILD)/server/framing_head.o $(BUILD)/server/framing_body.o \
		$(BUILD)/base/buf.o $(BUILD)/base/clock.o $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^)
$(BUILD)/bench/%: bench/%.c $(BENCH_SHARED) bench/evaluate.h $(LIBRARY_OBJECTS) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)
build/peers/.installed: bench/peers/package.json
	@mkdir -p build/peers
	cp bench/peers/package.json build/peers/
	npm install --prefix build/peers --no-audit --no-fund --loglevel=error
	@touch $@

# The kernels' check: reference against variant at every level.
CHECK_SOURCES := $(sort $(wildcard tests/kernels/check*.c))
$(BUILD)/kernels/check: $(CHECK_SOURCES) tests/kernels/check.h $(LIBRARY_OBJECTS) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)

# Calls that fail when a test says so, in front of the C library of any build.
# It stands below the sanitizers, so it is built without them.
build/faults/faults.o: tests/faults/faults.c tests/faults/faults.h
	@mkdir -p $(@D)
	@echo "  CC    $@"
	@$(CC) -std=gnu17 -O2 -g -D_GNU_SOURCE -pthread $(WARNINGS) -I. -fPIC -c -o $@ $<
build/faults/faults.so: build/faults/faults.o
	@echo "  LINK  $@"
	@$(CC) -shared -pthread -o $@ $< -ldl -lgcc_s

# Kernels as a shared library, for tests in Python: make BUILD=build/shared CFLAGS=-fPIC ...
$(BUILD)/libkernels.so: tests/kernels/prove_numbers.c $(filter $(BUILD)/base/% $(BUILD)/kernels/%,$(OBJECTS)) $(BUILD)/flags
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) -shared $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c tests/cpu_level.c $(PART_OBJECTS) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)

# Once for all targets, also where make runs several rules at a time.
.PHONY: libfuzzer-parts
libfuzzer-parts:
	@$(MAKE) --no-print-directory BUILD=build/libfuzzer CC=clang SANITIZE=address,undefined \
		CFLAGS=-fsanitize=fuzzer-no-link parts

build/libfuzzer/%: tests/fuzz/%.c tests/cpu_level.c $(PARTS) | libfuzzer-parts
	@mkdir -p $(@D)
	@clang $(CFLAGS_ALL) -fsanitize=fuzzer,address,undefined -o $@ $< tests/cpu_level.c \
		$(PARTS:%.c=build/libfuzzer/%.o) $(EMBEDDED:%=build/libfuzzer/%) $(LIBS)

.PHONY: parts
parts: $(PART_OBJECTS)

# Rebuilds when compiler or flags change.
FLAGS_NOW := $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@
.PHONY: FORCE
FORCE:

-include $(OBJECTS:.o=.d)
-include $(UNIT_TESTS:=.d)
