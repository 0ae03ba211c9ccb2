package org.pyramiddrop.training.files;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.SafetensorsWriter;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/**
 * Writes a LoRA as PEFT reads it for {@code LlavaForConditionalGeneration} and {@code
 * LlavaNextForConditionalGeneration} of transformers 5: {@code adapter_config.json} and {@code
 * adapter_model.safetensors}. A projector that was trained beside it is in it as a whole.
 */
public final class AdapterWriter {
  private static final JsonFactory JSON = new JsonFactory();
  private static final ObjectWriteContext INDENTED =
      new ObjectWriteContext.Base() {
        @Override
        public PrettyPrinter getPrettyPrinter() {
          return new DefaultPrettyPrinter();
        }
      };

  /** A matrix of a LoRA, whatever stands before the decoder's layers in the checkpoint. */
  private static final Pattern LORA =
      Pattern.compile(
          "(?:.*\\.)?(layers\\.\\d+\\.(?:self_attn|mlp)\\.(\\w+))\\.lora_([AB])\\.weight");

  private static final Pattern PROJECTOR =
      Pattern.compile("(?:.*\\.)?(multi_modal_projector\\.\\w+\\.(?:weight|bias))");

  private static final String MODEL = "base_model.model.model.";

  private AdapterWriter() {}

  /**
   * A trained matrix or vector.
   *
   * @param name of a LoRA's matrix, {@code ….layers.N.self_attn.q_proj.lora_A.weight} (rank ×
   *     inputs) or {@code ….lora_B.weight} (outputs × rank), or of a projector's tensor, as the
   *     checkpoint calls it
   * @param values float32, row-major; asked for once
   */
  public record Entry(String name, List<Long> shape, Supplier<float[]> values) {
    /** Keeps a copy of the shape. */
    public Entry {
      shape = List.copyOf(shape);
    }
  }

  /**
   * What the adapter belongs to and how it is added: {@code W + alpha / rank · B · A}.
   *
   * @param baseModel the folder or the name of the model that was trained
   */
  public record Settings(String baseModel, int rank, float alpha) {}

  /**
   * Writes an adapter's folder, which is there whole or not at all; {@link AtomicFolder} says what
   * becomes of one that is there already.
   *
   * @throws IOException if it can't be written, in one message that names the folder and has the
   *     system's reason
   * @throws IllegalArgumentException if there is no LoRA among the entries, an A or B lacks its
   *     other half or isn't of the rank, an entry is neither a LoRA's nor a projector's (PEFT keeps
   *     no single vector such as {@code image_newline}), or a number isn't finite or too large
   */
  public static void write(Path folder, Settings settings, List<Entry> entries, DType dtype)
      throws IOException {
    Set<String> modules = new TreeSet<>();
    boolean projector = false;
    Map<String, Entry> named = new LinkedHashMap<>();
    for (Entry entry : entries) {
      Matcher lora = LORA.matcher(entry.name());
      Matcher projection = PROJECTOR.matcher(entry.name());
      String key;
      if (lora.matches()) {
        requireRank(entry, lora.group(3).equals("A") ? 0 : 1, settings.rank());
        modules.add(lora.group(2));
        key = MODEL + "language_model." + lora.group(1) + ".lora_" + lora.group(3) + ".weight";
      } else if (projection.matches()) {
        projector = true;
        key = MODEL + projection.group(1);
      } else {
        throw new IllegalArgumentException(
            "an adapter can't hold '%s'; save the whole model (merge the LoRA into it)"
                .formatted(entry.name()));
      }
      if (named.put(key, entry) != null) {
        throw new IllegalArgumentException("two tensors of an adapter are called '" + key + "'");
      }
    }
    requirePairs(named.keySet());
    if (modules.isEmpty()) {
      throw new IllegalArgumentException("an adapter needs a LoRA");
    }
    byte[] config = config(settings, modules, projector);
    AtomicFolder.write(
        folder,
        part -> {
          Files.write(part.resolve("adapter_config.json"), config);
          List<SafetensorsWriter.Entry> tensors = new ArrayList<>();
          named.forEach((key, entry) ->
              tensors.add(
                  new SafetensorsWriter.Entry(key, StoredNumbers.type(dtype), entry.shape())));
          SafetensorsWriter.write(
              part.resolve("adapter_model.safetensors"),
              tensors,
              (tensor, out) -> {
                Entry entry = named.get(tensor.name());
                if (entry != null) {
                  StoredNumbers.write(entry.name(), entry.values().get(), tensor.type(), out);
                }
              });
        });
  }

  /** Whether an adapter has room for a tensor of this name. */
  public static boolean holds(String name) {
    return LORA.matcher(name).matches() || PROJECTOR.matcher(name).matches();
  }

  private static void requireRank(Entry entry, int axis, int rank) {
    if (entry.shape().size() != 2 || entry.shape().get(axis) != rank) {
      throw new IllegalArgumentException(
          "'%s' of shape %s isn't a LoRA's of rank %d"
              .formatted(entry.name(), entry.shape(), rank));
    }
  }

  private static void requirePairs(Set<String> keys) {
    for (String key : keys) {
      String other =
          key.contains(".lora_A.")
              ? key.replace(".lora_A.", ".lora_B.")
              : key.replace(".lora_B.", ".lora_A.");
      if (!keys.contains(other)) {
        throw new IllegalArgumentException(
            "an adapter has '%s' without the other half".formatted(key));
      }
    }
  }

  private static byte[] config(Settings settings, Set<String> modules, boolean projector) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(INDENTED, bytes)) {
      out.writeStartObject();
      out.writeStringProperty("peft_type", "LORA");
      out.writeStringProperty("task_type", "CAUSAL_LM");
      out.writeStringProperty("base_model_name_or_path", settings.baseModel());
      out.writeBooleanProperty("inference_mode", true);
      out.writeNumberProperty("r", settings.rank());
      if (settings.alpha() == (int) settings.alpha()) {
        out.writeNumberProperty("lora_alpha", (int) settings.alpha());
      } else {
        out.writeNumberProperty("lora_alpha", settings.alpha());
      }
      out.writeNumberProperty("lora_dropout", 0.0);
      out.writeStringProperty("bias", "none");
      out.writeBooleanProperty("fan_in_fan_out", false);
      // The vision tower's attention has modules of the same names.
      out.writeStringProperty(
          "target_modules", ".*language_model.*\\.(" + String.join("|", modules) + ")");
      if (projector) {
        out.writeArrayPropertyStart("modules_to_save");
        out.writeString("multi_modal_projector");
        out.writeEndArray();
      } else {
        out.writeNullProperty("modules_to_save");
      }
      out.writeEndObject();
    }
    bytes.write('\n');
    return bytes.toByteArray();
  }
}
