package org.pyramiddrop.bench.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
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
 * @param values every measurement of every fork: milliseconds, or operations a second
 */
record JmhResult(String name, Map<String, String> parameters, Spread values) {

  static List<JmhResult> read(Path file) {
    List<JmhResult> results = new ArrayList<>();
    for (JsonNode entry : JsonMapper.shared().readTree(file.toFile()).values()) {
      String[] name = entry.path("benchmark").stringValue().split("\\.", -1);
      Map<String, String> parameters = new TreeMap<>();
      entry.path("params").forEachEntry((key, value) -> parameters.put(key, value.stringValue()));
      List<Double> values = new ArrayList<>();
      for (JsonNode fork : entry.path("primaryMetric").path("rawData").values()) {
        fork.values().forEach(value -> values.add(value.doubleValue()));
      }
      results.add(
          new JmhResult(
              name[name.length - 2] + "." + name[name.length - 1], parameters, Spread.of(values)));
    }
    return results;
  }

  /** A parameter of a benchmark that has it. */
  String parameter(String key) {
    String value = parameters.get(key);
    if (value == null) {
      throw new IllegalArgumentException(name + " has no parameter " + key);
    }
    return value;
  }

  DType dtype() {
    return DType.valueOf(parameter("dtype"));
  }
}
