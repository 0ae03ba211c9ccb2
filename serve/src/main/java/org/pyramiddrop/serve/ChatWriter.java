package org.pyramiddrop.serve;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.TokenProbability;

/** Puts one answer into OpenAI's words: whole, or as server-sent events. */
final class ChatWriter {
  private static final String ASSISTANT = "assistant";
  private static final int BYTE = 0xff;

  private final Llava model;
  private final String name;
  private final ChatRequest asked;
  private final String id = "chatcmpl-" + UUID.randomUUID().toString().replace("-", "");
  private final long created = Instant.now().getEpochSecond();

  /**
   * Makes one.
   *
   * @param name what the model is called
   */
  ChatWriter(Llava model, String name, ChatRequest asked) {
    this.model = model;
    this.name = name;
    this.asked = asked;
  }

  boolean streams() {
    return asked.stream();
  }

  /** A whole answer. */
  byte[] whole(Answer answer) {
    return Json.write(
        new ChatJson.Completion(
            id,
            "chat.completion",
            created,
            name,
            List.of(
                new ChatJson.Choice(
                    0,
                    new ChatJson.Message(ASSISTANT, answer.text()),
                    probabilities(answer),
                    finish(answer))),
            usage(answer),
            PruningJson.of(answer, asked, model)));
  }

  /** The event that says who speaks. */
  byte[] begin() {
    return event(chunk(new ChatJson.Delta(ASSISTANT, ""), null, null, null));
  }

  /** The event of a text that is new. */
  byte[] text(String text) {
    return event(chunk(new ChatJson.Delta(null, text), null, null, null));
  }

  /** The events behind the last text. */
  byte[] end(Answer answer) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(
        event(
            chunk(
                new ChatJson.Delta(null, null),
                probabilities(answer),
                finish(answer),
                PruningJson.of(answer, asked, model))));
    if (asked.usage()) {
      all.writeBytes(
          event(
              new ChatJson.Chunk(
                  id, "chat.completion.chunk", created, name, List.of(), usage(answer), null)));
    }
    all.writeBytes("data: [DONE]\n\n".getBytes(UTF_8));
    return all.toByteArray();
  }

  /** The event that ends an answer which failed. */
  byte[] failed(ApiException error) {
    return event(error.json());
  }

  private ChatJson.Chunk chunk(
      ChatJson.Delta delta,
      ChatJson.@Nullable LogProbs probabilities,
      @Nullable String finish,
      @Nullable PruningJson pruning) {
    return new ChatJson.Chunk(
        id,
        "chat.completion.chunk",
        created,
        name,
        List.of(new ChatJson.ChunkChoice(0, delta, probabilities, finish)),
        null,
        pruning);
  }

  private static byte[] event(Object value) {
    ByteArrayOutputStream event = new ByteArrayOutputStream();
    event.writeBytes("data: ".getBytes(UTF_8));
    event.writeBytes(Json.write(value));
    event.writeBytes("\n\n".getBytes(UTF_8));
    return event.toByteArray();
  }

  private static String finish(Answer answer) {
    return answer.finish().name().toLowerCase(Locale.ROOT);
  }

  private static ChatJson.Usage usage(Answer answer) {
    return ChatJson.Usage.of(answer.promptTokens(), answer.tokenIds().size());
  }

  private ChatJson.@Nullable LogProbs probabilities(Answer answer) {
    if (asked.request().options().logProbabilities() < 0) {
      return null;
    }
    return new ChatJson.LogProbs(answer.probabilities().stream().map(this::probability).toList());
  }

  private ChatJson.TokenLogProb probability(TokenProbability token) {
    String text = model.text(token.id());
    return new ChatJson.TokenLogProb(
        text,
        token.logProbability(),
        bytes(text),
        token.likeliest().stream()
            .map(other -> {
              String otherText = model.text(other.id());
              return new ChatJson.Alternative(otherText, other.logProbability(), bytes(otherText));
            })
            .toList());
  }

  /** A text's bytes; null where a byte of it is a part of a character. */
  private static @Nullable List<Integer> bytes(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    return text.indexOf('\ufffd') >= 0
        ? null
        : IntStream.range(0, bytes.length).mapToObj(i -> bytes[i] & BYTE).toList();
  }
}
