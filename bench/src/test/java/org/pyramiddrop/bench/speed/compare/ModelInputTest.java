package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class ModelInputTest {
  private static final Path SCENES = Path.of("..", "models", "scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final Path IMAGE = SCENES.resolve("heldout").resolve("0000.png");
  private static final String QUESTION = "what number is on the gray triangle ?";

  @Test
  void asksWhatTheLibraryAsksAndIsAnsweredTheSameEachTime() {
    for (PruningPlan plan :
        List.of(
            PruningPlan.none(),
            PruningPlan.pyramid(4, 0.5),
            PruningPlan.parse("visionzip:15+3,cdpruner:12,pyramid:2:0.5"))) {
      Answer answer;
      try (Llava llava = Llava.load(MODEL)) {
        answer = llava.ask(Question.of(QUESTION, IMAGE), Options.defaults().withPruning(plan));
      }
      int tokens = answer.tokenIds().size();
      assertThat(tokens).isPositive();
      ModelInput input = ModelInput.of(MODEL, IMAGE, QUESTION);
      try (ModelOnDevice answers =
              ModelOnDevice.open(MODEL, Optional.empty(), ModelOnDevice.device("cpu", 2));
          RepeatedAnswer answering = answers.answer(input, plan, tokens - 1)) {
        int entering = answer.stages().getFirst().kept().getFirst().size();
        assertThat(answering.ids())
            .hasSize(answer.promptTokens() - answer.imageTokens() + entering);
        assertThat(answer(answering, tokens)).isEqualTo(answer.tokenIds());
        assertThat(answer(answering, tokens)).isEqualTo(answer.tokenIds());
      }
    }
  }

  private static List<Integer> answer(RepeatedAnswer answering, int tokens) {
    List<Integer> ids = new ArrayList<>(List.of(answering.first()));
    while (ids.size() < tokens) {
      ids.add(answering.decodeStep());
    }
    return ids;
  }
}
