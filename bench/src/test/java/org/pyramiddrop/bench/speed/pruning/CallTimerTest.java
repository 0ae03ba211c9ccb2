package org.pyramiddrop.bench.speed.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.bench.speed.pruning.CallTimer.Call;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

class CallTimerTest {

  @Test
  void passesCallsOnAndNotesThemInOrder() {
    CallTimer timer = new CallTimer();
    float[] values = RandomNumbers.floats(21, 1);
    try (Kernels kernels = timer.wrap(Devices.open("cpu", 1, DType.FLOAT32));
        Tensor x = kernels.allocate(7, 3);
        Tensor out = kernels.allocate(2, 3);
        Indices rows = kernels.indices(6, 1)) {
      kernels.upload(values, x);
      timer.drain();
      long start = System.nanoTime();
      kernels.gatherRows(x, rows, out);
      float[] gathered = kernels.download(out);
      long nanos = System.nanoTime() - start;
      List<Call> calls = timer.drain();
      assertThat(gathered)
          .containsExactly(values[18], values[19], values[20], values[3], values[4], values[5]);
      assertThat(calls).extracting(Call::operation).containsExactly("gatherRows", "download");
      assertThat(calls).allMatch(call -> call.nanos() > 0);
      assertThat(calls.stream().mapToLong(Call::nanos).sum()).isLessThanOrEqualTo(nanos);
      assertThat(timer.drain()).isEmpty();
    }
  }

  @Test
  void countsACallThatCallsAnotherOnce() {
    CallTimer timer = new CallTimer();
    try (Kernels kernels = timer.wrap(Devices.open("cpu", 1, DType.FLOAT32));
        Tensor x = kernels.allocate(1, 1)) {
      // A default method, which asks for the type and then the other allocate.
      assertThat(x.rows()).isEqualTo(1);
      assertThat(timer.drain()).extracting(Call::operation).containsExactly("dtype", "allocate");
    }
  }

  @Test
  void notesAnOperationThatTheDeviceLeavesToOthersAsThose() {
    CallTimer timer = new CallTimer();
    float[] values = RandomNumbers.floats(6, 1);
    try (Kernels kernels = timer.wrap(Devices.open("cpu", 1, DType.FLOAT32));
        Tensor x = kernels.allocate(2, 3);
        Tensor out = kernels.allocate(2, 1);
        Weight norm = weight(kernels, 3);
        Weight w = weight(kernels, 1)) {
      kernels.upload(values, x);
      timer.drain();
      kernels.normLinear(x, norm, 1e-5f, w, null, out);
      assertThat(timer.drain())
          .extracting(Call::operation)
          .containsExactly("dtype", "allocate", "rmsNorm", "linear");
      assertThat(kernels.download(out)).doesNotContain(0);
      // Refusals come through unwrapped here, too.
      assertThatThrownBy(() -> kernels.normLinear(x, w, 1e-5f, norm, null, out))
          .isExactlyInstanceOf(IllegalArgumentException.class)
          .hasNoCause();
    }
  }

  /** Three ones in that many rows. */
  private static Weight weight(Kernels kernels, int rows) {
    MemorySegment ones = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1, 1);
    return kernels.weight(List.of(new HostMatrix(DType.FLOAT32, ones, rows, 3 / rows)));
  }

  @Test
  void letsAnOperationsOwnRefusalThrough() {
    CallTimer timer = new CallTimer();
    try (Kernels kernels = timer.wrap(Devices.open("cpu", 1, DType.FLOAT32));
        Tensor x = kernels.allocate(7, 3);
        Tensor out = kernels.allocate(7, 4)) {
      timer.drain();
      assertThatThrownBy(() -> kernels.copy(x, out))
          .isExactlyInstanceOf(IllegalArgumentException.class)
          .hasNoCause();
      assertThat(timer.drain()).extracting(Call::operation).containsExactly("copy");
    }
  }

  @Test
  void refusesAndClosesADeviceWhoseCallsReturnEarly() {
    List<String> asked = new ArrayList<>();
    Kernels late =
        (Kernels)
            Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (_, method, _) -> {
                  asked.add(method.getName());
                  return switch (method.getName()) {
                    case "replays" -> true;
                    case "description" -> "cuda, a GPU";
                    default -> null;
                  };
                });
    assertThatThrownBy(() -> new CallTimer().wrap(late))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cuda, a GPU runs operations after their calls return")
        .hasMessageContaining("use --backend cpu");
    assertThat(asked).contains("close");
  }
}
