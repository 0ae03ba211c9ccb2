package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.BlockWeightContract;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.KernelsContract;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.ThreadsContract;
import org.pyramiddrop.kernels.Weight;

class CpuKernelsTest extends KernelsContract implements BlockWeightContract, ThreadsContract {
  @Override
  protected Kernels open() {
    return open(2);
  }

  @Override
  public Kernels open(int threads) {
    return Devices.open("cpu", threads, DType.FLOAT32);
  }

  @Test
  void usesTheVectorsAskedFor() {
    int bits = Integer.getInteger("pyramiddrop.vectorBits", CpuKernels.vectorBits());
    assertThat(device().kernels().description())
        .isEqualTo("cpu, %d-bit vectors, 2 threads".formatted(bits));
  }

  @Test
  void attendsAndScoresInRunsOfHeads() {
    for (int keys : new int[] {1, 3, 4, 5, 7, 131}) {
      for (int size : new int[] {8, 20, 64}) {
        // Two threads have runs of two heads, and a last one of one.
        attendsToAllKeys(new Heads(11, 11, size), keys);
        attendsToAllKeys(new Heads(22, 11, size), keys);
        scoresTokens(new Heads(22, 11, size), 1 + keys % 3, keys, 3, 1);
      }
    }
  }

  @Test
  void givesARowTheSameBitsHoweverManyFollow() {
    Kernels kernels = device().kernels();
    RandomData random = new RandomData("rows", DType.FLOAT32);
    int inputs = 300;
    int outputs = 45;
    float[] matrix = random.normal(outputs * inputs, 1);
    float[] data = random.normal(29 * inputs, 1);
    float[] before = random.normal(29 * outputs, 1);
    try (Arena arena = Arena.ofShared();
        Tensor x = kernels.allocate(29, inputs);
        Tensor out = kernels.allocate(29, outputs);
        Weight w =
            kernels.weight(
                List.of(
                    new HostMatrix(
                        DType.FLOAT32,
                        arena.allocateFrom(ValueLayout.JAVA_FLOAT, matrix),
                        outputs,
                        inputs)))) {
      kernels.upload(data, x);
      kernels.upload(before, out);
      kernels.linear(x, w, null, Activation.ADD, out);
      float[] all = kernels.download(out);
      for (int rows = 5; rows < 29; rows++) {
        kernels.upload(before, out);
        kernels.linear(x.rows(0, rows), w, null, Activation.ADD, out.rows(0, rows));
        assertThat(kernels.download(out.rows(0, rows)))
            .as("%d rows", rows)
            .isEqualTo(Arrays.copyOf(all, rows * outputs));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4", "FP8"})
  void givesTheGradientOfAnInputOfWeightsInBlocks(DType dtype) {
    Kernels kernels = device().kernels();
    RandomData random = new RandomData("gradient of " + dtype, DType.FLOAT32);
    int rows = 7;
    int outputs = 45;
    int inputs = 131;
    Blocks blocks = new Blocks(dtype, outputs, inputs);
    MemorySegment data = Arena.ofAuto().allocate(blocks.bytes());
    Quantization quantization = new Quantization(blocks, data);
    for (int row = 0; row < outputs; row++) {
      quantization.row(row, random.normal(inputs, 1));
    }
    float[] gradients = random.normal(rows * outputs, 1);
    float[] before = random.normal(rows * inputs, 1);
    try (Tensor dy = kernels.allocate(rows, outputs);
        Tensor dx = kernels.allocate(rows, inputs);
        Weight w = kernels.weight(List.of(new HostMatrix(dtype, data, outputs, inputs)))) {
      kernels.upload(gradients, dy);
      kernels.upload(before, dx);
      kernels.gradients().linearInput(dy, w, true, dx);
      float[] actual = kernels.download(dx);
      for (int i = 0; i < actual.length; i++) {
        double sum = before[i];
        double size = Math.abs(sum);
        for (int output = 0; output < outputs; output++) {
          double term =
              (double) gradients[i / inputs * outputs + output]
                  * BlockWeightContract.exact(blocks, data, output, i % inputs);
          sum += term;
          size += Math.abs(term);
        }
        assertThat((double) actual[i]).isBetween(sum - 1e-5 * size, sum + 1e-5 * size);
      }
    }
  }

  @Test
  void readsWeightsBeyondTwoGigabytes(@TempDir Path folder) throws IOException {
    int rows = 280_000;
    int columns = 4096;
    long bytes = 2L * rows * columns;
    Path file = folder.resolve("sparse");
    try (Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
      // The last number of the file is 3 in bfloat16, all others are 0.
      channel.write(ByteBuffer.wrap(new byte[] {0x40, 0x40}), bytes - 2);
      MemorySegment data = channel.map(MapMode.READ_ONLY, 0, bytes, arena);
      Kernels kernels = device().kernels();
      try (Weight weight =
              kernels.weight(List.of(new HostMatrix(DType.BFLOAT16, data, rows, columns)));
          Tensor row = kernels.allocate(1, columns);
          Tensor x = kernels.allocate(5, columns);
          Tensor out = kernels.allocate(5, 3)) {
        kernels.embed(weight, kernels.indices(rows - 1), row);
        float[] expected = new float[columns];
        expected[columns - 1] = 3;
        assertThat(kernels.download(row)).isEqualTo(expected);
        float[] ones = new float[5 * columns];
        Arrays.fill(ones, 1);
        kernels.upload(ones, x);
        for (int count : new int[] {1, 5}) {
          Weight last = weight.rows(rows - 3, 3);
          kernels.linear(x.rows(0, count), last, null, Activation.NONE, out.rows(0, count));
          assertThat(kernels.download(out.rows(count - 1, 1))).containsExactly(0, 0, 3);
        }
      }
    }
  }

  @Test
  void refusesRowNumbersAndPositionsOutsideTheirRange() {
    Kernels kernels = device().kernels();
    float[] content = new float[2 * 24];
    Arrays.fill(content, 7);
    try (Tensor whole = kernels.allocate(3, 24);
        Tensor x = kernels.allocate(2, 24);
        Tensor keys = kernels.allocate(2, 12);
        Rotary rotary = kernels.rotary(4, 10_000, 8)) {
      for (int wrong : new int[] {-1, 2, Integer.MAX_VALUE}) {
        Indices rows = kernels.indices(0, wrong);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> kernels.gatherRows(whole.rows(0, 2), rows, x));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> kernels.gather(kernels.indices(5, 6), rows));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> kernels.storeKeyValues(x, 0, null, null, rows, keys, keys));
      }
      kernels.upload(content, x);
      for (int wrong : new int[] {-1, 8, Integer.MIN_VALUE}) {
        Indices positions = kernels.indices(1, wrong);
        Indices both = kernels.indices(0, 1);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> kernels.rotate(x, 6, rotary, positions))
            .withMessageContaining("position " + wrong);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> kernels.storeKeyValues(x, 0, rotary, positions, both, keys, keys))
            .withMessageContaining("position " + wrong);
      }
      assertThat(kernels.download(x)).isEqualTo(content);
      assertThat(kernels.download(keys)).containsOnly(0);
    }
  }

  @Test
  void refusesIdsOutsideTheTable() {
    Kernels kernels = device().kernels();
    try (Tensor out = kernels.allocate(2, 2)) {
      for (int wrong : new int[] {-1, 2}) {
        Indices ids = kernels.indices(1, wrong);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> kernels.embed(kernels.weight(List.of(matrix())), ids, out))
            .withMessageContaining("id " + wrong);
      }
      assertThat(kernels.download(out)).containsOnly(0);
    }
  }

  @Test
  void refusesLastKeysOutsideTheKeys() {
    Kernels kernels = device().kernels();
    try (Tensor q = kernels.allocate(2, 4);
        Tensor keys = kernels.allocate(3, 4);
        Tensor out = kernels.allocate(2, 4)) {
      for (int wrong : new int[] {-1, 3, Integer.MAX_VALUE}) {
        Mask mask = new Mask.UpTo(kernels.indices(0, wrong));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> kernels.attention(q, new Heads(1, 1, 4), keys, keys, mask, out));
      }
    }
  }

  @Test
  void refusesWorkOnceClosed() {
    Kernels kernels = open(2);
    try (Tensor x = kernels.allocate(1, 2);
        Tensor out = kernels.allocate(1, 2);
        Weight w = kernels.weight(List.of(matrix()))) {
      kernels.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> kernels.linear(x, w, null, Activation.NONE, out));
    }
  }

  private static HostMatrix matrix() {
    return new HostMatrix(DType.FLOAT32, MemorySegment.ofArray(new byte[16]), 2, 2);
  }
}
