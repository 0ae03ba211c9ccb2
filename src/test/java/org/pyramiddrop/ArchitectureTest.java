package org.pyramiddrop;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Llava;

/** Imports run one way: the table in ARCHITECTURE.md. */
final class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(location -> !location.contains("-tests.jar"))
          .importPackages("org.pyramiddrop");

  private static final String CUDA = "org.pyramiddrop.cuda..";
  private static final String KERNELS = "org.pyramiddrop.kernels..";
  private static final String LOADER = "org.pyramiddrop.loader..";
  private static final String TRANSFORMER = "org.pyramiddrop.transformer..";
  private static final String ENGINE = "org.pyramiddrop.transformer.engine..";
  private static final String TRAINING = "org.pyramiddrop.training..";
  private static final String SERVE = "org.pyramiddrop.serve..";
  private static final String CLI = "org.pyramiddrop.cli..";
  private static final String BENCH = "org.pyramiddrop.bench..";
  private static final String LANGCHAIN4J = "org.pyramiddrop.langchain4j..";

  @Test
  void seesEveryModule() {
    for (String room :
        List.of(CUDA, KERNELS, LOADER, TRANSFORMER, TRAINING, SERVE, CLI, BENCH, LANGCHAIN4J)) {
      String name = room.substring(0, room.length() - 2);
      assertThat(CLASSES.stream().anyMatch(c -> c.getPackageName().startsWith(name)))
          .as(room)
          .isTrue();
    }
  }

  @Test
  void bindingsAndLoaderImportNothingOfOurs() {
    noClasses()
        .that()
        .resideInAPackage(CUDA)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(KERNELS, LOADER, TRANSFORMER, TRAINING, SERVE, CLI, BENCH)
        .check(CLASSES);
    noClasses()
        .that()
        .resideInAPackage(LOADER)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(CUDA, KERNELS, TRANSFORMER, TRAINING, SERVE, CLI, BENCH)
        .check(CLASSES);
  }

  @Test
  void kernelsImportOnlyBindings() {
    noClasses()
        .that()
        .resideInAPackage(KERNELS)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LOADER, TRANSFORMER, TRAINING, SERVE, CLI, BENCH)
        .check(CLASSES);
  }

  @Test
  void theModelIsWrittenOverKernelsAndNoDevice() {
    noClasses()
        .that()
        .resideInAPackage(TRANSFORMER)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            CUDA,
            "org.pyramiddrop.kernels.cpu..",
            "org.pyramiddrop.kernels.cuda..",
            TRAINING,
            SERVE,
            CLI,
            BENCH)
        .check(CLASSES);
  }

  @Test
  void trainingIsWrittenOverTheModelAndNoDevice() {
    noClasses()
        .that()
        .resideInAPackage(TRAINING)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            CUDA,
            "org.pyramiddrop.kernels.cpu..",
            "org.pyramiddrop.kernels.cuda..",
            SERVE,
            CLI,
            BENCH)
        .check(CLASSES);
  }

  @Test
  void theServerIsWrittenOverWhatUsersImport() {
    noClasses()
        .that()
        .resideInAPackage(SERVE)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(CUDA, KERNELS, ENGINE, TRAINING, CLI, BENCH)
        .check(CLASSES);
    noClasses()
        .that()
        .resideOutsideOfPackage(SERVE)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.eclipse.jetty..", "io.prometheus..")
        .check(CLASSES);
  }

  @Test
  void theEngineServesOnlyWhatIsWrittenOverIt() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ENGINE, "org.pyramiddrop.transformer", TRAINING, BENCH)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ENGINE)
        .check(CLASSES);
    noClasses()
        .that()
        .resideInAPackage(ENGINE)
        .should()
        .dependOnClassesThat()
        .haveNameMatching(".*\\.LlavaConfig|.*\\.TextConfig|.*\\.VisionConfig")
        .because("the engine is built from descriptions, whatever family they came from")
        .check(CLASSES);
  }

  @Test
  void usersOfTheModuleDontSeeTheEngine() throws URISyntaxException {
    Path classes = Path.of(Llava.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    ModuleDescriptor module = ModuleFinder.of(classes).findAll().iterator().next().descriptor();
    Map<String, Set<String>> exports =
        module.exports().stream()
            .collect(
                Collectors.toMap(
                    ModuleDescriptor.Exports::source, ModuleDescriptor.Exports::targets));
    assertThat(exports)
        .containsEntry("org.pyramiddrop.transformer", Set.of())
        .containsEntry(
            "org.pyramiddrop.transformer.engine",
            Set.of("org.pyramiddrop.training", "org.pyramiddrop.bench"));
  }

  @Test
  void noPackagesImportEachOther() {
    slices().matching("org.pyramiddrop.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void oneClassDrawsWithTheChartLibrary() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.pyramiddrop.training.chart")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.jfree..")
        .check(CLASSES);
  }

  @Test
  void theCommandLineAndTheBenchmarksAreImportedByNobody() {
    noClasses()
        .that()
        .resideOutsideOfPackages(CLI, BENCH)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(CLI, BENCH)
        .check(CLASSES);
    noClasses()
        .that()
        .resideInAPackage(CLI)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(CUDA, "org.pyramiddrop.kernels.cpu..", BENCH)
        .check(CLASSES);
  }

  @Test
  void integrationsImportThePublicApiAndNobodyImportsThem() {
    noClasses()
        .that()
        .resideInAPackage(LANGCHAIN4J)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(CUDA, "org.pyramiddrop.kernels.*..", ENGINE, TRAINING, CLI, BENCH)
        .check(CLASSES);
    noClasses()
        .that()
        .resideOutsideOfPackage(LANGCHAIN4J)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(LANGCHAIN4J)
        .check(CLASSES);
    noClasses()
        .that()
        .resideOutsideOfPackage(LANGCHAIN4J)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.langchain4j..")
        .check(CLASSES);
  }

  @Test
  void onlyTheCpuDeviceUsesTheIncubatingVectorApi() {
    classes()
        .that()
        .resideOutsideOfPackages("org.pyramiddrop.kernels.cpu..", BENCH)
        .should()
        .onlyDependOnClassesThat()
        .resideOutsideOfPackage("jdk.incubator..")
        .check(CLASSES);
  }
}
