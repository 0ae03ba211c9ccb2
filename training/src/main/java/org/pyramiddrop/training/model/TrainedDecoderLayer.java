package org.pyramiddrop.training.model;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * One LLaMA layer over the packed rows of several sequences. From its queries on it may run for
 * some rows only, as at a drop and before the output head; keys and values are always those of all
 * rows.
 */
final class TrainedDecoderLayer {
  private final Device device;
  private final Kernels kernels;
  private final GradientKernels gradients;
  private final Heads heads;
  private final Rotary rotary;
  private final TrainedRmsNorm inputNorm;
  private final TrainedLinear query;
  private final TrainedLinear key;
  private final TrainedLinear value;
  private final TrainedLinear output;
  private final TrainedRmsNorm postNorm;
  private final TrainedLinear gate;
  private final TrainedLinear up;
  private final TrainedLinear down;

  /** Loads a layer whose tensors' names begin with {@code prefix}. */
  TrainedDecoderLayer(
      Device device,
      Rotary rotary,
      DecoderDescription config,
      TrainedWeights weights,
      WeightStore store,
      String prefix) {
    this.device = device;
    this.rotary = rotary;
    kernels = device.kernels();
    gradients = device.gradients();
    heads = new Heads(config.heads(), config.keyValueHeads(), config.headSize());
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    boolean bias = config.attentionBias();
    inputNorm = norm(config, weights, store, prefix + "input_layernorm.weight");
    query = weights.decoderLinear(store, prefix, LoraSettings.Target.Q, q, hidden, bias);
    key = weights.decoderLinear(store, prefix, LoraSettings.Target.K, kv, hidden, bias);
    value = weights.decoderLinear(store, prefix, LoraSettings.Target.V, kv, hidden, bias);
    output = weights.decoderLinear(store, prefix, LoraSettings.Target.O, hidden, q, bias);
    postNorm = norm(config, weights, store, prefix + "post_attention_layernorm.weight");
    gate = weights.decoderLinear(store, prefix, LoraSettings.Target.GATE, inner, hidden, false);
    up = weights.decoderLinear(store, prefix, LoraSettings.Target.UP, inner, hidden, false);
    down = weights.decoderLinear(store, prefix, LoraSettings.Target.DOWN, hidden, inner, false);
  }

  private TrainedRmsNorm norm(
      DecoderDescription config, TrainedWeights weights, WeightStore store, String name) {
    return new TrainedRmsNorm(
        device,
        weights.vector(store, ModelPart.DECODER, name, config.hiddenSize()),
        config.normEpsilon());
  }

  /** Chooses the rows that go on, once the layer's keys are there. */
  interface RowChoice {
    /**
     * Chooses.
     *
     * @param normed the layer's input behind its norm
     * @param keys of all rows, rotated
     */
    Selection choose(Tensor normed, Tensor keys);
  }

