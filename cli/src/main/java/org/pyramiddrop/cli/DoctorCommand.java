package org.pyramiddrop.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.util.concurrent.Callable;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.HugePages;
import picocli.CommandLine.Command;

/** Prints what this machine can run models on, why not on the rest, and which plans there are. */
@Command(
    name = "doctor",
    description = "What this machine can run models on, and why not on the rest.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  /** The first release without the fault that is warned of. */
  private static final Runtime.Version SOUND = Runtime.Version.parse("25.0.3");

  private final PrintWriter out;

  DoctorCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    out.println(
        "java    "
            + Runtime.version()
            + ", "
            + System.getProperty("java.vm.name")
            + ", in "
            + System.getProperty("java.home"));
    out.println(
        "system  %s %s, %d cores"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors()));
    out.println(
        "memory  %s, of them up to %s for Java's heap; weights are mapped outside it"
            .formatted(
                NumberText.bytes(
                    ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                        .getTotalMemorySize()),
                NumberText.bytes(Runtime.getRuntime().maxMemory())));
    out.println(
        "copies  of weights (--copy) lie in "
            + HugePages.missing()
                .map(reason -> "small pages, which decoding is slower in: " + reason)
                .orElse("huge pages, which decoding is fastest in"));
    if (damagesArrays(Runtime.version())) {
      out.println(
          "warning Java before 25.0.3 can damage arrays that native code holds while its G1"
              + " collector moves them (JDK-8377811); install "
              + SOUND
              + " or newer");
    }
    for (DeviceStatus device : Devices.all()) {
      out.println(
          "%-8s%s: %s"
              .formatted(
                  device.name(),
                  device.available() ? "available" : "not available",
                  device.detail()));
    }
    out.println("plans   of image tokens that stay, for --plan, joined by commas:");
    PlanText.ALL.forEach(piece -> out.println("        " + piece));
    return 0;
  }

  static boolean damagesArrays(Runtime.Version version) {
    return version.feature() == SOUND.feature() && version.compareToIgnoreOptional(SOUND) < 0;
  }
}
