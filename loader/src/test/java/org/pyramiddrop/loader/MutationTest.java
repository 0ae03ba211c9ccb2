package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.loader.SafetensorsBytes.entry;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files as others damage them: whatever they hold, reading ends in an answer or in one of the
 * exceptions that are documented, soon, and without taking much memory. The changes are drawn from
 * a fixed seed; a failure names the seed of its one input.
 */
@Timeout(120)
class MutationTest {
  private static final int INPUTS = 300;
  private static final Duration LONGEST = Duration.ofSeconds(4);
  private static final long MOST_BYTES = 64 << 20;

  /** Pieces that mean something to one format or another. */
  private static final List<String> PIECES =
      List.of(
          "{",
          "}",
          "[",
          "]",
          "\"",
          ",",
          ":",
          "null",
          "true",
          "0",
          "-1",
          "1e300",
          "1e-60",
          "2147483647",
          "9223372036854775807",
          "\\ud800",
          "\\u0000",
          "\uFEFF",
          "\r\n",
          "{{",
          "}}",
          "{%",
          "%}",
          "{#",
          "'",
          "\\'",
          "\u0000",
          "\u00FF\u00DA",
          "\u00FF\u00D9",
          "{\"a\":",
          "[[[[[[[[",
          "..",
          "/");

  @TempDir Path folder;

  /** Reads something; may throw. */
  private interface FileAccess {
    void of(byte[] input) throws IOException;
  }