  /**
   * What a forward pass saves for its backward pass.
   *
   * @param x the layer's input, which the caller owns
   * @param before where the sequences lie in it
   * @param selection the rows that went on; none if all did
   * @param q rotated queries of the rows that went on
   * @param k rotated keys of all rows
   * @param v values of all rows
   * @param attended what attention made, before the output projection
   * @param middle hidden states between attention and feed-forward network
   * @param gate the gate's output, before its activation
   * @param up what the gate is multiplied by
   */
  record Saved(
      Tensor x,
      List<SequenceRows> before,
      Optional<Selection> selection,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor attended,
      Tensor middle,
      Tensor gate,
      Tensor up,
      Resources owned)
      implements AutoCloseable {
    List<SequenceRows> after() {
      return selection.map(Selection::after).orElse(before);
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /**
   * Runs the layer up to its last product.
   *
   * @param x hidden states of all rows
   * @param choice who chooses the rows that go on; none if all do
   */
  Saved run(Tensor x, List<SequenceRows> before, @Nullable RowChoice choice) {
    Resources owned = new Resources();
    try (Tensor normed = inputNorm.forward(x)) {
      Tensor k = projected(key, normed, owned);
      Tensor v = projected(value, normed, owned);
      rotate(k, heads.keyValue(), before);
      Optional<Selection> selection =
          choice == null ? Optional.empty() : Optional.of(choice.choose(normed, k));
      List<SequenceRows> after = selection.map(Selection::after).orElse(before);
      Tensor q;
      Tensor middle;
      if (selection.isPresent()) {
        try (Tensor picked = selection.get().pick(device, normed)) {
          q = projected(query, picked, owned);
        }
        middle = owned.add(selection.get().pick(device, x));
      } else {
        q = projected(query, normed, owned);
        middle = owned.add(device.copy(x));
      }
      rotate(q, heads.query(), after);
      Tensor attended = owned.add(kernels.allocate(q.rows(), q.columns()));
      for (int i = 0; i < before.size(); i++) {
        SequenceRows keys = before.get(i);
        SequenceRows queries = after.get(i);
        kernels.attention(
            queries.of(q), heads, keys.of(k), keys.of(v), mask(selection, i), queries.of(attended));
      }
      output.addForward(attended, middle);
      try (Tensor between = postNorm.forward(middle)) {
        return new Saved(
            x,
            before,
            selection,
            q,
            k,
            v,
            attended,
            middle,
            projected(gate, between, owned),
            projected(up, between, owned),
            owned);
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private Tensor projected(TrainedLinear linear, Tensor x, Resources owned) {
    Tensor out = owned.add(kernels.allocate(x.rows(), linear.outputs()));
    linear.forward(x, out);
    return out;
  }

  private static Mask mask(Optional<Selection> selection, int sequence) {
    return selection
        .<Mask>map(chosen -> new Mask.UpTo(chosen.rows().get(sequence)))
        .orElse(new Mask.Causal());
  }

  private void rotate(Tensor x, int count, List<SequenceRows> sequences) {
    for (SequenceRows sequence : sequences) {
      kernels.rotate(sequence.of(x), count, rotary, sequence.positions());
    }
  }

  private void rotateBack(Tensor x, int count, List<SequenceRows> sequences) {
    for (SequenceRows sequence : sequences) {
      gradients.rotateBack(sequence.of(x), count, rotary, sequence.positions());
    }
  }

  /** The layer's output, which the caller closes. */
  Tensor output(Saved saved) {
    Tensor out = device.copy(saved.middle);
    try (Tensor inner = inner(saved)) {
      down.addForward(inner, out);
    }
    return out;
  }

  private Tensor inner(Saved saved) {
    Tensor inner = kernels.allocate(saved.gate.rows(), saved.gate.columns());
    gradients.siluTimes(saved.gate, saved.up, inner);
    return inner;
  }

  /**
   * Adds the gradients of what is trained. What was saved is used up.
   *
   * @param dOut the output's gradient, which is overwritten
   * @param asked whether the gradient of the layer's input is
   * @return it, which the caller closes; null if it is not asked
   */
  @Nullable Tensor backward(Saved saved, Tensor dOut, boolean asked) {
    Tensor dMiddle = dOut;
    feedForwardBackward(saved, dMiddle);
    try (Tensor dAttended = kernels.allocate(dOut.rows(), heads.queryColumns());
        Tensor dq = kernels.allocate(dOut.rows(), heads.queryColumns());
        Tensor dk = kernels.allocate(saved.k.rows(), saved.k.columns());
        Tensor dv = kernels.allocate(saved.v.rows(), saved.v.columns())) {
      output.backward(saved.attended, dMiddle, false, dAttended);
      attentionBackward(saved, dAttended, dq, dk, dv);
      return inputBackward(saved, dMiddle, dq, dk, dv, asked);
    }
  }

  /** Makes of the output's gradient that of the states between attention and feed-forward. */
  private void feedForwardBackward(Saved saved, Tensor dMiddle) {
    try (Tensor dInner = kernels.allocate(saved.gate.rows(), saved.gate.columns())) {
      try (Tensor inner = inner(saved)) {
        down.backward(inner, dMiddle, false, dInner);
      }
      gradients.siluTimesGradient(saved.gate, saved.up, dInner, saved.gate, saved.up);
    }
    try (Tensor between = postNorm.forward(saved.middle);
        Tensor dBetween = kernels.allocate(between.rows(), between.columns())) {
      gate.backward(between, saved.gate, false, dBetween);
      up.backward(between, saved.up, true, dBetween);
      postNorm.backward(saved.middle, dBetween, dMiddle);
    }
  }

  private void attentionBackward(Saved saved, Tensor dAttended, Tensor dq, Tensor dk, Tensor dv) {
    for (int i = 0; i < saved.before.size(); i++) {
      SequenceRows keys = saved.before.get(i);
      SequenceRows queries = saved.after().get(i);
      gradients.attentionGradient(
          queries.of(saved.q),
          heads,
          keys.of(saved.k),
          keys.of(saved.v),
          mask(saved.selection, i),
          queries.of(dAttended),
          queries.of(dq),
          keys.of(dk),
          keys.of(dv));
    }
    rotateBack(dq, heads.query(), saved.after());
    rotateBack(dk, heads.keyValue(), saved.before);
  }

  private @Nullable Tensor inputBackward(
      Saved saved, Tensor dMiddle, Tensor dq, Tensor dk, Tensor dv, boolean asked) {
    // A norm that is trained needs the gradient of its output even where nobody asks for more.
    boolean through = asked || inputNorm.weight().gradient() != null;
    try (Tensor normed = inputNorm.forward(saved.x);
        @Nullable Tensor dNormed =
            through ? kernels.allocate(normed.rows(), normed.columns()) : null) {
      key.backward(normed, dk, false, dNormed);
      value.backward(normed, dv, true, dNormed);
      if (saved.selection.isPresent()) {
        Selection selection = saved.selection.get();
        try (Tensor picked = selection.pick(device, normed);
            Tensor dPicked = kernels.allocate(picked.rows(), picked.columns())) {
          query.backward(picked, dq, false, dPicked);
          if (dNormed != null) {
            selection.addBack(device, dPicked, dNormed);
          }
        }
      } else {
        query.backward(normed, dq, true, dNormed);
      }
      if (dNormed == null) {
        return null;
      }
      Tensor dx =
          saved.selection.isPresent()
              ? device.zeros(saved.x.rows(), saved.x.columns())
              : device.copy(dMiddle);
      saved.selection.ifPresent(selection -> selection.addBack(device, dMiddle, dx));
      inputNorm.backward(saved.x, dNormed, dx);
      if (asked) {
        return dx;
      }
      dx.close();
      return null;
    }
  }

  /**
   * Ranks a sequence's keys by the queries right before its answers: each query's scores averaged
   * over heads, then over queries. Keys that a query does not see count as 0.
   *
   * @param normed of all rows of the batch
   * @param keys of the same rows, rotated
   * @param where the sequence lies
   * @param drop which drop ranks, and so the stage that ends
   */
  void rank(Tensor normed, Tensor keys, SequenceRows where, TrainedSequence sequence, int drop) {
    Indices rows = sequence.queries(drop);
    int[] seen = sequence.queryRows(drop);
    try (Tensor picked = device.gather(where.of(normed), rows);
        Tensor queries = kernels.allocate(rows.size(), heads.queryColumns());
        Indices positions = kernels.gather(where.positions(), rows);
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, where.count())) {
      query.forward(picked, queries);
      kernels.rotate(queries, heads.query(), rotary, positions);
      gradients.clear(scores);
      for (int i = 0; i < seen.length; i++) {
        int count = seen[i] + 1;
        try (Tensor one = kernels.allocate(DType.FLOAT32, 1, count)) {
          kernels.scoreTokens(queries.rows(i, 1), heads, where.of(keys).rows(0, count), one);
          gradients.addColumns(one, 1f / seen.length, scores, 0);
        }
      }
      sequence.kept().select(drop, scores);
    }
  }

  /** Ranks by this layer's norm, queries and keys before it runs ({@code Ranking.NEXT_STAGE}). */
  void rankBefore(Tensor x, List<SequenceRows> where, List<TrainedSequence> sequences, int drop) {
    try (Tensor normed = inputNorm.forward(x);
        Tensor keys = kernels.allocate(x.rows(), heads.keyValueColumns())) {
      key.forward(normed, keys);
      rotate(keys, heads.keyValue(), where);
      for (int i = 0; i < sequences.size(); i++) {
        rank(normed, keys, where.get(i), sequences.get(i), drop);
      }
    }
  }
}
