package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.pyramiddrop.cuda.ElementType.BFLOAT16;
import static org.pyramiddrop.cuda.ElementType.FLOAT16;
import static org.pyramiddrop.cuda.ElementType.FLOAT32;
import static org.pyramiddrop.cuda.ElementType.FLOAT8_E4M3;

import org.junit.jupiter.api.Test;

final class ProductShapeTest {
  private static final ProductShape SHAPE = ProductShape.of(3, 5, 7, BFLOAT16);

  @Test
  void stepsChangeWhatTheyName() {
    assertThat(
            SHAPE
                .withStrides(8, 9)
                .withBias()
                .withAccumulation()
                .withOutType(FLOAT32)
                .withAlignmentOf(64, 32, 0, 24))
        .isEqualTo(new ProductShape(Transposed.W, 3, 5, 7, 8, 9, BFLOAT16, FLOAT32, true, true, 8));
  }

  @Test
  void theAlignmentIsThatOfTheLeastAlignedAddressUpToSixteen() {
    assertThat(SHAPE.withAlignmentOf(512, 256, 1024, 768).alignment()).isEqualTo(16);
    assertThat(SHAPE.withAlignmentOf(512, 256, 1024 + 2, 768).alignment()).isEqualTo(2);
    assertThat(SHAPE.withAlignmentOf(512 + 8, 256 + 4, 0, 768).alignment()).isEqualTo(4);
  }

  @Test
  void whatCannotBeMultipliedIsRefused() {
    refuses(() -> ProductShape.of(0, 5, 7, FLOAT32), "empty");
    refuses(() -> ProductShape.of(3, 5, -7, FLOAT32), "empty");
    refuses(() -> SHAPE.withStrides(6, 5), "strides 6 and 5");
    refuses(() -> SHAPE.withStrides(7, 4), "strides 7 and 4");
    refuses(() -> SHAPE.withOutType(FLOAT16), "BFLOAT16 or float32, not FLOAT16");
    refuses(() -> SHAPE.withAlignmentOf(1, 0, 0, 0), "multiples of 1");
    refuses(() -> SHAPE.withOutType(FLOAT32).withAlignmentOf(2, 0, 0, 0), "multiples of 2");
  }

  @Test
  void eightBitFloatsGiveAnyWiderTypeAndHaveScales() {
    for (ElementType out : new ElementType[] {FLOAT32, FLOAT16, BFLOAT16}) {
      assertThat(ProductShape.ofFloat8(3, 24, 48, out))
          .isEqualTo(
              new ProductShape(
                  Transposed.W, 3, 24, 48, 48, 24, FLOAT8_E4M3, out, false, false, 16));
      assertThat(ProductShape.ofFloat8(3, 24, 48, out).withAccumulation().scaled()).isTrue();
      assertThat(ProductShape.of(3, 24, 48, out).scaled()).isFalse();
    }
  }

  @Test
  void eightBitFloatsAreMultipliedInUnitsOfSixteenBytes() {
    ProductShape shape = ProductShape.ofFloat8(3, 24, 48, BFLOAT16);

    refuses(() -> ProductShape.ofFloat8(3, 24, 56, BFLOAT16), "56 inputs");
    refuses(() -> ProductShape.ofFloat8(3, 20, 48, BFLOAT16), "20 outputs");
    refuses(() -> ProductShape.ofFloat8(3, 6, 48, FLOAT32), "6 outputs");
    assertThat(ProductShape.ofFloat8(3, 4, 48, FLOAT32).outputs()).isEqualTo(4);
    // Sizes are looked at apart from strides.
    refuses(() -> float8(24, 56, 64, 24), "56 inputs");
    refuses(() -> float8(20, 48, 48, 24), "20 outputs");
    assertThat(float8(24, 48, 64, 32)).isEqualTo(shape.withStrides(64, 32));
    refuses(() -> shape.withStrides(56, 24), "strides 56 and 24");
    refuses(() -> shape.withStrides(64, 28), "strides 64 and 28");
    assertThat(shape.withStrides(64, 32).xStride()).isEqualTo(64);
    refuses(() -> shape.withAlignmentOf(256, 256 + 8, 0, 256), "multiples of 8");
  }

  private static ProductShape float8(int outputs, int inputs, int xStride, int outStride) {
    return new ProductShape(
        Transposed.W,
        3,
        outputs,
        inputs,
        xStride,
        outStride,
        FLOAT8_E4M3,
        BFLOAT16,
        false,
        false,
        16);
  }

  @Test
  void whatIsNoProductOfEightBitFloatsIsRefused() {
    ProductShape shape = ProductShape.ofFloat8(3, 16, 48, BFLOAT16);

    refuses(shape::withBias, "a bias");
    refuses(() -> shape.withOutType(FLOAT8_E4M3), "out FLOAT8_E4M3");
    refuses(() -> ProductShape.of(3, 16, 48, FLOAT8_E4M3), "out FLOAT8_E4M3");
    refuses(() -> SHAPE.withOutType(FLOAT8_E4M3), "not FLOAT8_E4M3");
    for (Transposed transposed : new Transposed[] {Transposed.NONE, Transposed.X}) {
      refuses(
          () ->
              new ProductShape(
                  transposed, 16, 16, 16, 16, 16, FLOAT8_E4M3, FLOAT32, false, false, 16),
          transposed + " transposed");
    }
  }

  private static void refuses(Runnable making, String words) {
    assertThatThrownBy(making::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(words);
  }
}
