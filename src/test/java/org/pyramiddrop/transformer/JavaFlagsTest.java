package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;

/** What Java is told of the flags it was started without, in processes of their own. */
final class JavaFlagsTest {
  private static final String VECTOR_API = "--add-modules=jdk.incubator.vector";
  private static final String NO_NATIVE_CODE = "--illegal-native-access=deny";
  private static final String ADD_MODULES = "--add-modules jdk.incubator.vector";
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";
  private static final String EXCEPTION = "org.pyramiddrop.kernels.DeviceException: ";

  @TempDir Path folder;

  /** What the processes run. */
  static final class Main {
    private Main() {}

    /** Does one thing with the library and prints what came of it, in one line. */
    public static void main(String[] arguments) {
      try {
        System.out.println(
            switch (arguments[0]) {
              case "load" -> load(arguments[1], arguments[2]);
              case "open" -> {
                Devices.open(arguments[1], 1, DType.FLOAT32).close();
                yield "opened";
              }
              case "fastest" -> Devices.fastest();
              case "fastest-without-gpu" -> Devices.fastestWithoutGpu();
              default -> Devices.all().toString();
            });
      } catch (Throwable e) {
        System.out.println(e);
      }
    }

    private static String load(String model, String backend) {
      LoadOptions options = LoadOptions.defaults().withBackend(Backend.valueOf(backend));
      try (Llava loaded = Llava.load(Path.of(model), options)) {
        return "loaded " + loaded.backend();
      }
    }
  }

  private String java(List<String> flags, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(arguments));
    Path printed = folder.resolve("printed");
    ProcessBuilder process =
        new ProcessBuilder(command)
            .redirectOutput(printed.toFile())
            .redirectError(folder.resolve("errors").toFile());
    process.environment().remove("JDK_JAVA_OPTIONS");
    process.environment().remove("JAVA_TOOL_OPTIONS");
    Process running = process.start();
    assertThat(running.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return Files.readString(printed, StandardCharsets.UTF_8).strip();
  }

  /** A checkpoint whose weights can't even be opened: what is refused before never looks. */
  private Path modelWithoutWeights() throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    try (Fixture fixture = new Fixture("mha-float32")) {
      for (String name : List.of("config.json", "preprocessor_config.json")) {
        Files.copy(fixture.folder().resolve(name), model.resolve(name));
      }
    }
    return model;
  }

  @Test
  void withoutTheVectorApiLoadingNamesTheFlagBeforeWeightsAreLookedAt() throws Exception {
    String model = modelWithoutWeights().toString();
    assertThat(java(List.of(), "load", model, "CPU"))
        .startsWith(EXCEPTION)
        .contains(ADD_MODULES)
        .hasLineCount(1);
    assertThat(java(List.of(VECTOR_API), "load", model, "CPU"))
        .startsWith("org.pyramiddrop.loader.CheckpointException: ");
  }

  @Test
  void withoutTheVectorApiTheCpuIsSaidToBeMissing() throws Exception {
    assertThat(java(List.of(), "open", "cpu")).startsWith(EXCEPTION).contains(ADD_MODULES);
    assertThat(java(List.of(), "devices"))
        .contains("DeviceStatus[name=cpu, available=false, ")
        .contains(ADD_MODULES);
    assertThat(java(List.of(VECTOR_API), "devices"))
        .contains("DeviceStatus[name=cpu, available=true, ");
  }

  @Test
  void withoutNativeAccessCudaNamesTheFlag() throws Exception {
    List<String> flags = List.of(VECTOR_API, NO_NATIVE_CODE);
    String model = modelWithoutWeights().toString();
    assertThat(java(flags, "load", model, "CUDA"))
        .startsWith(EXCEPTION)
        .contains(NATIVE_ACCESS)
        .hasLineCount(1);
    assertThat(java(flags, "open", "cuda")).startsWith(EXCEPTION).contains(NATIVE_ACCESS);
    assertThat(java(flags, "devices"))
        .contains("DeviceStatus[name=cuda, available=false, ")
        .contains(NATIVE_ACCESS);
  }

  @Test
  void withoutNativeAccessAMachineWithADriverIsNotGivenTheCpuInSilence() throws Exception {
    Path driver = Files.createFile(folder.resolve("libcuda.so.1"));
    List<String> flags = List.of(VECTOR_API, NO_NATIVE_CODE, "-Dpyramiddrop.cuda.driver=" + driver);
    assertThat(java(flags, "load", modelWithoutWeights().toString(), "AUTO"))
        .startsWith(EXCEPTION + "an NVIDIA driver is there")
        .contains(NATIVE_ACCESS)
        .hasLineCount(1);
    assertThat(java(flags, "fastest-without-gpu")).isEqualTo("cpu");
  }

  @Test
  void withoutNativeAccessAMachineWithoutADriverIsGivenTheCpu() throws Exception {
    assumeThat(Path.of("/dev/nvidiactl")).doesNotExist();
    assertThat(java(List.of(VECTOR_API, NO_NATIVE_CODE), "fastest")).isEqualTo("cpu");
  }
}
