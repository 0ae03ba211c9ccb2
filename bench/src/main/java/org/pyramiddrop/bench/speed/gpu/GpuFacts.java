package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.pyramiddrop.bench.report.Machine;

/** Where, when and by what something was measured on a GPU. */
final class GpuFacts {
  private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern DRIVER_VERSION = Pattern.compile("\\b(\\d{3,}\\.\\d+(\\.\\d+)?)\\b");

  private GpuFacts() {}

  /** Of this machine, now. */
  static Map<String, String> here(String gpu, String command) {
    Machine machine = Machine.here();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("GPU", gpu);
    facts.put("driver", Machine.found(DRIVER, DRIVER_VERSION).orElse("unknown"));
    facts.put("processor", machine.processor() + ", " + machine.device());
    facts.put("Java", machine.java());
    facts.put("commit", machine.commit());
    facts.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    facts.put("command", command);
    return facts;
  }

  static List<String> lines(Map<String, String> facts) {
    return facts.entrySet().stream().map(fact -> fact.getKey() + ": " + fact.getValue()).toList();
  }
}
