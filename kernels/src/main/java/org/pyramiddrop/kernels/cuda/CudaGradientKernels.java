package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** What training needs on an NVIDIA GPU; a call returns once its work is on the stream. */
final class CudaGradientKernels implements GradientKernels {
  private final GpuCalls calls;
  private final Gpu gpu;
  private final DType dtype;
  private final Consumer<String> requireNotRecording;

  /**
   * The gradients of a GPU's operations.
   *
   * @param dtype of activations
   * @param requireNotRecording refuses, while something is recorded, what a recording can't do
   */
  CudaGradientKernels(GpuCalls calls, Gpu gpu, DType dtype, Consumer<String> requireNotRecording) {
    this.calls = calls;
    this.gpu = gpu;
    this.dtype = dtype;
    this.requireNotRecording = requireNotRecording;
  }

  private void launch(Consumer<GradientLaunchers> work) {
    calls.run(() -> work.accept(gpu.gradients()));
  }

  private static CudaTensor cuda(Tensor x) {
    return (CudaTensor) x;
  }

  private static @Nullable CudaTensor cudaOrNull(@Nullable Tensor x) {
    return (CudaTensor) x;
  }

  // Parameters ------------------------------------------------------------------------------------

  @Override
  public Parameter parameter(HostMatrix initial) {
    requireNotRecording.accept("make parameters");
    return calls.call(() -> {
      CudaParameter parameter =
          CudaParameter.allocate(gpu.memory(), dtype, initial.rows(), initial.columns());
      try {
        CudaTensor value = parameter.content(Parameter.Content.VALUE);
        gpu.uploadAs(DType.FLOAT32, initial.dtype(), initial.data(), value.address());
        gpu.clear(parameter.gradient());
        gpu.clear(parameter.content(Parameter.Content.FIRST_MOMENT));
        gpu.clear(parameter.content(Parameter.Content.SECOND_MOMENT));
        refreshCopy(parameter);
      } catch (RuntimeException | Error e) {
        closeAfter(e, parameter);
        throw e;
      }
      return parameter;
    });
  }

  private static void closeAfter(Throwable failure, CudaParameter parameter) {
    try {
      parameter.close();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private void refreshCopy(CudaParameter parameter) {
    if (parameter.hasCopy()) {
      gpu.convert(parameter.content(Parameter.Content.VALUE), parameter.weight());
    }
  }

  @Override
  public float[] download(Parameter parameter, Parameter.Content content) {
    requireNotRecording.accept("download");
    CudaTensor from = ((CudaParameter) parameter).content(content);
    Supplier<float[]> work =
        () -> gpu.downloadAs(DType.FLOAT32, from.address(), Math.toIntExact(from.size()));
    return calls.call(work);
  }

  @Override
  public void upload(float[] values, Parameter parameter, Parameter.Content content) {
    requireNotRecording.accept("upload");
    CudaParameter to = (CudaParameter) parameter;
    calls.run(() -> {
      gpu.upload(MemorySegment.ofArray(values), to.content(content).address());
      if (content == Parameter.Content.VALUE) {
        refreshCopy(to);
      }
    });
  }

  @Override
  public void clear(Tensor x) {
    calls.run(() -> gpu.clear(cuda(x)));
  }

  @Override
  public double squaredNorm(Tensor x) {
    requireNotRecording.accept("download");
    return calls.<Double>call(() ->
        gpu.gradients()
            .optimiser()
            .squaredNorm(cuda(x), (to, address) -> gpu.download(address, to)));
  }

  @Override
  public void adamW(Parameter parameter, AdamW settings, float learningRate, float gradientScale) {
    launch(
        g -> g.optimiser().adamW((CudaParameter) parameter, settings, learningRate, gradientScale));
  }

  // Sums ------------------------------------------------------------------------------------------

  @Override
  public void addScaled(Tensor x, float factor, Tensor out) {
    launch(g -> g.sums().addScaled(cuda(x), factor, cuda(out)));
  }

  @Override
  public void addColumns(Tensor x, float factor, Tensor out, int firstColumn) {
    launch(g -> g.sums().addColumns(cuda(x), factor, cuda(out), firstColumn));
  }

  @Override
  public void addFromColumns(Tensor x, int firstColumn, Tensor out) {
    launch(g -> g.sums().addFromColumns(cuda(x), firstColumn, cuda(out)));
  }

  @Override
  public void addRows(Tensor x, Indices rows, Tensor out) {
    launch(g -> g.sums().addRows(cuda(x), (CudaIndices) rows, cuda(out)));
  }

  @Override
  public void addToTable(Tensor dy, Indices ids, Tensor gradient) {
    launch(g -> g.sums().addToTable(cuda(dy), (CudaIndices) ids, cuda(gradient)));
  }

  // Linear layers ---------------------------------------------------------------------------------

  @Override
  public void linearInput(Tensor dy, Weight w, boolean add, Tensor dx) {
    calls.run(() -> gpu.linear().input(cuda(dy), (CudaWeight) w, add, cuda(dx)));
  }

  @Override
  public void linearWeight(Tensor x, Tensor dy, Tensor gradient) {
    calls.run(() -> gpu.linear().weight(cuda(x), cuda(dy), cuda(gradient)));
  }

  @Override
  public void linearBias(Tensor dy, Tensor gradient) {
    launch(g -> g.linearBias().add(cuda(dy), cuda(gradient)));
  }

  // Activations -----------------------------------------------------------------------------------

  @Override
  public void siluTimes(Tensor gate, Tensor up, Tensor out) {
    launch(g -> g.activations().siluTimes(cuda(gate), cuda(up), cuda(out)));
  }

  @Override
  public void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
    launch(g ->
        g.activations().siluTimesGradient(cuda(gate), cuda(up), cuda(dy), cuda(dGate), cuda(dUp)));
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    launch(g -> g.activations().activate(cuda(x), activation, cuda(out)));
  }

  @Override
  public void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx) {
    launch(g -> g.activations().activateGradient(cuda(x), activation, cuda(dy), cuda(dx)));
  }

