package org.pyramiddrop.kernels;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Parameter.Content;

/** Gradients are those of PyTorch's autograd. */
interface GradientFixtureContract extends ContractPart {
  private Tensor input(OperationFixture fixture, String name) {
    return device().input(fixture.floats(name), fixture.columns(name));
  }

  private Weight weight(OperationFixture fixture, String name) {
    return device().weight(DType.BFLOAT16, fixture.floats(name), fixture.columns(name));
  }

  private Output written(OperationFixture fixture, String name) {
    return device().output(fixture.rows(name), fixture.columns(name));
  }

  /** An output of zeros that is added to. */
  private Output added(OperationFixture fixture, String name) {
    int count = fixture.rows(name) * fixture.columns(name);
    return device().output(new float[count], fixture.columns(name));
  }

  private Output gradient(OperationFixture fixture, String name) {
    int count = fixture.rows(name) * fixture.columns(name);
    return device().output(DType.FLOAT32, new float[count], fixture.columns(name));
  }

  private void check(OperationFixture fixture, String name, Output out) {
    device().check(name, out, fixture.expected(name));
  }

  @Test
  default void agreesWithPyTorchOnLinearLayers() {
    OperationFixture fixture = OperationFixture.ofGradient("linear");
    Tensor dy = input(fixture, "dy");
    Output dx = written(fixture, "dx");
    gradients().linearInput(dy, weight(fixture, "w"), false, dx.view());
    check(fixture, "dx", dx);
    Output dw = gradient(fixture, "dw");
    gradients().linearWeight(input(fixture, "x"), dy, dw.view());
    check(fixture, "dw", dw);
    Output dBias = gradient(fixture, "dBias");
    gradients().linearBias(dy, dBias.view());
    check(fixture, "dBias", dBias);
  }

  @Test
  default void agreesWithPyTorchOnEmbeddings() {
    OperationFixture fixture = OperationFixture.ofGradient("embed");
    Output table = gradient(fixture, "dTable");
    Indices ids = device().indices(fixture.ints("ids"));
    gradients().addToTable(input(fixture, "dy"), ids, table.view());
    check(fixture, "dTable", table);
  }

  @Test
  default void agreesWithPyTorchOnActivations() {
    OperationFixture gated = OperationFixture.ofGradient("siluTimes");
    Tensor gate = input(gated, "gate");
    Tensor up = input(gated, "up");
    Output product = written(gated, "y");
    Output dGate = written(gated, "dGate");
    Output dUp = written(gated, "dUp");
    gradients().siluTimes(gate, up, product.view());
    gradients().siluTimesGradient(gate, up, input(gated, "dy"), dGate.view(), dUp.view());
    check(gated, "y", product);
    check(gated, "dGate", dGate);
    check(gated, "dUp", dUp);
    for (Activation activation : List.of(Activation.GELU, Activation.QUICK_GELU)) {
      OperationFixture fixture = OperationFixture.ofGradient(activation.name());
      Output y = written(fixture, "y");
      Output dx = written(fixture, "dx");
      Tensor x = input(fixture, "x");
      gradients().activate(x, activation, y.view());
      gradients().activateGradient(x, activation, input(fixture, "dy"), dx.view());
      check(fixture, "y", y);
      check(fixture, "dx", dx);
    }
  }

  @Test
  default void agreesWithPyTorchOnNorms() {
    OperationFixture rms = OperationFixture.ofGradient("rmsNorm");
    Output dx = added(rms, "dx");
    Output dw = gradient(rms, "dw");
    gradients()
        .rmsNormGradient(
            input(rms, "x"), weight(rms, "w"), 0.0625f, input(rms, "dy"), dx.view(), dw.view());
    check(rms, "dx", dx);
    check(rms, "dw", dw);
    OperationFixture layer = OperationFixture.ofGradient("layerNorm");
    Output layerDx = added(layer, "dx");
    Output layerDw = gradient(layer, "dw");
    Output dBias = gradient(layer, "dBias");
    gradients()
        .layerNormGradient(
            input(layer, "x"),
            weight(layer, "w"),
            0.0625f,
            input(layer, "dy"),
            layerDx.view(),
            layerDw.view(),
            dBias.view());
    check(layer, "dx", layerDx);
    check(layer, "dw", layerDw);
    check(layer, "dBias", dBias);
  }

  @Test
  default void agreesWithPyTorchOnRotations() {
    OperationFixture fixture = OperationFixture.ofGradient("rotate");
    Output x = device().output(fixture.floats("dy"), fixture.columns("dy"));
    Rotary rotary = device().owned(kernels().rotary(6, 10_000, 128));
    Indices positions = device().indices(fixture.ints("positions"));
    gradients().rotateBack(x.view(), 2, rotary, positions);
    check(fixture, "dx", x);
  }

  @Test
  default void agreesWithPyTorchOnAttention() {
    OperationFixture fixture = OperationFixture.ofGradient("attention");
    Output dq = written(fixture, "dq");
    Output dKeys = written(fixture, "dKeys");
    Output dValues = written(fixture, "dValues");
    gradients()
        .attentionGradient(
            input(fixture, "q"),
            new Heads(6, 2, 10),
            input(fixture, "keys"),
            input(fixture, "values"),
            new Mask.UpTo(device().indices(fixture.ints("lastKey"))),
            input(fixture, "dy"),
            dq.view(),
            dKeys.view(),
            dValues.view());
    check(fixture, "dq", dq);
    check(fixture, "dKeys", dKeys);
    check(fixture, "dValues", dValues);
  }

  @Test
  default void agreesWithPyTorchOnCrossEntropy() {
    OperationFixture fixture = OperationFixture.ofGradient("crossEntropy");
    Output losses = device().output(DType.FLOAT32, fixture.rows("losses"), 1);
    Output dLogits = written(fixture, "dLogits");
    gradients()
        .crossEntropy(
            device().input(DType.FLOAT32, fixture.floats("logits"), fixture.columns("logits")),
            device().indices(fixture.ints("labels")),
            0.375f,
            losses.view(),
            dLogits.view());
    check(fixture, "losses", losses);
    check(fixture, "dLogits", dLogits);
  }

  @Test
  default void agreesWithPyTorchOnAdamW() {
    OperationFixture fixture = OperationFixture.ofGradient("adamW");
    float[] initial = fixture.floats("initial");
    Parameter parameter =
        device().owned(gradients().parameter(Stored.matrix(DType.FLOAT32, initial, 5)));
    for (int step = 0; step < 3; step++) {
      kernels().upload(fixture.floats("gradient" + step), parameter.gradient());
      GradientKernels.AdamW settings =
          new GradientKernels.AdamW(0.9f, 0.999f, 1e-8f, 0.1f, step + 1);
      gradients().adamW(parameter, settings, 0.01f, 0.5f);
      holds(parameter, Content.VALUE, fixture.expected("value" + step));
      holds(parameter, Content.FIRST_MOMENT, fixture.expected("first" + step));
      holds(parameter, Content.SECOND_MOMENT, fixture.expected("second" + step));
    }
  }

  private void holds(Parameter parameter, Content content, Expected expected) {
    float[] actual = gradients().download(parameter, content);
    expected.check(content.name(), DType.FLOAT32, actual, 1e-6);
  }
}
