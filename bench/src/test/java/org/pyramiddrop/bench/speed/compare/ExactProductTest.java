package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.Sizes;
import org.pyramiddrop.kernels.DType;

class ExactProductTest {
  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource({"1x1x1,1", "3x65x7,2", "5x64x256,1", "2x129x513,3"})
  void multipliesEveryRowByEveryWeight(String sizes, int weights) {
    Product product = Sizes.of(sizes);
    for (DType dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16}) {
      LinearData data = new LinearData(temp.resolve(dtype + ".raw"), product, weights, dtype);
      data.write(3);
      double[] values = new ExactProduct(data).values();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment mapped = data.map(arena);
        MemorySegment x = data.activations(mapped);
        for (int i = 0; i < values.length; i++) {
          int row = i / product.outputs() % product.tokens();
          int column = i % product.outputs();
          MemorySegment w = data.weight(mapped, i / product.outputs() / product.tokens());
          double expected = 0;
          for (int k = 0; k < product.inputs(); k++) {
            expected +=
                (double) RawNumbers.number(x, dtype, row * product.inputs() + k)
                    * RawNumbers.number(w, dtype, column * product.inputs() + k);
          }
          assertThat(values[i]).isEqualTo(expected);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "20", "41"})
  void seesOneElementThatRoundingDoesNotExplain(int at) {
    LinearData data =
        new LinearData(temp.resolve("data.raw"), new Product(3, 400, 7), 2, DType.FLOAT32);
    data.write(4);
    ExactProduct exact = new ExactProduct(data);
    float[] rounded = new float[exact.values().length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) exact.values()[i];
    }
    assertThat(exact.check(rounded, DType.FLOAT32))
        .isEqualTo(Verdict.right("all 42 elements right"));
    float right = rounded[at];
    rounded[at] = right + 0.01f;
    assertThat(exact.check(rounded, DType.FLOAT32)).matches(v -> !v.agrees());
    rounded[at] = Float.NaN;
    Verdict verdict = exact.check(rounded, DType.BFLOAT16);
    assertThat(verdict.said())
        .startsWith(
            "1 of 42 elements wrong, the first at row %d, column %d: NaN"
                .formatted(at / 7 % 3, at % 7));
  }
}
