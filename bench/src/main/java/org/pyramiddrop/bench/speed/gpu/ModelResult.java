package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.PlanResult;

/**
 * What a whole model on a GPU came to; lies in result files as it is here.
 *
 * @param facts where, when and by what it was measured
 * @param newTokens of each answer
 * @param loadMillis from opening the checkpoint to all weights on the device
 * @param seen what this GPU was measured to reach, before anything else
 * @param ceilings that shares are of
 * @param plans the one without drops first
 * @param newLengths or null, if the prompt has too little text to be made shorter
 * @param peers as many as were timed so far
 */
record ModelResult(
    Map<String, String> facts,
    String model,
    Prompt prompt,
    int newTokens,
    double loadMillis,
    Ceilings seen,
    Ceilings ceilings,
    List<PlanResult> plans,
    @Nullable NewLengths newLengths,
    List<Peer> peers) {
  /**
   * What was asked.
   *
   * @param image its size in pixels, in words
   * @param crops that go through the vision tower
   * @param imageTokens newlines included
   */
  record Prompt(String image, int crops, int imageTokens, int textTokens) {
    static Prompt of(ModelInput input) {
      TowerInput image = input.image();
      return new Prompt(
          image.size().toString(),
          image.layout().crops(),
          image.layout().tokens(),
          input.ids().size() - 1);
    }
  }

  /**
   * PyTorch in one mode, without drops.
   *
   * @param said how near its output is to ours, or why there are no times
   * @param millis or null, if it couldn't run or disagrees
   * @param ratios how many times as long it took as we did without drops, in the same rounds; null
   *     where there are no times
   */
  record Peer(
      String name, String said, @Nullable Phases<Spread> millis, @Nullable Phases<Spread> ratios) {}

  /**
   * Reads a result.
   *
   * @throws IllegalArgumentException if the file has none
   */
  static ModelResult read(Path file) {
    return JsonFile.read(file, ModelResult.class, "bench gpu");
  }
}
