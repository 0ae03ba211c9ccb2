package org.pyramiddrop.bench.speed.compare;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.StoredTensor;

class GgufModelTest {
  private static final int HEAD = 16;
  private static final String TEXT = "language_model.model.";

  @TempDir private Path temp;

  private Path checkpoint(int intermediate) {
    Path model = temp.resolve("model");
    CheckpointShape shape =
        new CheckpointShape(
            2, 4 * HEAD, intermediate, 4, 2, 443, CheckpointShape.clip(32, 48, 2, 2, 56));
    RandomCheckpoint.write(
        model, shape.config(), DType.BFLOAT16, ThreadLocalRandom.current().nextLong());
    return model;
  }

  /** A tensor as its bytes say; shapes outermost first. */
  private record Read(List<Long> shape, int type, ByteBuffer numbers) {
    int columns() {
      return shape.getLast().intValue();
    }

    int elements() {
      return shape.stream().reduce(1L, (a, b) -> a * b).intValue();
    }

    float scale(int element) {
      int block = element / 32;
      return Float.float16ToFloat(numbers.getShort(block * (type == 8 ? 34 : 18)));
    }

    float value(int element) {
      int at = element % 32;
      return switch (type) {
        case 0 -> numbers.getFloat(4 * element);
        case 30 -> Float.intBitsToFloat(numbers.getShort(2 * element) << 16);
        case 8 -> scale(element) * numbers.get(element / 32 * 34 + 2 + at);
        case 2 -> {
          int both = numbers.get(element / 32 * 18 + 2 + at % 16);
          yield scale(element) * ((at < 16 ? both & 15 : both >> 4 & 15) - 8);
        }
        default -> throw new AssertionError("type " + type);
      };
    }
  }

  /** What a file says, by a reader of its own; tensors by name. */
  private record File(Map<String, Object> said, Map<String, Read> tensors) {
    static File read(Path path) throws IOException {
      ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
      assertThat(in.getInt()).isEqualTo(0x46554747);
      assertThat(in.getInt()).isEqualTo(3);
      long tensors = in.getLong();
      long facts = in.getLong();
      File file = new File(new LinkedHashMap<>(), new LinkedHashMap<>());
      for (long i = 0; i < facts; i++) {
        String key = text(in);
        file.said.put(
            key,
            switch (in.getInt()) {
              case 4 -> in.getInt();
              case 6 -> in.getFloat();
              case 8 -> text(in);
              default -> throw new AssertionError(key);
            });
      }
      Map<String, Long> offsets = new LinkedHashMap<>();
      Map<String, Read> heads = new LinkedHashMap<>();
      for (long i = 0; i < tensors; i++) {
        String name = text(in);
        List<Long> shape = new ArrayList<>();
        for (int dims = in.getInt(); dims > 0; dims--) {
          shape.addFirst(in.getLong());
        }
        heads.put(name, new Read(shape, in.getInt(), in));
        offsets.put(name, in.getLong());
      }
      int data = (in.position() + 31) / 32 * 32;
      int end = data;
      for (Map.Entry<String, Read> head : heads.entrySet()) {
        // Each begins where the one before ends, filled up.
        long offset = Objects.requireNonNull(offsets.get(head.getKey()));
        assertThat(data + offset).isEqualTo(end);
        Read read = head.getValue();
        int bytes =
            switch (read.type) {
              case 0 -> 4 * read.elements();
              case 30 -> 2 * read.elements();
              case 8 -> read.elements() / 32 * 34;
              default -> read.elements() / 32 * 18;
            };
        ByteBuffer numbers = in.slice(end, bytes).order(ByteOrder.LITTLE_ENDIAN);
        file.tensors.put(head.getKey(), new Read(read.shape, read.type, numbers));
        end += (bytes + 31) / 32 * 32;
      }
      assertThat(end).isEqualTo(in.limit());
      return file;
    }

    private static String text(ByteBuffer in) {
      byte[] bytes = new byte[(int) in.getLong()];
      in.get(bytes);
      return new String(bytes, US_ASCII);
    }
  }

