package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.List;
import java.util.stream.Stream;
import org.pyramiddrop.cli.PyramidDropCommand;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a command left behind. */
record CommandRun(int code, String out, String err) {

  /** Runs a command that is given some lines to read. */
  static CommandRun of(List<String> in, Stream<String> args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        PyramidDropCommand.run(
            new BufferedReader(new StringReader(String.join("\n", in))),
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            args.toArray(String[]::new));
    return new CommandRun(code, out.toString(), err.toString());
  }

  /** The objects that a run without any trouble has printed, one a line. */
  List<JsonNode> objects() {
    assertThat(err).isEmpty();
    assertThat(code).isZero();
    return out.lines().map(JsonMapper.shared()::readTree).toList();
  }
}
