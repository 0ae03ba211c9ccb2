package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Shapes that don't fit are refused before anything is written. */
interface RefusalContract extends ContractPart {
  private void refuses(String what, Output out, ThrowingCallable operation) {
    assertThatIllegalArgumentException().as(what).isThrownBy(operation);
    out.untouched(what);
  }

  private Tensor tensor(int rows, int columns) {
    return device().input(new float[rows * columns], columns);
  }

  private Weight weight(int rows, int columns) {
    return device().weight(DType.BFLOAT16, new float[rows * columns], columns);
  }

  @Test
  default void refusesProductsThatDoNotFit() {
    for (int rows : new int[] {2, 7}) {
      Output out = device().output(rows, 5);
      Tensor x = tensor(rows, 4);
      Weight w = weight(5, 4);
      for (Activation a : Activation.values()) {
        refuses("x columns", out, () -> kernels().linear(tensor(rows, 3), w, null, a, out.view()));
        refuses("x rows", out, () -> kernels().linear(tensor(9, 4), w, null, a, out.view()));
        refuses("w rows", out, () -> kernels().linear(x, weight(6, 4), null, a, out.view()));
        refuses("w columns", out, () -> kernels().linear(x, weight(5, 5), null, a, out.view()));
        refuses("bias rows", out, () -> kernels().linear(x, w, weight(4, 1), a, out.view()));
        refuses("bias columns", out, () -> kernels().linear(x, w, weight(5, 2), a, out.view()));
      }
      refuses("gate", out, () -> kernels().swiGlu(x, weight(5, 4), out.view()));
      refuses("odd gate", out, () -> kernels().swiGlu(x, weight(11, 4), out.view()));
      refuses("gate columns", out, () -> kernels().swiGlu(x, weight(10, 3), out.view()));
      refuses("gate rows", out, () -> kernels().swiGlu(tensor(9, 4), weight(10, 4), out.view()));
    }
  }

  @Test
  default void refusesPicturesAndSequencesThatDoNotFit() {
    Tensor pixels = device().input(DType.FLOAT32, new float[2 * 48], 48);
    Output squares = device().output(2 * (1 + 4), 12);
    refuses("channels", squares, () -> kernels().patches(pixels, 2, 2, 1, squares.view()));
    refuses("a square", squares, () -> kernels().patches(pixels, 3, 3, 1, squares.view()));
    refuses("rows before", squares, () -> kernels().patches(pixels, 3, 2, 0, squares.view()));
    Output narrow = device().output(2 * (1 + 4), 11);
    refuses("columns", narrow, () -> kernels().patches(pixels, 3, 2, 1, narrow.view()));
    Heads heads = new Heads(2, 1, 4);
    Output out = device().output(6, 8);
    refuses("none", out, () -> kernels().selfAttention(tensor(6, 16), heads, 0, out.view()));
    refuses("a part", out, () -> kernels().selfAttention(tensor(6, 16), heads, 4, out.view()));
    refuses("rows", out, () -> kernels().selfAttention(tensor(4, 16), heads, 2, out.view()));
    refuses("columns", out, () -> kernels().selfAttention(tensor(6, 15), heads, 2, out.view()));
  }

  @Test
  default void refusesNormsThatDoNotFit() {
    Output out = device().output(3, 5);
    Tensor x = tensor(3, 5);
    Weight w = weight(5, 1);
    refuses("x rows", out, () -> kernels().rmsNorm(tensor(2, 5), w, 0, out.view()));
    refuses("x columns", out, () -> kernels().rmsNorm(tensor(3, 4), w, 0, out.view()));
    refuses("w", out, () -> kernels().rmsNorm(x, weight(4, 1), 0, out.view()));
    refuses("w as a row", out, () -> kernels().rmsNorm(x, weight(1, 5), 0, out.view()));
    refuses("x", out, () -> kernels().layerNorm(tensor(2, 5), w, w, 0, out.view()));
    refuses("w", out, () -> kernels().layerNorm(x, weight(6, 1), w, 0, out.view()));
    refuses("bias", out, () -> kernels().layerNorm(x, w, weight(4, 1), 0, out.view()));
  }

