package org.pyramiddrop.kernels;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pyramiddrop.kernels.Parameter.Content;

/** Runs every operation of {@link GradientKernels}, so that whole runs can be compared by bits. */
public final class AllGradients {
  private final DeviceUnderTest device;
  private final GradientKernels gradients;
  private final Map<String, float[]> results = new LinkedHashMap<>();

  private AllGradients(DeviceUnderTest device) {
    this.device = device;
    this.gradients = device.kernels().gradients();
  }

  /**
   * What each operation wrote.
   *
   * @param data names the random data, the same for the same name
   * @param size 1 for sizes of a few blocks, more for larger ones
   */
  public static Map<String, float[]> of(Kernels kernels, String data, int size) {
    AllGradients run =
        new AllGradients(new DeviceUnderTest(kernels, new RandomData(data, kernels.dtype()), 0));
    for (int rows : new int[] {3, 67 * size}) {
      run.sums(rows, 1000 * size);
      run.linear(rows, 170 * size, 290 * size);
      run.elements(rows, 700 * size);
      run.norms(rows, 530 * size);
      run.attention(rows, 160 * size);
      run.loss(rows, 3000 * size);
    }
    run.optimiser(301 * size, 70);
    run.device.endCase();
    return run.results;
  }

  private void keep(String what, Output out) {
    results.put("%s, %d rows".formatted(what, out.view().rows()), out.read());
  }

  private Tensor input(int rows, int columns) {
    return device.input(device.random().normal(rows * columns, 1), columns);
  }

  private Output output(int rows, int columns) {
    return device.output(device.random().normal(rows * columns, 1), columns);
  }

  private Output gradient(int rows, int columns) {
    return device.output(DType.FLOAT32, device.random().normal(rows * columns, 1), columns);
  }

  private void sums(int rows, int columns) {
    Tensor x = input(rows, columns);
    Output scaled = output(rows, columns);
    gradients.addScaled(x, 0.3f, scaled.view());
    keep("addScaled", scaled);
    Output table = gradient(9, columns);
    gradients.addToTable(x, device.indices(device.random().below(9, rows)), table.view());
    results.put("addToTable of %d rows".formatted(rows), table.read());
    Tensor all = device.input(DType.FLOAT32, device.random().normal(rows * columns, 1), columns);
    results.put(
        "squaredNorm of %d rows".formatted(rows),
        new float[] {
          (float) gradients.squaredNorm(all),
          Float.intBitsToFloat(
              (int) (Double.doubleToLongBits(gradients.squaredNorm(all)) & 0x3fffffff))
        });
  }

  private void linear(int rows, int inputs, int outputs) {
    Tensor x = input(rows, inputs);
    Tensor dy = input(rows, outputs);
    for (DType dtype : DType.single()) {
      float[] numbers = device.random().weights(dtype, outputs * inputs, 0.3);
      Weight w = device.weight(dtype, numbers, inputs);
      for (boolean add : new boolean[] {false, true}) {
        Output dx = output(rows, inputs);
        gradients.linearInput(dy, w, add, dx.view());
        keep("linearInput %s %s".formatted(dtype, add), dx);
      }
    }
    Output dw = gradient(outputs, inputs);
    gradients.linearWeight(x, dy, dw.view());
    results.put("linearWeight of %d rows".formatted(rows), dw.read());
    Output bias = gradient(outputs, 1);
    gradients.linearBias(dy, bias.view());
    results.put("linearBias of %d rows".formatted(rows), bias.read());
  }

  private void elements(int rows, int columns) {
    Tensor gate = input(rows, columns);
    Tensor up = input(rows, columns);
    Tensor dy = input(rows, columns);
    Output out = device.output(rows, columns);
    gradients.siluTimes(gate, up, out.view());
    keep("siluTimes", out);
    Output dUp = device.output(rows, columns);
    gradients.siluTimesGradient(gate, up, dy, out.view(), dUp.view());
    keep("gate", out);
    keep("up", dUp);
    for (Activation activation : new Activation[] {Activation.GELU, Activation.QUICK_GELU}) {
      gradients.activate(gate, activation, out.view());
      keep(activation.name(), out);
      gradients.activateGradient(gate, activation, dy, out.view());
      keep("gradient of " + activation, out);
    }
    Rotary rotary = device.owned(device.kernels().rotary(20, 10_000, 99));
    Output turned = output(rows, columns);
    Indices positions = device.indices(device.random().below(99, rows));
    gradients.rotateBack(turned.view(), columns / 20, rotary, positions);
    keep("rotateBack", turned);
  }

  private void norms(int rows, int columns) {
    Tensor x = input(rows, columns);
    Tensor dy = input(rows, columns);
    float[] numbers = device.random().weights(DType.FLOAT16, columns, 1);
    Weight w = device.weight(DType.FLOAT16, numbers, 1);
    Output dx = output(rows, columns);
    Output dw = gradient(columns, 1);
    Output dBias = gradient(columns, 1);
    gradients.rmsNormGradient(x, w, 1e-5f, dy, dx.view(), dw.view());
    keep("rmsNorm", dx);
    gradients.layerNormGradient(x, w, 1e-5f, dy, dx.view(), dw.view(), dBias.view());
    keep("layerNorm", dx);
    results.put("weight of norms of %d rows".formatted(rows), dw.read());
    results.put("bias of norms of %d rows".formatted(rows), dBias.read());
  }

  private void attention(int rows, int count) {
    Heads heads = new Heads(6, 3, 20);
    Tensor q = device.input(device.random().normal(rows * 120, 3), 120);
    Tensor keys = input(count, 60);
    Tensor values = input(count, 60);
    Tensor dy = input(rows, 120);
    Mask upTo = new Mask.UpTo(device.indices(device.random().below(count, rows)));
    for (Mask mask : Arrays.asList(new Mask.Full(), new Mask.Causal(), upTo)) {
      Output dq = device.output(rows, 120);
      Output dKeys = device.output(count, 60);
      Output dValues = device.output(count, 60);
      gradients.attentionGradient(
          q, heads, keys, values, mask, dy, dq.view(), dKeys.view(), dValues.view());
      String name = mask.getClass().getSimpleName();
      keep(name, dq);
      results.put("keys of %s of %d rows".formatted(name, rows), dKeys.read());
      results.put("values of %s of %d rows".formatted(name, rows), dValues.read());
    }
  }

  private void loss(int rows, int columns) {
    float[] numbers = device.random().normal(rows * columns, 3);
    Tensor logits = device.input(DType.FLOAT32, numbers, columns);
    Indices labels = device.indices(device.random().below(columns, rows));
    Output losses = device.output(DType.FLOAT32, rows, 1);
    Output dLogits = device.output(rows, columns);
    gradients.crossEntropy(logits, labels, 0.3f, losses.view(), dLogits.view());
    keep("losses", losses);
    keep("logits", dLogits);
  }

  private void optimiser(int rows, int columns) {
    float[] initial = device.random().normal(rows * columns, 1);
    try (Parameter parameter =
        gradients.parameter(Stored.matrix(DType.FLOAT32, initial, columns))) {
      device.kernels().upload(device.random().normal(rows * columns, 1), parameter.gradient());
      for (int step = 1; step < 4; step++) {
        gradients.adamW(
            parameter, new GradientKernels.AdamW(0.9f, 0.999f, 1e-8f, 0.1f, step), 1e-3f, 0.7f);
      }
      for (Content content : Content.values()) {
        results.put("adamW's " + content, gradients.download(parameter, content));
      }
    }
  }
}
