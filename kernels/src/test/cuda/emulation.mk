# Builds the emulated driver, with the kernels in it, and the emulated cuBLASLt; once plainly, once with sanitizers.
# Run by `make emulation` in the root folder.

CXX ?= g++
HERE := kernels/src/test/cuda
KERNELS := kernels/src/main/cuda
OUT := target/emulated
CLANG := $(findstring clang,$(CXX))

DRIVER := emulation memory context driver driver_device driver_kernels driver_streams driver_tensor_maps kernels planted
FLAGS = -std=c++17 $(THIS_PROCESSOR) -Wall -Wextra -fPIC -fvisibility=hidden -I$(HERE) -I$(KERNELS) -MMD -MP
# What nvcc knows, or doesn't warn of.
KERNEL_FLAGS := -x c++ -Wno-sign-compare -Wno-unknown-pragmas -Wno-pass-failed \
  -Wno-missing-field-initializers -Wno-missing-braces -Wno-psabi
# For this very processor: without its fused multiply-add each fmaf is a call. Nothing else may be fused.
MACHINE := $(shell $(CXX) -dumpmachine)
THIS_PROCESSOR := $(if $(findstring x86_64,$(MACHINE)),-march=native,-mcpu=native) -ffp-contract=off
PLAIN := -O2 -g1
SANITIZED := -O2 -g1 -fno-omit-frame-pointer -fno-optimize-sibling-calls -fsanitize=address,undefined -fno-sanitize-recover=all
# Without what the address sanitizer sees as well, and compilers warn of.
SANITIZED += -fno-sanitize=null,object-size,return,unreachable,nonnull-attribute,returns-nonnull-attribute,vptr
SANITIZED += -ftrivial-auto-var-init=pattern $(if $(CLANG),-shared-libasan)
ASAN_RUNTIME = $(if $(CLANG),libclang_rt.asan-$(shell uname -m).so,libasan.so)

# The native products once more, with the same sanitizers: in C, by the compiler that the C++ one belongs to.
C := kernels/src/main/c
C_COMPILER := $(if $(CLANG),$(subst clang++,clang,$(CXX)),$(subst g++,gcc,$(CXX)))
NATIVE := $(if $(findstring x86_64,$(MACHINE)),$(OUT)/sanitized/kernels.so)

.PHONY: all
all: $(NATIVE) $(foreach folder,$(OUT) $(OUT)/sanitized,$(folder)/libcuda-emulated.so $(folder)/libcublasLt-emulated.so) \
  $(OUT)/sanitized/preload

$(OUT)/%: MODE = $(PLAIN)
$(OUT)/sanitized/%: MODE = $(SANITIZED)

define library
$(1)/libcuda-emulated.so: $(DRIVER:%=$(1)/%.o)
	$$(CXX) $$(MODE) -shared -Wl,-soname,libcuda-emulated.so $$^ -o $$@

$(1)/libcublasLt-emulated.so: $(1)/cublaslt.o $(1)/libcuda-emulated.so
	$$(CXX) $$(MODE) -shared -Wl,-soname,libcublasLt-emulated.so '-Wl,-rpath,$$$$ORIGIN' $$^ -o $$@

$(1)/%.o: $(HERE)/%.cpp $(HERE)/emulation.mk | $(1)/
	$$(CXX) $$(FLAGS) $$(MODE) -c $$< -o $$@

$(1)/kernels.o: $(KERNELS)/kernels.cu $(HERE)/emulation.mk | $(1)/
	$$(CXX) $$(FLAGS) $$(MODE) $$(KERNEL_FLAGS) -c $$< -o $$@

$(1)/planted.o: $(HERE)/planted.cu $(HERE)/emulation.mk | $(1)/
	$$(CXX) $$(FLAGS) $$(MODE) $$(KERNEL_FLAGS) -c $$< -o $$@

$(1)/:
	@mkdir -p $$@

-include $(wildcard $(1)/*.d)
endef

$(eval $(call library,$(OUT)))
$(eval $(call library,$(OUT)/sanitized))

$(NATIVE): $(wildcard $(C)/*) $(HERE)/emulation.mk | $(OUT)/sanitized/
	$(C_COMPILER) -std=c17 $(SANITIZED) -ffp-contract=off -fPIC -fvisibility=hidden -shared $(C)/*.c -o $@

# What LD_PRELOAD must name for a program that isn't made for sanitizers, the JVM, to load these libraries.
$(OUT)/sanitized/preload: $(OUT)/sanitized/libcuda-emulated.so
	@echo "$(foreach library,$(ASAN_RUNTIME) libstdc++.so,$$(realpath $$($(CXX) -print-file-name=$(library))))" | tr ' ' : > $@
