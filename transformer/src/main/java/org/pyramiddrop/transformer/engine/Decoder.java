package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.CachedSequence;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.transformer.pruning.Ranking;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The LLaMA decoder (Touvron et al. 2023) with drops between its layers.
 *
 * <p>It knows a schedule, not strategies. Rows whose outputs nobody reads are not computed: behind
 * a ranking at a stage's end that layer's queries, attention and feed-forward run for kept tokens
 * only, and the last layer's for the last token.
 */
public final class Decoder implements AutoCloseable {
  /** What a cache's room is a multiple of, where it is rounded up. */
  private static final int LEAST_ROOM = 64;

  private final Kernels kernels;
  private final DecoderDescription config;
  private final Heads heads;
  private final Weight embedding;
  private final List<DecoderLayer> layers = new ArrayList<>();
  private final Weight norm;
  private final Weight head;
  private final Rotary rotary;
  private final boolean plainOrder;

  public Decoder(Kernels kernels, DecoderDescription config, WeightStore store) {
    this(kernels, config, store, false);
  }

  /**
   * Loads the decoder.
   *
   * @param plainOrder whether every layer runs in full and drops come after it, which computes the
   *     same more slowly; tests compare the two
   */
  public Decoder(
      Kernels kernels, DecoderDescription config, WeightStore store, boolean plainOrder) {
    this.kernels = kernels;
    this.config = config;
    this.plainOrder = plainOrder;
    heads = new Heads(config.heads(), config.keyValueHeads(), config.headSize());
    embedding = store.matrix(table(config.embedding()));
    for (int i = 0; i < config.layers(); i++) {
      layers.add(DecoderLayer.load(store, config.prefix() + "layers." + i + ".", config));
    }
    norm = store.vector(config.prefix() + "norm.weight", config.hiddenSize());
    head = config.outputHead().map(this::table).map(store::head).orElse(embedding);
    rotary = kernels.rotary(config.headSize(), config.rotaryBase(), config.maxPositions());
  }

  /** One row a token of the vocabulary. */
  private WeightStore.Matrix table(String name) {
    return new WeightStore.Matrix(name, config.vocabularySize(), config.hiddenSize());
  }

