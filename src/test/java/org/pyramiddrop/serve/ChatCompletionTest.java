package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.serve.Served.PICTURE;
import static org.pyramiddrop.serve.Served.SCENES;
import static org.pyramiddrop.serve.Served.asking;
import static org.pyramiddrop.serve.Served.events;
import static org.pyramiddrop.serve.Served.json;
import static org.pyramiddrop.serve.Served.text;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What requests are answered with, against what the library answers. */
final class ChatCompletionTest {
  private static final String WORDS = "what number is on the gray triangle ?";
  private static final Options OPTIONS = Options.defaults();

  private static Served served;

  @BeforeAll
  static void serve() {
    served = Served.of(SCENES.resolve("model"), options -> options);
  }

  @AfterAll
  static void stop() {
    served.close();
  }

  private static Answer alone(String words, Options options, Path... pictures) {
    return served.model().ask(Question.of(words, pictures), options);
  }

  @Test
  void anAnswerIsTheLibrarysWithItsTokensCounted() throws IOException, InterruptedException {
    Answer expected = alone(WORDS, OPTIONS, PICTURE);
    HttpResponse<String> response = served.complete(asking(WORDS, PICTURE));
    assertThat(response.statusCode()).isEqualTo(200);
    JsonNode json = json(response);
    assertThat(json.get("object").asString()).isEqualTo("chat.completion");
    assertThat(json.get("model").asString()).isEqualTo("scenes");
    assertThat(json.at("/choices/0/message/role").asString()).isEqualTo("assistant");
    assertThat(text(response)).isEqualTo(expected.text()).isEqualTo("2 7");
    assertThat(json.at("/choices/0/finish_reason").asString()).isEqualTo("stop");
    assertThat(json.at("/choices/0/logprobs").isMissingNode()).isTrue();
    assertThat(json.at("/usage/prompt_tokens").asInt()).isEqualTo(expected.promptTokens());
    assertThat(json.at("/usage/completion_tokens").asInt()).isEqualTo(expected.tokenIds().size());
    assertThat(json.at("/usage/total_tokens").asInt())
        .isEqualTo(expected.promptTokens() + expected.tokenIds().size());
    assertThat(json.at("/pruning/image_tokens").asInt()).isEqualTo(64);
    assertThat(json.at("/pruning/stages").valueStream().map(s -> s.get("image_tokens").asInt()))
        .containsExactly(64, 32, 16, 8);
    assertThat(json.at("/pruning/stages/0/layers").asString()).isEqualTo("0-1");
    assertThat(json.at("/pruning/stages/0/kept").isMissingNode()).isTrue();
  }

  @Test
  void aStreamHasTheSameTextInPiecesAndEndsWithWhatWasKept()
      throws IOException, InterruptedException {
    ObjectNode body = asking(WORDS, PICTURE).put("stream", true).put("kept", true);
    body.putObject("stream_options").put("include_usage", true);
    HttpResponse<String> response = served.complete(body);
    assertThat(response.headers().firstValue("content-type")).hasValue("text/event-stream");
    List<JsonNode> events = events(response);
    Answer expected = alone(WORDS, OPTIONS, PICTURE);
    assertThat(events.getFirst().at("/choices/0/delta/role").asString()).isEqualTo("assistant");
    assertThat(
            events.stream()
                .map(event -> event.at("/choices/0/delta/content").asString(""))
                .collect(Collectors.joining()))
        .isEqualTo(expected.text());
    assertThat(events.stream().map(event -> event.get("id").asString()).distinct()).hasSize(1);
    JsonNode end = events.get(events.size() - 2);
    assertThat(end.at("/choices/0/finish_reason").asString()).isEqualTo("stop");
    for (int stage = 0; stage < 4; stage++) {
      assertThat(
              end.at("/pruning/stages/%d/kept/0".formatted(stage))
                  .valueStream()
                  .map(JsonNode::asInt))
          .isEqualTo(expected.stages().get(stage).kept().getFirst());
    }
    JsonNode usage = events.getLast();
    assertThat(usage.get("choices").size()).isZero();
    assertThat(usage.at("/usage/completion_tokens").asInt()).isEqualTo(expected.tokenIds().size());
    // Without being asked for, no usage comes.
    List<JsonNode> bare = events(served.complete(asking(WORDS, PICTURE).put("stream", true)));
    assertThat(bare).allSatisfy(event -> assertThat(event.has("usage")).isFalse());
  }

  @Test
  void severalPicturesAndTurnsAreOneConversation() throws IOException, InterruptedException {
    Path other = SCENES.resolve("heldout/0001.png");
    ObjectNode body = asking("how many triangle s are there ?", PICTURE);
    ArrayNode messages = (ArrayNode) body.get("messages");
    messages.addObject().put("role", "assistant").put("content", "4");
    messages.add(asking("how many diamond s are there ?", other).at("/messages/0"));
    HttpResponse<String> response = served.complete(body);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    Question question =
        Question.ofTurns(
            List.of(
                new ChatTurn(Role.USER, 1, "how many triangle s are there ?"),
                new ChatTurn(Role.ASSISTANT, 0, "4"),
                new ChatTurn(Role.USER, 1, "how many diamond s are there ?")),
            List.of(Image.read(PICTURE), Image.read(other)));
    Answer expected = served.model().ask(question, OPTIONS);
    assertThat(text(response)).isEqualTo(expected.text());
    assertThat(json(response).at("/usage/prompt_tokens").asInt())
        .isEqualTo(expected.promptTokens());
  }