  @Test
  default void refusesProductsOfNormsThatDoNotFit() {
    for (int rows : new int[] {2, 7}) {
      Output out = device().output(rows, 5);
      Tensor o = out.view();
      Tensor x = tensor(rows, 4);
      Weight n = weight(4, 1);
      Weight w = weight(5, 4);
      refuses("norm", out, () -> kernels().normLinear(x, weight(5, 1), 0, w, null, o));
      refuses("norm as a row", out, () -> kernels().normLinear(x, weight(1, 4), 0, w, null, o));
      refuses("x rows", out, () -> kernels().normLinear(tensor(9, 4), n, 0, w, null, o));
      refuses("w columns", out, () -> kernels().normLinear(x, n, 0, weight(5, 3), null, o));
      refuses("w rows", out, () -> kernels().normLinear(x, n, 0, weight(6, 4), null, o));
      refuses("bias", out, () -> kernels().normLinear(x, n, 0, w, weight(4, 1), o));
      Weight gateUp = weight(10, 4);
      refuses("norm", out, () -> kernels().normSwiGlu(x, weight(3, 1), 0, gateUp, o));
      refuses("gate", out, () -> kernels().normSwiGlu(x, n, 0, weight(5, 4), o));
      refuses("gate columns", out, () -> kernels().normSwiGlu(x, n, 0, weight(10, 3), o));
      refuses("rows", out, () -> kernels().normSwiGlu(tensor(9, 4), n, 0, gateUp, o));
    }
  }

  @Test
  default void refusesFusedProductsThatDoNotFit() {
    Heads heads = new Heads(4, 2, 6);
    Output out = device().output(3, 48);
    Tensor qkv = out.view();
    Tensor kv = tensor(5, 12);
    Rotary rotary = device().owned(kernels().rotary(6, 10_000, 8));
    Rotary other = device().owned(kernels().rotary(4, 10_000, 8));
    Indices three = device().indices(1, 2, 3);
    Indices two = device().indices(1, 2);
    Heads fewer = new Heads(2, 2, 6);
    refuses("columns", out, () -> fuse(qkv, fewer, rotary, three, three, kv, kv));
    refuses("head size", out, () -> fuse(qkv, heads, other, three, three, kv, kv));
    refuses("positions", out, () -> fuse(qkv, heads, rotary, two, three, kv, kv));
    refuses("rows", out, () -> fuse(qkv, heads, rotary, three, two, kv, kv));
    refuses("keys", out, () -> fuse(qkv, heads, rotary, three, three, tensor(5, 18), kv));
    refuses("values", out, () -> fuse(qkv, heads, rotary, three, three, kv, tensor(4, 12)));
  }

  @Test
  default void refusesDecodeStepsThatDoNotFit() {
    Heads heads = new Heads(4, 2, 6);
    Output out = device().output(1, 24);
    Tensor qkv = tensor(1, 48);
    Tensor kv = tensor(5, 12);
    Rotary rotary = device().owned(kernels().rotary(6, 10_000, 8));
    Rotary other = device().owned(kernels().rotary(4, 10_000, 8));
    Indices one = device().indices(1);
    Indices two = device().indices(1, 2);
    List<CachedSequence> fits = List.of(new CachedSequence(one, one, kv, kv));
    refuses("sequences", out, () -> decode(qkv, heads, rotary, List.of(), out));
    refuses("columns", out, () -> decode(tensor(1, 47), heads, rotary, fits, out));
    refuses("heads", out, () -> decode(qkv, new Heads(2, 2, 6), rotary, fits, out));
    refuses("head size", out, () -> decode(qkv, heads, other, fits, out));
    for (CachedSequence bad :
        List.of(
            new CachedSequence(two, one, kv, kv),
            new CachedSequence(one, two, kv, kv),
            new CachedSequence(one, one, tensor(5, 18), kv),
            new CachedSequence(one, one, kv, tensor(4, 12)))) {
      refuses(bad.toString(), out, () -> decode(qkv, heads, rotary, List.of(bad), out));
    }
  }

  private void decode(
      Tensor qkv, Heads heads, Rotary rotary, List<CachedSequence> sequences, Output out) {
    kernels().decodeAttention(qkv, heads, rotary, sequences, out.view());
  }

