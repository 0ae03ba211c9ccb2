package org.pyramiddrop.kernels;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Activations that training runs apart from their products, and their gradients. */
interface ActivationGradientContract extends ContractPart {
  List<Integer> COLUMNS = List.of(1, 2, 3, 7, 16, 33, 130, 515, 4100);

  /** Activations of either sign, some of them far out. */
  private float[] inputs(int count) {
    float[] x = random().normal(count, random().oneOf(0.1, 1, 4));
    for (int i = 0; i < count; i += 11) {
      x[i] = random().round(random().oneOf(0, -30, 30, -9, 9, 70));
    }
    return x;
  }

  private int rows() {
    return random().oneOf(1, 2, 5, 13, 40);
  }

  @Test
  default void multipliesSiluOfOneWithAnother() {
    for (int columns : COLUMNS) {
      int count = rows() * columns;
      float[] gate = inputs(count);
      float[] up = random().normal(count, 1);
      Output out = device().output(count / columns, columns);
      gradients().siluTimes(device().input(gate, columns), device().input(up, columns), out.view());
      device().check("siluTimes", out, GradientReference.siluTimes(gate, up, columns));
      device().endCase();
    }
  }

  @Test
  default void givesTheGradientsOfAGatedProduct() {
    for (int columns : COLUMNS) {
      int count = rows() * columns;
      float[] gate = inputs(count);
      float[] up = random().normal(count, 1);
      float[] dy = random().normal(count, 1);
      Expected expectedGate = GradientReference.siluTimesGate(gate, up, dy, columns);
      Expected expectedUp = GradientReference.siluTimesUp(gate, dy, columns);
      Output dGate = device().output(count / columns, columns);
      Output dUp = device().output(count / columns, columns);
      Tensor d = device().input(dy, columns);
      Tensor g = device().input(gate, columns);
      Tensor u = device().input(up, columns);
      gradients().siluTimesGradient(g, u, d, dGate.view(), dUp.view());
      device().check("of the gate", dGate, expectedGate);
      device().check("of what it gates", dUp, expectedUp);
      Output gateItself = device().output(gate, columns);
      Output upItself = device().output(up, columns);
      gradients()
          .siluTimesGradient(
              gateItself.view(), upItself.view(), d, gateItself.view(), upItself.view());
      device().check("of the gate, in its place", gateItself, expectedGate);
      device().check("of what it gates, in its place", upItself, expectedUp);
      device().endCase();
    }
  }

  @Test
  default void activates() {
    for (Activation activation : List.of(Activation.GELU, Activation.QUICK_GELU)) {
      for (int columns : COLUMNS) {
        float[] x = inputs(rows() * columns);
        Output out = device().output(x.length / columns, columns);
        gradients().activate(device().input(x, columns), activation, out.view());
        Expected expected = GradientReference.activate(x, activation, columns);
        device().check(activation.name(), out, expected);
        device().endCase();
      }
    }
  }

  @Test
  default void givesTheGradientOfAnActivation() {
    for (Activation activation : List.of(Activation.GELU, Activation.QUICK_GELU)) {
      for (int columns : COLUMNS) {
        float[] x = inputs(rows() * columns);
        float[] dy = random().normal(x.length, 1);
        Tensor in = device().input(x, columns);
        Expected expected = GradientReference.activateGradient(x, activation, dy, columns);
        Output dx = device().output(x.length / columns, columns);
        gradients().activateGradient(in, activation, device().input(dy, columns), dx.view());
        device().check("gradient of " + activation, dx, expected);
        Output dyItself = device().output(dy, columns);
        gradients().activateGradient(in, activation, dyItself.view(), dyItself.view());
        device().check("gradient of %s, in place".formatted(activation), dyItself, expected);
        device().endCase();
      }
    }
  }
}
