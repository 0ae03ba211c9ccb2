package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.core.JsonParser;

/** Huge pages in a module layer of the application's, which Java gives no native access. */
final class HugePagesInALayerTest {
  private static final String MODULE = "org.pyramiddrop.loader";

  private static Path origin(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static Optional<?> missing(ModuleLayer layer) throws Exception {
    Class<?> inside = layer.findLoader(MODULE).loadClass(HugePages.class.getName());
    return (Optional<?>) inside.getMethod("missing").invoke(null);
  }

  @Test
  void areSaidToNeedTheLayersControllerWhichNoFlagOfJavaKnows() throws Exception {
    Configuration configuration =
        ModuleLayer.boot()
            .configuration()
            .resolve(
                ModuleFinder.of(origin(HugePages.class), origin(JsonParser.class)),
                ModuleFinder.of(),
                Set.of(MODULE));
    ModuleLayer.Controller controller =
        ModuleLayer.defineModulesWithOneLoader(
            configuration, List.of(ModuleLayer.boot()), ClassLoader.getPlatformClassLoader());
    assertThat(missing(controller.layer()))
        .isEqualTo(
            Optional.of(
                "Java may not call native code from module org.pyramiddrop.loader: no flag reaches its layer, so let the layer's ModuleLayer.Controller enableNativeAccess for it"));
    controller.enableNativeAccess(controller.layer().findModule(MODULE).orElseThrow());
    assertThat(missing(controller.layer())).isEqualTo(HugePages.missing());
  }
}
