package org.pyramiddrop.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionContentPart;
import com.openai.models.chat.completions.ChatCompletionContentPartImage;
import com.openai.models.chat.completions.ChatCompletionContentPartText;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** OpenAI's own client for Java before the server. */
final class OpenAiClientTest {
  private static final String KEY = "a key of some length";

  private static Served served;

  @BeforeAll
  static void serve() {
    served = Served.of(Served.SCENES.resolve("model"), options -> options.withKey(KEY));
  }

  @AfterAll
  static void stop() {
    served.close();
  }

  private static OpenAIClient client(String key) {
    return OpenAIOkHttpClient.builder()
        .baseUrl(served.address().resolve("v1").toString())
        .apiKey(key)
        .maxRetries(0)
        .build();
  }

  private static ChatCompletionCreateParams.Builder asking() {
    return ChatCompletionCreateParams.builder()
        .model("scenes")
        .addUserMessageOfArrayOfContentParts(
            List.of(
                ChatCompletionContentPart.ofImageUrl(
                    ChatCompletionContentPartImage.builder()
                        .imageUrl(
                            ChatCompletionContentPartImage.ImageUrl.builder()
                                .url(Served.dataUri(Served.PICTURE))
                                .build())
                        .build()),
                ChatCompletionContentPart.ofText(
                    ChatCompletionContentPartText.builder()
                        .text("what number is on the gray triangle ?")
                        .build())))
        .maxCompletionTokens(20)
        .temperature(0);
  }

  @Test
  void readsAWholeAnswer() {
    OpenAIClient client = client(KEY);
    try {
      ChatCompletion answer =
          client.chat().completions().create(asking().logprobs(true).topLogprobs(2).build());
      assertThat(answer.choices().getFirst().message().content()).hasValue("2 7");
      assertThat(answer.choices().getFirst().finishReason())
          .isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
      assertThat(answer.usage().orElseThrow().completionTokens()).isEqualTo(2);
      assertThat(answer.choices().getFirst().logprobs().orElseThrow().content().orElseThrow())
          .hasSize(2)
          .allSatisfy(token -> assertThat(token.topLogprobs()).hasSize(2));
      assertThat(client.models().list().data().getFirst().id()).isEqualTo("scenes");
      answer.validate();
    } finally {
      client.close();
    }
  }

  @Test
  void readsAStream() {
    OpenAIClient client = client(KEY);
    try (StreamResponse<ChatCompletionChunk> stream =
        client
            .chat()
            .completions()
            .createStreaming(
                asking()
                    .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
                    .build())) {
      List<ChatCompletionChunk> chunks = stream.stream().toList();
      assertThat(
              chunks.stream()
                  .flatMap(chunk -> chunk.choices().stream())
                  .flatMap(choice -> choice.delta().content().stream())
                  .collect(Collectors.joining()))
          .isEqualTo("2 7");
      assertThat(chunks.getLast().usage().orElseThrow().completionTokens()).isEqualTo(2);
      chunks.forEach(ChatCompletionChunk::validate);
    } finally {
      client.close();
    }
  }

  @Test
  void hearsErrorsAsItsOwn() {
    OpenAIClient client = client(KEY);
    try {
      assertThatThrownBy(() ->
              client
                  .chat()
                  .completions()
                  .create(
                      asking()
                          .putAdditionalBodyProperty("plan", JsonValue.from("pyramids"))
                          .build()))
          .isInstanceOf(BadRequestException.class)
          .hasMessageContaining("plan");
    } finally {
      client.close();
    }
    OpenAIClient stranger = client("another");
    try {
      assertThatThrownBy(() -> stranger.chat().completions().create(asking().build()))
          .isInstanceOf(UnauthorizedException.class);
    } finally {
      stranger.close();
    }
  }
}
