package org.pyramiddrop.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Ranking;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an enum as it is written on a command line: {@code STAGE_END} is {@code stage-end}. */
abstract class Choice<E extends Enum<E>> implements ITypeConverter<E>, Iterable<String> {
  private final E[] values;

  private Choice(E[] values) {
    this.values = values;
  }

  @Override
  public E convert(String text) {
    for (E value : values) {
      if (spelling(value).equals(text)) {
        return value;
      }
    }
    throw new TypeConversionException("'" + text + "' is none of " + String.join(", ", this));
  }

  @Override
  public Iterator<String> iterator() {
    return Arrays.stream(values).map(Choice::spelling).iterator();
  }

  static String spelling(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static final class OfRanking extends Choice<Ranking> {
    OfRanking() {
      super(Ranking.values());
    }
  }

  static final class OfPositions extends Choice<Positions> {
    OfPositions() {
      super(Positions.values());
    }
  }

  static final class OfBackend extends Choice<Backend> {
    OfBackend() {
      super(Backend.values());
    }
  }

  static final class OfWeightType extends Choice<WeightType> {
    OfWeightType() {
      super(WeightType.values());
    }
  }

  static final class OfStrategy extends Choice<PruningOptions.Strategy> {
    OfStrategy() {
      super(PruningOptions.Strategy.values());
    }
  }

  static final class OfProfile extends Choice<PruningOptions.Profile> {
    OfProfile() {
      super(PruningOptions.Profile.values());
    }
  }

  static final class OfFormat extends Choice<Format> {
    OfFormat() {
      super(Format.values());
    }
  }
}
