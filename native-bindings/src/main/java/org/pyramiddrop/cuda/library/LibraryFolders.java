package org.pyramiddrop.cuda.library;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * LibraryFolders in which CUDA's libraries lie where the system's loader is not told about them.
 */
final class LibraryFolders {
  private static final List<String> TOOLKITS =
      List.of("/usr/local/cuda", "/usr/local/cuda-13", "/usr/local/cuda-12", "/opt/cuda");

  /** Inside a toolkit. */
  private static final List<String> LIBRARIES =
      List.of("lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib");

  /** Distributions, containers, WSL and NixOS. */
  private static final List<String> SYSTEM =
      List.of(
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib/aarch64-linux-gnu",
          "/usr/lib64",
          "/usr/lib",
          "/usr/local/nvidia/lib64",
          "/usr/lib/wsl/lib",
          "/run/opengl-driver/lib");

  private LibraryFolders() {}

  /** All of them, those that the environment names first. */
  static List<Path> usual(Map<String, String> environment) {
    Stream<String> named =
        Stream.of("CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX")
            .map(variable -> environment.getOrDefault(variable, ""))
            .filter(folder -> !folder.isBlank());
    Stream<Path> toolkits =
        Stream.concat(named, TOOLKITS.stream())
            .flatMap(toolkit -> LIBRARIES.stream().map(folder -> Path.of(toolkit, folder)));
    return Stream.concat(toolkits, SYSTEM.stream().map(Path::of)).toList();
  }
}
