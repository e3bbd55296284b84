# weft: one makefile for everything; `make help` lists the targets.
# MODE is release (default), debug, asan, tsan, tiny or fuzz; each builds into build/$(MODE).

MODE   ?= release
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC     := gcc
endif
B      := build/$(MODE)
VERSION = $(shell sed -n 's/.*define WEFT_VERSION "\(.*\)"/\1/p' sim/cli/cli.h)

# Debian packages the build needs, and those that only the checks need.
DEPS      := gcc pkg-config libgsl-dev libyaml-dev libhdf5-dev libsecp256k1-dev libgmp-dev \
             libjansson-dev libssl-dev libigraph-dev zlib1g-dev libcmocka-dev libjs-dygraphs
DEPS_LINT := clang-format cppcheck python3 clang
DEPS_FUZZ := clang llvm libclang-rt-dev libomp-dev

LIBS_PC  := gsl hdf5 libsecp256k1 jansson gmp libcrypto zlib yaml-0.1 igraph
PKG       = $(shell pkg-config --cflags $(LIBS_PC) 2>/dev/null)
LDLIBS    = $(shell pkg-config --libs $(LIBS_PC) 2>/dev/null) -lhdf5_hl -ldl -lpthread -lm

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wno-overlength-strings
ifdef CI
WARN     += -Werror
endif
ARCH     ?= -march=native
FLAGS.release := -O2 -g $(ARCH)
FLAGS.debug   := -O0 -g3 -DWEFT_DEBUG
FLAGS.asan    := -O1 -g -DWEFT_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer
FLAGS.tsan    := -O1 -g -DWEFT_DEBUG -fsanitize=thread
FLAGS.tiny    := -O1 -g -DWEFT_DEBUG -DWEFT_TINY -fsanitize=address,undefined -fno-sanitize-recover=all
# clang calls NULL + 0 an overflow, which it is no more (N3322); gcc's asan mode watches pointers' true overflows.
FLAGS.fuzz    := -O1 -g -DWEFT_DEBUG -fsanitize=fuzzer-no-link,address,undefined \
                 -fno-sanitize=pointer-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer
# Flags of single files: FLAGS.PATH without .c. The interpreter's loop wants one dispatch an opcode.
FLAGS.evm/core/vm_fast    := -fno-gcse -fno-crossjumping --param max-goto-duplication-insns=64 -fno-tree-slp-vectorize
FLAGS.evm/core/vm_metered := $(FLAGS.evm/core/vm_fast)
FLAGS.evm/core/vm_program := $(FLAGS.evm/core/vm_fast)
# 25 lanes in 16 registers: 6 % fewer instructions a permutation.
FLAGS.evm/core/keccak     := $(if $(filter release,$(MODE)),-O3 -frename-registers -fno-tree-reassoc)
# Loops over limbs unroll (the curves' are in templates); limbs and words that go through vectors
# cost more than they save.
FLAGS.evm/core/u256       := $(if $(filter release,$(MODE)),-O3 -fno-tree-slp-vectorize -fno-tree-vectorize)
FLAGS.evm/core/blake2f    := -fno-tree-slp-vectorize
FLAGS.evm/core/bn254      := $(if $(filter release,$(MODE)),-funroll-loops)
FLAGS.evm/core/bls12      := $(FLAGS.evm/core/bn254)
FLAGS.evm/core/bls12_map  := $(FLAGS.evm/core/bn254)
FLAGS.evm/core/kzg        := $(FLAGS.evm/core/bn254)
CFLAGS    = -std=c17 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I. $(WARN) -ffp-contract=off -fopenmp \
            -MMD -MP $(FLAGS.$(MODE)) $(PKG)
LDFLAGS   = -fopenmp $(FLAGS.$(MODE))
ifeq ($(MODE),fuzz)
CC       := clang # it has libFuzzer, and none of gcc's flags for single files
WARN     := -Wall
# What inputs reach in the reference is not what they are chosen for.
FLAGS_OF_FILE = $(if $(findstring tests/fuzz/reference,$*),-O2 -fno-sanitize=fuzzer-no-link)
else
FLAGS_OF_FILE = $(FLAGS.$*)
endif

