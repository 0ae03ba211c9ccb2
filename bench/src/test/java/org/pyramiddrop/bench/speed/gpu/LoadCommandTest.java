package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.gpu.LoadCommand.Result;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command on an emulated GPU and without one, and its arithmetic. */
class LoadCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    System.setProperty(BenchFolder.PROPERTY, temp.toString());
    try {
      return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    } finally {
      System.clearProperty(BenchFolder.PROPERTY);
    }
  }

  private Path model() {
    Path model = temp.resolve("model");
    RandomCheckpoint.write(model, ModelSize.TINY.shape().config(), DType.BFLOAT16, 1);
    return model;
  }

  @Test
  void tellsHowFastAModelGetsToTheDevice() throws IOException {
    Path model = model();
    Path markdown = temp.resolve("load.md");
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      assertThat(run("load", "--model=" + model, "--runs=2", "--markdown=" + markdown)).isZero();
    }
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString())
        .contains("device: cuda, Emulated GPU 0", "first load", "load again")
        .contains("reading the same on the host", "copying as much from pinned memory")
        .contains("% of the slower", "of the weights lay in memory");
    assertThat(Files.readString(markdown)).contains("| load again |");
    JsonNode json = JsonMapper.shared().readTree(temp.resolve("load.json"));
    assertThat(json.get("loadMillis").get("count").asInt()).isEqualTo(2);
    assertThat(json.get("share").asDouble()).isPositive();
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      // One layer of the vision tower is not read.
      assertThat(json.get("bytes").asLong()).isBetween(checkpoint.bytes() / 2, checkpoint.bytes());
    }
  }

  @Test
  void saysWhyThereIsNoGpu() {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      assertThat(run("load", "--model=" + model())).isEqualTo(1);
    }
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("bench: the CUDA backend can't be used: no NVIDIA driver");
  }

  @Test
  void theShareIsOfTheSlowerWay() {
    Spread loads = Spread.of(List.of(1250.0));
    Spread reads = Spread.of(List.of(1000.0));
    Spread copies = Spread.of(List.of(300.0));
    Result result = new Result(13_000_000_000L, 0.5, 5000, loads, reads, copies);
    assertThat(result.share()).isCloseTo(0.8, within(1e-12));
    assertThat(new Document(List.of(), List.of(result.table())).lines())
        .anySatisfy(line -> assertThat(line.split(" {2,}")).startsWith("load again", "10.4"))
        .anySatisfy(line -> assertThat(line.split(" {2,}")).startsWith("first load", "2.60"))
        .anySatisfy(line -> assertThat(line).contains("load again: 80%"));
  }

  @Test
  void whatWasJustReadIsResident() throws Exception {
    Path file = Files.write(temp.resolve("file"), new byte[(5 << 20) + 3]);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      HostRead read = new HostRead(List.of(mapped));
      assertThat(read.millis(3)).isPositive();
      assertThat(read.resident()).isEqualTo(1);
    }
  }
}
