package org.pyramiddrop.bench.report;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** A command that keeps its result as JSON, and its tables as Markdown if that is asked for. */
public abstract class ReportingCommand extends BenchCommand {
  @Option(names = "--markdown", paramLabel = "FILE")
  private @Nullable Path markdown;

  /** Refuses a file that couldn't be written once the work is done. */
  protected void checkMarkdown() {
    OutputFile.check("--markdown", markdown);
  }

  protected List<String> facts(String device, String... more) {
    List<String> facts = new ArrayList<>();
    facts.add("machine: " + Machine.here());
    facts.add("device: " + device);
    facts.add("command: " + given());
    facts.addAll(List.of(more));
    return facts;
  }

  /**
   * Prints tables and writes them, and the result.
   *
   * @param json the file's name in {@link BenchFolder#root}
   * @param result a record; the file has its components, the machine and the document's facts
   */
  protected void publish(Document document, String json, Object result) {
    out().println();
    print(document, markdown);
    ObjectNode file = JsonFile.MAPPER.createObjectNode();
    file.putPOJO("machine", Machine.here()).putPOJO("facts", document.facts());
    file.setAll(JsonFile.MAPPER.<ObjectNode>valueToTree(result));
    JsonFile.write(BenchFolder.root().resolve(json), file);
  }
}
