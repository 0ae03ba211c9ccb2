package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

/** Which devices there are, on the class path and on the module path. */
class DevicesTest {
  @Test
  void listsTheCpuAndThenTheGpu() {
    assertThat(Devices.all())
        .extracting(DeviceStatus::name)
        .containsExactly("cpu", "native", "cuda");
  }

  @Test
  void theModuleProvidesTheSameDevicesInTheSameOrder() throws URISyntaxException {
    Path classes =
        Path.of(Devices.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    ModuleDescriptor module =
        ModuleFinder.of(classes).find("org.pyramiddrop.kernels").orElseThrow().descriptor();
    assertThat(module.provides())
        .singleElement()
        .satisfies(provides -> assertThat(provides.providers()).isEqualTo(onTheClassPath()));
    assertThat(module.uses()).containsExactly(DeviceProvider.class.getName());
  }

  private static List<String> onTheClassPath() {
    return ServiceLoader.load(DeviceProvider.class).stream().map(p -> p.type().getName()).toList();
  }

  @Test
  void refusesADeviceThatNobodyProvides() {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> Devices.require("npu"))
        .withMessage("there is no device npu; use cpu or native or cuda");
  }

  @Test
  void handsOutDevicesThatCheckShapes() {
    try (Kernels kernels = Devices.open("cpu", 1, DType.FLOAT32);
        Tensor x = kernels.allocate(2, 3)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernels.upload(new float[5], x))
          .withMessage("uploaded numbers: 5, but the tensor: 6");
    }
  }
}