  @ParameterizedTest
  @CsvSource({"BFLOAT16,30,30", "INT8,8,8", "INT4,2,8"})
  void hasEveryTensorOfTheDecoderElementByElement(DType dtype, int matrices, int head)
      throws IOException {
    Path model = checkpoint(96);
    Path path = temp.resolve("model.gguf");
    new GgufModel(model, 2, dtype).write(path);
    File file = File.read(path);
    assertThat(file.said)
        .containsEntry("general.architecture", "llama")
        .containsEntry("tokenizer.ggml.model", "no_vocab")
        .containsEntry("llama.vocab_size", 443)
        .containsEntry("llama.context_length", 4096)
        .containsEntry("llama.embedding_length", 4 * HEAD)
        .containsEntry("llama.feed_forward_length", 96)
        .containsEntry("llama.block_count", 2)
        .containsEntry("llama.attention.head_count", 4)
        .containsEntry("llama.attention.head_count_kv", 2)
        .containsEntry("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .containsEntry("llama.rope.dimension_count", HEAD)
        .containsEntry("llama.rope.freq_base", 10000f)
        .hasSize(12);
    assertThat(file.tensors).hasSize(3 + 2 * 9);
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      same(file, "token_embd", checkpoint.tensor(TEXT + "embed_tokens.weight"), 30, false);
      same(file, "output_norm", checkpoint.tensor(TEXT + "norm.weight"), 0, false);
      same(file, "output", checkpoint.tensor("language_model.lm_head.weight"), head, false);
      for (int i = 0; i < 2; i++) {
        String to = "blk." + i + ".";
        String from = TEXT + "layers." + i + ".";
        for (String[] names :
            List.of(
                new String[] {"attn_norm", "input_layernorm"},
                new String[] {"attn_q", "self_attn.q_proj"},
                new String[] {"attn_k", "self_attn.k_proj"},
                new String[] {"attn_v", "self_attn.v_proj"},
                new String[] {"attn_output", "self_attn.o_proj"},
                new String[] {"ffn_norm", "post_attention_layernorm"},
                new String[] {"ffn_gate", "mlp.gate_proj"},
                new String[] {"ffn_up", "mlp.up_proj"},
                new String[] {"ffn_down", "mlp.down_proj"})) {
          same(
              file,
              to + names[0],
              checkpoint.tensor(from + names[1] + ".weight"),
              names[0].endsWith("norm") ? 0 : matrices,
              names[0].equals("attn_q") || names[0].equals("attn_k"));
        }
      }
    }
  }

  /** Each element is the checkpoint's, rounded to the nearest level of its block. */
  private static void same(File file, String name, StoredTensor stored, int type, boolean turned) {
    Read read = Objects.requireNonNull(file.tensors.get(name + ".weight"), name);
    assertThat(read.type).as(name).isEqualTo(type);
    assertThat(read.shape).as(name).isEqualTo(stored.shape());
    for (int i = 0; i < read.elements(); i++) {
      float expected = stored.number(turned ? turned(i, read.columns()) : i);
      float got = read.value(i);
      if (type == 0 || type == 30) {
        assertThat(got).as("%s[%d]", name, i).isEqualTo(expected);
      } else {
        float step = Math.abs(read.scale(i));
        // Of four bits the far end lacks a level: what lies beyond is cut off.
        float levels = type == 8 ? 127 : 7;
        float off =
            Math.abs(expected) > levels * step ? Math.abs(expected) - levels * step : step / 2;
        assertThat(Math.abs(got - expected))
            .as("%s[%d]: %s for %s in steps of %s", name, i, got, expected, step)
            .isLessThanOrEqualTo(off * 1.001f + 1e-3f * step);
        assertThat(Math.abs(expected)).isLessThanOrEqualTo((type == 8 ? 127 : 8) * step * 1.001f);
      }
    }
  }

  /** Neighbours 2j and 2j + 1 of a head are rows j of its first and second half. */
  private static int turned(int element, int columns) {
    int row = element / columns;
    int within = row % HEAD;
    int from = row - within + (within % 2 == 0 ? within / 2 : HEAD / 2 + within / 2);
    return from * columns + element % columns;
  }

  @Test
  void hasTheFirstLayersAlone() throws IOException {
    Path path = temp.resolve("one.gguf");
    new GgufModel(checkpoint(96), 1, DType.BFLOAT16).write(path);
    File file = File.read(path);
    assertThat(file.said).containsEntry("llama.block_count", 1);
    assertThat(file.tensors).hasSize(3 + 9).doesNotContainKey("blk.1.attn_q.weight");
  }

  @Test
  void refusesWhatHasNoWholeBlocksAndLeavesNoFile() {
    Path model = checkpoint(101);
    Path path = temp.resolve("odd.gguf");
    assertThatThrownBy(() -> new GgufModel(model, 1, DType.INT4).write(path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "llama.cpp keeps Q4_0 in whole blocks of 32, and rows of %slayers.0.mlp.down_proj.weight have 101 numbers",
            TEXT);
    assertThat(path).doesNotExist();
  }
}
