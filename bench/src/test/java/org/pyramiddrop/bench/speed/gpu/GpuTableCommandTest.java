package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.report.JsonFile;

class GpuTableCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(Path... files) {
    String[] arguments = new String[files.length + 2];
    arguments[0] = "gpu-table";
    arguments[1] = "--out=" + temp.resolve("table.md");
    for (int i = 0; i < files.length; i++) {
      arguments[i + 2] = files[i].toString();
    }
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  private Path written(String name, ModelResult result) {
    Path file = temp.resolve(name);
    JsonFile.write(file, result);
    return file;
  }

  @Test
  void readsBackWhatWasWritten() {
    ModelResult result =
        Results.of(
            "LLaVA-NeXT",
            2928,
            Results.peer("PyTorch, eager", Results.phases(2, 1.5, 3, 2.5)),
            new ModelResult.Peer("PyTorch, max-autotune", "ended", null, null));
    assertThat(ModelResult.read(written("next.json", result))).isEqualTo(result);
  }

  @Test
  void putsBothModelsIntoOneTable() throws IOException {
    int code =
        run(
            written("one.json", Results.of("LLaVA-1.5", 576)),
            written("next.json", Results.of("LLaVA-NeXT", 2928)));
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains("GPU: A GPU", "commit: abc", "LLaVA-1.5, no drops  ", "LLaVA-NeXT, PyramidDrop  ")
        .containsSubsequence("goals", "LLaVA-1.5, no drops: prefill", "reached");
    assertThat(Files.readString(temp.resolve("table.md")))
        .contains("- GPU: A GPU", "| LLaVA-NeXT, no drops |", "## goals");
  }

  @Test
  void refusesResultsOfTwoMachines() {
    ModelResult here = Results.of("LLaVA-1.5", 576);
    ModelResult there =
        new ModelResult(
            Map.of("GPU", "Another", "commit", "abc"),
            here.model(),
            here.prompt(),
            here.newTokens(),
            here.loadMillis(),
            here.seen(),
            here.ceilings(),
            here.plans(),
            here.newLengths(),
            here.peers());
    assertThat(run(written("here.json", here), written("there.json", there))).isEqualTo(2);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("have a different GPU: A GPU; Another");
  }

  @Test
  void refusesAFileThatIsNoResult() throws IOException {
    assertThat(run(Files.writeString(temp.resolve("no.json"), "{\"plans\": 3"))).isEqualTo(2);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("no.json holds no results of bench gpu");
    err.getBuffer().setLength(0);
    assertThat(run(Files.writeString(temp.resolve("no.json"), "{}"))).isEqualTo(2);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("no.json holds no results of bench gpu");
  }
}
