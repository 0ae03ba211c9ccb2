package org.pyramiddrop.bench.profile;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.Document;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Profile;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Profiles as tables and as JSON. */
final class ProfileReport {
  /** Rows up to which a product is bound by reading its weights. */
  private static final int FEW_ROWS = 4;

  private static final double MICROS_TO_TERA = 1e6;
  private static final double MICROS_TO_GIGA = 1e3;

  private final List<String> facts;
  private final List<PartProfile> parts;
  private final DType dtype;

  /**
   * A report.
   *
   * @param facts where and how it was measured
   * @param dtype what weights are stored as
   */
  ProfileReport(List<String> facts, List<PartProfile> parts, DType dtype) {
    this.facts = List.copyOf(facts);
    this.parts = List.copyOf(parts);
    this.dtype = dtype;
  }

  Document document() {
    return new Document(facts, parts.stream().map(this::section).toList());
  }

  private Section section(PartProfile part) {
    double whole = part.marked().median();
    Table table =
        new Table().row("kernel", "product", "calls", "µs", "share", "mean µs", "reached");
    for (PartProfile.Group group : part.groups()) {
      table.row(
          group.kernel(),
          product(group.product()),
          Integer.toString(group.calls()),
          number(group.micros()),
          "%.1f%%".formatted(100 * group.micros() / whole),
          number(group.mean()),
          reached(group));
    }
    return new Section(part.name(), table, notes(part));
  }

  private static List<String> notes(PartProfile part) {
    Spread plain = part.plain();
    double marked = part.marked().median();
    List<String> notes = new ArrayList<>();
    notes.add(
        "as it is: %s µs (%s to %s in %d runs) for %d launches%s"
            .formatted(
                number(plain.median()),
                number(plain.low()),
                number(plain.high()),
                plain.count(),
                part.launches().size(),
                speed(part.work(), plain.median())));
    notes.add(
        ("with an event behind each launch: %s µs, %s µs more; that is in the times above, gaps"
                + " between launches too; two events alone are %s µs apart")
            .formatted(
                number(marked), number(marked - plain.median()), number(part.empty().median())));
    return notes;
  }

  private static String speed(PartProfile.Work work, double micros) {
    return switch (work) {
      case PartProfile.Work.Flops flops ->
          "; %.3f TFLOP by count, %s TFLOP/s"
              .formatted(flops.count() / 1e12, number(flops.count() / micros / MICROS_TO_TERA));
      case PartProfile.Work.Bytes bytes ->
          "; %.3f GB to read, %s GB/s"
              .formatted(bytes.count() / 1e9, number(bytes.count() / micros / MICROS_TO_GIGA));
    };
  }

  private String reached(PartProfile.Group group) {
    Profile.@Nullable Product product = group.product();
    if (product == null || group.micros() <= 0) {
      return "";
    }
    double weights = (double) product.inputs() * product.outputs();
    return product.rows() <= FEW_ROWS
        ? number(weights * dtype.bytes() / group.mean() / MICROS_TO_GIGA) + " GB/s"
        : number(2 * product.rows() * weights / group.mean() / MICROS_TO_TERA) + " TFLOP/s";
  }

  private static String product(Profile.@Nullable Product product) {
    return product == null
        ? ""
        : "%dx%dx%d".formatted(product.rows(), product.inputs(), product.outputs());
  }

  /** Three digits or more. */
  private static String number(double value) {
    double size = Math.abs(value);
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Adds everything, launch by launch in their order. */
  void json(ObjectNode file) {
    ArrayNode all = file.putArray("parts");
    for (PartProfile part : parts) {
      ObjectNode node = all.addObject().put("name", part.name());
      switch (part.work()) {
        case PartProfile.Work.Flops flops -> node.put("flops", flops.count());
        case PartProfile.Work.Bytes bytes -> node.put("bytes", bytes.count());
      }
      ResultFile.spread(node.putObject("plainMicros"), part.plain());
      ResultFile.spread(node.putObject("markedMicros"), part.marked());
      ResultFile.spread(node.putObject("emptyMicros"), part.empty());
      ArrayNode launches = node.putArray("launches");
      for (Profile.Launch launch : part.launches()) {
        launches
            .addObject()
            .put("kernel", launch.kernel())
            .put("grid", launch.grid())
            .put("product", product(launch.product()))
            .put("micros", launch.micros());
      }
    }
  }
}