  private void fuse(
      Tensor qkv, Heads heads, Rotary rotary, Indices at, Indices rows, Tensor k, Tensor v) {
    kernels().rotateAndStore(qkv, heads, rotary, at, rows, k, v);
  }

  @Test
  default void refusesRowsThatDoNotFit() {
    Output out = device().output(3, 5);
    Tensor x = tensor(3, 5);
    Weight table = weight(6, 5);
    Indices rows = device().indices(0, 1, 2);
    Indices two = device().indices(0, 1);
    refuses("ids", out, () -> kernels().embed(table, two, out.view()));
    refuses("columns", out, () -> kernels().embed(weight(6, 4), rows, out.view()));
    refuses("columns", out, () -> kernels().copyColumns(tensor(3, 4), out.view(), 2));
    refuses("before", out, () -> kernels().copyColumns(tensor(3, 4), out.view(), -1));
    refuses("copied rows", out, () -> kernels().copyColumns(tensor(2, 4), out.view(), 0));
    refuses("copy rows", out, () -> kernels().copy(tensor(2, 5), out.view()));
    refuses("copy columns", out, () -> kernels().copy(tensor(3, 4), out.view()));
    refuses("add rows", out, () -> kernels().add(out.view(), weight(4, 5)));
    refuses("add columns", out, () -> kernels().add(out.view(), weight(3, 1)));
    refuses("gather", out, () -> kernels().gatherRows(x, two, out.view()));
    refuses("gather columns", out, () -> kernels().gatherRows(tensor(3, 4), rows, out.view()));
  }

  @Test
  default void refusesRotationsThatDoNotFit() {
    Output out = device().output(3, 12);
    Rotary rotary = device().owned(kernels().rotary(4, 10_000, 8));
    Indices three = device().indices(1, 2, 3);
    Indices two = device().indices(1, 2);
    refuses("positions", out, () -> kernels().rotate(out.view(), 3, rotary, two));
    refuses("heads", out, () -> kernels().rotate(out.view(), 4, rotary, three));
    refuses("no heads", out, () -> kernels().rotate(out.view(), 0, rotary, three));
  }

  @Test
  default void refusesCachesThatDoNotFit() {
    Output out = device().output(3, 12);
    Tensor k = out.view();
    Tensor both = tensor(3, 24);
    Rotary rotary = device().owned(kernels().rotary(4, 10_000, 8));
    Indices three = device().indices(1, 2, 3);
    Indices two = device().indices(1, 2);
    refuses("value rows", out, () -> store(both, rotary, three, k, tensor(2, 12)));
    refuses("value columns", out, () -> store(both, rotary, three, k, tensor(3, 8)));
    refuses("x rows", out, () -> store(tensor(2, 24), rotary, three, k, tensor(3, 12)));
    refuses("columns", out, () -> store(tensor(3, 20), rotary, three, k, tensor(3, 12)));
    refuses("positions", out, () -> store(both, rotary, two, k, tensor(3, 12)));
    Rotary other = device().owned(kernels().rotary(8, 10_000, 8));
    refuses("head size", out, () -> store(both, other, three, k, tensor(3, 12)));
    Tensor v = tensor(3, 12);
    refuses("first", out, () -> kernels().storeKeyValues(both, 1, null, null, three, k, v));
    refuses("before", out, () -> kernels().storeKeyValues(both, -1, null, null, three, k, v));
    refuses("rows", out, () -> kernels().storeKeyValues(both, 0, null, null, two, k, v));
    assertThatNullPointerException()
        .isThrownBy(() -> kernels().storeKeyValues(both, 0, rotary, null, three, k, v));
    out.untouched("no positions");
  }

  private void store(Tensor both, Rotary rotary, Indices positions, Tensor k, Tensor v) {
    Indices rows = device().indices(0, 1, 2);
    kernels().storeKeyValues(both, 0, rotary, positions, rows, k, v);
  }

