package org.pyramiddrop.bench.profile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.kernels.Profile;

/**
 * A part of the model, profiled several times.
 *
 * @param name what it is
 * @param work what it has to compute or to read
 * @param profiles one a run, all of the same launches
 */
record PartProfile(String name, Work work, List<Profile> profiles) {
  /** Refuses runs that did not launch the same. */
  PartProfile {
    profiles = List.copyOf(profiles);
    if (profiles.stream().map(PartProfile::kernels).distinct().count() != 1) {
      throw new IllegalArgumentException(
          "%s: %d profiles of different launches".formatted(name, profiles.size()));
    }
  }

  /** What bounds a part: arithmetic, or memory that is read once. */
  sealed interface Work {
    /**
     * Arithmetic.
     *
     * @param count of floating point operations, two for each multiply-add
     */
    record Flops(double count) implements Work {}

    /**
     * Memory.
     *
     * @param count of bytes
     */
    record Bytes(double count) implements Work {}
  }

  /**
   * All launches of a kernel, of a product only those of its sizes.
   *
   * @param micros of all together
   */
  record Group(String kernel, Profile.@Nullable Product product, int calls, double micros) {
    double mean() {
      return micros / calls;
    }
  }

  private static List<String> kernels(Profile profile) {
    return profile.launches().stream().map(Profile.Launch::kernel).toList();
  }

  /** Microseconds of the whole as it is. */
  Spread plain() {
    return spread(Profile::plainMicros);
  }

  /** Microseconds of the whole with events between the launches. */
  Spread marked() {
    return spread(Profile::markedMicros);
  }

  /** Microseconds between two events with nothing between them. */
  Spread empty() {
    return spread(Profile::emptyMicros);
  }

  private Spread spread(ToDoubleFunction<Profile> of) {
    return Spread.of(profiles.stream().map(profile -> of.applyAsDouble(profile)).toList());
  }

  /** The launches in their order, each with its median time. */
  List<Profile.Launch> launches() {
    List<Profile.Launch> medians = new ArrayList<>();
    List<Profile.Launch> first = profiles.getFirst().launches();
    for (int i = 0; i < first.size(); i++) {
      int at = i;
      double micros = spread(profile -> profile.launches().get(at).micros()).median();
      Profile.Launch launch = first.get(i);
      medians.add(new Profile.Launch(launch.kernel(), launch.grid(), launch.product(), micros));
    }
    return medians;
  }

  /** The launches by kernel and product, those that take longest together first. */
  List<Group> groups() {
    record Key(String kernel, Profile.@Nullable Product product) {}
    Map<Key, List<Profile.Launch>> byKey = new LinkedHashMap<>();
    for (Profile.Launch launch : launches()) {
      byKey
          .computeIfAbsent(new Key(launch.kernel(), launch.product()), _ -> new ArrayList<>())
          .add(launch);
    }
    List<Group> groups = new ArrayList<>();
    byKey.forEach((key, launches) -> {
      double micros = launches.stream().mapToDouble(Profile.Launch::micros).sum();
      groups.add(new Group(key.kernel, key.product, launches.size(), micros));
    });
    groups.sort(Comparator.comparingDouble(Group::micros).reversed());
    return groups;
  }
}
