package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CublasLt;
import org.pyramiddrop.cuda.CublasLtAlgorithm;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.ElementType;
import org.pyramiddrop.cuda.PinnedBuffer;
import org.pyramiddrop.cuda.ProductShape;
import org.pyramiddrop.cuda.ScaledMatrix;

/** Products of eight-bit floats by cuBLASLt, each of its algorithms, against sums in double. */
class CudaFloat8ProductTest {
  private static final long SEED = Long.getLong("pyramiddrop.seed", System.nanoTime());
  private static final byte NAN = 0x7f;

  /**
   * How far sums may be off, of their terms' magnitudes: float32 on the emulation. To how many bits
   * tensor cores add products of eight-bit floats is not documented; this is 32 terms, of which
   * each loses all that is less than 2⁻¹³ of the largest.
   */
  private static final double SUM_ROUNDING = TestGpu.isReal() ? 0x1p-8 : 0x1p-19;

  private final SplittableRandom random = new SplittableRandom(SEED);
  private Context context;
  private CublasLt cublas;
  private CudaStream stream;

  @BeforeAll
  static void prepare() {
    TestGpu.prepare();
  }

  @AfterAll
  static void restore() {
    TestGpu.restore();
  }

  @BeforeEach
  void open() {
    context = Context.open(0);
    cublas = CublasLt.open(context);
    stream = context.stream();
    assumeTrue(cublas.supportsFloat8(), "this GPU and cuBLASLt have no products of FP8 by rows");
  }