  @Test
  default void refusesAttentionThatDoesNotFit() {
    for (int rows : new int[] {3, 7}) {
      Heads heads = new Heads(4, 2, 6);
      Output out = device().output(rows, 24);
      Tensor o = out.view();
      Tensor q = tensor(rows, 24);
      Tensor k = tensor(9, 12);
      Mask full = new Mask.Full();
      refuses("q columns", out, () -> kernels().attention(tensor(rows, 23), heads, k, k, full, o));
      refuses("q rows", out, () -> kernels().attention(tensor(2, 24), heads, k, k, full, o));
      refuses("key columns", out, () -> attend(q, heads, tensor(9, 24), tensor(9, 24), full, o));
      refuses("value rows", out, () -> attend(q, heads, k, tensor(8, 12), full, o));
      refuses("value columns", out, () -> attend(q, heads, k, tensor(9, 24), full, o));
      refuses("heads", out, () -> attend(q, new Heads(2, 2, 6), k, k, full, o));
      refuses(
          "more queries than keys",
          out,
          () -> attend(q, heads, k.rows(0, 2), k.rows(0, 2), new Mask.Causal(), o));
      Mask short1 = new Mask.UpTo(device().indices(new int[rows - 1]));
      refuses("last keys", out, () -> attend(q, heads, k, k, short1, o));
    }
  }

  private void attend(Tensor q, Heads heads, Tensor k, Tensor v, Mask mask, Tensor out) {
    kernels().attention(q, heads, k, v, mask, out);
  }

  @Test
  default void refusesRankingsThatDoNotFit() {
    Heads heads = new Heads(4, 2, 6);
    Output out = device().output(DType.FLOAT32, 1, 9);
    Tensor query = tensor(1, 24);
    Tensor keys = tensor(9, 12);
    refuses("queries", out, () -> kernels().scoreTokens(tensor(0, 24), heads, keys, out.view()));
    refuses("columns", out, () -> kernels().scoreTokens(tensor(1, 23), heads, keys, out.view()));
    refuses("keys", out, () -> kernels().scoreTokens(query, heads, tensor(8, 12), out.view()));
    refuses("heads", out, () -> kernels().scoreTokens(query, heads, tensor(9, 6), out.view()));
    int[] before = {7, 8, 9};
    Indices places = device().indices(before);
    Tensor scores = device().input(DType.FLOAT32, new float[9], 9);
    Tensor pair = device().input(DType.FLOAT32, new float[18], 9);
    refuses("keep", out, () -> kernels().selectTopK(scores, 0, 2, 3, places, 0));
    refuses("rows", out, () -> kernels().selectTopK(pair, 0, 9, 3, places, 0));
    for (int[] span : new int[][] {{-1, 3, 1, 0}, {7, 3, 1, 0}, {0, 3, 3, 1}, {0, 3, 1, -1}}) {
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(
              () -> kernels().selectTopK(scores, span[0], span[1], span[2], places, span[3]));
    }
    assertThat(kernels().download(places)).isEqualTo(before);
  }

