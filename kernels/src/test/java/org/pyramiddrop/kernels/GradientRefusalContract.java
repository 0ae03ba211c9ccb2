package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Gradients whose shapes or types don't fit are refused before anything is written. */
interface GradientRefusalContract extends ContractPart {
  private void refuses(String what, Output out, ThrowingCallable operation) {
    assertThatIllegalArgumentException().as(what).isThrownBy(operation);
    out.untouched(what);
  }

  private Tensor tensor(int rows, int columns) {
    return device().input(new float[rows * columns], columns);
  }

  private Tensor wide(int rows, int columns) {
    return device().input(DType.FLOAT32, new float[rows * columns], columns);
  }

  private Output gradient(int rows, int columns) {
    return device().output(DType.FLOAT32, rows, columns);
  }

  private Weight weight(int rows, int columns) {
    return device().weight(DType.BFLOAT16, new float[rows * columns], columns);
  }

  @Test
  default void refusesParametersThatDoNotFit() {
    Parameter parameter =
        device().owned(gradients().parameter(Stored.matrix(DType.FLOAT32, new float[6], 3)));
    for (Parameter.Content content : Parameter.Content.values()) {
      for (int count : new int[] {0, 5, 7}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradients().upload(new float[count], parameter, content));
      }
    }
    GradientKernels.AdamW zeroth = new GradientKernels.AdamW(0.9f, 0.999f, 1e-8f, 0, 0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> gradients().adamW(parameter, zeroth, 1, 1));
    assertThat(gradients().download(parameter, Parameter.Content.VALUE)).containsOnly(0);
  }

  @Test
  default void refusesSumsThatDoNotFit() {
    Output out = device().output(3, 5);
    Output f = gradient(3, 5);
    refuses("rows", out, () -> gradients().addScaled(tensor(2, 5), 1, out.view()));
    refuses("columns", out, () -> gradients().addScaled(tensor(3, 4), 1, out.view()));
    refuses("rows", f, () -> gradients().addColumns(wide(2, 4), 1, f.view(), 0));
    refuses("columns", f, () -> gradients().addColumns(wide(3, 4), 1, f.view(), 2));
    refuses("before", f, () -> gradients().addColumns(wide(3, 4), 1, f.view(), -1));
    refuses("rows", out, () -> gradients().addFromColumns(tensor(2, 7), 0, out.view()));
    refuses("columns", out, () -> gradients().addFromColumns(tensor(3, 7), 3, out.view()));
    Indices two = device().indices(0, 1);
    refuses("rows named", out, () -> gradients().addRows(tensor(3, 5), two, out.view()));
    refuses("columns", out, () -> gradients().addRows(tensor(2, 4), two, out.view()));
    refuses("ids", f, () -> gradients().addToTable(tensor(3, 5), two, f.view()));
    refuses("columns", f, () -> gradients().addToTable(tensor(2, 4), two, f.view()));
    refuses("gradient rows", f, () -> gradients().addGradient(tensor(2, 5), f.view()));
    refuses("gradient columns", f, () -> gradients().addGradient(tensor(3, 4), f.view()));
  }

  @Test
  default void refusesLinearGradientsThatDoNotFit() {
    for (int rows : new int[] {2, 7}) {
      Tensor dy = tensor(rows, 5);
      Output dx = device().output(rows, 4);
      Tensor to = dx.view();
      for (boolean add : new boolean[] {false, true}) {
        refuses("rows", dx, () -> gradients().linearInput(tensor(9, 5), weight(5, 4), add, to));
        refuses("w rows", dx, () -> gradients().linearInput(dy, weight(6, 4), add, to));
        refuses("w columns", dx, () -> gradients().linearInput(dy, weight(5, 3), add, to));
      }
      Output dw = gradient(5, 4);
      Tensor x = tensor(rows, 4);
      refuses("rows", dw, () -> gradients().linearWeight(tensor(9, 4), dy, dw.view()));
      refuses("inputs", dw, () -> gradients().linearWeight(tensor(rows, 3), dy, dw.view()));
      refuses("outputs", dw, () -> gradients().linearWeight(x, tensor(rows, 4), dw.view()));
      Output bias = gradient(5, 1);
      Output row = gradient(1, 5);
      refuses("outputs", bias, () -> gradients().linearBias(x, bias.view()));
      refuses("a row", row, () -> gradients().linearBias(dy, row.view()));
    }
  }

  @Test
  default void refusesActivationsThatDoNotFit() {
    Output out = device().output(3, 5);
    Tensor o = out.view();
    Tensor x = tensor(3, 5);
    for (Tensor wrong : new Tensor[] {tensor(2, 5), tensor(3, 4)}) {
      refuses("gate", out, () -> gradients().siluTimes(wrong, x, o));
      refuses("up", out, () -> gradients().siluTimes(x, wrong, o));
      refuses("out", out, () -> gradients().siluTimes(wrong, wrong, o));
      refuses("gate", out, () -> gradients().siluTimesGradient(wrong, x, x, o, o));
      refuses("up", out, () -> gradients().siluTimesGradient(x, wrong, x, o, o));
      refuses("dy", out, () -> gradients().siluTimesGradient(x, x, wrong, o, o));
      refuses("dGate", out, () -> gradients().siluTimesGradient(x, x, x, wrong, o));
      refuses("dUp", out, () -> gradients().siluTimesGradient(x, x, x, o, wrong));
      for (Activation a : new Activation[] {Activation.GELU, Activation.QUICK_GELU}) {
        refuses("x", out, () -> gradients().activate(wrong, a, o));
        refuses("x", out, () -> gradients().activateGradient(wrong, a, x, o));
        refuses("dy", out, () -> gradients().activateGradient(x, a, wrong, o));
      }
    }
    for (Activation a : new Activation[] {Activation.NONE, Activation.ADD}) {
      refuses(a.name(), out, () -> gradients().activate(x, a, o));
      refuses(a.name(), out, () -> gradients().activateGradient(x, a, x, o));
    }
  }

  @Test
  default void refusesNormGradientsThatDoNotFit() {
    Output dx = device().output(3, 5);
    Tensor to = dx.view();
    Tensor x = tensor(3, 5);
    Weight w = weight(5, 1);
    for (Tensor wrong : new Tensor[] {tensor(2, 5), tensor(3, 4)}) {
      refuses("x", dx, () -> gradients().rmsNormGradient(wrong, w, 1, x, to, null));
      refuses("dy", dx, () -> gradients().rmsNormGradient(x, w, 1, wrong, to, null));
      refuses("dx", dx, () -> gradients().rmsNormGradient(x, w, 1, x, wrong, null));
      refuses("x", dx, () -> gradients().layerNormGradient(wrong, w, 1, x, to, null, null));
      refuses("dy", dx, () -> gradients().layerNormGradient(x, w, 1, wrong, to, null, null));
      refuses("dx", dx, () -> gradients().layerNormGradient(x, w, 1, x, wrong, null, null));
    }
    for (Weight wrong : new Weight[] {weight(4, 1), weight(1, 5)}) {
      refuses("w", dx, () -> gradients().rmsNormGradient(x, wrong, 1, x, to, null));
      refuses("w", dx, () -> gradients().layerNormGradient(x, wrong, 1, x, to, null, null));
    }
    for (Output wrong : new Output[] {gradient(4, 1), gradient(1, 5)}) {
      Tensor v = wrong.view();
      refuses("dw", dx, () -> gradients().rmsNormGradient(x, w, 1, x, to, v));
      refuses("dw", dx, () -> gradients().layerNormGradient(x, w, 1, x, to, v, null));
      refuses("dBias", dx, () -> gradients().layerNormGradient(x, w, 1, x, to, null, v));
      wrong.untouched("a wrong output");
    }
  }

  @Test
  default void refusesToTurnBackWhatDoesNotFit() {
    Output out = device().output(3, 12);
    Rotary rotary = device().owned(kernels().rotary(4, 10_000, 8));
    Indices three = device().indices(1, 2, 3);
    Indices two = device().indices(1, 2);
    refuses("positions", out, () -> gradients().rotateBack(out.view(), 3, rotary, two));
    refuses("heads", out, () -> gradients().rotateBack(out.view(), 4, rotary, three));
    refuses("no heads", out, () -> gradients().rotateBack(out.view(), 0, rotary, three));
  }

  /** What attention's gradient is called with. */
  record Arguments(
      Tensor q, Heads heads, Tensor k, Tensor v, Mask mask, Tensor dy, Tensor dk, Tensor dv) {}

  @Test
  default void refusesAttentionGradientsThatDoNotFit() {
    Heads heads = new Heads(4, 2, 6);
    Mask full = new Mask.Full();
    for (int rows : new int[] {3, 7}) {
      Output dq = device().output(rows, 24);
      Tensor q = tensor(rows, 24);
      Tensor k = tensor(9, 12);
      Tensor d = device().output(9, 12).view();
      refusesBack("q columns", dq, new Arguments(tensor(rows, 25), heads, k, k, full, q, d, d));
      refusesBack("q rows", dq, new Arguments(tensor(2, 24), heads, k, k, full, q, d, d));
      refusesBack("dy rows", dq, new Arguments(q, heads, k, k, full, tensor(2, 24), d, d));
      refusesBack("dy", dq, new Arguments(q, heads, k, k, full, tensor(rows, 25), d, d));
      refusesBack("values", dq, new Arguments(q, heads, k, tensor(8, 12), full, q, d, d));
      refusesBack("heads", dq, new Arguments(q, new Heads(2, 2, 6), k, k, full, q, d, d));
      refusesBack("dKeys", dq, new Arguments(q, heads, k, k, full, q, tensor(8, 12), d));
      refusesBack("dValues", dq, new Arguments(q, heads, k, k, full, q, d, tensor(9, 24)));
      Tensor two = k.rows(0, 2);
      Mask causal = new Mask.Causal();
      Tensor dTwo = d.rows(0, 2);
      refusesBack("causal", dq, new Arguments(q, heads, two, two, causal, q, dTwo, dTwo));
      Mask fewer = new Mask.UpTo(device().indices(new int[rows - 1]));
      refusesBack("last keys", dq, new Arguments(q, heads, k, k, fewer, q, d, d));
    }
  }

  private void refusesBack(String what, Output dq, Arguments a) {
    refuses(
        what,
        dq,
        () ->
            gradients()
                .attentionGradient(a.q, a.heads, a.k, a.v, a.mask, a.dy, dq.view(), a.dk, a.dv));
  }

  @Test
  default void refusesLossesThatDoNotFit() {
    Output out = device().output(3, 9);
    Tensor d = out.view();
    Tensor losses = gradient(3, 1).view();
    Tensor x = wide(3, 9);
    Indices labels = device().indices(1, 2, 3);
    refuses("logits", out, () -> gradients().crossEntropy(wide(2, 9), labels, 1, losses, d));
    refuses("columns", out, () -> gradients().crossEntropy(wide(3, 8), labels, 1, losses, d));
    refuses("labels", out, () -> gradients().crossEntropy(x, labels.part(0, 2), 1, losses, d));
    refuses("losses", out, () -> gradients().crossEntropy(x, labels, 1, wide(2, 1), d));
    refuses("wide losses", out, () -> gradients().crossEntropy(x, labels, 1, wide(3, 3), d));
  }

  /** What is float32 on every device, and what is as wide as activations. */
  @Test
  default void refusesGradientsOfAnotherType() {
    if (kernels().dtype() == DType.FLOAT32) {
      return;
    }
    Tensor x = tensor(3, 5);
    Weight w = weight(5, 5);
    Output narrow = device().output(3, 5);
    Output square = device().output(5, 5);
    Output vector = device().output(5, 1);
    Output f = gradient(3, 5);
    Tensor to = f.view();
    assertThatIllegalArgumentException().isThrownBy(() -> gradients().squaredNorm(x));
    refuses("columns", narrow, () -> gradients().addColumns(to, 1, narrow.view(), 0));
    refuses("table", narrow, () -> gradients().addToTable(x, rows(), narrow.view()));
    refuses("gradient", narrow, () -> gradients().addGradient(x, narrow.view()));
    refuses("weight", square, () -> gradients().linearWeight(x, x, square.view()));
    refuses("bias", vector, () -> gradients().linearBias(x, vector.view()));
    Weight norm = weight(5, 1);
    refuses(
        "dw",
        vector,
        () -> gradients().rmsNormGradient(x, norm, 1, x, narrow.view(), vector.view()));
    refuses("logits", narrow, () -> cross(x, narrow.view()));
    refuses("rows", f, () -> gradients().addRows(x, rows(), to));
    refuses("dx", f, () -> gradients().linearInput(x, w, false, to));
    refuses("out", f, () -> gradients().activate(x, Activation.GELU, to));
    refuses("gated", f, () -> gradients().siluTimes(x, x, to));
    refuses("normed", f, () -> gradients().rmsNormGradient(x, norm, 1, x, to, null));
    refuses("dLogits", f, () -> cross(wide(3, 5), to));
  }

  private Indices rows() {
    return device().indices(0, 1, 2);
  }

  private void cross(Tensor logits, Tensor dLogits) {
    gradients().crossEntropy(logits, rows(), 1, gradient(3, 1).view(), dLogits);
  }
}
