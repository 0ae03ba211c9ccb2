package org.pyramiddrop.langchain4j;

import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * LangChain4j's request parameters, and three of ours: the plan by which image tokens are dropped,
 * the seed that sampling starts from, and a penalty on repetition. What is null falls to the
 * model's default parameters.
 */
public final class PyramidDropChatRequestParameters extends DefaultChatRequestParameters {
  private final @Nullable PruningPlan plan;
  private final @Nullable Long seed;
  private final @Nullable Double repetitionPenalty;

  private PyramidDropChatRequestParameters(Builder builder) {
    super(builder);
    plan = builder.plan;
    seed = builder.seed;
    repetitionPenalty = builder.repetitionPenalty;
  }

  /** Parameters of which nothing is set. */
  public static Builder builder() {
    return new Builder();
  }

  /** Where image tokens are dropped; null where the detail of the request's images decides. */
  public @Nullable PruningPlan plan() {
    return plan;
  }

  /** Where the random numbers start; null for another start each time. */
  public @Nullable Long seed() {
    return seed;
  }

  /** What makes tokens of the prompt and of the answer so far less likely; null for nothing. */
  public @Nullable Double repetitionPenalty() {
    return repetitionPenalty;
  }

  @Override
  public PyramidDropChatRequestParameters overrideWith(ChatRequestParameters that) {
    return builder().overrideWith(this).overrideWith(that).build();
  }

  @Override
  public PyramidDropChatRequestParameters defaultedBy(ChatRequestParameters that) {
    return builder().overrideWith(that).overrideWith(this).build();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return super.equals(other)
        && other instanceof PyramidDropChatRequestParameters that
        && Objects.equals(plan, that.plan)
        && Objects.equals(seed, that.seed)
        && Objects.equals(repetitionPenalty, that.repetitionPenalty);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), plan, seed, repetitionPenalty);
  }

  @Override
  public String toString() {
    return "PyramidDropChatRequestParameters{plan=%s, seed=%s, repetitionPenalty=%s, %s}"
        .formatted(plan, seed, repetitionPenalty, super.toString());
  }

  /** Sets parameters one by one. */
  public static final class Builder extends DefaultChatRequestParameters.Builder<Builder> {
    private @Nullable PruningPlan plan;
    private @Nullable Long seed;
    private @Nullable Double repetitionPenalty;

    private Builder() {}

    @Override
    public Builder overrideWith(ChatRequestParameters parameters) {
      super.overrideWith(parameters);
      if (parameters instanceof PyramidDropChatRequestParameters ours) {
        plan = ours.plan == null ? plan : ours.plan;
        seed = ours.seed == null ? seed : ours.seed;
        repetitionPenalty =
            ours.repetitionPenalty == null ? repetitionPenalty : ours.repetitionPenalty;
      }
      return this;
    }

    /** Where image tokens are dropped, whatever the detail of the request's images. */
    public Builder plan(@Nullable PruningPlan newPlan) {
      plan = newPlan;
      return this;
    }

    /** Where the random numbers start; equal seeds give equal answers. */
    public Builder seed(@Nullable Long newSeed) {
      seed = newSeed;
      return this;
    }

    /** What makes tokens of the prompt and of the answer so far less likely; 1 for nothing. */
    public Builder repetitionPenalty(@Nullable Double penalty) {
      repetitionPenalty = penalty;
      return this;
    }

    @Override
    public PyramidDropChatRequestParameters build() {
      return new PyramidDropChatRequestParameters(this);
    }
  }
}
