package org.pyramiddrop.kernels.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.cuda.CublasLtAlgorithm;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/** The file of chosen algorithms, character by character: later versions have to read it too. */
class TuningCacheTest {
  private static final String MACHINE = "a GPU, a driver and kernels";
  private static final String HEX = "0123456789abcdef".repeat(8);

  @TempDir private Path folder;

  private static ProductKind kind(int lastRows, boolean gated, Product.LibraryPart library) {
    return new ProductKind(
        Transposed.W,
        lastRows - 63,
        lastRows,
        64,
        128,
        DType.BFLOAT16,
        DType.BFLOAT16,
        gated ? DType.BFLOAT16 : DType.FLOAT32,
        gated ? Activation.NONE : Activation.GELU,
        gated,
        !gated,
        library);
  }

  private Path file() {
    return folder.resolve("products-%s.txt".formatted(TuningCache.digest(MACHINE.getBytes(UTF_8))));
  }

  @Test
  void readsWhatEarlierVersionsWrote() throws IOException {
    Files.write(
        file(),
        List.of(
            MACHINE,
            "linear 65-128 x 64 -> 128, BFLOAT16 -> FLOAT32, GELU bias, library SUMS = 64x128",
            "linear 129-192 x 64 -> 128, BFLOAT16 -> FLOAT32, GELU bias, library NONE = plain",
            "gated 65-128 x 64 -> 128, BFLOAT16 -> BFLOAT16, NONE, library SUMS = hopper",
            "gated 129-192 x 64 -> 128, BFLOAT16 -> BFLOAT16, NONE, library ALL = " + HEX));
    TuningCache cache = new TuningCache(folder, MACHINE);
    assertThat(cache.get(kind(128, false, Product.LibraryPart.SUMS)))
        .contains(new ProductAlgorithm.Tiled(Tile.SMALL));
    assertThat(cache.get(kind(192, false, Product.LibraryPart.NONE)))
        .contains(new ProductAlgorithm.Plain());
    assertThat(cache.get(kind(128, true, Product.LibraryPart.SUMS)))
        .contains(new ProductAlgorithm.Hopper());
    assertThat(cache.get(kind(192, true, Product.LibraryPart.ALL)))
        .contains(new ProductAlgorithm.CublasLt(new CublasLtAlgorithm(HEX)));
    assertThat(cache.get(kind(256, true, Product.LibraryPart.ALL))).isEmpty();
  }

  @Test
  void writesTheSameLines() throws IOException {
    TuningCache cache = new TuningCache(folder, MACHINE);
    cache.put(kind(128, false, Product.LibraryPart.SUMS), new ProductAlgorithm.Tiled(Tile.LARGE));
    cache.put(
        kind(192, true, Product.LibraryPart.ALL),
        new ProductAlgorithm.CublasLt(new CublasLtAlgorithm(HEX)));
    assertThat(file())
        .hasContent(
            """
            a GPU, a driver and kernels
            gated 129-192 x 64 -> 128, BFLOAT16 -> BFLOAT16, NONE, library ALL = %s
            linear 65-128 x 64 -> 128, BFLOAT16 -> FLOAT32, GELU bias, library SUMS = 128x256
            """
                .formatted(HEX));
  }
}
