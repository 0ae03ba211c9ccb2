package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Log-probabilities of answers against the logits of prompts that contain the answer so far. */
final class LogProbabilityTest {
  private static final Fixture FIXTURE = new Fixture("mha-float32");
  private static final Options PLAIN =
      Options.defaults().withPruning(PruningPlan.none()).withMaxTokens(5);

  private static Llava load() {
    return Llava.load(FIXTURE.folder(), TestDevice.options());
  }

  private static List<TokenProbability> expected(Llava model, Question question, Answer answer) {
    List<TokenProbability> expected = new ArrayList<>();
    // The logits behind each token: of a run that ends right there.
    int all = model.config().text().vocabSize();
    for (int tokens = 1; tokens <= answer.tokenIds().size(); tokens++) {
      float[] logits = new float[all];
      try (LoadedModel parts = TestDevice.load(FIXTURE.folder());
          SequenceRunner runner = parts.runner(question, PruningPlan.none(), 5)) {
        parts.tokens(runner, question, tokens - 1, answer.tokenIds());
        System.arraycopy(runner.logits(), 0, logits, 0, all);
      }
      expected.add(TokenProbability.of(logits, answer.tokenIds().get(tokens - 1), 4));
    }
    return expected;
  }

  private static void assertSame(List<TokenProbability> actual, List<TokenProbability> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      TokenProbability one = actual.get(i);
      TokenProbability other = expected.get(i);
      assertThat(one.id()).isEqualTo(other.id());
      assertThat(one.logProbability()).isCloseTo(other.logProbability(), within(1e-4));
      assertThat(one.likeliest()).hasSameSizeAs(other.likeliest());
      for (int k = 0; k < one.likeliest().size(); k++) {
        assertThat(one.likeliest().get(k).id()).isEqualTo(other.likeliest().get(k).id());
        assertThat(one.likeliest().get(k).logProbability())
            .isCloseTo(other.likeliest().get(k).logProbability(), within(1e-4));
      }
    }
  }

  @Test
  void eachTokenHasThatOfTheLogitsItWasChosenBy() {
    Question question = FIXTURE.question("oneImage");
    try (Llava model = load()) {
      Answer answer = model.ask(question, PLAIN.withLogProbabilities(4));
      assertSame(answer.probabilities(), expected(model, question, answer));
      for (TokenProbability token : answer.probabilities()) {
        assertThat(token.likeliest().getFirst().id()).isEqualTo(token.id());
      }
    }
  }

  @Test
  void temperatureAndTruncationChangeTheChoiceAndNotTheProbability() {
    Question question = FIXTURE.question("oneImage");
    try (Llava model = load()) {
      Sampling hot = Sampling.of(1.7, 0.9, 11);
      Answer answer = model.ask(question, PLAIN.withSampling(hot).withLogProbabilities(4));
      assertThat(answer.tokenIds()).isNotEqualTo(model.ask(question, PLAIN).tokenIds());
      assertSame(answer.probabilities(), expected(model, question, answer));
    }
  }

  @Test
  void rowsOfABatchAndRepliesHaveTheirOwn() {
    Question one = FIXTURE.question("oneImage");
    Question other = FIXTURE.question("textOnly");
    try (Llava model = load()) {
      Options told = PLAIN.withLogProbabilities(3);
      Answer first = model.ask(one, told);
      Answer second = model.ask(other, told.withMaxTokens(3));
      List<Answer> rows =
          model.askAll(
              List.of(
                  new Request(one, told),
                  new Request(other, told.withMaxTokens(3)),
                  new Request(other, PLAIN)));
      assertSame(rows.get(0).probabilities(), first.probabilities());
      assertSame(rows.get(1).probabilities(), second.probabilities());
      assertThat(rows.get(2).probabilities()).isEmpty();

      try (Conversation conversation = model.converse(told)) {
        Question words =
            Question.of(
                FIXTURE.json().get("prompts").get("oneImage").get("words").asString(),
                List.of(Image.read(FIXTURE.image("wide"))));
        assertSame(
            conversation.ask(words).answer().probabilities(),
            model.ask(words, told).probabilities());
      }
    }
  }

  @Test
  void comeBackOnlyWhereAskedFor() {
    Question question = FIXTURE.question("textOnly");
    try (Llava model = load()) {
      assertThat(model.ask(question, PLAIN).probabilities()).isEmpty();
      List<TokenProbability> own =
          model.ask(question, PLAIN.withLogProbabilities(0)).probabilities();
      assertThat(own).hasSize(5).allSatisfy(token -> assertThat(token.likeliest()).isEmpty());
    }
  }
}
