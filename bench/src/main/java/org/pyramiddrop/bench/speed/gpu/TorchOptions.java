package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import picocli.CommandLine.Option;

/** Where PyTorch is, and what it is asked. */
final class TorchOptions {
  private static final String NO_MODE = "none";
  private static final List<String> MODES = List.of("eager", "reduce-overhead", "max-autotune");

  @Option(names = "--python")
  private String python = "python3";

  @Option(names = "--script")
  private Path script = Path.of("bench", "src", "main", "python", "torch_gpu.py");

  @Option(names = "--torch", split = ",")
  private List<String> modes = MODES;

  @Option(names = "--torch-device")
  private String device = "cuda";

  @Option(names = "--ready-within")
  private int readyWithin = 150;

  void check() {
    if (readyWithin < 1) {
      throw new IllegalArgumentException("--ready-within must be at least 1");
    }
    for (String mode : modes) {
      if (!MODES.contains(mode) && !mode.equals(NO_MODE)) {
        throw new IllegalArgumentException(
            "--torch takes %s or %s, not %s".formatted(String.join(", ", MODES), NO_MODE, mode));
      }
    }
  }

  List<String> modes() {
    return modes.stream().filter(mode -> !mode.equals(NO_MODE)).toList();
  }

  Duration limit() {
    return Duration.ofSeconds(readyWithin);
  }

  PeerProcess start() {
    return PeerProcess.torch(python, script, 1, "--device", device);
  }
}
