package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.function.ObjLongConsumer;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Parameter;

/** AdamW's step and the norm that clipping wants: {@code adam_w.cu} and {@code squared_norm.cu}. */
final class CudaOptimiser {
  private static final int THREADS = 256;

  /** Neighbouring numbers a thread takes at once. */
  private static final int PACK = 4;

  /** The most blocks that share a norm. It is no GPU's number, so that all have the same order. */
  private static final int NORM_BLOCKS = 1024;

  private static final int NORM_SHARED_BYTES = THREADS / 32 * Double.BYTES;

  private final Launcher launcher;
  private final DeviceMemory memory;

  CudaOptimiser(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** One step of AdamW. */
  void adamW(
      CudaParameter parameter,
      GradientKernels.AdamW settings,
      float learningRate,
      float gradientScale) {
    CudaTensor value = parameter.content(Parameter.Content.VALUE);
    if (value.size() == 0) {
      return;
    }
    double firstCorrection = 1 - Math.pow(settings.beta1(), settings.step());
    double secondCorrection = 1 - Math.pow(settings.beta2(), settings.step());
    launcher
        .kernel("adam_w")
        .pointer(value.address())
        .pointer(parameter.gradient().address())
        .pointer(parameter.content(Parameter.Content.FIRST_MOMENT).address())
        .pointer(parameter.content(Parameter.Content.SECOND_MOMENT).address())
        .pointer(parameter.hasCopy() ? parameter.weight().address() : 0)
        .int64(value.size())
        .float32(gradientScale)
        .float32(settings.beta1())
        .float32(settings.beta2())
        .float32(settings.epsilon())
        .float32((float) (1 - (double) learningRate * settings.weightDecay()))
        .float32((float) (learningRate / firstCorrection))
        .float32((float) Math.sqrt(secondCorrection))
        .launch(Math.toIntExact(Math.ceilDiv(value.size(), PACK * THREADS)), 1, 1, THREADS, 0);
  }

  /**
   * The sum of squares, in float64; waits for the device.
   *
   * @param download copies what lies at an address, once that is there
   */
  double squaredNorm(CudaTensor x, ObjLongConsumer<MemorySegment> download) {
    if (x.size() == 0) {
      return 0;
    }
    int blocks = (int) Math.min(NORM_BLOCKS, Math.ceilDiv(x.size(), PACK * THREADS));
    double[] sums = new double[blocks];
    try (DeviceMemory.Block block = memory.allocate((long) blocks * Double.BYTES)) {
      launcher
          .untypedKernel("squared_norm")
          .pointer(x.address())
          .pointer(block.address())
          .int64(x.size())
          .launch(blocks, 1, 1, THREADS, NORM_SHARED_BYTES);
      download.accept(MemorySegment.ofArray(sums), block.address());
    }
    double all = 0;
    for (double sum : sums) {
      all += sum;
    }
    return all;
  }
}
