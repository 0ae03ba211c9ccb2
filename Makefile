# The front door. `make` alone lists what there is to do.

MAVEN ?= mvn
PYTHON ?= python3
QUIET = --batch-mode --no-transfer-progress
ARGS ?=

export JAVA_HOME := $(shell bin/find-jdk 2>/dev/null)

JAR := cli/target/pyramiddrop.jar
MODULES := native-bindings kernels loader transformer cli
SOURCES := pom.xml $(MODULES:%=%/pom.xml) $(shell find $(MODULES:%=%/src/main) -type f)

# What the command and the libraries beside it use of Java.
RUNTIME := java.desktop,java.logging,java.management,java.xml,jdk.incubator.vector,jdk.management,jdk.unsupported

BENCH = $(JAVA_HOME)/bin/java --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  -cp "bench/target/classes:bench/target/lib/*" org.pyramiddrop.bench.Bench

SCENES := models/scenes
PICTURE := $(SCENES)/heldout/0000.png

.DEFAULT_GOAL := help
.PHONY: help build run test bench compare big-checkpoint benchmarks fixtures dist format clean tools

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

build: $(JAR) ## Build bin/pyramiddrop, without tests

run: $(JAR) ## Ask the demo model three questions about one picture, and draw what it looked at
	@mkdir -p target
	@for question in "how many triangle s are there ?" "what shape is cyan ?"; do \
	  echo "> $$question"; \
	  bin/pyramiddrop generate --model $(SCENES)/model --image $(PICTURE) --prompt "$$question" && echo || exit; \
	done
	@echo "> what number is on the gray triangle ?"
	@bin/pyramiddrop generate --model $(SCENES)/model --image $(PICTURE) \
	  --prompt "what number is on the gray triangle ?" --overlay target/overlay.png

test: tools ## Build everything and run all checks and tests
	$(MAVEN) $(QUIET) verify

bench: benchmarks ## Run the benchmarks in some minutes; FULL=1 takes longer, ARGS="--only Decode" picks some
	$(BENCH) run $(if $(FULL),,--quick) $(ARGS)
	$(if $(ARGS),,$(BENCH) pruning $(if $(FULL),,--layers 4 --pairs 3))

compare: benchmarks ## Time operations in turn with PyTorch, with PYTHON (torch, transformers)
	$(BENCH) compare --python $(PYTHON) $(ARGS)

big-checkpoint: benchmarks ## Write a 14 GB checkpoint with random weights to OUT; ARGS="--layers 4" makes it smaller
	@test -n "$(OUT)" || { echo "say where: make big-checkpoint OUT=folder" >&2; exit 1; }
	$(BENCH) checkpoint $(ARGS) $(OUT)

benchmarks: tools
	$(MAVEN) $(QUIET) -q -pl bench -am package -Dmaven.test.skip -Dspotless.check.skip

fixtures: ## Make the tests' reference outputs anew, with PYTHON (torch, transformers, Pillow)
	$(PYTHON) src/test/fixtures/make_fixtures.py src/test/resources/fixtures
	$(PYTHON) loader/src/test/python/make_pictures.py
	$(PYTHON) loader/src/test/python/make_tokenizer.py
	$(PYTHON) loader/src/test/python/make_chats.py

dist: $(JAR) ## Put the command, its own Java and the demo model into dist/
	rm -rf dist
	mkdir dist dist/bin
	$(JAVA_HOME)/bin/jlink --add-modules $(RUNTIME) --strip-debug --no-header-files --no-man-pages \
	  --compress zip-6 --output dist/runtime
	cp bin/pyramiddrop dist/bin/
	cp -R $(JAR) cli/target/lib $(wildcard LICENSE README.md) models dist/
	@echo "dist/bin/pyramiddrop runs without an installed Java"

format: tools ## Format all Java code
	$(MAVEN) $(QUIET) -q spotless:apply

clean: tools ## Delete everything that was built
	$(MAVEN) $(QUIET) -q clean
	rm -rf dist target

tools:
	@bin/find-jdk >/dev/null
	@command -v $(MAVEN) >/dev/null || { echo "no $(MAVEN) found: install Apache Maven 3.8.7 or newer" >&2; exit 1; }

$(JAR): $(SOURCES) | tools
	$(MAVEN) $(QUIET) -q -pl cli -am package -Dmaven.test.skip -Dspotless.check.skip