  @Test
  default void refusesCutsThatDoNotFit() {
    Heads heads = new Heads(4, 2, 6);
    Tensor x = tensor(9, 12);
    Tensor wide = device().input(DType.FLOAT32, new float[108], 12);
    Output means = device().output(DType.FLOAT32, 9, 6);
    Tensor m = means.view();
    refuses("rows", means, () -> kernels().averageHeads(tensor(8, 12), heads, m));
    refuses("columns", means, () -> kernels().averageHeads(tensor(9, 6), heads, m));
    refuses("size", means, () -> kernels().averageHeads(x, new Heads(4, 3, 4), m));
    Indices none = device().indices();
    Indices two = device().indices(1, 2);
    Indices three = device().indices(3, 4, 5);
    int[] before = {7, 8, 9};
    Indices to = device().indices(before);
    choiceRefused("targets", () -> kernels().nearest(wide, none, three, to));
    choiceRefused("others", () -> kernels().nearest(wide, two, two, to));
    choiceRefused("numbers picked", () -> kernels().gather(three, two, to));
    choiceRefused("numbers picked", () -> kernels().sortPlaces(two, to));
    Tensor scores = device().input(DType.FLOAT32, new float[9], 9);
    Tensor pair = device().input(DType.FLOAT32, new float[18], 9);
    choiceRefused("places", () -> kernels().splitTopK(scores, two, 1, to));
    choiceRefused("rows of scores", () -> kernels().splitTopK(pair, three, 1, to));
    for (int keep : new int[] {-1, 4}) {
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> kernels().splitTopK(scores, three, keep, to));
    }
    choiceRefused("chosen rows", () -> kernels().selectDiverse(x.rows(0, 2), to));
    choiceRefused("columns of relevance", () -> kernels().selectDeterminantal(x, m.rows(0, 1), to));
    choiceRefused("rows of relevance", () -> kernels().selectDeterminantal(x, pair, to));
    assertThat(kernels().download(to)).isEqualTo(before);
    Output merged = device().output(2, 12);
    Tensor o = merged.view();
    refuses("others", merged, () -> kernels().mergeRows(x, two, three, two, o));
    refuses("targets", merged, () -> kernels().mergeRows(x, three, two, two, o));
    refuses("columns", merged, () -> kernels().mergeRows(tensor(9, 11), two, two, two, o));
    Output relevance = device().output(DType.FLOAT32, 1, 9);
    Tensor r = relevance.view();
    refuses("no text", relevance, () -> kernels().relevance(x, tensor(0, 12), r));
    refuses("columns", relevance, () -> kernels().relevance(x, tensor(2, 11), r));
    refuses("tokens", relevance, () -> kernels().relevance(tensor(8, 12), tensor(2, 12), r));
    if (kernels().dtype() != DType.FLOAT32) {
      choiceRefused("x holds", () -> kernels().nearest(x, two, three, to));
      choiceRefused("x holds", () -> kernels().selectDiverse(wide, to));
      refuses("x", relevance, () -> kernels().relevance(wide, tensor(2, 12), r));
    }
  }

  @Test
  default void refusesChoicesThatDoNotFit() {
    Tensor logits = device().input(DType.FLOAT32, new float[9], 9);
    Tensor controls = device().input(DType.FLOAT32, new float[] {0, 1, 0, 0, 1}, 5);
    Tensor three = device().input(DType.FLOAT32, new float[3], 3);
    Tensor pair = device().input(DType.FLOAT32, new float[18], 9);
    Tensor twice = device().input(DType.FLOAT32, new float[10], 5);
    Indices seen = device().indices(new int[9]);
    Indices one = device().indices(7);
    choiceRefused("rows of logits", () -> kernels().sample(pair, seen, controls, one));
    choiceRefused("seen", () -> kernels().sample(logits, seen.part(0, 8), controls, one));
    choiceRefused("columns of controls", () -> kernels().sample(logits, seen, three, one));
    choiceRefused("rows of controls", () -> kernels().sample(logits, seen, twice, one));
    choiceRefused("tokens", () -> kernels().sample(logits, seen, controls, seen.part(0, 2)));
    if (kernels().dtype() != DType.FLOAT32) {
      choiceRefused("logits", () -> kernels().sample(tensor(1, 9), seen, controls, one));
      choiceRefused("controls", () -> kernels().sample(logits, seen, tensor(1, 5), one));
    }
    assertThat(kernels().download(one)).containsExactly(7);
    assertThat(kernels().download(seen)).containsOnly(0);
  }

  private static void choiceRefused(String what, ThrowingCallable operation) {
    assertThatIllegalArgumentException().isThrownBy(operation).withMessageStartingWith(what);
  }

  @Test
  default void refusesTensorsAndTablesThatCannotBe() {
    assertThatIllegalArgumentException().isThrownBy(() -> kernels().allocate(-1, 4));
    assertThatIllegalArgumentException().isThrownBy(() -> kernels().allocate(4, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new Heads(5, 2, 8));
    assertThatIllegalArgumentException().isThrownBy(() -> new Heads(0, 1, 8));
    assertThatIllegalArgumentException().isThrownBy(() -> new Heads(2, 1, 7));
    HostMatrix good = Stored.matrix(DType.FLOAT16, new float[6], 3);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new HostMatrix(DType.FLOAT32, good.data(), 2, 3));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new HostMatrix(DType.FLOAT16, good.data(), -2, -3));
  }
}
