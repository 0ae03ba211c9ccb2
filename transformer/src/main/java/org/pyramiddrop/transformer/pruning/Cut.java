package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;

/**
 * One cut of a plan, for a model of any depth and an image of any size: where it is, what tokens
 * are ranked by, which stay, what becomes of the rest, and how many stay.
 */
public record Cut(Place place, Score score, Choice choice, Fate fate, Keep keep)
    implements Serializable {

  /** Refuses a choice that its place or its score has nothing for. */
  public Cut {
    boolean fits =
        switch (choice) {
          case Choice.Random _ -> score == Score.NONE && fate instanceof Fate.Dropped;
          case Choice.MaxMin _ ->
              place instanceof Place.Projector
                  && score == Score.NONE
                  && fate instanceof Fate.Dropped;
          case Choice.Determinantal _ ->
              place instanceof Place.Projector
                  && score == Score.RELEVANCE
                  && fate instanceof Fate.Dropped;
          case Choice.TopK _ ->
              switch (place) {
                case Place.Tower _ -> score == Score.CLASS_ATTENTION;
                case Place.Projector _ -> false;
                case Place.Decoder _ ->
                    score == Score.LAST_TOKEN_ATTENTION && fate instanceof Fate.Dropped;
              };
        };
    if (!fits) {
      throw new IllegalArgumentException(
          "there is no cut at %s by %s, %s, %s".formatted(place, score, choice, fate));
    }
  }

  /** A drop between decoder layers, ranked by the last token's attention. */
  static Cut ranked(DropPoint point) {
    return new Cut(
        new Place.Decoder(point.depth()),
        Score.LAST_TOKEN_ATTENTION,
        new Choice.TopK(),
        new Fate.Dropped(),
        point.keep());
  }

  /**
   * Whether another question about the same picture may keep other tokens. What a cut before the
   * decoder that doesn't read the question keeps holds for every question about that picture.
   */
  public boolean readsQuestion() {
    return score.readsQuestion();
  }

  /** Whether it is made before the decoder. */
  public boolean beforeDecoder() {
    return !(place instanceof Place.Decoder);
  }

  /**
   * How many of some tokens are chosen before the decoder, not counting those that others are
   * merged into.
   */
  public int chosen(int current) {
    return keep.count(current, current);
  }

  /** How many tokens of one crop, or of one picture, go on. */
  public int count(int current) {
    int chosen = chosen(current);
    return fate instanceof Fate.Merged merged ? chosen + merged.count(current - chosen) : chosen;
  }
}
