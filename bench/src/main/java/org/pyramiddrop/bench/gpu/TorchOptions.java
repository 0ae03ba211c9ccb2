package org.pyramiddrop.bench.gpu;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.pyramiddrop.bench.compare.TorchSide;
import picocli.CommandLine.Option;

/** Where PyTorch is, and what it is asked. */
final class TorchOptions {
  private static final String NO_WAY = "none";
  private static final List<String> WAYS = List.of("eager", "reduce-overhead", "max-autotune");

  @Option(names = "--python", description = "an interpreter with torch, to run beside")
  private String python = "python3";

  @Option(names = "--script", description = "PyTorch's side")
  private Path script = Path.of("bench", "src", "main", "python", "torch_gpu.py");

  @Option(
      names = "--torch",
      split = ",",
      description =
          "ways that PyTorch runs the model in: eager, reduce-overhead, max-autotune, none")
  private List<String> ways = WAYS;

  @Option(names = "--torch-device", description = "cpu only shows that its side runs")
  private String device = "cuda";

  @Option(
      names = "--ready-within",
      description = "seconds that each way has to load the model, compile and record")
  private int readyWithin = 150;

  /** Refuses what is no way and no time. */
  void check() {
    if (readyWithin < 1) {
      throw new IllegalArgumentException("--ready-within must be at least 1");
    }
    for (String way : ways) {
      if (!WAYS.contains(way) && !way.equals(NO_WAY)) {
        throw new IllegalArgumentException(
            "--torch takes %s or %s, not %s".formatted(String.join(", ", WAYS), NO_WAY, way));
      }
    }
  }

  /** The ways that are wanted. */
  List<String> ways() {
    return ways.stream().filter(way -> !way.equals(NO_WAY)).toList();
  }

  /** How long one may take until it is ready. */
  Duration limit() {
    return Duration.ofSeconds(readyWithin);
  }

  /** Starts a process. */
  TorchSide start() {
    return TorchSide.start(python, script, 1, "--device", device);
  }
}
