package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class RelaunchTest {

  @Test
  void theSecondRunHasTheVectorModuleAndTheSameArguments() {
    assertThat(Relaunch.command("flops", "--text-tokens", "7"))
        .startsWith(Path.of(System.getProperty("java.home"), "bin", "java").toString())
        .contains("--add-modules=jdk.incubator.vector", System.getProperty("java.class.path"))
        .endsWith("org.pyramiddrop.cli.Main", "flops", "--text-tokens", "7");
  }
}