# One archive per wall of the house; a folder's .c files are its members.
EVM_SRC      := $(wildcard evm/*/*.c)
SIM_SRC      := $(wildcard sim/base/*.c sim/engine/*.c sim/scenario/*.c sim/record/*.c)
MODELS_SRC   := $(wildcard models/*/*.c)
ANALYSIS_SRC := $(wildcard analysis/*.c)
CLI_SRC      := $(wildcard sim/cli/*.c)
UNIT_SRC     := $(wildcard tests/unit/test_*.c tests/property/test_*.c)
TOOLS_SRC    := $(wildcard tests/tools/*.c) # programs that test scripts run
FUZZ_SRC     := $(wildcard tests/fuzz/fuzz_*.c) # a target each

obj       = $(patsubst %.c,$(B)/%.o,$(1))
ARCHIVES := $(B)/libmodels.a $(B)/libanalysis.a $(B)/libsim.a $(B)/libevm.a
FUZZ_BIN := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT_SRC) $(TOOLS_SRC)) $(FUZZ_BIN)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY: $(call obj,$(UNIT_SRC) $(TOOLS_SRC) $(FUZZ_SRC)) # kept, though only implicit rules name them

include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)

$(B)/libevm.a:      $(call obj,$(EVM_SRC))
$(B)/libsim.a:      $(call obj,$(SIM_SRC))
$(B)/libmodels.a:   $(call obj,$(MODELS_SRC))
$(B)/libanalysis.a: $(call obj,$(ANALYSIS_SRC))
$(B)/lib%.a:
	@rm -f $@; $(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(CFLAGS) $(FLAGS_OF_FILE) -c $< -o $@

# The report's page, style and scripts are built in (analysis/assets.c).
$(B)/analysis/assets.o: $(wildcard analysis/report/*)

$(B)/weft: $(call obj,$(CLI_SRC)) $(ARCHIVES)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -rdynamic -o $@ $(call obj,$(CLI_SRC)) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LDLIBS)

# A test links only what it uses, so one layer can be tested while another is taken apart.
$(B)/tests/%: $(B)/tests/%.o $(ARCHIVES)
	@$(CC) $(LDFLAGS) -rdynamic -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group -lcmocka $(LDLIBS)

# What fuzz targets share. libFuzzer drives them in MODE=fuzz, replay.c in every other mode.
FUZZ_COMMON  := $(filter-out tests/fuzz/replay.c $(FUZZ_SRC),$(wildcard tests/fuzz/*.c))
$(B)/libfuzz.a: $(call obj,$(FUZZ_COMMON))
ifeq ($(MODE),fuzz)
FUZZ_DRIVER  := -fsanitize=fuzzer
else
FUZZ_DRIVER  := $(B)/tests/fuzz/replay.o
$(FUZZ_BIN): $(FUZZ_DRIVER)
endif
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libfuzz.a $(ARCHIVES)
	@$(CC) $(LDFLAGS) -o $@ $< $(FUZZ_DRIVER) -Wl,--start-group $(B)/libfuzz.a $(ARCHIVES) -Wl,--end-group $(LDLIBS)

# The assembler embeds these, which the compiler's dependency files do not show.
$(B)/models/workload/artifacts.o: $(wildcard scenarios/contracts/build/*.bin)

.PHONY: validate conform differential docs gen gen-check bench install help all deps deps-lint run test unit sanitize conformance lint format contracts clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

all: $(B)/weft ## build the program

unit: $(UNIT_BIN) ## build the unit tests

deps: ## install the Debian packages that are missing
	@tests/deps.sh $(DEPS)

deps-lint: ## install what lint and the sanitizer runs need beside them
	@tests/deps.sh $(DEPS_LINT)

test: deps ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory -j$$(nproc) all unit
	@tests/run.sh $(B)

run: deps ## install what is missing, build, run the quickstart scenario and draw its report
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@mkdir -p results
	@$(B)/weft run scenarios/quickstart.yaml -o results/quickstart.h5 --report results/quickstart.html

# Which unit tests each sanitizer runs: all of them, or (threads) those that start threads.
SANITIZE.asan := .
SANITIZE.tiny := .
SANITIZE.tsan := parallel|world|storms|recipes|code|engine

sanitize: ## run the unit tests in MODE=asan, tsan or tiny
	@$(MAKE) --no-print-directory -j$$(nproc) all unit
	@UNIT_ONLY=1 MATCH='$(SANITIZE.$(MODE))' tests/run.sh $(B)

# For every target, or TARGET: SECONDS of new inputs on top of the committed corpus, in a folder of its own.
TARGET   ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
SECONDS  ?= 60
FUZZ_OUT ?= build/fuzz-found

.PHONY: fuzz
fuzz: ## look for inputs that break a property, with libFuzzer: [TARGET=vm] [SECONDS=60]
	@tests/deps.sh $(DEPS) $(DEPS_FUZZ)
	@$(MAKE) --no-print-directory -j$$(nproc) MODE=fuzz $(patsubst %,build/fuzz/tests/fuzz/fuzz_%,$(TARGET))
	@tests/fuzz/run.sh $(FUZZ_OUT) $(SECONDS) $(TARGET)

conformance: ## short conformance run over ../shared or $$WEFT_FIXTURES
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@ONLY=conformance tests/run.sh $(B)

PROGRAMS ?= 6000
differential: all ## random programs on weft and on clients from npm, PROGRAMS=N (needs Node)
	@WEFT=$(B)/weft tests/differential/run.sh --programs $(PROGRAMS)

lint: ## include directions, format, static analysis, freshness of generated files
	@tests/lint/lint.sh

format: ## clang-format every source file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

contracts: ## rebuild scenarios/contracts/build and scenarios/recorded (needs Node and npm)
	cd scenarios/contracts && npm ci --no-audit --no-fund && node build.mjs && node record.mjs

docs: all ## write the references that are made of tables
	@mkdir -p docs
	$(B)/weft format >docs/results-format.md
	$(B)/weft schema --markdown >docs/scenario-reference.md

gen: docs ## make every generated file anew

gen-check: all ## fail if a generated file is not what the tables say now
	@$(B)/weft format | diff -u docs/results-format.md -
	@$(B)/weft schema --markdown | diff -u docs/scenario-reference.md -

SEEDS ?= 20
conform: all ## put every consensus protocol through weft conform, SEEDS=N of each case
	@tests/conform.sh $(SEEDS)

VALIDATE ?= scenarios/validation
validate: all ## run scenarios/validation and compare with the published figures; minutes
	@$(B)/weft validate $(VALIDATE)

bench: all ## measure: engine, interpreter, precompiles, transactions, signatures, state roots, executors, gossip, whole networks
	@for b in engine evm precompiles transactions signatures stateroot parallel network scale layers; do echo "== weft bench $$b"; $(B)/weft bench $$b || exit; done

# What a plug-in is compiled with: the headers of models/ and sim/, nothing to link.
PLUGIN_FLAGS := -std=gnu17 -O2 -g -Wall -Wextra -shared -fPIC
OUT ?= $(SRC:.c=.so)
.PHONY: plugin
plugin: ## build a model of your own: SRC=mine.c [OUT=mine.so]
	$(CC) $(PLUGIN_FLAGS) -I. $(SRC) -o $(OUT)

HEADERS := $(filter-out %internal.h sim/cli/%,$(wildcard evm/*/*.h sim/*/*.h models/*/*.h))
install: all ## copy the program, and the headers for plug-ins, to $$(PREFIX) (PREFIX=/usr/local)
	install -D -m 755 $(B)/weft $(DESTDIR)$(PREFIX)/bin/weft
	@for h in $(HEADERS); do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/weft/$$h || exit; done
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/pkgconfig
	@printf 'Name: weft\nDescription: headers for models outside the tree\nVersion: %s\nCflags: -I%s/include/weft\n' \
	    $(VERSION) $(PREFIX) >$(DESTDIR)$(PREFIX)/lib/pkgconfig/weft.pc

clean: ## remove what was built
	rm -rf build
