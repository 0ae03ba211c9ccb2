package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Operations of cuts before the decoder give what PyTorch gives. */
interface CutFixtureContract extends ContractPart {
  private OperationFixture fixture(String operation) {
    assumeTrue(
        device().kernels().dtype() == DType.FLOAT32,
        "in a narrower type the fixture's numbers are others");
    return OperationFixture.ofCut(operation);
  }

  private Tensor input(OperationFixture fixture, String name) {
    return device().input(fixture.floats(name), fixture.columns(name));
  }

  private Tensor wide(OperationFixture fixture, String name) {
    return device().input(DType.FLOAT32, fixture.floats(name), fixture.columns(name));
  }

  /** A row of float32 numbers that the fixture has one below the other. */
  private Tensor row(OperationFixture fixture, String name) {
    return device().input(DType.FLOAT32, fixture.floats(name), fixture.rows(name));
  }

  private Indices indices(OperationFixture fixture, String name) {
    return device().indices(fixture.ints(name));
  }

  private Heads heads(OperationFixture fixture, String columns) {
    int heads = fixture.ints("heads")[0];
    return new Heads(heads, heads, fixture.columns(columns) / heads);
  }

  /**
   * Scores as they come are averaged; the fixture's sum over heads, or average over queries too.
   */
  private void checkScores(OperationFixture fixture, Heads heads, boolean received, Output out) {
    float[] scores = out.read();
    float[] expected = fixture.floats("scores");
    int skipped = scores.length - expected.length;
    for (int i = 0; i < expected.length; i++) {
      double score = received ? scores[skipped + i] : scores[skipped + i] * (double) heads.query();
      assertThat(Math.abs(score - expected[i]))
          .as("score %d", i)
          .isLessThanOrEqualTo(10 * device().tolerance() * expected[i]);
    }
  }

  private Output scores(OperationFixture fixture, Heads heads, boolean received) {
    Tensor queries = input(fixture, "query");
    Output out = device().output(DType.FLOAT32, 1, fixture.rows("key"));
    kernels()
        .scoreTokens(
            received ? queries : queries.rows(0, 1), heads, input(fixture, "key"), out.view());
    return out;
  }

  @Test
  default void agreesWithPyTorchOnAttentionReceived() {
    for (int count : new int[] {1, 3}) {
      for (boolean received : new boolean[] {false, true}) {
        OperationFixture fixture =
            fixture((received ? "receivedAttention" : "classAttention") + count);
        if (fixture.columns("key") / count % 2 != 0) {
          continue; // Heads have an even number of channels here.
        }
        Heads heads = heads(fixture, "key");
        checkScores(fixture, heads, received, scores(fixture, heads, received));
        device().endCase();
      }
    }
  }

  @Test
  default void agreesWithPyTorchOnTargetsAndMerging() {
    OperationFixture nearest = fixture("nearest");
    Indices out = device().indices(new int[nearest.rows("others")]);
    kernels()
        .nearest(wide(nearest, "x"), indices(nearest, "targets"), indices(nearest, "others"), out);
    assertThat(kernels().download(out)).isEqualTo(nearest.ints("nearest"));
    OperationFixture merge = fixture("mergeRows");
    Output merged = device().output(merge.rows("merged"), merge.columns("merged"));
    kernels()
        .mergeRows(
            input(merge, "x"),
            indices(merge, "targets"),
            indices(merge, "others"),
            indices(merge, "into"),
            merged.view());
    device().check("merged", merged, merge.expected("merged"));
  }

  @Test
  default void agreesWithPyTorchOnVisionZip() {
    for (String tower : List.of("visionzip", "visionzipWithoutClassToken")) {
      for (String counts : List.of("", "OneTarget", "NoTargets", "All")) {
        OperationFixture fixture = fixture(tower + counts);
        boolean received = !tower.equals("visionzip");
        Heads heads = heads(fixture, "key");
        Output scores = scores(fixture, heads, received);
        checkScores(fixture, heads, received, scores);
        zip(fixture, heads, received ? 0 : 1, scores.view());
        device().endCase();
      }
    }
  }

  /** Splits, finds targets and merges as the engine does; rows begin behind a class token. */
  private void zip(OperationFixture fixture, Heads heads, int first, Tensor scores) {
    int rows = fixture.rows("key");
    int patches = rows - first;
    int dominant = Math.min(fixture.ints("dominant")[0], patches);
    int left = patches - dominant;
    int targets = Math.min(fixture.ints("contextual")[0], left);
    int step = targets == 0 ? 1 : Math.max(1, left / targets);
    Output keys = device().output(DType.FLOAT32, rows, heads.size());
    kernels().averageHeads(input(fixture, "key"), heads, keys.view());
    Indices split = device().indices(new int[patches]);
    kernels()
        .splitTopK(
            scores, device().indices(IntStream.range(first, rows).toArray()), dominant, split);
    int[] order = kernels().download(split);
    int[] zipped =
        IntStream.concat(
                IntStream.range(0, dominant),
                IntStream.range(0, targets).map(i -> dominant + i * step))
            .map(place -> order[place])
            .toArray();
    assertThat(zipped).isEqualTo(IntStream.of(fixture.ints("kept")).map(k -> k + first).toArray());
    Output out = device().output(zipped.length, fixture.columns("features"));
    Tensor features = input(fixture, "features");
    kernels()
        .gatherRows(
            features, device().indices(order).part(0, dominant), out.view().rows(0, dominant));
    if (targets > 0) {
      int[] others =
          targets == left
              ? new int[0]
              : IntStream.of(fixture.ints("others")).map(o -> o + first).toArray();
      Indices into = device().indices(new int[others.length]);
      Indices to = device().indices(zipped).part(dominant, targets);
      Indices from = device().indices(others);
      kernels().nearest(keys.view(), to, from, into);
      if (others.length > 0) {
        assertThat(kernels().download(into)).isEqualTo(fixture.ints("into"));
      }
      kernels().mergeRows(features, to, from, into, out.view().rows(dominant, targets));
    }
    device().check("what the projector is given", out, fixture.expected("out"));
  }

  @Test
  default void agreesWithPyTorchOnGreedyChoices() {
    for (String choice : List.of("selectDiverse", "selectDiverseOne", "selectDiverseEqual")) {
      OperationFixture fixture = fixture(choice);
      Indices out = device().indices(new int[fixture.rows("kept")]);
      kernels().selectDiverse(input(fixture, "x"), out);
      assertThat(kernels().download(out)).as(choice).isEqualTo(fixture.ints("kept"));
    }
    for (String choice : List.of("selectDeterminantal", "selectDeterminantalSingular")) {
      OperationFixture fixture = fixture(choice);
      Indices out = device().indices(new int[fixture.rows("kept")]);
      kernels().selectDeterminantal(input(fixture, "x"), row(fixture, "relevance"), out);
      assertThat(kernels().download(out)).as(choice).isEqualTo(fixture.ints("kept"));
    }
  }

  @Test
  default void agreesWithPyTorchOnRelevance() {
    for (String name : List.of("relevance", "relevanceEqual")) {
      OperationFixture fixture = fixture(name);
      Output out = device().output(DType.FLOAT32, 1, fixture.rows("x"));
      kernels().relevance(input(fixture, "x"), input(fixture, "text"), out.view());
      float[] actual = out.read();
      float[] expected = fixture.floats("relevance");
      for (int i = 0; i < expected.length; i++) {
        assertThat(Math.abs(actual[i] - expected[i]))
            .as("%s %d", name, i)
            .isLessThanOrEqualTo((float) (10 * device().tolerance()));
      }
    }
  }
}
