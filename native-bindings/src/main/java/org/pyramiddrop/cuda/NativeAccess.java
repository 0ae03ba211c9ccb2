package org.pyramiddrop.cuda;

/** Java's permission to call native code, which it gives to modules. */
public final class NativeAccess {
  private NativeAccess() {}

  /**
   * What to say where a module lacks it, and what to do: a sentence without its full stop. Java's
   * flag reaches unnamed modules and those that Java starts with; modules of other layers get it
   * from whoever defines the layer.
   */
  public static String missing(Module caller) {
    ModuleLayer layer = caller.getLayer();
    if (layer == null || layer.equals(ModuleLayer.boot())) {
      return "Java may not call native code: start it with --enable-native-access=%s"
          .formatted(caller.isNamed() ? caller.getName() : "ALL-UNNAMED");
    }
    return "Java may not call native code from module %s: no flag reaches its layer, so let the layer's ModuleLayer.Controller enableNativeAccess for it"
        .formatted(caller.getName());
  }
}
