package org.pyramiddrop.bench.speed.compare;

import com.github.tjake.jlama.math.VectorMath;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.BFloat16BufferTensor;
import com.github.tjake.jlama.tensor.FloatBufferTensor;
import com.github.tjake.jlama.tensor.TensorShape;
import com.github.tjake.jlama.tensor.operations.PanamaTensorOperations;
import com.github.tjake.jlama.tensor.operations.TensorOperations;
import com.github.tjake.jlama.util.MachineSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.pyramiddrop.kernels.DType;

/**
 * A linear layer by Jlama's Vector API kernels, called as its models call them: outputs split over
 * its own pool, activations in the weights' type, outputs in float32.
 */
final class JlamaLinear {
  private final TensorOperations operations = new PanamaTensorOperations(MachineSpec.VECTOR_TYPE);
  private final LinearData data;
  private final AbstractTensor<?, ?> x;
  private final List<AbstractTensor<?, ?>> weights = new ArrayList<>();
  private final FloatBufferTensor out;

  /** Maps the data; weights stay in the file, as Jlama's own do. */
  JlamaLinear(LinearData data) {
    this.data = data;
    int inputs = data.product().inputs();
    try (FileChannel channel = FileChannel.open(data.file())) {
      x = tensor(channel, 0, data.product().tokens(), inputs);
      for (int i = 0; i < data.weights(); i++) {
        weights.add(tensor(channel, data.weightOffset(i), data.product().outputs(), inputs));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(data.file() + " can't be read: " + e.getMessage(), e);
    }
    out = new FloatBufferTensor(data.product().tokens(), data.product().outputs());
  }

  private AbstractTensor<?, ?> tensor(FileChannel channel, long at, int rows, int columns)
      throws IOException {
    DType dtype = data.dtype();
    long bytes = (long) rows * columns * dtype.bytes();
    ByteBuffer buffer = channel.map(MapMode.READ_ONLY, at, bytes).order(ByteOrder.LITTLE_ENDIAN);
    TensorShape shape = TensorShape.of(rows, columns);
    return switch (dtype) {
      case FLOAT32 -> new FloatBufferTensor("mapped", buffer.asFloatBuffer(), shape, true);
      case BFLOAT16 -> new BFloat16BufferTensor("mapped", buffer.asShortBuffer(), shape, true);
      case FLOAT16 -> throw new IllegalArgumentException("Jlama has no product of float16");
    };
  }

  /** Multiplies by each weight once. */
  void runAll() {
    weights.forEach(this::multiply);
  }

  private void multiply(AbstractTensor<?, ?> weight) {
    VectorMath.pchunk(
        0,
        data.product().outputs(),
        (from, count) ->
            operations.dotProductChunk(out, x, weight, 0, data.product().inputs(), from, count));
  }

  /** The products, {@code weights × tokens × outputs}; NaN where Jlama writes nothing. */
  float[] outputs() {
    int size = data.product().tokens() * data.product().outputs();
    float[] poison = new float[size];
    Arrays.fill(poison, Float.NaN);
    float[] all = new float[data.weights() * size];
    for (int i = 0; i < weights.size(); i++) {
      out.getMemorySegment()
          .asSlice(0, (long) size * Float.BYTES)
          .copyFrom(MemorySegment.ofArray(poison));
      multiply(weights.get(i));
      MemorySegment.copy(out.getMemorySegment(), ValueLayout.JAVA_FLOAT, 0, all, i * size, size);
    }
    return all;
  }
}
