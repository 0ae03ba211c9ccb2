package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.Bench;

class CompareCommandTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--without torch,jlama|2|--without leaves nobody to compare with",
        "--repetitions 0|2|--repetitions must be at least 1, not 0",
        "--seconds -1|2|--seconds must not be negative, not -1.0",
        "--threads 0|2|--threads must be at least 1, not 0",
        "--script no-such.py|2|no script at no-such.py; run from the project's root",
        "--without torch,jlama --llama-cpp no-such|2|no llama-bench in no-such, nor in its bin or build/bin; build or install llama.cpp and name its folder",
        "--script pom.xml --python no-such-python|1|no-such-python can't be started; set PYTHON to one with torch and transformers",
      })
  void refusesWhatItCannotDoInOneLine(String arguments, int code, String message) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int got =
        Bench.run(new PrintWriter(out), new PrintWriter(err), ("compare " + arguments).split(" "));
    assertThat(err).hasToString("bench: " + message + System.lineSeparator());
    assertThat(got).isEqualTo(code);
    assertThat(out).asString().isEmpty();
  }
}
