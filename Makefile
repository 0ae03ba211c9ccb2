# The front door. `make` alone lists what there is to do.

MAVEN ?= mvn
PYTHON ?= python3
QUIET = --batch-mode --no-transfer-progress $(if $(MAKE_TERMOUT),,-Dstyle.color=never)
ARGS ?=
DIST := dist

export JAVA_HOME := $(shell bin/find-jdk 2>/dev/null)

# NVCC= builds without it.
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) \
  $(wildcard $(CUDA_HOME:%=%/bin/nvcc) $(CUDA_PATH:%=%/bin/nvcc) /usr/local/cuda/bin/nvcc))
NVCC_FLAGS := -std=c++17 $(NVCC_EXTRA) --threads 2 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a \
  -gencode arch=compute_80,code=compute_80 -Xptxas -v

# CC= builds without them. They are for Linux on x86-64.
NATIVE_MACHINE := $(if $(CC),$(shell $(CC) -dumpmachine 2>/dev/null))
NATIVE_CC := $(if $(and $(findstring x86_64,$(NATIVE_MACHINE)),$(findstring linux,$(NATIVE_MACHINE))),$(CC))
# No library of the system's, so that it loads on any.
NATIVE_FLAGS := -std=c17 -O3 -ffp-contract=off -fPIC -fvisibility=hidden -ffreestanding -nostdlib -shared -Wl,-z,defs \
  -Wall -Wextra -Wno-unused-parameter

JAR := cli/target/pyramiddrop.jar
# What Java keeps of the classes that a first answer loads.
CLASSES := cli/target/pyramiddrop.jsa
MODULES := native-bindings kernels loader transformer training serve cli
CUDA := kernels/src/main/cuda
C := kernels/src/main/c
NATIVE := kernels/target/classes/org/pyramiddrop/kernels/cpu/kernels.so
FATBIN := kernels/target/classes/org/pyramiddrop/kernels/cuda/kernels.fatbin
SOURCES := pom.xml bom/pom.xml $(MODULES:%=%/pom.xml) $(shell find $(MODULES:%=%/src/main) -type f)

# What the command and the libraries beside it use of Java.
RUNTIME := java.desktop,java.logging,java.management,java.naming,java.xml,jdk.incubator.vector,jdk.jfr,jdk.management,jdk.unsupported

BENCH = '$(JAVA_HOME)/bin/java' --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  --sun-misc-unsafe-memory-access=allow \
  -cp "bench/target/classes:bench/target/lib/*" org.pyramiddrop.bench.Bench

# The backend on the emulated driver, as if it were a GPU's.
EMULATED := -Dpyramiddrop.cuda.driver=target/emulated/libcuda-emulated.so -Dpyramiddrop.cuda.cublasLt=target/emulated/libcublasLt-emulated.so \
  -Dpyramiddrop.cuda.kernels=target/emulated/kernels -Dpyramiddrop.cuda.tuning=off

SCENES := models/scenes
IMAGE := $(SCENES)/heldout/0000.png

.DEFAULT_GOAL := help
.PHONY: help build run test fuzz soak load bench training starts compare pruning experiment big-checkpoint benchmarks fixtures bindings kernels cuda native emulation dist command-folder reproducible javadoc format clean tools

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

build: cuda native $(CLASSES) ## Build bin/pyramiddrop, without tests

run: $(CLASSES) ## Ask the demo model three questions about one image, and draw what it looked at
	@mkdir -p target
	@for question in "how many triangle s are there ?" "what shape is cyan ?"; do \
	  echo "> $$question"; \
	  bin/pyramiddrop generate --model $(SCENES)/model --image $(IMAGE) --prompt "$$question" && echo || exit; \
	done
	@echo "> what number is on the gray triangle ?"
	@bin/pyramiddrop generate --model $(SCENES)/model --image $(IMAGE) \
	  --prompt "what number is on the gray triangle ?" --overlay target/overlay.png

