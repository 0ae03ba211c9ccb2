package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One benchmark with one choice of parameters, as JMH writes it.
 *
 * @param name class and method
 * @param millis of one operation, from every measurement of every fork of every round
 */
record JmhResult(String name, Map<String, String> parameters, Spread millis) {
  /** Reads what JMH wrote; what it wrote of several rounds is put together. */
  static List<JmhResult> read(Path file) {
    Map<JmhResult, List<Double>> measured = new LinkedHashMap<>();
    for (JsonNode entry : JsonMapper.shared().readTree(file)) {
      String name = entry.path("benchmark").stringValue().replaceFirst(".*\\.(\\w+\\.\\w+)", "$1");
      Map<String, String> parameters = new LinkedHashMap<>();
      entry.path("params").forEachEntry((key, value) -> parameters.put(key, value.stringValue()));
      JsonNode metric = entry.path("primaryMetric");
      List<Double> millis =
          measured.computeIfAbsent(
              new JmhResult(name, parameters, new Spread(0, 0, 0, 0)), _ -> new ArrayList<>());
      // Times of each iteration of each fork.
      for (JsonNode fork : metric.path("rawData")) {
        fork.forEach(value ->
            millis.add(millis(value.doubleValue(), metric.path("scoreUnit").stringValue())));
      }
    }
    return measured.entrySet().stream()
        .map(entry ->
            new JmhResult(
                entry.getKey().name, entry.getKey().parameters, Spread.of(entry.getValue())))
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

  ModelSize size() {
    return ModelSize.of(parameter("size"));
  }

  PruningChoice plan() {
    return PruningChoice.valueOf(parameter("plan"));
  }

  /** The type that weights are asked for in. */
  DType dtype() {
    return DType.valueOf(parameter("dtype"));
  }

  /**
   * The type that activations, keys and values have: in the host's memory they are float32 whatever
   * weights are.
   */
  DType activations() {
    return Devices.readsInPlace(parameters.getOrDefault("backend", "cpu"))
        ? DType.FLOAT32
        : dtype();
  }
}
