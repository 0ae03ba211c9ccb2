package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Profile;

/** What several profiles of the same launches come to. */
class PartProfileTest {
  private static final Product DOWN = new Product(636, 11008, 4096);
  private static final Product STEP = new Product(1, 4096, 4096);

  private static Profile.Launch launch(String kernel, @Nullable Product product, double micros) {
    Profile.@Nullable Product sizes =
        product == null
            ? null
            : new Profile.Product(
                product.tokens(), product.inputs(), product.outputs(), DType.BFLOAT16);
    return new Profile.Launch(kernel, "1x1x1", sizes, micros);
  }

  private static Profile profile(double plain, double... micros) {
    List<Profile.Launch> launches = new ArrayList<>();
    launches.add(launch("norm", null, micros[0]));
    launches.add(launch("cublasLtMatmul", DOWN, micros[1]));
    launches.add(launch("norm", null, micros[2]));
    launches.add(launch("cublasLtMatmul", STEP, micros[3]));
    return new Profile(Profile.Order.GRAPH, plain, 1, launches);
  }

  private static PartProfile part(Profile... profiles) {
    return PartProfile.of("prefill", 4e12, null, List.of(profiles));
  }

  @Test
  void mediansAreTakenLaunchByLaunchAndAddedByKernelAndProduct() {
    PartProfile part =
        part(profile(100, 2, 70, 5, 10), profile(90, 1, 90, 3, 30), profile(400, 9, 80, 4, 20));
    assertThat(part.launches())
        .extracting(PartProfile.Launch::micros)
        .containsExactly(2., 80., 4., 20.);
    assertThat(part.groups())
        .containsExactly(
            new PartProfile.Group("cublasLtMatmul", DOWN, DType.BFLOAT16, 1, 80),
            new PartProfile.Group("cublasLtMatmul", STEP, DType.BFLOAT16, 1, 20),
            new PartProfile.Group("norm", null, null, 2, 6));
    assertThat(part.plainMicros().median()).isEqualTo(100);
    assertThat(part.markedMicros().low()).isEqualTo(87);
  }

  @Test
  void aReportHasEachGroupsShareAndSpeed() {
    PartProfile part = part(profile(1000, 10, 1000, 10, 20));
    Document document = new Document(List.of("a fact"), List.of(part.table()));
    List<String> lines = document.lines();
    // 2 · 636 · 11008 · 4096 operations in a millisecond; 2 · 4096² bytes in 20 microseconds.
    assertThat(cells(lines, "636x11008x4096"))
        .containsExactly(
            "cublasLtMatmul", "636x11008x4096", "1", "1000", "96.2%", "1000", "57.4 TFLOP/s");
    assertThat(cells(lines, "1x4096x4096"))
        .containsExactly("cublasLtMatmul", "1x4096x4096", "1", "20.0", "1.9%", "20.0", "1678 GB/s");
    assertThat(cells(lines, "norm")).containsExactly("norm", "2", "20.0", "1.9%", "10.0");
    assertThat(lines)
        .anySatisfy(line ->
            assertThat(line).contains("as it is: 1000 µs", "for 4 launches", "4000 TFLOP/s"))
        .anySatisfy(line ->
            assertThat(line).contains("1040 µs, 40.0 µs more", "two events alone are 1.00 µs"));
  }

  @Test
  void refusesProfilesOfDifferentLaunches() {
    Profile other = new Profile(Profile.Order.GRAPH, 1, 1, List.of(launch("norm", null, 1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> part(profile(1, 1, 1, 1, 1), other))
        .withMessageContaining("different launches");
  }

  private static List<String> cells(List<String> lines, String containing) {
    String line =
        lines.stream()
            .filter(l -> (" " + l + " ").contains(" " + containing + " "))
            .findFirst()
            .orElseThrow();
    return List.of(line.strip().split(" {2,}"));
  }
}
