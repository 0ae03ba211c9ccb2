package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class RelaunchTest {

  @Test
  void theSecondRunIsStartedWithWhatTheFirstWasGiven() {
    List<String> command =
        Relaunch.command(List.of("-Dpyramiddrop.vectorBits=128", "-Xmx1g"), "doctor");

    assertThat(command).contains("-Dpyramiddrop.vectorBits=128", "-Xmx1g", "-XX:+UseSerialGC");
    assertThat(command.indexOf("-Xmx1g")).isLessThan(command.indexOf("-cp"));
  }

  @Test
  void aCollectorThatWasAskedForIsTheOnlyOne() {
    assertThat(Relaunch.command(List.of("-XX:+UseParallelGC"), "doctor"))
        .contains("-XX:+UseParallelGC")
        .doesNotContain("-XX:+UseSerialGC");
  }

  @Test
  void theSecondRunHasTheVectorModuleAndTheSameArguments() {
    assertThat(Relaunch.command(List.of(), "flops", "--text-tokens", "7"))
        .startsWith(Path.of(System.getProperty("java.home"), "bin", "java").toString())
        .contains("--add-modules=jdk.incubator.vector", System.getProperty("java.class.path"))
        .endsWith("org.pyramiddrop.cli.Main", "flops", "--text-tokens", "7");
  }
}