  /**
   * The embedded prompt with image embeddings in their places; the caller closes it.
   *
   * @param ids the prompt's; those in an image's span are not read
   * @param spans where the images lie, in order
   */
  public Tensor embedPrompt(Indices ids, List<Prompt.Span> spans, List<Tensor> images) {
    Resources owned = new Resources();
    Tensor x = owned.add(kernels.allocate(ids.size(), config.hiddenSize()));
    try {
      int end = 0;
      for (int i = 0; i < images.size(); i++) {
        Prompt.Span span = spans.get(i);
        embed(ids, end, span.start(), x);
        kernels.copy(images.get(i), x.rows(span.start(), span.count()));
        end = span.start() + span.count();
      }
      embed(ids, end, ids.size(), x);
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
    return x;
  }

  /** Embeds text: {@code ids} × the hidden size. */
  public void embed(Indices ids, Tensor out) {
    kernels.embed(embedding, ids, out);
  }

  private void embed(Indices ids, int from, int to, Tensor x) {
    if (to > from) {
      kernels.embed(embedding, ids.part(from, to - from), x.rows(from, to - from));
    }
  }

  /**
   * A cache with the room each layer needs: its stage's tokens and those to come.
   *
   * @param further tokens that decode steps will add
   */
  public KeyValueCache allocateCache(Prompt prompt, Schedule schedule, int further) {
    return allocateCache(room(prompt, schedule, further));
  }

  /**
   * A cache for some tokens, at whose positions steps may be recorded.
   *
   * @param room tokens of each layer, none more than the first layer's
   */
  KeyValueCache allocateCache(int[] room) {
    rotary.cover(room[0]);
    return new KeyValueCache(kernels, heads, room);
  }

  /** Bytes of keys and values that such a cache takes. */
  public long cacheBytes(Prompt prompt, Schedule schedule, int further) {
    long row = 2L * heads.keyValueColumns() * kernels.dtype().bytes();
    return IntStream.of(room(prompt, schedule, further)).mapToLong(rows -> rows * row).sum();
  }

  /**
   * Tokens that each layer gets room for. Where work is recorded they are rounded up by an eighth
   * at most, so that prompts of many lengths have the same room and share a step.
   */
  int[] room(Prompt prompt, Schedule schedule, int further) {
    int[] room = new int[config.layers()];
    for (int layer = 0; layer < room.length; layer++) {
      int tokens = prompt.length(schedule, schedule.stageOf(layer)) + further;
      room[layer] = kernels.replays() ? rounded(tokens) : tokens;
    }
    return room;
  }

  private int rounded(int tokens) {
    int multiple = Math.max(LEAST_ROOM, Integer.highestOneBit(tokens) / 8);
    int rounded = Math.ceilDiv(tokens, multiple) * multiple;
    // No position is tabulated beyond the last; what needs more is refused where that is done.
    return Math.max(tokens, Math.min(rounded, rotary.positions()));
  }

  /**
   * Runs a prompt through its layers and fills the cache.
   *
   * @param from the first layer to run: 0, or at most {@link #layersBeforeRanking}
   * @param progress hears the number of layers that are done, and may throw to give up
   * @param logits out: those of the last token, 1 × vocabulary, float32
   */
  public void prefill(
      Sequence sequence,
      int from,
      Schedule schedule,
      KeyValueCache cache,
      IntConsumer progress,
      Tensor logits) {
    KeptRows kept = sequence.kept();
    for (int b = from; b < layers.size(); b++) {
      DecoderLayer layer = layers.get(b);
      int stage = schedule.stageOf(b);
      boolean firstOfStage = stage > 0 && schedule.firstLayer(stage) == b;
      boolean lastOfStage =
          stage + 1 < schedule.stages() && schedule.firstLayer(stage + 1) == b + 1;
      if (schedule.ranking() == Ranking.NEXT_STAGE && firstOfStage && kept.shrinksAt(stage - 1)) {
        dropBefore(layer, sequence, stage - 1);
      }
      boolean ranksHere = schedule.ranking() == Ranking.STAGE_END && lastOfStage;
      if (ranksHere && kept.shrinksAt(stage)) {
        dropInside(layer, sequence, stage, cache.layer(b));
      } else if (b == layers.size() - 1 && !plainOrder) {
        lastTokenOnly(layer, sequence, cache.layer(b));
      } else {
        int length = sequence.length();
        layer(
            layer,
            sequence.hidden(),
            attentionOf(
                sequence.positions(),
                kept.firstRows(length),
                rows(cache.layer(b), length),
                new Mask.Causal()));
      }
      progress.accept(b + 1);
    }
    logits(sequence.hidden().rows(sequence.length() - 1, 1), logits);
  }

  private static KeyValueCache.Layer rows(KeyValueCache.Layer held, int length) {
    return new KeyValueCache.Layer(held.keys().rows(0, length), held.values().rows(0, length));
  }

  /**
   * One sequence's part of a decode step.
   *
   * @param logits out: those of the token, 1 × vocabulary, float32
   */
  public record Step(NextToken token, Schedule schedule, KeyValueCache cache, Tensor logits) {
    private CachedSequence at(int layer) {
      int stage = schedule.stageOf(layer);
      KeyValueCache.Layer held = cache.layer(layer);
      return new CachedSequence(
          token.position(stage), token.row(stage), held.keys(), held.values());
    }
  }

  /**
   * Runs one further token of each of some sequences, which share the reading of the weights and
   * nothing else.
   */
  public void decode(List<Step> steps) {
    try (Tensor x = kernels.allocate(steps.size(), config.hiddenSize())) {
      for (int i = 0; i < steps.size(); i++) {
        kernels.embed(embedding, steps.get(i).token().id(), x.rows(i, 1));
      }
      for (int b = 0; b < layers.size(); b++) {
        int index = b;
        List<CachedSequence> rows = steps.stream().map(step -> step.at(index)).toList();
        layer(
            layers.get(b), x, (qkv, out) -> kernels.decodeAttention(qkv, heads, rotary, rows, out));
      }
      if (steps.size() == 1) {
        logits(x, steps.getFirst().logits());
        return;
      }
      try (Tensor all = kernels.allocate(DType.FLOAT32, steps.size(), config.vocabularySize())) {
        logits(x, all);
        for (int i = 0; i < steps.size(); i++) {
          kernels.copy(all.rows(i, 1), steps.get(i).logits());
        }
      }
    }
  }

  /**
   * Runs rows that follow others through the first layers, in place.
   *
   * @param rows where they come in the sequence, which they see up to themselves
   * @param length of the sequence, these rows included
   * @param cache holds the first layers' keys and values of the rows before them
   * @param progress hears the number of layers that are done, and may throw to give up
   */
  public void prefillFirstLayers(
      Tensor x,
      Indices rows,
      int length,
      int firstLayers,
      KeyValueCache cache,
      IntConsumer progress) {
    for (int b = 0; b < firstLayers; b++) {
      KeyValueCache.Layer held = rows(cache.layer(b), length);
      layer(layers.get(b), x, attentionOf(rows, rows, held, new Mask.UpTo(rows)));
      progress.accept(b + 1);
    }
  }

  /**
   * How many layers run before any ranking. What they make of a prompt's beginning depends on
   * nothing behind it, so it holds for every prompt that begins the same.
   */
  public int layersBeforeRanking(Schedule schedule) {
    int last = layers.size() - 1;
    if (schedule.stages() == 1) {
      return last;
    }
    int drop = schedule.firstLayer(1);
    return Math.min(last, schedule.ranking() == Ranking.STAGE_END ? drop - 1 : drop);
  }

  /** What a layer does between its projections. */
  @FunctionalInterface
  private interface RowAttention {
    /** Stores keys and values, and attends. */
    void run(Tensor qkv, Tensor out);
  }

  /**
   * Of rows that belong to one sequence.
   *
   * @param rows where their keys and values go in the cache
   */
  private RowAttention attentionOf(
      Indices positions, Indices rows, KeyValueCache.Layer held, Mask mask) {
    return (qkv, out) -> {
      kernels.rotateAndStore(qkv, heads, rotary, positions, rows, held.keys(), held.values());
      kernels.attention(qkv, heads, held.keys(), held.values(), mask, out);
    };
  }

  /** A layer over all rows of {@code x}, in place. */
  private void layer(DecoderLayer layer, Tensor x, RowAttention attention) {
    int q = heads.queryColumns();
    try (Tensor qkv = kernels.allocate(x.rows(), q + 2 * heads.keyValueColumns());
        Tensor attended = kernels.allocate(x.rows(), q)) {
      kernels.normLinear(
          x, layer.inputNorm(), config.normEpsilon(), layer.qkv(), layer.qkvBias(), qkv);
      attention.run(qkv, attended);
      outputAndFeedForward(layer, attended, x);
    }
  }

  /**
   * The layer before a drop, which ranks unless chance chooses: kept tokens only from queries on.
   */
  private void dropInside(
      DecoderLayer layer, Sequence sequence, int drop, KeyValueCache.Layer cache) {
    Tensor x = sequence.hidden();
    KeyValueCache.Layer held = rows(cache, x.rows());
    try (Tensor normed = kernels.allocate(x.rows(), config.hiddenSize())) {
      kernels.rmsNorm(x, layer.inputNorm(), config.normEpsilon(), normed);
      storeKeyValues(layer, sequence, normed, held);
      if (sequence.kept().ranksAt(drop)) {
        rank(layer, sequence, drop, normed, held.keys());
      }
      Indices rows = sequence.kept().keptAt(drop);
      if (plainOrder) {
        finishAllRows(layer, sequence, normed, held);
        sequence.keep(rows);
      } else {
        finishRows(layer, sequence, normed, rows, held);
      }
      sequence.enterStage();
    }
  }

  /** Chooses a drop's rows by what the last token's query makes of the keys. */
  private void rank(DecoderLayer layer, Sequence sequence, int drop, Tensor normed, Tensor keys) {
    int last = normed.rows() - 1;
    try (Tensor query = kernels.allocate(1, heads.queryColumns());
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, normed.rows())) {
      queries(layer, normed.rows(last, 1), sequence.positions().part(last, 1), query);
      kernels.scoreTokens(query, heads, keys, scores);
      sequence.kept().select(drop, scores);
    }
  }

