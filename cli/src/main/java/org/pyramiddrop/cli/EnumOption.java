package org.pyramiddrop.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import org.pyramiddrop.training.LearningRateSchedule;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.model.LoraSettings;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.WeightFormat;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.Ranking;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an enum as it is written on a command line: {@code STAGE_END} is {@code stage-end}. */
abstract class EnumOption<E extends Enum<E>> implements ITypeConverter<E>, Iterable<String> {
  private final E[] values;

  private EnumOption(E[] values) {
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
    return Arrays.stream(values).map(EnumOption::spelling).iterator();
  }

  static String spelling(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static final class OfRanking extends EnumOption<Ranking> {
    OfRanking() {
      super(Ranking.values());
    }
  }

  static final class OfPositions extends EnumOption<Positions> {
    OfPositions() {
      super(Positions.values());
    }
  }

  static final class OfBackend extends EnumOption<Backend> {
    OfBackend() {
      super(Backend.values());
    }
  }

  static final class OfWeightType extends EnumOption<WeightType> {
    OfWeightType() {
      super(WeightType.values());
    }
  }

  static final class OfWeightFormat extends EnumOption<WeightFormat> {
    OfWeightFormat() {
      super(WeightFormat.values());
    }
  }

  static final class OfStrategy extends EnumOption<PruningOptions.Strategy> {
    OfStrategy() {
      super(PruningOptions.Strategy.values());
    }
  }

  static final class OfProfile extends EnumOption<PruningOptions.Profile> {
    OfProfile() {
      super(PruningOptions.Profile.values());
    }
  }

  static final class OfFormat extends EnumOption<Format> {
    OfFormat() {
      super(Format.values());
    }
  }

  static final class OfBadSamples extends EnumOption<BadSamples> {
    OfBadSamples() {
      super(BadSamples.values());
    }
  }

  static final class OfSchedule extends EnumOption<LearningRateSchedule.Shape> {
    OfSchedule() {
      super(LearningRateSchedule.Shape.values());
    }
  }

  static final class OfModelPart extends EnumOption<ModelPart> {
    OfModelPart() {
      super(ModelPart.values());
    }
  }

  static final class OfLoraTarget extends EnumOption<LoraSettings.Target> {
    OfLoraTarget() {
      super(LoraSettings.Target.values());
    }
  }
}
