package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class TensorMapTest {
  private StubDriver stub;

  @BeforeEach
  void open() {
    stub = new StubDriver();
  }

  private static long[] numbers(MemorySegment map, long offset) {
    return numbers(map, offset, 7);
  }

  private static long[] numbers(MemorySegment map, long offset, int count) {
    return IntStream.range(0, count)
        .mapToLong(i -> map.get(ValueLayout.JAVA_LONG, offset + (long) i * Long.BYTES))
        .toArray();
  }

  @Test
  void describesRowsByTheirBytesAndBoxesOf128() {
    TensorMap map = TensorMap.of(ElementType.BFLOAT16, 0x7f00_0000_1230L, 101, 264, 128);

    assertThat(numbers(map.struct(), 0))
        .containsExactly(9, 0x7f00_0000_1230L, 264, 101, 2 * 264, 64, 128);
    assertThat(TensorMap.of(ElementType.FLOAT16, 16, 1, 8, 1).struct().get(ValueLayout.JAVA_INT, 0))
        .isEqualTo(6);
  }

  @Test
  void describesHeadsOfRowsThatArePartsOfWiderOnes() {
    TensorMap.Heads heads = new TensorMap.Heads(5, 729, 16, 72, 3456);
    TensorMap map = TensorMap.of(ElementType.FLOAT16, 0x800, heads, 128);

    assertThat(numbers(map.struct(), 0, 13))
        .containsExactly(6, 0x800, 72, 16, 2 * 72, 64, 1, 729, 2 * 3456, 128, 5, 729 * 2 * 3456, 1);
  }

  @Test
  void liesAtAMultipleOf64AmongArguments() {
    TensorMap first = TensorMap.of(ElementType.FLOAT16, 16, 3, 8, 2);
    TensorMap second = TensorMap.of(ElementType.FLOAT16, 32, 5, 16, 4);

    Arguments arguments =
        Arguments.of(512).int32(7).tensorMap(first).int32(8).tensorMap(second).float32(2);

    assertThat(numbers(arguments.struct(), 64)).isEqualTo(numbers(first.struct(), 0));
    assertThat(arguments.struct().get(ValueLayout.JAVA_INT, 192)).isEqualTo(8);
    assertThat(numbers(arguments.struct(), 256)).isEqualTo(numbers(second.struct(), 0));
    assertThat(arguments.struct().get(ValueLayout.JAVA_FLOAT, 384)).isEqualTo(2);
    assertThat(arguments.size()).isEqualTo(448);
    assertThat(arguments.struct().address() % 64).isZero();
  }

  @Test
  void namesWhatTheDriverRefuses() {
    stub.fail("cuTensorMapEncodeTiled", 1);

    assertThatThrownBy(() -> TensorMap.of(ElementType.FLOAT16, 32, 5, 16, 4))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("cuTensorMapEncodeTiled")
        .hasMessageContaining("5 × 16 numbers at 0x20 in boxes of [64, 4]");
  }

  @Test
  void takesNumbersOfTwoBytesAlone() {
    for (ElementType type : List.of(ElementType.FLOAT32, ElementType.FLOAT8_E4M3)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> TensorMap.of(type, 32, 5, 16, 4))
          .withMessageContaining(type.name());
    }
  }
}