  @Test
  void theSystemsTurnGoesFirst() throws IOException, InterruptedException {
    ObjectNode body = JsonMapper.shared().createObjectNode();
    ArrayNode messages = body.putArray("messages");
    messages.addObject().put("role", "system").put("content", "is there a");
    messages.add(asking(WORDS, PICTURE).at("/messages/0"));
    HttpResponse<String> response = served.complete(body);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    Answer expected = alone(WORDS, OPTIONS.withSystemPrompt("is there a"), PICTURE);
    assertThat(text(response)).isEqualTo(expected.text());
    assertThat(json(response).at("/usage/prompt_tokens").asInt())
        .isEqualTo(expected.promptTokens())
        .isNotEqualTo(alone(WORDS, OPTIONS, PICTURE).promptTokens());
  }

  @Test
  void parametersAreTheLibrarysOptions() throws IOException, InterruptedException {
    ObjectNode body =
        asking(WORDS, PICTURE)
            .put("temperature", 5)
            .put("top_p", .9)
            .put("top_k", 30)
            .put("repetition_penalty", 1.1)
            .put("seed", 7)
            .put("max_completion_tokens", 9)
            .put("plan", "visionzip:20+5,pyramid:2:0.5")
            .put("logprobs", true)
            .put("top_logprobs", 2)
            .put("n", 1)
            .put("user", "somebody")
            .putNull("tools");
    body.putArray("stop").add("gray");
    HttpResponse<String> response = served.complete(body);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    Sampling sampling = Sampling.of(5, .9, 7).withTopK(30).withRepetitionPenalty(1.1);
    Answer expected =
        alone(
            WORDS,
            OPTIONS
                .withSampling(sampling)
                .withMaxTokens(9)
                .withStop("gray")
                .withLogProbabilities(2)
                .withPruning(PruningPlan.parse("visionzip:20+5,pyramid:2:0.5")),
            PICTURE);
    assertThat(text(response)).isEqualTo(expected.text());
    JsonNode json = json(response);
    assertThat(json.at("/choices/0/finish_reason").asString())
        .isEqualTo(expected.finish().name().toLowerCase(Locale.ROOT));
    assertThat(json.at("/pruning/cuts/0/place").asString()).isEqualTo("tower");
    assertThat(json.at("/pruning/cuts/0/image_tokens").asInt()).isEqualTo(25);
    JsonNode logprobs = json.at("/choices/0/logprobs/content");
    assertThat(logprobs.size()).isEqualTo(expected.probabilities().size()).isPositive();
    IntStream.range(0, logprobs.size())
        .forEach(i -> {
          JsonNode token = logprobs.get(i);
          assertThat(token.get("logprob").asDouble())
              .isEqualTo(expected.probabilities().get(i).logProbability());
          assertThat(token.get("token").asString())
              .isEqualTo(served.model().text(expected.tokenIds().get(i)));
          assertThat(token.get("top_logprobs").size()).isEqualTo(2);
        });
  }

  @Test
  void withoutASeedDrawsDiffer() throws IOException, InterruptedException {
    ObjectNode body = asking(WORDS, PICTURE).put("temperature", 50).put("max_tokens", 24);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      texts.add(text(served.complete(body)));
    }
    assertThat(texts.stream().distinct().count()).isGreaterThan(1);
  }

  @Test
  void anOverlayComesAsAPicture() throws IOException, InterruptedException {
    HttpResponse<String> response = served.complete(asking(WORDS, PICTURE).put("overlay", true));
    String url = json(response).at("/pruning/overlay").asString();
    Image drawn = Image.ofDataUri(url, ImageLimits.defaults());
    assertThat(drawn.width()).isGreaterThan(4 * 112);
    // Without a picture there is nothing to draw.
    HttpResponse<String> bare =
        served.complete(asking("how many triangle s are there ?").put("overlay", true));
    assertThat(bare.statusCode()).as(bare.body()).isEqualTo(200);
    assertThat(json(bare).at("/pruning/overlay").isMissingNode()).isTrue();
  }

  @Test
  void modelsHealthAndNumbersAreThere() throws IOException, InterruptedException {
    assertThat(json(served.get("/v1/models")).at("/data/0/id").asString()).isEqualTo("scenes");
    assertThat(json(served.get("/health")).get("status").asString()).isEqualTo("ok");
    double before = served.metric("pyramiddrop_image_tokens_kept_total{stage=\"3\"}");
    double first = served.metric("pyramiddrop_time_to_first_token_seconds_count");
    double done = served.metric("pyramiddrop_requests_total{status=\"200\"}");
    served.complete(asking(WORDS, PICTURE));
    assertThat(served.metric("pyramiddrop_image_tokens_kept_total{stage=\"3\"}") - before)
        .isEqualTo(8);
    assertThat(served.metric("pyramiddrop_time_to_first_token_seconds_count") - first).isEqualTo(1);
    assertThat(served.metric("pyramiddrop_requests_total{status=\"200\"}") - done).isEqualTo(1);
    assertThat(served.get("/metrics").body())
        .contains(
            "pyramiddrop_requests_waiting 0",
            "pyramiddrop_requests_running 0",
            "pyramiddrop_tokens_per_second_bucket",
            "pyramiddrop_generated_tokens_total");
  }
}
