package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

final class ArgumentsTest {
  /** Offsets of {@code struct { int a; T *b; float c; int d; int e; long long f; float g; }}. */
  @Test
  void fieldsLieWhereCPutsThem() {
    Arguments arguments = Arguments.of(64);
    poison(arguments);

    arguments.reset().int32(-7).pointer(0x7f00_1234_5678L).float32(1.5f).int32(8).int32(9);
    arguments.int64(Long.MIN_VALUE).float32(-0.25f);

    MemorySegment struct = arguments.struct();
    assertThat(struct.get(ValueLayout.JAVA_INT, 0)).isEqualTo(-7);
    assertThat(struct.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(0x7f00_1234_5678L);
    assertThat(struct.get(ValueLayout.JAVA_FLOAT, 16)).isEqualTo(1.5f);
    assertThat(struct.get(ValueLayout.JAVA_INT, 20)).isEqualTo(8);
    assertThat(struct.get(ValueLayout.JAVA_INT, 24)).isEqualTo(9);
    assertThat(struct.get(ValueLayout.JAVA_LONG, 32)).isEqualTo(Long.MIN_VALUE);
    assertThat(struct.get(ValueLayout.JAVA_FLOAT, 40)).isEqualTo(-0.25f);
    assertThat(arguments.size()).as("padded to the widest field").isEqualTo(48);
    assertThat(struct.get(ValueLayout.JAVA_INT, 44)).as("behind the last field").isEqualTo(POISON);
  }

  @Test
  void aStructOfSmallFieldsIsNotPadded() {
    assertThat(Arguments.of(64).int32(1).float32(2).int32(3).size()).isEqualTo(12);
  }

  @Test
  void resetBeginsAtTheFirstFieldAgain() {
    Arguments arguments = Arguments.of(16).pointer(1).pointer(2);

    arguments.reset().int32(3);

    assertThat(arguments.size()).isEqualTo(4);
    assertThat(arguments.struct().get(ValueLayout.JAVA_INT, 0)).isEqualTo(3);
  }

  @Test
  void oneFieldTooManyIsRefused() {
    Arguments arguments = Arguments.of(16).pointer(1).int32(2).int32(3);

    assertThatThrownBy(() -> arguments.float32(4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("16 bytes");
  }

  @Test
  void aLaunchIsGivenAPointerToTheStruct() {
    Arguments arguments = Arguments.of(16);

    assertThat(arguments.parameters().get(ValueLayout.ADDRESS, 0).address())
        .isEqualTo(arguments.struct().address());
  }

  private static final int POISON = 0x5a5a5a5a;

  private static void poison(Arguments arguments) {
    arguments.struct().fill((byte) 0x5a);
  }
}
