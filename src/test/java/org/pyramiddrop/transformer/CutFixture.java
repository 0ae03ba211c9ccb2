package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What PyTorch made of a checkpoint's prompts cut before the decoder; see src/test/fixtures. */
final class CutFixture implements AutoCloseable {
  private final JsonNode cases;
  private final SafetensorsFile tensors;

  CutFixture(Path folder) {
    cases = JsonMapper.shared().readTree(folder.resolve("cuts.json").toFile()).get("cases");
    tensors = SafetensorsFile.open(folder.resolve("cuts.safetensors"));
  }

  List<String> names() {
    return List.copyOf(cases.propertyNames());
  }

  JsonNode of(String name) {
    return cases.get(name);
  }

  PruningPlan plan(String name) {
    JsonNode c = cases.get(name);
    return PruningPlan.parse(c.get("plan").asString())
        .withRanking(Ranking.valueOf(c.get("ranking").asString()))
        .withPositions(Positions.valueOf(c.get("positions").asString()));
  }

  boolean has(String tensor) {
    return tensors.contains(tensor);
  }

  float[] floats(String tensor) {
    return Fixture.floats(tensors, tensor);
  }

  /** Lists of numbers, one a picture. */
  static List<List<Integer>> rows(JsonNode lists) {
    return lists
        .valueStream()
        .map(list -> list.valueStream().map(JsonNode::asInt).toList())
        .toList();
  }

  @Override
  public void close() {
    tensors.close();
  }
}
