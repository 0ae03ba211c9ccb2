package org.pyramiddrop.cuda.library;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class LibraryFoldersTest {
  @Test
  void theEnvironmentsToolkitsComeFirst() {
    assertThat(
            LibraryFolders.usual(
                Map.of("CUDA_PATH", "/b", "CUDA_HOME", "/a", "CONDA_PREFIX", "/c")))
        .startsWith(Path.of("/a/lib64"), Path.of("/a/lib"))
        .containsSubsequence(
            Path.of("/a/lib64"),
            Path.of("/b/lib64"),
            Path.of("/c/lib"),
            Path.of("/usr/local/cuda/lib64"),
            Path.of("/usr/lib/x86_64-linux-gnu"));
  }

  @Test
  void anEmptyVariableNamesNoFolder() {
    assertThat(LibraryFolders.usual(Map.of("CUDA_HOME", "")))
        .isEqualTo(LibraryFolders.usual(Map.of()));
  }
}
