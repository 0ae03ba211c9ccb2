package org.pyramiddrop.bench.speed.gpu;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Profile;
import tools.jackson.databind.annotation.JsonSerialize;
import tools.jackson.databind.ser.std.ToStringSerializer;

/**
 * A part of the model, profiled several times.
 *
 * @param flops that it has to compute, two for each multiply-add; null if memory bounds it
 * @param bytes that it has to read once; null if arithmetic bounds it
 * @param plainMicros microseconds of the whole as it is
 * @param markedMicros microseconds of the whole with events between the launches
 * @param emptyMicros microseconds between two events with nothing between them
 * @param launches in their order, each with its median time
 */
record PartProfile(
    String name,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double flops,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double bytes,
    Spread plainMicros,
    Spread markedMicros,
    Spread emptyMicros,
    List<Launch> launches) {
  /** Rows up to which a product is bound by reading its weights. */
  private static final int FEW_ROWS = 4;

  /**
   * A launch.
   *
   * @param grid blocks, as {@code 12x1x1}; empty where a library chooses them
   * @param product what it multiplies, if it is a matrix product
   * @param weights how the second matrix is stored then
   */
  record Launch(
      String kernel,
      String grid,
      @JsonSerialize(using = ToStringSerializer.class) @Nullable Product product,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable DType weights,
      double micros) {}

  /**
   * All launches of a kernel, of a product only those of its sizes.
   *
   * @param micros of all together
   */
  record Group(
      String kernel, @Nullable Product product, @Nullable DType weights, int calls, double micros) {
    double mean() {
      return micros / calls;
    }

    /** How fast a product is by what bounds it. */
    @Nullable String reached() {
      if (product == null || weights == null || micros <= 0) {
        return null;
      }
      return product.tokens() <= FEW_ROWS
          ? gigabytes((double) product.weightBytes(weights), mean())
          : teraflops(product.flops(), mean());
    }
  }

  /**
   * Sums up profiles.
   *
   * @throws IllegalArgumentException if they are not all of the same launches
   */
  static PartProfile of(
      String name, @Nullable Double flops, @Nullable Double bytes, List<Profile> profiles) {
    if (profiles.stream()
            .map(profile -> profile.launches().stream().map(Profile.Launch::kernel).toList())
            .distinct()
            .count()
        != 1) {
      throw new IllegalArgumentException(
          "%s: %d profiles of different launches".formatted(name, profiles.size()));
    }
    List<Launch> launches = new ArrayList<>();
    for (Profile.Launch launch : profiles.getFirst().launches()) {
      int at = launches.size();
      Profile.@Nullable Product sizes = launch.product();
      launches.add(
          new Launch(
              launch.kernel(),
              launch.grid(),
              sizes == null ? null : new Product(sizes.rows(), sizes.inputs(), sizes.outputs()),
              sizes == null ? null : sizes.weights(),
              Spread.of(profiles, profile -> profile.launches().get(at).micros()).median()));
    }
    return new PartProfile(
        name,
        flops,
        bytes,
        Spread.of(profiles, Profile::plainMicros),
        Spread.of(profiles, Profile::markedMicros),
        Spread.of(profiles, Profile::emptyMicros),
        launches);
  }

  /** The launches by kernel and product, those that take longest together first. */
  List<Group> groups() {
    Map<String, Group> groups = new LinkedHashMap<>();
    for (Launch launch : launches) {
      groups.merge(
          launch.kernel + " " + launch.product + " " + launch.weights,
          new Group(launch.kernel, launch.product, launch.weights, 1, launch.micros),
          (sum, one) ->
              new Group(
                  sum.kernel, sum.product, sum.weights, sum.calls + 1, sum.micros + one.micros));
    }
    return groups.values().stream()
        .sorted(Comparator.comparingDouble(Group::micros).reversed())
        .toList();
  }

  /** Where the time goes. */
  Table<?> table() {
    double plain = plainMicros.median();
    double marked = markedMicros.median();
    return new Table<>(name, groups())
        .column("kernel", Group::kernel)
        .column("product", Group::product)
        .column("calls", Group::calls)
        .number("µs", Group::micros)
        .column("share", group -> Numbers.decimal(100 * group.micros / marked, 1) + "%")
        .number("mean µs", Group::mean)
        .column("reached", Group::reached)
        .note(
            "as it is: %s µs (%s to %s in %d runs) for %d launches; %s"
                .formatted(
                    Numbers.number(plain),
                    Numbers.number(plainMicros.low()),
                    Numbers.number(plainMicros.high()),
                    plainMicros.count(),
                    launches.size(),
                    speed(plain)))
        .note(
            ("with an event behind each launch: %s µs, %s µs more; that is in the times above, gaps"
                    + " between launches too; two events alone are %s µs apart")
                .formatted(
                    Numbers.number(marked),
                    Numbers.number(marked - plain),
                    Numbers.number(emptyMicros.median())));
  }

  /** The work, and the speed that it was done at, in words. */
  private String speed(double micros) {
    if (flops != null) {
      return "%.3f TFLOP by count, %s".formatted(flops / 1e12, teraflops(flops, micros));
    }
    double read = Objects.requireNonNull(bytes);
    return "%.3f GB to read, %s".formatted(read / 1e9, gigabytes(read, micros));
  }

  private static String teraflops(double flops, double micros) {
    return Numbers.number(flops / micros / 1e6) + " TFLOP/s";
  }

  private static String gigabytes(double bytes, double micros) {
    return Numbers.number(bytes / micros / 1e3) + " GB/s";
  }
}
