package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

/** THIRD-PARTY.md against what Maven resolves for each module, and the licences in its poms. */
final class ThirdPartyTest {
  /** Such as {@code tools.jackson.core:jackson-core:jar:3.2.4:compile}, among other words. */
  private static final Pattern DEPENDENCY =
      Pattern.compile("^\\s+([^\\s:]+):([^\\s:]+):[^\\s:]+:(?:[^\\s:]+:)?([^\\s:]+):[a-z]+\\b");

  /** Behind it stand the rows. */
  private static final String HEAD = "| --- | --- | --- |";

  private record Artifact(String group, String name, String version)
      implements Comparable<Artifact> {
    Path pom() {
      return Path.of(System.getProperty("maven.repo.local"))
          .resolve(group.replace('.', '/'))
          .resolve(name)
          .resolve(version)
          .resolve(name + "-" + version + ".pom");
    }

    /** What its pom, or the nearest of its parents that says so, has as licences. */
    List<String> licences() throws IOException {
      Element pom = MavenModule.read(pom());
      List<String> own =
          MavenModule.child(pom, "licenses").stream()
              .flatMap(licences -> MavenModule.children(licences).stream())
              .map(licence -> text(licence, "name"))
              .toList();
      if (!own.isEmpty()) {
        return own;
      }
      Element parent = MavenModule.child(pom, "parent").orElseThrow();
      return new Artifact(
              text(parent, "groupId"), text(parent, "artifactId"), text(parent, "version"))
          .licences();
    }

    private static String text(Element of, String name) {
      return MavenModule.child(of, name).orElseThrow().getTextContent().strip();
    }

    @Override
    public int compareTo(Artifact other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      return group + ":" + name + ":" + version;
    }
  }

  @Test
  void allThatIsPulledInIsListedWithItsLicence() throws IOException {
    assumeTrue(!System.getProperty("maven.repo.local", "").isEmpty(), "Maven runs the tests");
    Map<Artifact, List<String>> users = new TreeMap<>();
    for (MavenModule module : MavenModule.all()) {
      if (module.hasJar()
          && (module.isPublished() || module.artifact().equals("pyramiddrop-cli"))) {
        Path list = module.folder().resolve("target/dependencies.txt");
        assumeTrue(Files.exists(list), "mvn package has made " + list);
        for (String line : Files.readAllLines(list)) {
          Matcher found = DEPENDENCY.matcher(line);
          if (found.find()) {
            users
                .computeIfAbsent(
                    new Artifact(found.group(1), found.group(2), found.group(3)),
                    artifact -> new ArrayList<>())
                .add(module.artifact());
          }
        }
      }
    }
    assertThat(users).isNotEmpty();
    List<String> rows = new ArrayList<>();
    for (Map.Entry<Artifact, List<String>> entry : users.entrySet()) {
      List<String> licences = entry.getKey().licences();
      assertThat(licences).as(entry.getKey().toString()).isNotEmpty();
      rows.add(
          "| %s | %s | %s |"
              .formatted(
                  entry.getKey(),
                  String.join(" / ", licences),
                  String.join(", ", entry.getValue())));
    }
    List<String> page = Files.readAllLines(Installation.root().resolve("THIRD-PARTY.md"));
    List<String> expected = new ArrayList<>(page.subList(0, page.indexOf(HEAD) + 1));
    expected.addAll(rows);
    Path written = Files.write(Path.of("target/THIRD-PARTY.md").toAbsolutePath(), expected);
    assertThat(page).as("THIRD-PARTY.md; what it should be is " + written).isEqualTo(expected);
  }
}
