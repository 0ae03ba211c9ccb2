package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The demo checkpoint on images and questions that its training never saw. */
final class ScenesTest {
  private static final Path SCENES = Path.of("../../models/scenes");

  @Test
  void answersNineInTenHeldOutQuestionsWithAndWithoutPruning() throws IOException {
    try (Llava model = Llava.load(SCENES.resolve("model"))) {
      assertThat(right(model, PruningPlan.none())).isGreaterThanOrEqualTo(270);
      assertThat(right(model, PruningPlan.pyramid(4, 0.5))).isGreaterThanOrEqualTo(261);
    }
  }

  private static int right(Llava model, PruningPlan plan) throws IOException {
    Options options = Options.defaults().withPruning(plan).withMaxTokens(8);
    int right = 0;
    int asked = 0;
    Path heldout = SCENES.resolve("heldout");
    for (String line : Files.readAllLines(heldout.resolve("questions.jsonl"))) {
      JsonNode question = JsonMapper.shared().readTree(line);
      Path image = heldout.resolve(question.get("image").asString());
      String answer =
          model.ask(Question.of(question.get("question").asString(), image), options).text();
      if (answer.equals(question.get("answers").get(0).asString())) {
        right++;
      }
      asked++;
    }
    System.out.printf("scenes: %d of %d right, %s drops%n", right, asked, plan.drops().size());
    assertThat(asked).isEqualTo(300);
    return right;
  }
}
