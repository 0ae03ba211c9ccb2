package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code of docs/langchain4j.md compiles. */
final class DocumentationTest {
  private static final Pattern CODE = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  @TempDir Path folder;

  /** What a page's code takes for granted is a parameter of the method that it becomes. */
  private static String source(String name, String code) {
    String imports =
        code.lines().filter(line -> line.startsWith("import ")).collect(Collectors.joining("\n"));
    String statements =
        code.lines().filter(line -> !line.startsWith("import ")).collect(Collectors.joining("\n"));
    String given =
        statements.contains("modelPath")
            ? ""
            : "dev.langchain4j.model.chat.ChatModel model,"
                + " java.util.List<dev.langchain4j.data.message.ChatMessage> messages";
    return "%s\nclass %s {\n void run(%s) throws Exception {\n%s\n}\n}\n"
        .formatted(imports, name, given, statements);
  }

  private static JavaFileObject file(String name, String source) {
    return new SimpleJavaFileObject(
        URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return source;
      }
    };
  }

  @Test
  void itsCodeCompiles() throws IOException {
    Matcher code = CODE.matcher(Files.readString(Path.of("../../docs/langchain4j.md")));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    int pieces = 0;
    while (code.find()) {
      String name = "Page" + pieces++;
      DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
      List<String> options =
          List.of("-d", folder.toString(), "-cp", System.getProperty("java.class.path"));
      boolean compiled =
          compiler
              .getTask(
                  null, null, said, options, null, List.of(file(name, source(name, code.group(1)))))
              .call();
      assertThat(said.getDiagnostics().stream().map(each -> each.getMessage(Locale.ROOT)))
          .as(code.group(1))
          .isEmpty();
      assertThat(compiled).isTrue();
    }
    assertThat(pieces).isEqualTo(2);
  }
}