  /**
   * The last token's query in a layer that has yet to run.
   *
   * @param out 1 × {@link #queryColumns}
   */
  public void lastQuery(int layer, Sequence sequence, Tensor out) {
    int last = sequence.length() - 1;
    DecoderLayer weights = layers.get(layer);
    Tensor x = sequence.hidden().rows(last, 1);
    kernels.normLinear(
        x,
        weights.inputNorm(),
        config.normEpsilon(),
        queryWeight(weights),
        queryBias(weights),
        out);
    kernels.rotate(out, heads.query(), rotary, sequence.positions().part(last, 1));
  }

  /**
   * Scores what a layer's cache holds as a ranking does.
   *
   * @param scores out: 1 × keys, float32
   */
  public void score(Tensor query, KeyValueCache.Layer cache, Tensor scores) {
    kernels.scoreTokens(query, heads, rows(cache, scores.columns()).keys(), scores);
  }

  private void lastTokenOnly(DecoderLayer layer, Sequence sequence, KeyValueCache.Layer cache) {
    Tensor x = sequence.hidden();
    KeyValueCache.Layer held = rows(cache, x.rows());
    try (Tensor normed = kernels.allocate(x.rows(), config.hiddenSize())) {
      kernels.rmsNorm(x, layer.inputNorm(), config.normEpsilon(), normed);
      storeKeyValues(layer, sequence, normed, held);
      finishRows(layer, sequence, normed, sequence.kept().row(x.rows() - 1), held);
    }
  }

