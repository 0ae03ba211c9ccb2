package org.pyramiddrop;

import java.io.File;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** A program that runs an application's modules in a layer of their own, and may call natively. */
final class LayerHost {
  private LayerHost() {}

  /**
   * Runs the application's main method, and prints how it failed.
   *
   * @param arguments the application's module path, its module, its main class, the modules that
   *     get native access with commas between them, and its arguments
   */
  public static void main(String[] arguments) throws Exception {
    Path[] modulePath =
        Stream.of(arguments[0].split(File.pathSeparator, -1)).map(Path::of).toArray(Path[]::new);
    Configuration configuration =
        ModuleLayer.boot()
            .configuration()
            .resolveAndBind(ModuleFinder.of(modulePath), ModuleFinder.of(), Set.of(arguments[1]));
    ModuleLayer.Controller controller =
        ModuleLayer.defineModulesWithOneLoader(
            configuration, List.of(ModuleLayer.boot()), ClassLoader.getPlatformClassLoader());
    for (String name : arguments[3].split(",", -1)) {
      controller.layer().findModule(name).ifPresent(controller::enableNativeAccess);
    }
    Module application = controller.layer().findModule(arguments[1]).orElseThrow();
    String exported = arguments[2].substring(0, arguments[2].lastIndexOf('.'));
    controller.addExports(application, exported, LayerHost.class.getModule());
    try {
      controller
          .layer()
          .findLoader(arguments[1])
          .loadClass(arguments[2])
          .getMethod("main", String[].class)
          .invoke(null, (Object) Arrays.copyOfRange(arguments, 4, arguments.length));
    } catch (InvocationTargetException e) {
      System.out.println(e.getCause());
    }
  }
}
