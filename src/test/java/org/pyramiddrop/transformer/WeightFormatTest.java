package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.training.files.ModelFolderWriter;
import org.pyramiddrop.training.files.QuantizedModelWriter;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Matrices that are converted to blocks while a model is loaded. */
class WeightFormatTest {
  private static final Pattern LAYER_MATRIX =
      Pattern.compile("(?!.*vision).*\\.(q|k|v|o|gate|up|down)_proj\\.weight");

  @TempDir Path folder;

  private static LoadedModel load(Path model, Optional<DType> matrices) {
    WeightTypes types = new WeightTypes(Optional.of(DType.FLOAT32), matrices);
    return new LoadedModel(model, "cpu", types, UnaryOperator.identity());
  }

  /** A matrix's values as blocks hold them. */
  private static float[] roundTrip(StoredTensor tensor, DType type) {
    int rows = tensor.dim(0);
    int columns = tensor.dim(1);
    Blocks blocks = new Blocks(type, rows, columns);
    float[] values = new float[rows * columns];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(blocks.bytes());
      Quantization quantization = new Quantization(blocks, data);
      float[] row = new float[columns];
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          row[c] = tensor.number((long) r * columns + c);
        }
        quantization.row(r, row);
        for (int c = 0; c < columns; c++) {
          values[r * columns + c] = blocks.value(data, r, c);
        }
      }
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "gqa-bfloat16-sharded, INT8",
    "gqa-bfloat16-sharded, INT4",
    "gqa-bfloat16-sharded, FP8",
    "mha-float16, INT4",
    "next-vicuna-float32, INT8",
    "next-vicuna-float32, FP8"
  })
  void computesWithTheLayersMatricesInBlocksAndAllElseAsItIs(String name, DType type)
      throws IOException {
    Path target = folder.resolve("model");
    try (Fixture fixture = new Fixture(name)) {
      try (Checkpoint checkpoint = Checkpoint.open(fixture.folder())) {
        Map<String, Supplier<float[]>> values = new HashMap<>();
        for (String tensor : checkpoint.names()) {
          if (LAYER_MATRIX.matcher(tensor).matches()) {
            values.put(tensor, () -> roundTrip(checkpoint.tensor(tensor), type));
          } else if (tensor.endsWith("lm_head.weight")) {
            DType head = type == DType.FP8 ? DType.FP8 : DType.INT8;
            values.put(tensor, () -> roundTrip(checkpoint.tensor(tensor), head));
          }
        }
        ModelFolderWriter.write(checkpoint, target, values, Optional.of(DType.FLOAT32));
      }
      Question question = fixture.question("oneImage");
      for (PruningPlan plan : List.of(PruningPlan.none(), PruningPlan.pyramid(2, 0.5))) {
        float[] expected;
        float[] whole;
        float[] actual;
        try (LoadedModel model = load(target, Optional.empty())) {
          expected = model.logits(question, plan);
        }
        try (LoadedModel model = load(fixture.folder(), Optional.empty())) {
          whole = model.logits(question, plan);
        }
        try (LoadedModel model = load(fixture.folder(), Optional.of(type))) {
          actual = model.logits(question, plan);
        }
        double deviation = Fixture.deviation(expected);
        Fixture.assertClose(name + " logits", actual, expected, 1e-4 * deviation);
        double moved =
            IntStream.range(0, whole.length)
                .mapToDouble(i -> Math.abs(whole[i] - expected[i]))
                .max()
                .orElseThrow();
        assertThat(moved).as("what blocks lose is seen").isGreaterThan(1e-3 * deviation);
      }
    }
  }

  @Test
  void tellsOfEachMatrix() {
    try (Fixture fixture = new Fixture("gqa-bfloat16-sharded")) {
      List<Integer> heard = new ArrayList<>();
      LoadOptions options =
          LoadOptions.defaults().withBackend(Backend.CPU).withWeights(WeightFormat.INT4);
      LoadListener listener =
          (done, all) -> {
            heard.add(done);
            assertThat(all % 7).isLessThanOrEqualTo(1);
            assertThat(done).isLessThanOrEqualTo(all);
          };
      try (Llava model = Llava.load(fixture.folder(), options, listener)) {
        assertThat(model.dtype()).isEqualTo("int4");
        Options twelve = Options.defaults().withMaxTokens(12);
        assertThat(model.ask(fixture.question("oneImage"), twelve).tokenIds()).isNotEmpty();
      }
      assertThat(heard)
          .isNotEmpty()
          .isEqualTo(IntStream.rangeClosed(1, heard.size()).boxed().toList());
    }
  }

  @Test
  void refusesAMatrixThatHoldsNoNumber() throws IOException {
    try (Fixture fixture = new Fixture("mha-float16");
        Checkpoint checkpoint = Checkpoint.open(fixture.folder())) {
      String name =
          checkpoint.names().stream()
              .filter(tensor -> LAYER_MATRIX.matcher(tensor).matches())
              .findFirst()
              .orElseThrow();
      Path target = folder.resolve("model");
      ModelFolderWriter.write(checkpoint, target, Map.of(), Optional.of(DType.FLOAT32));
      try (Checkpoint written = Checkpoint.open(target)) {
        float[] values = roundTrip(written.tensor(name), DType.INT8);
        // Larger than any scale: a finite number that training may write, unlike NaN.
        values[values.length - 1] = Float.MAX_VALUE;
        Path large = folder.resolve("large");
        ModelFolderWriter.write(written, large, Map.of(name, () -> values), Optional.empty());
        assertThatExceptionOfType(CheckpointException.class)
            .isThrownBy(() -> load(large, Optional.of(DType.INT4)).close())
            .withMessageContainingAll(name, "can't be converted", "too large for INT4");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gqa-bfloat16-sharded, INT8",
    "gqa-bfloat16-sharded, INT4",
    "gqa-bfloat16-sharded, FP8",
    "next-vicuna-float32, INT4",
    "next-vicuna-float32, FP8"
  })
  void aQuantizedFolderComputesWhatConvertingAtLoadDoes(String name, DType type)
      throws IOException {
    Path target = folder.resolve("quantized");
    try (Fixture fixture = new Fixture(name)) {
      try (Checkpoint checkpoint = Checkpoint.open(fixture.folder())) {
        LlavaConfig config = LlavaConfig.read(fixture.folder());
        DecoderDescription decoder = ModelDescription.of(config, checkpoint, checkpoint).decoder();
        QuantizedModelWriter.write(checkpoint, decoder, target, type, (done, all) -> {});
      }
      Question question = fixture.question("oneImage");
      float[] expected;
      try (LoadedModel model = load(fixture.folder(), Optional.of(type))) {
        expected = model.logits(question, PruningPlan.none());
      }
      // Asked for once more, so that the output head, which is stored as it was, is in bytes too.
      try (LoadedModel model = load(target, Optional.of(type))) {
        assertThat(model.logits(question, PruningPlan.none())).isEqualTo(expected);
      }
      Options twelve = Options.defaults().withMaxTokens(12);
      LoadOptions cpu = LoadOptions.defaults().withBackend(Backend.CPU);
      try (Llava model = Llava.load(target, cpu)) {
        assertThat(model.dtype()).isEqualTo(type.label());
        assertThat(model.ask(question, twelve).tokenIds()).isNotEmpty();
      }
      WeightFormat other = type == DType.INT8 ? WeightFormat.INT4 : WeightFormat.INT8;
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> Llava.load(target, cpu.withWeights(other)).close())
          .withMessageContaining("stored as " + type.label());
    }
  }

  /** Files are anyone's: a number that is none must not reach products, which read it as one. */
  @Test
  void refusesAFolderOfEightBitFloatsThatHoldsNaN() throws IOException {
    Path target = folder.resolve("quantized");
    try (Fixture fixture = new Fixture("mha-float16");
        Checkpoint checkpoint = Checkpoint.open(fixture.folder())) {
      LlavaConfig config = LlavaConfig.read(fixture.folder());
      DecoderDescription decoder = ModelDescription.of(config, checkpoint, checkpoint).decoder();
      QuantizedModelWriter.write(checkpoint, decoder, target, DType.FP8, (done, all) -> {});
    }
    String name;
    byte[] numbers;
    try (Checkpoint written = Checkpoint.open(target)) {
      name =
          written.names().stream()
              .filter(tensor -> LAYER_MATRIX.matcher(tensor).matches())
              .findFirst()
              .orElseThrow();
      assertThat(written.tensor(name).type()).isEqualTo(StoredType.F8_E4M3);
      numbers = written.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
    }
    load(target, Optional.empty()).close();
    Path file = target.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    int at = 0;
    while (!Arrays.equals(bytes, at, at + numbers.length, numbers, 0, numbers.length)) {
      at++;
    }
    bytes[at + numbers.length - 1] = (byte) 0xff;
    Files.write(file, bytes);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> load(target, Optional.empty()).close())
        .withMessageContainingAll(name, "can't be converted", "it holds NaN");
  }
}
