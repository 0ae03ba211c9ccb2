package org.pyramiddrop.bench.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One benchmark with one choice of parameters, as JMH writes it.
 *
 * @param name class and method
 * @param parameters by name
 * @param millis of one operation, from every measurement of every fork of every round
 */
record JmhResult(String name, Map<String, String> parameters, Spread millis) {

  /** What is measured, however often. */
  private record Benchmark(String name, Map<String, String> parameters) {}

  /** Reads what JMH wrote; what it wrote of several rounds is put together. */
  static List<JmhResult> read(Path file) {
    Map<Benchmark, List<Double>> measured = new LinkedHashMap<>();
    for (JsonNode entry : JsonMapper.shared().readTree(file.toFile()).values()) {
      String[] name = entry.path("benchmark").stringValue().split("\\.", -1);
      Map<String, String> parameters = new TreeMap<>();
      entry.path("params").forEachEntry((key, value) -> parameters.put(key, value.stringValue()));
      JsonNode metric = entry.path("primaryMetric");
      String unit = metric.path("scoreUnit").stringValue();
      List<Double> millis =
          measured.computeIfAbsent(
              new Benchmark(name[name.length - 2] + "." + name[name.length - 1], parameters),
              _ -> new ArrayList<>());
      for (JsonNode fork : metric.path("rawData").values()) {
        fork.values().forEach(value -> millis.add(millis(value.doubleValue(), unit)));
      }
    }
    return measured.entrySet().stream()
        .map(entry ->
            new JmhResult(
                entry.getKey().name(), entry.getKey().parameters(), Spread.of(entry.getValue())))
        .toList();
  }

  private static double millis(double value, String unit) {
    return switch (unit) {
      case "ms/op" -> value;
      case "ops/s" -> 1e3 / value;
      default -> throw new IllegalArgumentException("results in " + unit + " aren't known");
    };
  }

  /** A parameter of a benchmark that has it. */
  String parameter(String key) {
    String value = parameters.get(key);
    if (value == null) {
      throw new IllegalArgumentException(name + " has no parameter " + key);
    }
    return value;
  }

  int number(String key) {
    return Integer.parseInt(parameter(key));
  }

  /** The type that weights are asked for in. */
  DType dtype() {
    return DType.valueOf(parameter("dtype"));
  }

  /**
   * The type that activations, keys and values have: the CPU's are float32 whatever weights are.
   */
  DType activations() {
    return onCpu() ? DType.FLOAT32 : dtype();
  }

  boolean onCpu() {
    return parameters.getOrDefault("backend", "cpu").equals("cpu");
  }
}
