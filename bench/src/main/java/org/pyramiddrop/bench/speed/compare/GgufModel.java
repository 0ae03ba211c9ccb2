package org.pyramiddrop.bench.speed.compare;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.AtomicFile;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.transformer.engine.WeightConversion;

/**
 * The decoder of a checkpoint as llama.cpp reads it: a GGUF file, version 3. Behind what it says of
 * the model come names, shapes (innermost first) and types of the tensors, then their numbers, each
 * tensor's from a multiple of {@value #ALIGNMENT} bytes on, all little-endian. It has no tokenizer.
 *
 * @param model the checkpoint's folder
 * @param layers how many of its first layers the file has
 * @param dtype what our side keeps the layers' matrices in; the file has its counterpart
 */
record GgufModel(Path model, int layers, DType dtype) {
  private static final int ALIGNMENT = 32;
  private static final int VERSION = 3;
  private static final int ROWS_AT_ONCE = 512;

  // How the format numbers the types of what it says of a model.
  private static final int UINT32 = 4;
  private static final int FLOAT32 = 6;
  private static final int STRING = 8;

  /** Tensors of a layer, by what a checkpoint calls them. */
  private static final List<Map.Entry<String, String>> OF_LAYER =
      List.of(
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  /**
   * A tensor of the file.
   *
   * @param headSize rows of one head if their order changes, otherwise 0: rows that llama.cpp turns
   *     against each other are neighbours, those of a checkpoint half a head apart
   */
  private record Tensor(String name, StoredTensor stored, GgufType type, int headSize) {
    int columns() {
      return stored.dim(stored.shape().size() - 1);
    }

    int rows() {
      return Math.toIntExact(stored.elements() / columns());
    }

    int rowBytes() {
      return columns() / type.block * type.blockBytes;
    }

    long bytes() {
      return (long) rows() * rowBytes();
    }

    /** Some of its rows, as they lie in the file. */
    byte[] rows(int from, int to) {
      byte[] out = new byte[(to - from) * rowBytes()];
      IntStream.range(from, to)
          .parallel()
          .forEach(row -> {
            ByteBuffer at = ByteBuffer.wrap(out, (row - from) * rowBytes(), rowBytes());
            type.put(values(source(row)), at.order(ByteOrder.LITTLE_ENDIAN));
          });
      return out;
    }

    private int source(int row) {
      int within = headSize == 0 ? 0 : row % headSize;
      return row - within + within / 2 + within % 2 * (headSize / 2);
    }

    private float[] values(int row) {
      long bytes = stored.data().byteSize() / rows();
      return RawNumbers.floats(
          stored.data().asSlice(row * bytes, bytes), WeightConversion.dtype(stored));
    }
  }

  /**
   * Writes the file, which then is on the disk: writing it back would take time from what is timed.
   *
   * @throws IllegalArgumentException if rows aren't made of whole blocks
   */
  void write(Path file) {
    LlavaConfig config = LlavaConfig.read(model);
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      DecoderDescription decoder = ModelDescription.of(config, checkpoint, checkpoint).decoder();
      List<Tensor> tensors = tensors(decoder, checkpoint);
      AtomicFile.writeToDisk(
          file, channel -> write(decoder, tensors, Channels.newOutputStream(channel)));
    } catch (IOException e) {
      throw OutputFile.failed(file, e);
    }
  }

  private List<Tensor> tensors(DecoderDescription decoder, Checkpoint checkpoint) {
    GgufType matrices = GgufType.of(dtype);
    String norm = decoder.prefix() + "norm.weight";
    String head = decoder.outputHead().orElse(decoder.embedding());
    List<Tensor> all = new ArrayList<>();
    all.add(new Tensor("token_embd", checkpoint.tensor(decoder.embedding()), GgufType.BF16, 0));
    all.add(new Tensor("output_norm", checkpoint.tensor(norm), GgufType.F32, 0));
    all.add(new Tensor("output", checkpoint.tensor(head), GgufType.ofHead(dtype), 0));
    for (int layer = 0; layer < layers; layer++) {
      String from = decoder.prefix() + "layers." + layer + ".";
      String to = "blk." + layer + ".";
      for (Map.Entry<String, String> names : OF_LAYER) {
        String name = names.getValue();
        all.add(
            new Tensor(
                to + name,
                checkpoint.tensor(from + names.getKey() + ".weight"),
                name.endsWith("norm") ? GgufType.F32 : matrices,
                name.equals("attn_q") || name.equals("attn_k") ? decoder.headSize() : 0));
      }
    }
    for (Tensor tensor : all) {
      if (tensor.columns() % tensor.type.block != 0) {
        throw new IllegalArgumentException(
            "llama.cpp keeps %s in whole blocks of %d, and rows of %s have %d numbers"
                .formatted(tensor.type, tensor.type.block, tensor.stored.name(), tensor.columns()));
      }
    }
    return all;
  }

  private void write(DecoderDescription decoder, List<Tensor> tensors, OutputStream out)
      throws IOException {
    List<Map.Entry<String, Object>> said =
        List.of(
            Map.entry("general.architecture", "llama"),
            Map.entry("tokenizer.ggml.model", "no_vocab"),
            Map.entry("llama.vocab_size", decoder.vocabularySize()),
            Map.entry("llama.context_length", decoder.maxPositions()),
            Map.entry("llama.embedding_length", decoder.hiddenSize()),
            Map.entry("llama.feed_forward_length", decoder.intermediateSize()),
            Map.entry("llama.block_count", layers),
            Map.entry("llama.attention.head_count", decoder.heads()),
            Map.entry("llama.attention.head_count_kv", decoder.keyValueHeads()),
            Map.entry("llama.attention.layer_norm_rms_epsilon", decoder.normEpsilon()),
            Map.entry("llama.rope.dimension_count", decoder.headSize()),
            Map.entry("llama.rope.freq_base", (float) decoder.rotaryBase()));
    ByteBuffer header = ByteBuffer.allocate(4096 + 256 * tensors.size());
    header.order(ByteOrder.LITTLE_ENDIAN).put("GGUF".getBytes(UTF_8)).putInt(VERSION);
    header.putLong(tensors.size()).putLong(said.size());
    said.forEach(entry -> {
      put(entry.getKey(), header);
      switch (entry.getValue()) {
        case Integer number -> header.putInt(UINT32).putInt(number);
        case Float number -> header.putInt(FLOAT32).putFloat(number);
        case Object text -> put(text.toString(), header.putInt(STRING));
      }
    });
    long offset = 0;
    for (Tensor tensor : tensors) {
      put(tensor.name + ".weight", header);
      header.putInt(tensor.stored.shape().size());
      tensor.stored.shape().reversed().forEach(header::putLong);
      header.putInt(tensor.type.number).putLong(offset);
      offset += aligned(tensor.bytes());
    }
    out.write(header.array(), 0, (int) aligned(header.position()));
    for (Tensor tensor : tensors) {
      for (int row = 0; row < tensor.rows(); row += ROWS_AT_ONCE) {
        out.write(tensor.rows(row, Math.min(row + ROWS_AT_ONCE, tensor.rows())));
      }
      out.write(new byte[(int) (aligned(tensor.bytes()) - tensor.bytes())]);
    }
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  private static void put(String text, ByteBuffer out) {
    byte[] bytes = text.getBytes(UTF_8);
    out.putLong(bytes.length).put(bytes);
  }
}