test: tools ## Build everything and run all checks and tests
	@$(MAKE) --no-print-directory -j2 cuda native emulation
	$(MAVEN) $(QUIET) -T 2 verify -Dpyramiddrop.preload="$$(cat target/emulated/sanitized/preload)"

fuzz: tools ## Read damaged files of all kinds for MINUTES (10); what is found lies in loader/target/fuzz
	@$(MAVEN) $(QUIET) -q -pl loader test -Dspotless.check.skip -Dtest=FuzzersTest -Dpyramiddrop.fuzz.minutes=$(or $(MINUTES),10)

soak: tools ## Ask one model REQUESTS (2000) of all kinds and watch what its process takes; BACKEND=cuda, or emulated
	@$(MAVEN) $(QUIET) -q -pl src/test -am package -DskipTests -Dspotless.check.skip
	@$(if $(filter emulated,$(BACKEND)),$(MAKE) --no-print-directory emulation && mkdir -p target && echo emulated >target/emulated/kernels)
	@'$(JAVA_HOME)/bin/java' --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
	  -Xms256m -Xmx256m -XX:+AlwaysPreTouch -XX:+UseSerialGC -XX:NativeMemoryTracking=summary \
	  $(if $(filter emulated,$(BACKEND)),$(EMULATED)) -cp "src/test/target/test-classes:bench/target/lib/*" \
	  org.pyramiddrop.soak.Soak $(or $(REQUESTS),2000) $(or $(BACKEND:emulated=cuda),cpu) $(SCENES)

load: native tools ## Serve MODEL (the demo's) to one client and to eight in turn, and print both speeds; BACKEND=cpu, THREADS=1
	@$(MAVEN) $(QUIET) -q -pl src/test -am package -DskipTests -Dspotless.check.skip
	@cd src/test && '$(JAVA_HOME)/bin/java' --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
	  -cp "target/test-classes:../../cli/target/lib/*" org.pyramiddrop.serve.ServeSpeed \
	  '$(abspath $(or $(MODEL),$(SCENES)/model))' "$(or $(QUESTION),how many triangle s are there ?)" $(or $(TOKENS),60) $(or $(BACKEND),auto) $(or $(ROUNDS),5) $(or $(THREADS),2)

bench: benchmarks ## Time operations and layers in under ten minutes; FULL=1 takes longer, ARGS="--only Decode" picks some
	$(BENCH) run $(if $(FULL),,--quick) $(ARGS)

training: benchmarks ## Time training steps with and without drops, ARGS=--python=... beside PyTorch's
	$(BENCH) training $(ARGS)

starts: benchmarks ## Time operations in twenty starts of Java, and fail if one start is slower; ARGS="--starts 5"
	$(BENCH) starts $(ARGS)

compare: benchmarks ## Time operations and whole models in turn with Jlama, PyTorch (PYTHON, with transformers) and LLAMA_CPP, if a folder is given; ARGS=--quick
	$(BENCH) compare --python $(PYTHON) $(if $(LLAMA_CPP),--llama-cpp '$(LLAMA_CPP)') $(ARGS)

pruning: benchmarks ## Time vision, prefill, decode and answers under ten plans beside their FLOPs; ARGS="--plan divprune:64" yours
	$(BENCH) pruning $(ARGS)

experiment: benchmarks ## Redo the paper's tables and figures; NAME=figure-4 only one, MODEL= and DATA= on another model or dataset
	$(BENCH) experiment $(or $(NAME),all) --model $(or $(MODEL),$(SCENES)/model) --data $(or $(DATA),$(SCENES)/heldout) $(ARGS)

big-checkpoint: benchmarks ## Write a 14 GB checkpoint with random weights to OUT; ARGS="--layers 4" makes it smaller
	@test -n "$(OUT)" || { echo "say where: make big-checkpoint OUT=folder" >&2; exit 1; }
	$(BENCH) checkpoint $(ARGS) $(OUT)

benchmarks: native tools
	$(MAVEN) $(QUIET) -q -pl bench -am package -Dmaven.test.skip -Dspotless.check.skip