  // Norms -----------------------------------------------------------------------------------------

  @Override
  public void rmsNormGradient(
      Tensor x, Weight w, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dw) {
    launch(g ->
        g.norms().rmsNorm(cuda(x), (CudaWeight) w, epsilon, cuda(dy), cuda(dx), cudaOrNull(dw)));
  }

  @Override
  public void layerNormGradient(
      Tensor x,
      Weight w,
      float epsilon,
      Tensor dy,
      Tensor dx,
      @Nullable Tensor dw,
      @Nullable Tensor dBias) {
    CudaTensor ofWeight = cudaOrNull(dw);
    CudaTensor ofBias = cudaOrNull(dBias);
    launch(g ->
        g.norms()
            .layerNorm(cuda(x), (CudaWeight) w, epsilon, cuda(dy), cuda(dx), ofWeight, ofBias));
  }

  // Attention -------------------------------------------------------------------------------------

  @Override
  public void rotateBack(Tensor x, int heads, Rotary rotary, Indices positions) {
    calls.run(() ->
        gpu.rotary().rotateBack(cuda(x), heads, (CudaRotary) rotary, (CudaIndices) positions));
  }

  @Override
  public void attentionGradient(
      Tensor q,
      Heads heads,
      Tensor keys,
      Tensor values,
      Mask mask,
      Tensor dy,
      Tensor dq,
      Tensor dKeys,
      Tensor dValues) {
    CudaAttentionGradient.Inputs inputs =
        new CudaAttentionGradient.Inputs(cuda(q), heads, cuda(keys), cuda(values), mask, cuda(dy));
    CudaAttentionGradient.Gradients gradients =
        new CudaAttentionGradient.Gradients(cuda(dq), cuda(dKeys), cuda(dValues));
    launch(g -> g.attention().run(inputs, gradients));
  }

  // Loss ------------------------------------------------------------------------------------------

  @Override
  public void crossEntropy(
      Tensor logits, Indices labels, float scale, Tensor losses, Tensor dLogits) {
    launch(g ->
        g.loss()
            .crossEntropy(cuda(logits), (CudaIndices) labels, scale, cuda(losses), cuda(dLogits)));
  }
}
