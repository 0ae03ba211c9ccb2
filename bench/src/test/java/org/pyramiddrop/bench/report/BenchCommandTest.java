package org.pyramiddrop.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class BenchCommandTest {
  @Test
  void namesFilesWithoutTheirFolders() {
    assertThat(
            BenchCommand.given(
                List.of("gpu", "--model=/a/b c/d", "--out", "/a/e.md", "--script", "f/g.py", "/")))
        .isEqualTo("bench gpu --model=d --out e.md --script f/g.py /");
  }
}
