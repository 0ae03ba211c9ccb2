package org.pyramiddrop.bench.report;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** Where a command's results go, mixed into the command. */
public final class ReportOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command = CommandSpec.create();

  @Option(names = "--markdown", paramLabel = "FILE", description = "a Markdown file for the tables")
  private @Nullable Path markdown;

  /** Refuses a file that couldn't be written once the work is done. */
  public void check() {
    OutputFile.check("--markdown", markdown);
  }

  /** The command as it was given. */
  public String command() {
    return Invocation.of(command);
  }

  /** Where and by what something was measured. */
  public List<String> facts(String device, String... more) {
    List<String> facts = new ArrayList<>();
    facts.add("machine: " + Machine.here());
    facts.add("device: " + device);
    facts.add("command: " + command());
    facts.addAll(List.of(more));
    return facts;
  }

  /**
   * Prints tables, writes them as Markdown if that was asked for, and keeps the result as JSON.
   *
   * @param json the file's name in {@link BenchFolder#root}
   * @param result a record; the file has its components, the machine and the document's facts
   */
  public void publish(PrintWriter out, Document document, String json, Object result) {
    out.println();
    document.lines().forEach(out::println);
    ObjectNode file = JsonFile.MAPPER.createObjectNode();
    file.putPOJO("machine", Machine.here()).putPOJO("facts", document.facts());
    file.setAll(JsonFile.MAPPER.<ObjectNode>valueToTree(result));
    JsonFile.write(BenchFolder.root().resolve(json), file);
    if (markdown != null) {
      OutputFile.write(markdown, document.markdown());
    }
  }
}
