package org.pyramiddrop.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.StandaloneAnswers;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class ModelInputTest {
  private static final Path SCENES = Path.of("..", "models", "scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final Path PICTURE = SCENES.resolve("heldout").resolve("0000.png");
  private static final String QUESTION = "what number is on the gray triangle ?";

  @Test
  void asksWhatTheLibraryAsksAndIsAnsweredTheSameEachTime() {
    for (PruningPlan plan : List.of(PruningPlan.none(), PruningPlan.pyramid(4, 0.5))) {
      Answer answer;
      try (Llava llava = Llava.load(MODEL)) {
        answer = llava.ask(Question.of(QUESTION, PICTURE), Options.defaults().withPruning(plan));
      }
      int tokens = answer.tokenIds().size();
      assertThat(tokens).isPositive();
      ModelInput input = ModelInput.of(MODEL, PICTURE, QUESTION);
      try (StandaloneAnswers answers = StandaloneAnswers.open(MODEL, WeightType.AUTO, 2);
          StandaloneAnswers.Answering answering =
              answers.answering(input.ids(), input.pixels(), plan, tokens)) {
        assertThat(answering.ids()).hasSize(answer.promptTokens());
        assertThat(answer(answering, tokens)).isEqualTo(answer.tokenIds());
        assertThat(answer(answering, tokens)).isEqualTo(answer.tokenIds());
      }
    }
  }

  private static List<Integer> answer(StandaloneAnswers.Answering answering, int tokens) {
    List<Integer> ids = new ArrayList<>(List.of(answering.first()));
    while (ids.size() < tokens) {
      ids.add(answering.next());
    }
    return ids;
  }
}
