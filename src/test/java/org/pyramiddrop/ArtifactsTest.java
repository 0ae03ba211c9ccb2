package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

/** What goes to a registry. */
final class ArtifactsTest {
  @Test
  void theBomHasAllThatIsPublished() throws IOException {
    List<String> managed = new ArrayList<>();
    Element bom = MavenModule.read(Installation.root().resolve("bom/pom.xml"));
    Element list =
        MavenModule.child(bom, "dependencyManagement")
            .flatMap(management -> MavenModule.child(management, "dependencies"))
            .orElseThrow();
    for (Element dependency : MavenModule.children(list)) {
      assertThat(MavenModule.child(dependency, "groupId").orElseThrow().getTextContent())
          .isEqualTo("org.pyramiddrop");
      assertThat(MavenModule.child(dependency, "version").orElseThrow().getTextContent())
          .isEqualTo("${project.version}");
      managed.add(MavenModule.child(dependency, "artifactId").orElseThrow().getTextContent());
    }
    assertThat(managed)
        .containsExactlyInAnyOrderElementsOf(
            MavenModule.published().stream()
                .filter(MavenModule::hasJar)
                .map(MavenModule::artifact)
                .toList());
  }

  @Test
  void whatNamesTheVersionNamesThisOne() throws IOException {
    String version = MavenModule.version();
    for (String page : List.of("docs/library.md", "docs/langchain4j.md")) {
      assertThat(Installation.root().resolve(page))
          .content()
          .contains("<version>%s</version>".formatted(version));
    }
    assertThat(Installation.root().resolve("README.md"))
        .content()
        .contains("`org.pyramiddrop:pyramiddrop:%s`".formatted(version));
    for (String sample : List.of("class-path", "module-path", "fat-jar")) {
      assertThat(Installation.root().resolve("samples").resolve(sample).resolve("pom.xml"))
          .content()
          .contains("<pyramiddrop.version>%s<".formatted(version));
    }
    assertThat(CommandRun.of(List.of(), Stream.of("--version")).out())
        .isEqualTo("pyramiddrop %s%n".formatted(version));
  }

  @Test
  void eachModuleSaysWhatItIs() throws IOException {
    for (MavenModule module : MavenModule.all()) {
      assertThat(module.artifact()).startsWith("pyramiddrop");
      assertThat(module.text("name")).as(module.artifact()).isNotEmpty();
      assertThat(module.text("description")).as(module.artifact()).endsWith(".");
    }
  }

  /** Spark is no module and runs all on the class path, so neither is what stands on it. */
  @Test
  void eachJarButSparksIsANamedModuleWithItsLicence() throws IOException {
    for (MavenModule module : MavenModule.published()) {
      if (module.hasJar()) {
        assumeTrue(Files.exists(module.jar()), "mvn package has made " + module.jar());
        ModuleDescriptor described =
            ModuleFinder.of(module.jar()).findAll().iterator().next().descriptor();
        assertThat(described.isAutomatic())
            .as(module.artifact())
            .isEqualTo(module.artifact().equals("pyramiddrop-spark"));
        if (!described.isAutomatic()) {
          assertThat(described.name()).matches("org\\.pyramiddrop(\\.[a-z0-9]+)?");
        }
        try (JarFile jar = new JarFile(module.jar().toFile())) {
          assertThat(jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name"))
              .as(module.artifact())
              .isNull();
          assertThat(jar.getEntry("META-INF/LICENSE")).as(module.artifact()).isNotNull();
        }
      }
    }
  }
}
