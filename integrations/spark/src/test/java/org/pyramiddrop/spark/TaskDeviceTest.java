package org.pyramiddrop.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.transformer.Backend;

/** Devices by the resources that Spark gives tasks. */
final class TaskDeviceTest {
  private static final String NATIVE_LIBRARY = "pyramiddrop.native.library";

  private static Map<String, ResourceInformation> gpus(String... addresses) {
    return Map.of("gpu", new ResourceInformation("gpu", addresses));
  }

  private static Map<String, ResourceInformation> fpga() {
    return Map.of("fpga", new ResourceInformation("fpga", new String[] {"0"}));
  }

  private static boolean hasNativeProducts() {
    return Devices.all().stream()
        .anyMatch(device -> device.name().equals("native") && device.available());
  }

  @Test
  void aTaskThatIsGivenAGpuRunsOnItAndOthersOnTheFastestWithoutOne() {
    assertThat(TaskDevice.of(Backend.AUTO, gpus("0"), null)).isEqualTo(Backend.CUDA);
    Backend others = hasNativeProducts() ? Backend.NATIVE : Backend.CPU;
    assertThat(TaskDevice.of(Backend.AUTO, gpus(), null)).isEqualTo(others);
    assertThat(TaskDevice.of(Backend.AUTO, Map.of(), null)).isEqualTo(others);
    assertThat(TaskDevice.of(Backend.AUTO, fpga(), null)).isEqualTo(others);
  }

  @Test
  void aTaskWithoutAGpuRunsInJavaAloneWhereNativeProductsCannotBeHad() {
    System.setProperty(NATIVE_LIBRARY, "/no/such/library.so");
    try {
      assertThat(TaskDevice.of(Backend.AUTO, Map.of(), null)).isEqualTo(Backend.CPU);
    } finally {
      System.clearProperty(NATIVE_LIBRARY);
    }
  }

  @Test
  void whatTheUserAsksForCountsWhateverSparkGives() {
    assertThat(TaskDevice.of(Backend.CPU, gpus("3"), null)).isEqualTo(Backend.CPU);
    assertThat(TaskDevice.of(Backend.CUDA, Map.of(), null)).isEqualTo(Backend.CUDA);
  }

  @Test
  void aGpuThatTheProcessDoesNotSeeFirstIsRefused() {
    assertThat(TaskDevice.of(Backend.AUTO, gpus("2"), "2")).isEqualTo(Backend.CUDA);
    assertThat(TaskDevice.of(Backend.AUTO, gpus("2"), " 2 ,3")).isEqualTo(Backend.CUDA);
    assertThat(TaskDevice.of(Backend.AUTO, gpus("2"), "GPU-8932f937")).isEqualTo(Backend.CUDA);
    assertThatThrownBy(() -> TaskDevice.of(Backend.AUTO, gpus("1"), null))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("GPU 1")
        .hasMessageContaining("which is 0")
        .hasMessageContaining("CUDA_VISIBLE_DEVICES");
    assertThatThrownBy(() -> TaskDevice.of(Backend.CUDA, gpus("0"), "1,0"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("which is 1");
  }
}