fixtures: ## Make the tests' reference outputs anew, with PYTHON (torch, transformers, Pillow)
	$(PYTHON) src/test/fixtures/make_fixtures.py src/test/resources/fixtures
	$(PYTHON) src/test/fixtures/training.py src/test/resources/fixtures
	$(PYTHON) src/test/fixtures/cuts.py src/test/resources/fixtures
	$(PYTHON) src/test/fixtures/operations.py kernels/src/test/resources/cuts
	$(PYTHON) loader/src/test/python/make_pictures.py
	$(PYTHON) loader/src/test/python/make_layouts.py
	$(PYTHON) loader/src/test/python/make_packed.py
	$(PYTHON) loader/src/test/python/make_tokenizer.py
	$(PYTHON) loader/src/test/python/make_families.py
	$(PYTHON) loader/src/test/python/make_chats.py
	$(PYTHON) loader/src/test/python/make_seeds.py
	$(PYTHON) training/src/test/python/make_conversations.py

bindings: ## Generate the Java bindings of CUDA anew, with jextract; CUDA_HOME and CUBLAS_INCLUDE say where its headers are
	@native-bindings/src/main/jextract/generate

kernels: $(FATBIN) ## Compile the CUDA kernels with NVCC, and list their registers and shared memory
	@cat kernels/target/kernels.txt

# The kernels where they can be compiled.
cuda: $(if $(NVCC),$(FATBIN))
	$(if $(NVCC),,@echo "no nvcc found, so the CUDA backend is left out: install the CUDA toolkit, or say where it is with NVCC=")

# Products in C for the CPU, where they can be compiled.
native: $(if $(NATIVE_CC),$(NATIVE))
	$(if $(NATIVE_CC),,@echo "no C compiler for Linux on x86-64 found, so native products are left out: install gcc, or name one with CC=")

emulation: ## Build the emulated CUDA driver, with our kernels in it, for tests on machines without a GPU
	@command -v $(CXX) >/dev/null || { echo "no $(CXX) found: install g++ 12 or newer, or name another compiler with CXX=" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) -f kernels/src/test/cuda/emulation.mk CXX=$(CXX)

dist: cuda native tools ## Put the command, its own Java, the demo model and what checks and measures a GPU into dist/
	$(MAVEN) $(QUIET) -q -Pdist -pl src/test -am package -DskipTests -Dspotless.check.skip
	@$(MAKE) --no-print-directory command-folder
	cp bin/gpu-check '$(DIST)/bin/'
	mkdir -p '$(DIST)/check/lib' '$(DIST)/check/python'
	cp bench/target/pyramiddrop-bench-*.jar bench/target/lib/*.jar src/test/target/lib/*.jar '$(DIST)/check/lib/'
	cd '$(DIST)/lib' && for jar in *; do rm -f "../check/lib/$$jar"; done
	cp bench/src/main/python/*.py '$(DIST)/check/python/'
	cp -R kernels/target/test-classes '$(DIST)/check/kernels-tests'
	cp -R src/test/target/test-classes '$(DIST)/check/whole-tests'
	git describe --always --dirty --abbrev=10 --exclude='*' >'$(DIST)/check/commit' 2>/dev/null || echo unknown >'$(DIST)/check/commit'
	@echo "dist/bin/pyramiddrop runs without an installed Java; dist/bin/gpu-check tests and measures a machine with a GPU"

# The command with its own Java and the demo model, in the folder DIST, of what is built already.
command-folder:
	rm -rf '$(DIST)'
	mkdir -p '$(DIST)/bin'
	@# Not compressed: an archive of the folder comes out much smaller that way.
	'$(JAVA_HOME)/bin/jlink' --add-modules $(RUNTIME) --strip-debug --no-header-files --no-man-pages \
	  --compress zip-0 --generate-cds-archive --output '$(DIST)/runtime'
	cp bin/pyramiddrop '$(DIST)/bin/'
	cp -R $(JAR) cli/target/lib $(wildcard LICENSE README.md THIRD-PARTY.md docs) models '$(DIST)/'
	$(call keep-classes,'$(DIST)/bin/pyramiddrop','$(DIST)/pyramiddrop.jsa')

# Two folders whose names differ in length, so that a path in a jar can't pass.
reproducible: tools ## Build what is published twice, in two folders, and compare the bytes
	@rm -rf target/reproducible
	@for folder in target/reproducible/a target/reproducible/another; do \
	  mkdir -p $$folder && git ls-files -z -co --exclude-standard ':!*/test/resources/*' ':!models' ':!bench/results' | xargs -0 cp --parents -t $$folder && \
	  (cd $$folder && $(MAVEN) $(QUIET) -q -Prelease package -Dmaven.test.skip -Dspotless.check.skip -pl '!bench,!src/test' \
	    $(if $(NVCC),,-Dpyramiddrop.withoutCuda)) || exit; \
	done
	@cd target/reproducible/a && find . -path '*/target/pyramiddrop*.jar' >../jars && test -s ../jars && \
	  while read -r jar; do cmp "$$jar" "../another/$$jar" || exit; done <../jars
	@echo "$$(wc -l <target/reproducible/jars) jars are the same, byte by byte"