  @AfterEach
  void close() {
    context.close();
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void productsAreThoseOfNumbersTimesTheirRowsScales(ElementType out) {
    for (int i = 0; i < 12; i++) {
      int rows = 1 + random.nextInt(37);
      int outputs = (1 + random.nextInt(6)) * 16 / out.bytes();
      int inputs = (1 + random.nextInt(12)) * 16;
      ProductShape shape =
          ProductShape.ofFloat8(rows, outputs, inputs, out)
              .withStrides(
                  inputs + 16 * random.nextInt(3), outputs + random.nextInt(3) * 16 / out.bytes());
      check(i % 2 == 0 ? shape : shape.withAccumulation());
    }
  }

  @Test
  void everyNumberMeansWhatItsBitsSay() {
    // Each row of w is one number among zeros, that of its index; x has a one everywhere.
    int inputs = 16;
    byte[] w = new byte[256 * inputs];
    for (int j = 0; j < 256; j++) {
      w[j * inputs + j % inputs] = (byte) j;
    }
    byte[] x = new byte[inputs];
    Arrays.fill(x, (byte) 0x38);
    float[] ones = new float[256];
    Arrays.fill(ones, 1);
    long result = context.allocate(256 * 4).address();
    cublas
        .plan(ProductShape.ofFloat8(1, 256, inputs, ElementType.FLOAT32))
        .run(
            stream,
            new ScaledMatrix(upload(x), upload(ones)),
            new ScaledMatrix(upload(w), upload(ones)),
            result);
    MemorySegment got = download(result, 256 * 4);
    for (int j = 0; j < 256; j++) {
      float actual = got.getAtIndex(ValueLayout.JAVA_FLOAT, j);
      if ((j & 0x7f) == NAN) {
        assertThat(actual).as("%#x", j).isNaN();
      } else {
        assertThat((double) actual).as("%#x", j).isEqualTo(value((byte) j));
      }
    }
  }

  private void check(ProductShape shape) {
    int outStride = shape.outStride();
    byte[] x = draw(shape.rows() * shape.xStride());
    for (int i = 0; i < shape.rows(); i++) {
      int end = (i + 1) * shape.xStride();
      Arrays.fill(x, end - shape.xStride() + shape.inputs(), end, NAN);
    }
    byte[] w = draw(shape.outputs() * shape.inputs());
    float[] xScales = drawScales(shape.rows());
    float[] wScales = drawScales(shape.outputs());
    MemorySegment before = drawOut(shape);
    ScaledMatrix left = new ScaledMatrix(upload(x), upload(xScales));
    ScaledMatrix right = new ScaledMatrix(upload(w), upload(wScales));
    List<CublasLtAlgorithm> algorithms = cublas.algorithms(shape, 8);
    assertThat(algorithms).as("%s", shape).isNotEmpty();
    for (CublasLtAlgorithm algorithm : algorithms) {
      long result = upload(before.toArray(ValueLayout.JAVA_BYTE));
      cublas.plan(shape, algorithm).orElseThrow().run(stream, left, right, result);
      MemorySegment got = download(result, before.byteSize());
      for (int i = 0; i < shape.rows(); i++) {
        for (int j = 0; j < outStride; j++) {
          int at = i * outStride + j;
          float old = read(before, shape.out(), at);
          float actual = read(got, shape.out(), at);
          String place =
              "%d %d of %s by %s, -Dpyramiddrop.seed=%d"
                  .formatted(i, j, shape, algorithm.hex().substring(0, 24), SEED);
          if (j >= shape.outputs()) {
            assertThat(actual).as(place).isEqualTo(old);
            continue;
          }
          double sum = 0;
          double magnitude = 0;
          for (int k = 0; k < shape.inputs(); k++) {
            double term = value(x[i * shape.xStride() + k]) * value(w[j * shape.inputs() + k]);
            sum += term;
            magnitude += Math.abs(term);
          }
          double scale = (double) xScales[i] * wScales[j];
          double product = scale * sum;
          double expected = product + (shape.accumulate() ? old : 0);
          double rounded = Math.abs(expected) + (shape.accumulate() ? Math.abs(product) : 0);
          assertThat((double) actual)
              .as(place)
              .isCloseTo(
                  expected,
                  within(
                      scale * magnitude * SUM_ROUNDING + rounded * rounding(shape.out()) + 1e-7));
        }
      }
    }
  }

  /** Of a number that is stored: half a step, and a little for the arithmetic before it. */
  private static double rounding(ElementType type) {
    return switch (type) {
      case FLOAT32 -> 0x1p-22;
      case FLOAT16 -> 0x1.01p-11;
      default -> 0x1.01p-8;
    };
  }

  /** What E4M3 means by its bits, but for NaN. */
  private static double value(byte bits) {
    int exponent = bits >> 3 & 15;
    double magnitude =
        exponent == 0
            ? Math.scalb((double) (bits & 7), -9)
            : Math.scalb(1 + (bits & 7) / 8.0, exponent - 7);
    return bits < 0 ? -magnitude : magnitude;
  }

  /** Any numbers but NaN. */
  private byte[] draw(int length) {
    byte[] numbers = new byte[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = (byte) (random.nextInt(NAN) | random.nextInt(2) << 7);
    }
    return numbers;
  }

  /** So small that no product overflows a float16. */
  private float[] drawScales(int length) {
    float[] scales = new float[length];
    for (int i = 0; i < length; i++) {
      scales[i] = (float) Math.exp(random.nextDouble(-12, -4.5));
    }
    return scales;
  }

  /** What out holds at first: NaN where that must not matter. */
  private MemorySegment drawOut(ProductShape shape) {
    int count = shape.rows() * shape.outStride();
    MemorySegment numbers =
        MemorySegment.ofArray(new float[(count * shape.out().bytes() + 3) / 4])
            .asSlice(0, (long) count * shape.out().bytes());
    for (int at = 0; at < count; at++) {
      boolean kept = shape.accumulate() || at % shape.outStride() >= shape.outputs();
      float number = kept ? (float) random.nextDouble(-4, 4) : Float.NaN;
      switch (shape.out()) {
        case FLOAT32 -> numbers.setAtIndex(ValueLayout.JAVA_FLOAT, at, number);
        case FLOAT16 ->
            numbers.setAtIndex(ValueLayout.JAVA_SHORT, at, Float.floatToFloat16(number));
        default ->
            numbers.setAtIndex(
                ValueLayout.JAVA_SHORT, at, (short) (Float.floatToRawIntBits(number) >> 16));
      }
    }
    return numbers;
  }

  private static float read(MemorySegment numbers, ElementType type, int at) {
    return switch (type) {
      case FLOAT32 -> numbers.getAtIndex(ValueLayout.JAVA_FLOAT, at);
      case FLOAT16 -> Float.float16ToFloat(numbers.getAtIndex(ValueLayout.JAVA_SHORT, at));
      default -> Float.intBitsToFloat(numbers.getAtIndex(ValueLayout.JAVA_SHORT, at) << 16);
    };
  }

  private long upload(float... numbers) {
    return upload(MemorySegment.ofArray(numbers).toArray(ValueLayout.JAVA_BYTE));
  }

  private long upload(byte... bytes) {
    long address = context.allocate(bytes.length).address();
    try (PinnedBuffer staging = context.pinned(bytes.length)) {
      staging.segment().copyFrom(MemorySegment.ofArray(bytes));
      stream.upload(staging.segment(), 0, address, bytes.length);
      stream.synchronize();
    }
    return address;
  }

  private MemorySegment download(long address, long bytes) {
    try (PinnedBuffer staging = context.pinned(bytes)) {
      stream.download(address, staging.segment(), 0, bytes);
      stream.synchronize();
      MemorySegment copy = MemorySegment.ofArray(new float[Math.toIntExact((bytes + 3) / 4)]);
      return copy.asSlice(0, bytes).copyFrom(staging.segment().asSlice(0, bytes));
    }
  }
}
