package org.pyramiddrop.bench.accuracy.experiment;

import static org.pyramiddrop.bench.report.Numbers.decimal;

import java.util.function.Function;
import org.pyramiddrop.bench.report.Table;

/** Numbers as tables, charts and CSV files show them. */
final class Format {
  /** What a chart's axis counts, behind a {@link Scale}. */
  static final String COST = "FLOPs as the paper counts them";

  private Format() {}

  /** Adds what every CSV file says about a variant: its stages, both counts, and its accuracy. */
  static <R> Table<R> addColumns(Table<R> csv, Function<R, Variant> variant, Results results) {
    Function<R, Accuracy> accuracy = variant.andThen(results::accuracy);
    return csv.column("first_layers", variant.andThen(Variant::firstLayersText))
        .column("image_tokens", variant.andThen(Variant::keptText))
        .decimal("multiply_adds", row -> variant.apply(row).multiplyAdds(), 0)
        .decimal("flops", row -> results.flops(variant.apply(row)), 0)
        .decimal("right", row -> accuracy.apply(row).right(), 2)
        .column("asked", accuracy.andThen(Accuracy::asked))
        .decimal("accuracy", row -> accuracy.apply(row).share(), 4)
        .decimal("low", row -> accuracy.apply(row).low(), 4)
        .decimal("high", row -> accuracy.apply(row).high(), 4);
  }

  static String plain(double number) {
    return String.valueOf(number).replaceFirst("\\.0$", "");
  }

  static String percent(double share) {
    return decimal(100 * share, 1) + " %";
  }

  /** A large count: 3 digits and M, G or T. */
  static String scaled(double count) {
    Scale scale = Scale.of(count);
    double number = count / scale.unit;
    return decimal(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0) + " " + scale;
  }

  /** Units of large counts. */
  enum Scale {
    M(1e6),
    G(1e9),
    T(1e12);

    private final double unit;

    Scale(double unit) {
      this.unit = unit;
    }

    /** The unit that shows a count in as few digits as it can, but three. */
    static Scale of(double count) {
      return count < 999.5 * M.unit ? M : count < 999.5 * G.unit ? G : T;
    }

    double unit() {
      return unit;
    }
  }
}
