package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.json.JsonMapper;

/**
 * One benchmark with one choice of parameters, as JMH writes it.
 *
 * @param name class and method
 * @param millis of one operation, from every measurement of every fork of every round
 */
record JmhResult(String name, Map<String, String> parameters, Spread millis) {
  /** An object of JMH's file. */
  private record Entry(
      String benchmark, @Nullable Map<String, String> params, Metric primaryMetric) {
    /** The same, whatever was measured. */
    JmhResult key() {
      String[] name = benchmark.split("\\.", -1);
      return new JmhResult(
          name[name.length - 2] + "." + name[name.length - 1],
          params == null ? Map.of() : params,
          new Spread(0, 0, 0, 0));
    }
  }

  /** Times of each iteration of each fork. */
  private record Metric(String scoreUnit, List<List<Double>> rawData) {
    List<Double> millis() {
      return rawData.stream().flatMap(List::stream).map(this::millis).toList();
    }

    private double millis(double value) {
      return switch (scoreUnit) {
        case "ms/op" -> value;
        case "ops/s" -> 1e3 / value;
        default -> throw new IllegalArgumentException("results in " + scoreUnit + " aren't known");
      };
    }
  }

  /** Reads what JMH wrote; what it wrote of several rounds is put together. */
  static List<JmhResult> read(Path file) {
    Map<JmhResult, List<Double>> measured = new LinkedHashMap<>();
    for (Entry entry : JsonMapper.shared().readValue(file, Entry[].class)) {
      measured
          .computeIfAbsent(entry.key(), _ -> new ArrayList<>())
          .addAll(entry.primaryMetric().millis());
    }
    return measured.entrySet().stream()
        .map(entry ->
            new JmhResult(
                entry.getKey().name, entry.getKey().parameters, Spread.of(entry.getValue())))
        .toList();
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
   * The type that activations, keys and values have: the CPU's are float32 whatever weights are.
   */
  DType activations() {
    return parameters.getOrDefault("backend", "cpu").equals("cpu") ? DType.FLOAT32 : dtype();
  }
}
