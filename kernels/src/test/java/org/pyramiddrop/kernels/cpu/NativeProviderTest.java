package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.cuda.CudaDriver;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Devices;

/** When the native backend is taken, and why it is not. */
class NativeProviderTest {
  private final NativeProvider provider = new NativeProvider();
  private final String before = System.getProperty(NativeLibrary.PROPERTY, "");

  @TempDir Path folder;

  @AfterEach
  void restore() {
    System.setProperty(NativeLibrary.PROPERTY, before);
  }

  @Test
  void isTakenBeforeTheCpuButNotForTraining() {
    TestLibrary.open();
    assertThat(provider.missing()).isEmpty();
    assertThat(Devices.fastest()).isIn("native", "cuda");
    assertThat(Devices.fastestWithoutGpu()).isEqualTo("native");
    assertThat(Devices.fastestThatTrains()).isIn("cpu", "cuda");
    assertThat(Devices.readsInPlace("native")).isTrue();
  }

  @Test
  void tellsWhyALibraryCannotBeLoaded() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken.so"), "no library");
    for (Path file : new Path[] {broken, folder.resolve("none.so")}) {
      System.setProperty(NativeLibrary.PROPERTY, file.toString());
      assertThat(provider.missing())
          .hasValueSatisfying(reason ->
              assertThat(reason).startsWith(file + " can't be loaded: ").doesNotContain("\n"));
      assertThat(Devices.fastest()).isIn("cpu", "cuda");
      assertThat(Devices.fastestWithoutGpu()).isEqualTo("cpu");
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> Devices.require("native"))
          .withMessageStartingWith("the native backend can't be used: ");
    }
  }

  @Test
  void aModuleLayerWithoutNativeAccessIsToldOfItsController() throws Exception {
    // Which file that is doesn't matter: Java refuses before it is looked at.
    System.setProperty(NativeLibrary.PROPERTY, folder.resolve("none.so").toString());
    Configuration configuration =
        ModuleLayer.boot()
            .configuration()
            .resolve(
                ModuleFinder.of(origin(Devices.class), origin(CudaDriver.class)),
                ModuleFinder.of(),
                Set.of("org.pyramiddrop.kernels"));
    ModuleLayer layer =
        ModuleLayer.defineModulesWithOneLoader(
                configuration, List.of(ModuleLayer.boot()), ClassLoader.getPlatformClassLoader())
            .layer();
    Class<?> devices =
        layer.findLoader("org.pyramiddrop.kernels").loadClass(Devices.class.getName());
    assertThat(String.valueOf(devices.getMethod("all").invoke(null)))
        .contains(
            "DeviceStatus[name=native, available=false, detail=Java may not call native code from module org.pyramiddrop.kernels:");
  }

  private static Path origin(Class<?> type) throws URISyntaxException {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  @Test
  void tellsThatTheProcessorHasNothingOfUse() {
    NativeLibrary without = TestLibrary.open().limitedTo(0);
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> NativeSelfTest.hold(without))
        .withMessageContaining("AVX2");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "streaming_bfloat16_512",
        "streaming_bfloat16_256",
        "matmul_bfloat16",
        "matmul_bfloat16_256",
        "matmul_float16_256",
        "matmul_float32_256",
        "matmul_int8_256",
        "matmul_int4_256"
      })
  void aLibraryThatComputesWronglyIsRefused(String function) throws ReflectiveOperationException {
    NativeLibrary right = TestLibrary.open();
    boolean narrow = function.endsWith("_256");
    NativeLibrary used = narrow ? right.limitedTo(NativeLibrary.AVX2) : right;
    assumeTrue(narrow || right.roundsRows(DType.BFLOAT16));
    assertThatCode(() -> NativeSelfTest.hold(used)).doesNotThrowAnyException();
    try (Arena arena = Arena.ofShared()) {
      MethodHandle nothing =
          MethodHandles.lookup()
              .findStatic(NativeProviderTest.class, "nothing", NOTHING.toMethodType());
      MemorySegment stub = Linker.nativeLinker().upcallStub(nothing, NOTHING, arena);
      SymbolLookup functions =
          name ->
              name.equals(NativeLibrary.PREFIX + function)
                  ? Optional.of(stub)
                  : used.functions().find(name);
      NativeLibrary wrong = new NativeLibrary(functions, used.features());
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> NativeSelfTest.hold(wrong))
          .withMessageContaining("compute wrongly")
          .withMessageNotContaining("\n");
    }
  }

  private static final FunctionDescriptor NOTHING =
      FunctionDescriptor.ofVoid(
          ValueLayout.ADDRESS,
          ValueLayout.JAVA_INT,
          ValueLayout.JAVA_INT,
          ValueLayout.JAVA_INT,
          ValueLayout.ADDRESS,
          ValueLayout.JAVA_INT,
          ValueLayout.ADDRESS,
          ValueLayout.ADDRESS);

  /** A product that leaves its sums as they were: zero in memory that is new. */
  @SuppressWarnings("unused")
  private static void nothing(
      MemorySegment x,
      int rows,
      int height,
      int inputs,
      MemorySegment w,
      int columns,
      MemorySegment panels,
      MemorySegment sums) {}
}
