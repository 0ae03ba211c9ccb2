package org.pyramiddrop.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program that makes its session itself and was started without Java's options. */
final class JavaOptionsTest {
  @TempDir private Path folder;

  /** What the process runs. */
  static final class Main {
    private Main() {}

    /** Asks one question and prints what went wrong. */
    public static void main(String[] arguments) {
      SparkSession spark =
          SparkSession.builder()
              .master("local[1]")
              .config("spark.ui.enabled", false)
              .config("spark.local.dir", arguments[0])
              .getOrCreate();
      try {
        Scenes.questions()
            .answers(Scenes.frame(spark, Scenes.rows(Scenes.first(1), 1), 1))
            .collectAsList();
      } catch (Exception e) { // Spark throws checked ones that it doesn't declare.
        System.out.println(e);
      }
      spark.stop();
    }
  }

  @Test
  void theFirstTaskNamesTheOptionsThatAreMissing() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Djava.io.tmpdir=" + folder);
    // Spark's start is what takes long here: nothing is computed.
    command.add("-XX:TieredStopAtLevel=1");
    for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (option.startsWith("--add-opens")) {
        command.add(option);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.add(folder.toString());
    Path printed = folder.resolve("printed");
    Path errors = folder.resolve("errors");
    ProcessBuilder process =
        new ProcessBuilder(command).redirectOutput(printed.toFile()).redirectError(errors.toFile());
    process.environment().remove("JDK_JAVA_OPTIONS");
    process.environment().remove("JAVA_TOOL_OPTIONS");
    assertThat(process.start().waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(Files.readString(printed).lines().findFirst())
        .as(Files.readString(errors))
        .get()
        .asString()
        .contains("the CPU can't be used")
        .contains("--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED")
        .contains("spark.executor.extraJavaOptions");
  }
}