  /**
   * The rest of a layer whose keys and values are stored, for some rows, which the sequence goes on
   * with.
   */
  private void finishRows(
      DecoderLayer layer,
      Sequence sequence,
      Tensor normed,
      Indices rows,
      KeyValueCache.Layer held) {
    sequence.keep(rows);
    try (Tensor picked = kernels.allocate(rows.size(), config.hiddenSize());
        Tensor q = kernels.allocate(rows.size(), heads.queryColumns());
        Tensor attended = kernels.allocate(rows.size(), heads.queryColumns())) {
      kernels.gatherRows(normed, rows, picked);
      queries(layer, picked, sequence.positions(), q);
      kernels.attention(q, heads, held.keys(), held.values(), new Mask.UpTo(rows), attended);
      outputAndFeedForward(layer, attended, sequence.hidden());
    }
  }

  private void finishAllRows(
      DecoderLayer layer, Sequence sequence, Tensor normed, KeyValueCache.Layer held) {
    try (Tensor q = kernels.allocate(normed.rows(), heads.queryColumns());
        Tensor attended = kernels.allocate(normed.rows(), heads.queryColumns())) {
      queries(layer, normed, sequence.positions(), q);
      kernels.attention(q, heads, held.keys(), held.values(), new Mask.Causal(), attended);
      outputAndFeedForward(layer, attended, sequence.hidden());
    }
  }

  /**
   * A drop ranked by the layer behind it: its norm, query and key projections on what the stage
   * left.
   */
  private void dropBefore(DecoderLayer layer, Sequence sequence, int drop) {
    if (sequence.kept().ranksAt(drop)) {
      rankBefore(layer, sequence, drop);
    }
    sequence.keep(sequence.kept().keptAt(drop));
    sequence.enterStage();
  }

  private void rankBefore(DecoderLayer layer, Sequence sequence, int drop) {
    Tensor x = sequence.hidden();
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    try (Tensor normed = kernels.allocate(x.rows(), config.hiddenSize());
        Tensor keys = kernels.allocate(x.rows(), kv)) {
      kernels.rmsNorm(x, layer.inputNorm(), config.normEpsilon(), normed);
      Weight keyBias = layer.qkvBias() == null ? null : layer.qkvBias().rows(q, kv);
      kernels.linear(normed, layer.qkv().rows(q, kv), keyBias, Activation.NONE, keys);
      kernels.rotate(keys, heads.keyValue(), rotary, sequence.positions());
      rank(layer, sequence, drop, normed, keys);
    }
  }

  private void queries(DecoderLayer layer, Tensor normed, Indices positions, Tensor out) {
    kernels.linear(normed, queryWeight(layer), queryBias(layer), Activation.NONE, out);
    kernels.rotate(out, heads.query(), rotary, positions);
  }

  private Weight queryWeight(DecoderLayer layer) {
    return layer.qkv().rows(0, heads.queryColumns());
  }

  private @Nullable Weight queryBias(DecoderLayer layer) {
    return layer.qkvBias() == null ? null : layer.qkvBias().rows(0, heads.queryColumns());
  }

  private void storeKeyValues(
      DecoderLayer layer, Sequence sequence, Tensor normed, KeyValueCache.Layer held) {
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    @Nullable Weight bias = layer.qkvBias() == null ? null : layer.qkvBias().rows(q, 2 * kv);
    try (Tensor both = kernels.allocate(normed.rows(), 2 * kv)) {
      kernels.linear(normed, layer.qkv().rows(q, 2 * kv), bias, Activation.NONE, both);
      kernels.storeKeyValues(
          both,
          0,
          rotary,
          sequence.positions(),
          sequence.kept().firstRows(normed.rows()),
          held.keys(),
          held.values());
    }
  }

  /** Output projection and feed-forward, added to {@code x}. */
  private void outputAndFeedForward(DecoderLayer layer, Tensor attended, Tensor x) {
    kernels.linear(attended, layer.out(), layer.outBias(), Activation.ADD, x);
    try (Tensor inner = kernels.allocate(x.rows(), config.intermediateSize())) {
      kernels.normSwiGlu(x, layer.postNorm(), config.normEpsilon(), layer.gateUp(), inner);
      kernels.linear(inner, layer.down(), null, Activation.ADD, x);
    }
  }

  private void logits(Tensor last, Tensor out) {
    kernels.normLinear(last, norm, config.normEpsilon(), head, null, out);
  }

  public int layers() {
    return layers.size();
  }

  public int hiddenSize() {
    return config.hiddenSize();
  }

  /** Columns of a token's query, all heads side by side. */
  public int queryColumns() {
    return heads.queryColumns();
  }

  public int vocabulary() {
    return config.vocabularySize();
  }

  /** How the layers' matrices are stored. */
  public DType dtype() {
    return layers.get(0).qkv().dtype();
  }

  @Override
  public void close() {
    rotary.close();
  }
}
