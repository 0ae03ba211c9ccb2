package org.pyramiddrop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.stream.Stream;
import org.pyramiddrop.cli.PyramidDropCommand;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a command left behind. */
record CommandRun(int code, String out, String err) {
  static final String INCUBATOR_NOTICE = "WARNING: Using incubator modules: jdk.incubator.vector";

  /** Runs a command that is given some lines to read. */
  static CommandRun of(List<String> in, Stream<String> args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        PyramidDropCommand.run(
            new ByteArrayInputStream(String.join("\n", in).getBytes(UTF_8)),
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            args.toArray(String[]::new));
    return new CommandRun(code, out.toString(), err.toString());
  }

  /** What the command itself said on stderr: Java tells of its incubator module before that. */
  List<String> ownErr() {
    return err.lines().filter(line -> !line.equals(INCUBATOR_NOTICE)).toList();
  }

  /** The objects that a run without any trouble has printed, one a line. */
  List<JsonNode> objects() {
    assertThat(err).isEmpty();
    assertThat(code).isZero();
    return out.lines().map(JsonMapper.shared()::readTree).toList();
  }
}
