package org.pyramiddrop.spark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What this integration imports: the public API, Spark, and Hadoop's file systems. */
final class SparkArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.pyramiddrop.spark");

  @Test
  void importsThePublicApiAlone() {
    classes()
        .that()
        .resideInAPackage("org.pyramiddrop.spark")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "org.pyramiddrop.spark",
            "org.pyramiddrop.transformer",
            "org.pyramiddrop.transformer.generation",
            "org.pyramiddrop.transformer.pruning",
            "org.pyramiddrop.loader",
            "org.pyramiddrop.kernels",
            "org.apache.spark..",
            "org.apache.hadoop..",
            "org.jspecify..",
            "scala..",
            "java..")
        .check(CLASSES);
  }

  @Test
  void knowsOfDevicesOnlyThatTheyCanFail() {
    noClasses()
        .should()
        .dependOnClassesThat(
            DescribedPredicate.describe(
                "are the kernels' own",
                used ->
                    used.getPackageName().equals("org.pyramiddrop.kernels")
                        && !used.getSimpleName().equals("DeviceException")))
        .check(CLASSES);
  }
}
