package org.pyramiddrop.transformer.pruning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Plans as text: pieces joined by commas, in order of place.
 *
 * <ul>
 *   <li>{@code visionzip:D+C}: {@link PruningPlan#visionZip}
 *   <li>{@code divprune:N}: {@link PruningPlan#divPrune}
 *   <li>{@code cdpruner:N}: {@link PruningPlan#cdPruner}
 *   <li>{@code random:N@SEED}, {@code random:N@SEED:tower}, {@code …:projector}, {@code …:LAYER}:
 *       {@link PruningPlan#random(int, long, Place)}; without a place, after the projector
 *   <li>{@code pyramid:S:λ}: {@link PruningPlan#pyramid(int, double)}
 *   <li>{@code fastv:K:R}: {@link PruningPlan#fastV}
 *   <li>{@code layers:8=.5/16=.25}: {@link PruningPlan#explicit}
 * </ul>
 */
final class PlanPieces {
  private PlanPieces() {}

  static PruningPlan parse(String text) {
    PruningPlan plan = PruningPlan.none();
    for (String piece : text.split(",", -1)) {
      try {
        plan = plan.then(piece(piece));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "piece '%s' of plan '%s': %s".formatted(piece, text, e.getMessage()), e);
      }
    }
    return plan;
  }

  private static PruningPlan piece(String piece) {
    String[] parts = piece.split(":", -1);
    return switch (parts[0]) {
      case "visionzip" -> {
        String[] counts = fields(parts, 1, "visionzip:D+C")[0].split("\\+", -1);
        if (counts.length != 2) {
          throw new IllegalArgumentException("write it visionzip:D+C");
        }
        yield PruningPlan.visionZip(integer(counts[0]), integer(counts[1]));
      }
      case "divprune" -> PruningPlan.divPrune(integer(fields(parts, 1, "divprune:N")[0]));
      case "cdpruner" -> PruningPlan.cdPruner(integer(fields(parts, 1, "cdpruner:N")[0]));
      case "random" -> random(parts);
      case "pyramid" -> {
        String[] numbers = fields(parts, 2, "pyramid:S:λ");
        yield PruningPlan.pyramid(integer(numbers[0]), decimal(numbers[1]));
      }
      case "fastv" -> {
        String[] numbers = fields(parts, 2, "fastv:K:R");
        yield PruningPlan.fastV(integer(numbers[0]), decimal(numbers[1]));
      }
      case "layers" -> layers(fields(parts, 1, "layers:8=.5/16=.25")[0]);
      default ->
          throw new IllegalArgumentException(
              "there is no such piece; there are visionzip:D+C, divprune:N, cdpruner:N,"
                  + " random:N@SEED, pyramid:S:λ, fastv:K:R and layers:8=.5/16=.25");
    };
  }

  private static PruningPlan random(String[] parts) {
    String form = "random:N@SEED, with :tower, :projector or :LAYER behind it";
    if (parts.length != 2 && parts.length != 3) {
      throw new IllegalArgumentException("write it " + form);
    }
    String[] numbers = parts[1].split("@", -1);
    if (numbers.length != 2) {
      throw new IllegalArgumentException("write it " + form);
    }
    long seed;
    try {
      seed = Long.parseLong(numbers[1]);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'%s' is no whole number, or too large".formatted(numbers[1]), e);
    }
    Place place =
        switch (parts.length == 2 ? "projector" : parts[2]) {
          case "tower" -> new Place.Tower();
          case "projector" -> new Place.Projector();
          default -> {
            if (!parts[2].matches("\\d+")) {
              throw new IllegalArgumentException("write it " + form);
            }
            yield new Place.Decoder(new Depth.AtLayer(integer(parts[2])));
          }
        };
    return PruningPlan.random(integer(numbers[0]), seed, place);
  }

  private static PruningPlan layers(String text) {
    List<Integer> layers = new ArrayList<>();
    List<Double> shares = new ArrayList<>();
    for (String pair : text.split("/", -1)) {
      String[] sides = pair.split("=", -1);
      if (sides.length != 2) {
        throw new IllegalArgumentException("write it layers:8=.5/16=.25");
      }
      layers.add(integer(sides[0]));
      shares.add(decimal(sides[1]));
    }
    return PruningPlan.explicit(layers, shares);
  }

  /** What stands behind the colons. */
  private static String[] fields(String[] parts, int count, String form) {
    if (parts.length != count + 1) {
      throw new IllegalArgumentException("write it " + form);
    }
    return Arrays.copyOfRange(parts, 1, parts.length);
  }

  private static int integer(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'%s' is no whole number, or too large".formatted(text), e);
    }
  }

  private static double decimal(String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'%s' is no number".formatted(text), e);
    }
  }
}