  private static byte[] mutated(byte[] seed, SplittableRandom random) {
    byte[] bytes = seed.clone();
    for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
      int at = bytes.length == 0 ? 0 : random.nextInt(bytes.length);
      int length = Math.min(bytes.length - at, 1 + random.nextInt(40));
      bytes =
          switch (random.nextInt(7)) {
            case 0 -> flipped(bytes, at, random);
            case 1 -> spliced(bytes, at, length, new byte[0]);
            case 2 -> spliced(bytes, at, 0, Arrays.copyOfRange(bytes, at, at + length));
            case 3 -> spliced(bytes, at, 0, piece(random));
            case 4 -> spliced(bytes, at, length, piece(random));
            case 5 -> Arrays.copyOf(bytes, at);
            default -> spliced(bytes, at, 0, repeated(piece(random), 1 + random.nextInt(2000)));
          };
    }
    return bytes;
  }

  private static byte[] flipped(byte[] bytes, int at, SplittableRandom random) {
    if (at < bytes.length) {
      bytes[at] =
          (byte) (random.nextBoolean() ? bytes[at] ^ 1 << random.nextInt(8) : random.nextInt());
    }
    return bytes;
  }

  private static byte[] piece(SplittableRandom random) {
    return PIECES.get(random.nextInt(PIECES.size())).getBytes(UTF_8);
  }

  private static byte[] repeated(byte[] piece, int times) {
    ByteArrayOutputStream made = new ByteArrayOutputStream();
    for (int i = 0; i < times; i++) {
      made.writeBytes(piece);
    }
    return made.toByteArray();
  }

  private static byte[] spliced(byte[] bytes, int at, int gone, byte[] put) {
    ByteArrayOutputStream made = new ByteArrayOutputStream();
    made.write(bytes, 0, at);
    made.writeBytes(put);
    made.write(bytes, at + gone, bytes.length - at - gone);
    return made.toByteArray();
  }

  private static void assertHolds(byte[] original, long firstSeed, FileAccess reading) {
    int refused = 0;
    for (int i = 0; i < INPUTS; i++) {
      byte[] input = mutated(original, new SplittableRandom(firstSeed + i));
      Allocation allocation = new Allocation();
      long start = System.nanoTime();
      try {
        reading.of(input);
      } catch (CheckpointException | PictureException e) {
        refused++;
        assertThat(e.getMessage()).hasSizeLessThan(3000).hasLineCount(1).doesNotContain(": null");
      } catch (Throwable e) {
        throw new AssertionError("input of seed " + (firstSeed + i), e);
      }
      assertThat(Duration.ofNanos(System.nanoTime() - start))
          .as("time of seed %d", firstSeed + i)
          .isLessThan(LONGEST);
      allocation.assertAtMost(MOST_BYTES);
    }
    // Else nothing was damaged.
    assertThat(refused).isGreaterThan(INPUTS / 20);
  }

  @Test
  void headers() {
    byte[] file =
        SafetensorsBytes.of(
            "{\"__metadata__\":{\"format\":\"pt\"},"
                + entry("a.weight", "F32", "[2,2]", 0, 16)
                + ","
                + entry("b", "BF16", "[]", 16, 18)
                + ","
                + entry("c", "I64", "[0,5]", 18, 18)
                + "}",
            new byte[18]);
    Path path = folder.resolve("model.safetensors");
    assertHolds(
        file,
        1000,
        input -> {
          Files.write(path, input);
          try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            checkpoint.names().forEach(checkpoint::tensor);
          }
        });
  }

  @Test
  void indexes() {
    SafetensorsBytes.writeFloats(folder.resolve("model-1.safetensors"), "a", 1, 2);
    SafetensorsBytes.writeFloats(folder.resolve("model-2.safetensors"), "b", 1, 2);
    String index =
        "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}";
    Path path = folder.resolve("model.safetensors.index.json");
    assertHolds(
        index.getBytes(UTF_8),
        2000,
        input -> {
          Files.write(path, input);
          Checkpoint.open(folder).close();
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"llava", "llava_next"})
  void configurations(String type) {
    String config =
        """
        {"model_type":"%s","image_token_index":7,"eos_token_id":[2,3],"tie_word_embeddings":false,
         "image_grid_pinpoints":[[672,672],[336,1008]],"vision_feature_layer":[-2,3],
         "text_config":{"model_type":"mistral","hidden_size":64,"num_attention_heads":4,"head_dim":16,
           "num_key_value_heads":2,"rms_norm_eps":1e-05,"max_position_embeddings":512,"vocab_size":100,
           "sliding_window":null,"rope_parameters":{"rope_theta":1e4,"rope_type":"linear","factor":1.0}},
         "vision_config":{"hidden_size":32,"image_size":336,"patch_size":14,"num_attention_heads":2}}
        """
            .formatted(type);
    Path path = folder.resolve("config.json");
    assertHolds(
        config.getBytes(UTF_8),
        3000,
        input -> {
          Files.write(path, input);
          LlavaConfig read = LlavaConfig.read(folder);
          StopTokens.read(folder, read);
        });
  }

  @Test
  void processorSettings() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"llava\"}");
    LlavaConfig config = LlavaConfig.read(folder);
    Picture picture = Picture.read(Fixtures.picture("rgb.png"));
    String settings =
        "{\"size\":{\"shortest_edge\":336},\"crop_size\":{\"height\":336,\"width\":336},\"resample\":3,"
            + "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.3,0.3,0.3],\"rescale_factor\":0.004,\"do_resize\":true}";
    Path path = folder.resolve("preprocessor_config.json");
    assertHolds(
        settings.getBytes(UTF_8),
        4000,
        input -> {
          Files.write(path, input);
          ImageProcessor.read(folder, config).process(picture);
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"chat_template.jinja", "chat_template.json"})
  void templates(String name) {
    String jinja =
        "{% for message in messages %}{{ message['role'].upper() + ': ' }}{# c #}{% for content in"
            + " message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{%"
            + " endfor %}{% for content in message['content'] | selectattr('type', 'equalto',"
            + " 'text') %}{{ content['text'] + ' ' }}{% endfor %}{% endfor %}{% if"
            + " add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";
    String json =
        "{\"chat_template\":\"" + jinja.replace("\\", "\\\\").replace("\"", "\\\"") + "\"}";
    Path path = folder.resolve(name);
    assertHolds(
        (name.endsWith("jinja") ? jinja : json).getBytes(UTF_8),
        5000,
        input -> {
          Files.write(path, input);
          ChatTemplate.read(folder).render(List.of(new ChatTurn(Role.USER, 1, "Why?")), true);
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "palette-transparent.png",
        "exif-6.png",
        "one-bit.png",
        "jpeg-progressive.jpg",
        "jpeg-rgb-ids.jpg",
        "exif-6.jpg",
        "webp.webp",
        "exif-6.webp",
        "animated.webp",
      })
  void pictures(String name) throws IOException {
    PictureLimits limits = new PictureLimits(1 << 22, 1 << 20, 100, Duration.ofSeconds(2));
    assertHolds(
        Files.readAllBytes(Fixtures.picture(name)),
        6000,
        input -> Picture.read(input, "sent", limits));
  }
}
