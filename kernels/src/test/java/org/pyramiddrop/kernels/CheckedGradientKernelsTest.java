package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a device sees of the calls that are made to its gradients. */
class CheckedGradientKernelsTest {
  private final List<String> calls = new ArrayList<>();
  private final Kernels device = Devices.open("cpu", 1, DType.FLOAT32);

  /** Gradients that note what they are asked for, and do nothing. */
  private final GradientKernels recorded =
      (GradientKernels)
          Proxy.newProxyInstance(
              GradientKernels.class.getClassLoader(),
              new Class<?>[] {GradientKernels.class},
              (proxy, method, arguments) -> {
                calls.add(method.getName());
                return null;
              });

  @AfterEach
  void closeDevice() {
    device.close();
  }

  @Test
  void handsEveryOperationOnItself() {
    // As for CheckedKernels: a default method that was forgotten here would run as what it calls.
    Stream<String> all =
        Arrays.stream(GradientKernels.class.getMethods())
            .map(CheckedGradientKernelsTest::signature);
    assertThat(Arrays.stream(CheckedGradientKernels.class.getDeclaredMethods()))
        .extracting(CheckedGradientKernelsTest::signature)
        .containsAll(all.toList());
  }

  private static String signature(Method method) {
    return method.getName() + Arrays.toString(method.getParameterTypes());
  }

  @Test
  void standsBeforeTheGradientsOfACheckedDevice() {
    assertThat(device.gradients()).isInstanceOf(CheckedGradientKernels.class);
  }

  @Test
  void addingAGradientReachesTheDeviceAsItself() {
    Tensor x = device.allocate(1, 4);
    new CheckedGradientKernels(recorded, DType.FLOAT32).addGradient(x, x);
    assertThat(calls).containsExactly("addGradient");
  }

  @Test
  void aRefusedCallNeverReachesTheDevice() {
    GradientKernels checked = new CheckedGradientKernels(recorded, DType.FLOAT32);
    Tensor x = device.allocate(2, 4);
    Tensor row = device.allocate(1, 4);
    Indices one = device.indices(0);
    refused("rows of x: 2, but rows of out: 1", () -> checked.addScaled(x, 1, row));
    refused("ids: 1, but rows of dy: 2", () -> checked.addToTable(x, one, x));
    refused("NONE is no function of an element", () -> checked.activate(x, Activation.NONE, x));
    refused(
        "step: 0, needs at least 1",
        () -> {
          GradientKernels.AdamW settings = new GradientKernels.AdamW(0, 0, 0, 0, 0);
          checked.adamW(device.gradients().parameter(matrix()), settings, 1, 1);
        });
    assertThat(calls).isEmpty();
  }

  private static HostMatrix matrix() {
    return Stored.matrix(DType.FLOAT32, new float[4], 2);
  }

  private static void refused(String message, ThrowingCallable call) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(message);
  }

  @Test
  void refusesATensorOfAnotherTypeByName() {
    Tensor x = device.allocate(1, 4);
    GradientKernels narrow = new CheckedGradientKernels(recorded, DType.BFLOAT16);
    refused("gate holds FLOAT32, but has to hold BFLOAT16", () -> narrow.siluTimes(x, x, x));
    refused(
        "dLogits holds FLOAT32, but has to hold BFLOAT16",
        () -> narrow.crossEntropy(x, device.indices(0), 1, device.allocate(1, 1), x));
    assertThat(calls).isEmpty();
  }
}
