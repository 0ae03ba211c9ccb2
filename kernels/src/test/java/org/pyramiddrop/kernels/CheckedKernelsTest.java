package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a device sees of the calls that are made to it. */
class CheckedKernelsTest {
  private final List<String> calls = new ArrayList<>();
  private final Kernels device = Devices.open("cpu", 1, DType.FLOAT32);
  private final Kernels checked = new CheckedKernels(recorded(device));

  /** The same device; it notes the names of the operations that it is asked for. */
  private Kernels recorded(Kernels device) {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (proxy, method, arguments) -> {
              if (!method.getName().equals("dtype")) {
                calls.add(method.getName());
              }
              try {
                return method.invoke(device, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @AfterEach
  void closeDevice() {
    checked.close();
  }

  private Weight weight(int rows, int columns) {
    return device.weight(List.of(Stored.matrix(DType.FLOAT32, new float[rows * columns], columns)));
  }

  @Test
  void handsEveryOperationOnItself() {
    // A default method that was forgotten here would reach the device as the operations it is made
    // of, each checked again, and the device's fused kernel would never run.
    Stream<String> all =
        Arrays.stream(Kernels.class.getMethods())
            .filter(method -> !isAllocationOfActivations(method))
            .map(CheckedKernelsTest::signature);
    assertThat(Arrays.stream(CheckedKernels.class.getDeclaredMethods()))
        .extracting(CheckedKernelsTest::signature)
        .containsAll(all.toList());
  }

  private static boolean isAllocationOfActivations(Method method) {
    return method.getName().equals("allocate") && method.getParameterCount() == 2;
  }

  private static String signature(Method method) {
    return method.getName() + Arrays.toString(method.getParameterTypes());
  }

  @Test
  void aFusedOperationReachesTheDeviceAsOneCall() {
    Tensor x = device.allocate(1, 4);
    Tensor out = device.allocate(1, 3);
    Tensor cache = device.allocate(2, 2);
    Weight norm = weight(4, 1);
    Rotary rotary = device.rotary(2, 10_000, 8);
    Indices zero = device.indices(0);
    checked.normLinear(x, norm, 1, weight(3, 4), null, out);
    checked.normSwiGlu(x, norm, 1, weight(6, 4), out);
    Tensor qkv = device.allocate(1, 6);
    checked.rotateAndStore(qkv, new Heads(1, 1, 2), rotary, zero, zero, cache, cache);
    checked.storeAndAttend(
        qkv, new Heads(1, 1, 2), rotary, zero, zero, cache, cache, device.allocate(1, 2));
    CachedSequence sequence = new CachedSequence(zero, zero, cache, cache);
    Tensor attended = device.allocate(1, 2);
    checked.decodeAttention(qkv, new Heads(1, 1, 2), rotary, List.of(sequence), attended);
    assertThat(calls)
        .containsExactly(
            "normLinear", "normSwiGlu", "rotateAndStore", "storeAndAttend", "decodeAttention");
  }

  @Test
  void aRefusedCallNeverReachesTheDevice() {
    Tensor x = device.allocate(2, 4);
    Tensor row = device.allocate(1, 4);
    Weight w = weight(3, 4);
    Indices one = device.indices(0);
    refused(
        "columns of x: 4, but columns of gate and up: 3", () -> checked.swiGlu(x, weight(8, 3), x));
    refused("rows of x: 2, but rows of out: 1", () -> checked.copy(x, row));
    refused("ids: 1, but rows of out: 2", () -> checked.embed(w, one, x));
    refused("uploaded numbers: 3, but the tensor: 8", () -> checked.upload(new float[3], x));
    refused("uploaded numbers: 3, but the indices: 1", () -> checked.upload(new int[3], one));
    refused("a weight needs at least one matrix", () -> checked.weight(List.of()));
    assertThat(calls).isEmpty();
  }

  private static void refused(String message, ThrowingCallable call) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(message);
  }

  @Test
  void refusesATensorOfAnotherTypeByName() {
    Tensor x = device.allocate(1, 4);
    Kernels narrow = new CheckedKernels(ofType(DType.BFLOAT16));
    Weight w = weight(4, 1);
    refused("x holds FLOAT32, but has to hold BFLOAT16", () -> narrow.rmsNorm(x, w, 1, x));
    refused("x holds FLOAT32, but has to hold BFLOAT16", () -> narrow.add(x, weight(1, 4)));
    assertThat(calls).isEmpty();
  }

  /** A device that computes in a type, and does nothing. */
  private Kernels ofType(DType dtype) {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("dtype")) {
                return dtype;
              }
              calls.add(method.getName());
              return null;
            });
  }
}