javadoc: $(JAR) ## Write the Javadoc of what users import to target/javadoc
	'$(JAVA_HOME)/bin/javadoc' -quiet -Xdoclint:all,-missing -d target/javadoc \
	  $(foreach module,serve training transformer loader kernels,--module-source-path org.pyramiddrop.$(module)=$(module)/src/main/java) \
	  --module-source-path org.pyramiddrop.cuda=native-bindings/src/main/java -p cli/target/lib \
	  --module org.pyramiddrop.serve,org.pyramiddrop.training,org.pyramiddrop.transformer,org.pyramiddrop.loader,org.pyramiddrop.kernels

format: tools ## Format all Java code
	$(MAVEN) $(QUIET) -q spotless:apply

clean: tools ## Delete everything that was built
	$(MAVEN) $(QUIET) -q clean
	rm -rf '$(DIST)' target

tools:
	@bin/find-jdk >/dev/null
	@command -v $(MAVEN) >/dev/null || { echo "no $(MAVEN) found: install Apache Maven 3.8.7 or newer" >&2; exit 1; }

$(FATBIN): $(wildcard $(CUDA)/*)
	@test -n "$(NVCC)" || { echo "no nvcc found: install the CUDA toolkit, or say where it is with NVCC=" >&2; exit 1; }
	@mkdir -p $(@D) && rm -f $@
	@echo "compiling the CUDA kernels for sm_80, sm_90a and as PTX"
	@$(NVCC) $(NVCC_FLAGS) -fatbin $(CUDA)/kernels.cu -o kernels/target/kernels.fatbin 2>kernels/target/ptxas.txt || \
	  { cat kernels/target/ptxas.txt >&2; exit 1; }
	@awk -f $(CUDA)/report.awk kernels/target/ptxas.txt >kernels/target/kernels.txt
	@mv kernels/target/kernels.fatbin $@

$(NATIVE): $(wildcard $(C)/*)
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_FLAGS) $(C)/*.c -lgcc -o $@

# keep-classes COMMAND FILE: a start reads them from there half a second faster; without the file it works as well.
define keep-classes
@rm -f $(2)
@$(1) '-J-XX:ArchiveClassesAtExit='$(2) generate --model $(SCENES)/model --image $(IMAGE) \
  --prompt "what shape is cyan ?" --format json >/dev/null 2>&1 && test -f $(2) || \
  echo "no archive of classes could be made: the command starts more slowly"
endef

$(CLASSES): $(JAR) bin/pyramiddrop
	$(call keep-classes,bin/pyramiddrop,$@)

$(JAR): $(SOURCES) $(if $(NVCC),$(FATBIN)) $(if $(NATIVE_CC),$(NATIVE)) | tools
	$(MAVEN) $(QUIET) -q -pl cli -am package -Dmaven.test.skip -Dspotless.check.skip
