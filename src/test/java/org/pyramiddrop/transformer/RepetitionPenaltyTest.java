package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Answers whose repetitions are penalised, against the choice made from the logits by hand. */
final class RepetitionPenaltyTest {
  private static final int STEPS = 8;

  private static Fixture fixture() {
    return new Fixture("gqa-bfloat16-sharded");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.6, 1.3, 1e6})
  void everyTokenIsTheHighestPenalisedLogit(double penalty) {
    try (Fixture fixture = fixture();
        LoadedModel model = TestDevice.load(fixture.folder())) {
      Question question = fixture.question("twoImages");
      Prompt prompt = model.prompt(question);
      Sampler sampler = new Sampler(Sampling.greedy().withRepetitionPenalty(penalty));
      try (SequenceRunner runner = model.runner(question, PruningPlan.pyramid(3, 0.5), STEPS)) {
        for (int round = 0; round < 2; round++) {
          boolean[] seen = new boolean[model.decoder().vocabulary()];
          for (int i = 0; i < prompt.length(); i++) {
            if (!inImage(prompt, i)) {
              seen[prompt.ids()[i]] = true;
            }
          }
          int token = runner.prefill(prompt, sampler);
          for (int step = 0; step < STEPS; step++) {
            assertThat(token).isEqualTo(highest(runner.logits(), seen, (float) penalty));
            seen[token] = true;
            token = runner.decodeStep(step, sampler);
          }
        }
        // What one answer has seen means nothing to the next.
        try (SequenceRunner other = model.runner(question, PruningPlan.pyramid(3, 0.5), STEPS)) {
          assertThat(model.tokens(runner, question, STEPS))
              .isEqualTo(model.tokens(other, question, STEPS));
        }
      }
    }
  }

  private static boolean inImage(Prompt prompt, int place) {
    return prompt.images().stream()
        .anyMatch(span -> place >= span.start() && place < span.start() + span.count());
  }

  private static int highest(float[] logits, boolean[] seen, float penalty) {
    int highest = -1;
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < logits.length; i++) {
      float logit = logits[i];
      if (seen[i]) {
        logit = logit > 0 ? logit / penalty : logit * penalty;
      }
      if (logit > most) {
        most = logit;
        highest = i;
      }
    }
    return highest;
  }

  @Test
  void aConversationPenalisesAllThatWasSaid() {
    Options options =
        Options.defaults()
            .withMaxTokens(STEPS)
            .withSampling(Sampling.of(0.8, 0.9, 5).withTopK(20).withRepetitionPenalty(1.5));
    try (Fixture fixture = fixture();
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(options)) {
      Question first = fixture.question("oneImage");
      String words = fixture.json().get("prompts").get("oneImage").get("words").asString();
      String more = fixture.json().get("prompts").get("textOnly").get("words").asString();
      List<ChatTurn> turns = new ArrayList<>(List.of(new ChatTurn(Role.USER, 1, words)));
      Answer said = conversation.ask(Question.of(words, first.images())).answer();
      turns.add(new ChatTurn(Role.ASSISTANT, 0, said.text()));
      turns.add(new ChatTurn(Role.USER, 0, more));
      String all = ChatTemplate.read(fixture.folder()).render(turns, true);
      Answer fresh = model.ask(new Question(all, first.images(), true), options);
      assertThat(conversation.ask(Question.of(more)).answer().tokenIds())
          .isEqualTo(fresh.tokenIds());
      assertThat(
              model
                  .askAll(List.of(new Request(new Question(all, first.images(), true), options)))
                  .getFirst()
                  .tokenIds())
          .isEqualTo(fresh.tokenIds());
    }
  }
}
