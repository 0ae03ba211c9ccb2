package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.pyramiddrop.cuda.ElementType.BFLOAT16;
import static org.pyramiddrop.cuda.ElementType.FLOAT16;
import static org.pyramiddrop.cuda.ElementType.FLOAT32;

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

  private static void refuses(Runnable making, String words) {
    assertThatThrownBy(making::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(words);
  }
}
