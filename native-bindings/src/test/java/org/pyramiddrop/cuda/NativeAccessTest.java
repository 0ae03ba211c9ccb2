package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is said where Java was told to deny native access, as it was for these tests. */
final class NativeAccessTest {
  private static final String MODULE = "org.pyramiddrop.cuda";

  /** This module in a layer as a plugin host defines one. */
  private static ModuleLayer.Controller layer() throws Exception {
    Path classes =
        Path.of(CudaDriver.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Configuration configuration =
        ModuleLayer.boot()
            .configuration()
            .resolve(ModuleFinder.of(classes), ModuleFinder.of(), Set.of(MODULE));
    return ModuleLayer.defineModulesWithOneLoader(
        configuration, List.of(ModuleLayer.boot()), ClassLoader.getPlatformClassLoader());
  }

  private static String probed(ModuleLayer layer) throws Exception {
    return layer
        .findLoader(MODULE)
        .loadClass(CudaDriver.class.getName())
        .getMethod("probe")
        .invoke(null)
        .toString();
  }

  @Test
  void aModuleLayerIsToldOfItsControllerWhichNoFlagOfJavaKnows() throws Exception {
    ModuleLayer.Controller controller = layer();
    assertThat(probed(controller.layer()))
        .contains("Java may not call native code from module " + MODULE)
        .contains("let the layer's ModuleLayer.Controller enableNativeAccess for it")
        .doesNotContain("--enable-native-access");
    controller.enableNativeAccess(controller.layer().findModule(MODULE).orElseThrow());
    assertThat(probed(controller.layer())).doesNotContain("Java may not");
  }

  @Test
  void modulesThatJavaStartsWithAndTheClassPathAreToldTheFlag() {
    assertThat(NativeAccess.missing(ModuleLayer.boot().findModule("java.sql").orElseThrow()))
        .isEqualTo("Java may not call native code: start it with --enable-native-access=java.sql");
    assertThat(NativeAccess.missing(NativeAccessTest.class.getModule()))
        .isEqualTo(
            "Java may not call native code: start it with --enable-native-access=ALL-UNNAMED");
  }
}
