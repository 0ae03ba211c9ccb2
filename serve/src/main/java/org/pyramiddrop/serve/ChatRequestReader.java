package org.pyramiddrop.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Request;
import org.pyramiddrop.transformer.drawing.Overlay;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;

/**
 * Reads the body of a chat completion. A parameter that would change the answer and isn't known
 * here is refused by name.
 */
final class ChatRequestReader {
  private static final int MOST_LIKELIEST = 20;

  /** The most stop texts, each of which is looked for behind every token. */
  private static final int MOST_STOPS = 16;

  private final ServerOptions options;
  private final ImageReader images;
  private final LlavaConfig model;

  ChatRequestReader(ServerOptions options, ImageReader images, LlavaConfig model) {
    this.options = options;
    this.images = images;
    this.model = model;
  }

  /**
   * Reads one.
   *
   * @param budget what its images' memory is taken from
   * @throws ApiException if it can't be answered
   */
  ChatRequest read(byte[] body, ImageBudget.Part budget) {
    Fields fields = new Fields(Json.read(body), "");
    checkModel(fields);
    boolean stream = fields.flag("stream");
    boolean usage = usage(fields, stream);
    boolean kept = fields.flag("kept");
    boolean overlay = overlay(fields);
    Options answering = answering(fields);
    JsonNode messages = fields.value("messages");
    // Whatever is wrong elsewhere is said before an image is decoded.
    fields.ignore(
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key");
    fields.refuseRest();
    if (messages == null) {
      throw ApiException.badValue("messages", "'messages' must be there");
    }
    Messages read = Messages.read(messages, options.mostImages(), images, budget);
    Question question = Question.ofTurns(read.turns(), read.images());
    if (!read.system().isEmpty()) {
      answering = answering.withSystemPrompt(read.system());
    }
    return new ChatRequest(new Request(question, answering), stream, usage, kept, overlay);
  }

  private void checkModel(Fields fields) {
    String model = fields.text("model");
    if (model != null && !model.equals(options.model())) {
      throw ApiException.noSuchModel(model, options.model());
    }
  }

  private static boolean usage(Fields fields, boolean stream) {
    JsonNode value = fields.value("stream_options");
    if (value == null) {
      return false;
    }
    if (!stream) {
      throw fields.wrong("stream_options", "needs \"stream\": true");
    }
    Fields inside = new Fields(value, "stream_options");
    boolean usage = inside.flag("include_usage");
    inside.ignore("include_obfuscation");
    inside.refuseRest();
    return usage;
  }

  private boolean overlay(Fields fields) {
    boolean overlay = fields.flag("overlay");
    if (overlay) {
      try {
        Overlay.check(model);
      } catch (IllegalArgumentException e) {
        throw ApiException.badValue("overlay", ApiException.words(e));
      }
    }
    return overlay;
  }

  private Options answering(Fields fields) {
    refuseOtherThanDefaults(fields);
    Options given = options.answering();
    try {
      given = given.withPruning(plan(fields, given)).withSampling(sampling(fields, given));
      given = given.withMaxTokens(maxTokens(fields, given)).withStop(stops(fields, given));
      return given.withLogProbabilities(likeliest(fields));
    } catch (IllegalArgumentException e) {
      throw ApiException.badValue(null, ApiException.words(e));
    }
  }

  /** Parameters that are known, but of which only the value that changes nothing can be had. */
  private static void refuseOtherThanDefaults(Fields fields) {
    Long n = fields.whole("n");
    if (n != null && n != 1) {
      throw fields.wrong("n", "can only be 1");
    }
    for (String penalty : List.of("frequency_penalty", "presence_penalty")) {
      Double value = fields.number(penalty);
      if (value != null && value != 0) {
        throw fields.wrong(penalty, "can only be 0; there is repetition_penalty");
      }
    }
    JsonNode format = fields.value("response_format");
    if (format != null) {
      Fields inside = new Fields(format, "response_format");
      if (!"text".equals(inside.text("type"))) {
        throw inside.wrong("type", "can only be text");
      }
      inside.refuseRest();
    }
    JsonNode modalities = fields.value("modalities");
    if (modalities != null
        && !(modalities.isArray()
            && modalities.size() == 1
            && "text".equals(modalities.get(0).stringValue("")))) {
      throw fields.wrong("modalities", "can only be [\"text\"]");
    }
  }

  private static PruningPlan plan(Fields fields, Options given) {
    String plan = fields.text("plan");
    try {
      return plan == null ? given.pruning() : PruningPlan.parse(plan);
    } catch (IllegalArgumentException e) {
      throw ApiException.badValue("plan", ApiException.words(e));
    }
  }

  private static Sampling sampling(Fields fields, Options given) {
    Sampling before = given.sampling();
    Double temperature = fields.number("temperature");
    Double topP = fields.number("top_p");
    Integer topK = fields.count("top_k");
    Double penalty = fields.number("repetition_penalty");
    Long seed = fields.whole("seed");
    double heat = temperature == null ? before.temperature() : temperature;
    return new Sampling(
        heat,
        topP == null ? before.topP() : topP,
        topK == null ? before.topK() : topK,
        penalty == null ? before.repetitionPenalty() : penalty,
        seed != null ? seed : heat == 0 ? before.seed() : RandomGenerator.getDefault().nextLong());
  }

  private static int maxTokens(Fields fields, Options given) {
    Integer old = fields.count("max_tokens");
    Integer now = fields.count("max_completion_tokens");
    if (old != null && now != null && !old.equals(now)) {
      throw fields.wrong("max_tokens", "says otherwise than 'max_completion_tokens'");
    }
    Integer most = now == null ? old : now;
    return most == null ? given.maxTokens() : most;
  }

  private static List<String> stops(Fields fields, Options given) {
    JsonNode value = fields.value("stop");
    if (value == null) {
      return given.stop();
    }
    List<String> stops = new ArrayList<>();
    for (JsonNode stop : value.isArray() ? value : List.of(value)) {
      if (!stop.isString()) {
        throw fields.wrong("stop", "must be a text or a list of texts");
      }
      stops.add(stop.stringValue());
    }
    if (stops.size() > MOST_STOPS) {
      throw fields.wrong("stop", "can have %d texts".formatted(MOST_STOPS));
    }
    return stops;
  }

  private static int likeliest(Fields fields) {
    boolean wanted = fields.flag("logprobs");
    @Nullable Integer top = fields.count("top_logprobs");
    if (top == null) {
      return wanted ? 0 : -1;
    }
    if (!wanted && top > 0) {
      throw fields.wrong("top_logprobs", "needs \"logprobs\": true");
    }
    if (top > MOST_LIKELIEST) {
      throw fields.wrong("top_logprobs", "can be %d at most".formatted(MOST_LIKELIEST));
    }
    return wanted ? top : -1;
  }
}
