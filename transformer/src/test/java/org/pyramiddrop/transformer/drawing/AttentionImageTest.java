package org.pyramiddrop.transformer.drawing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.AttentionMap;

class AttentionImageTest {
  private static final int PATCH = 14;
  private static final int SCALE = 12;

  /** 28 pixels hold four patches; black, so that what is drawn is heat alone. */
  private final ImageView view =
      new ImageView(black(2 * PATCH, 2 * PATCH), null, new ImageLayout(2, false, null));

  @Test
  void drawsEachPatchAsBrightAsItsAttention() {
    List<AttentionMap> maps =
        List.of(
            new AttentionMap(1, List.of(List.of(0f, 0.1f, 0.2f, 0.3f))),
            new AttentionMap(6, List.of(List.of(0.5f, 0f, 0f, 0f))));
    BufferedImage drawn = AttentionImage.draw(view, maps, 0, PATCH);

    assertThat(IntTriple.of(drawn, 1, 0)).isEqualTo(new IntTriple(0, 0, 0));
    assertThat(IntTriple.of(drawn, 1, 1)).isEqualTo(new IntTriple(191, 0, 0));
    assertThat(IntTriple.of(drawn, 1, 2)).isEqualTo(new IntTriple(191, 191, 0));
    assertThat(IntTriple.of(drawn, 1, 3)).isEqualTo(new IntTriple(191, 191, 191));
    assertThat(IntTriple.of(drawn, 2, 0)).isEqualTo(new IntTriple(191, 191, 191));
    assertThat(IntTriple.of(drawn, 2, 3)).isEqualTo(new IntTriple(0, 0, 0));
  }

  @Test
  void refusesAttentionToOtherThanThePatches() {
    List<AttentionMap> maps = List.of(new AttentionMap(1, List.of(List.of(0.5f, 0.5f, 0f))));
    assertThatThrownBy(() -> AttentionImage.draw(view, maps, 0, PATCH))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("attention to 3 tokens can't be drawn over an image of 4");
  }

  private static Image black(int width, int height) {
    return Image.of(new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB));
  }

  /** The colour in the middle of a patch. */
  private record IntTriple(int red, int green, int blue) {
    static IntTriple of(BufferedImage drawn, int panel, int patch) {
      int left = Canvas.GAP + panel * (2 * PATCH * SCALE + Canvas.GAP);
      int middle = PATCH * SCALE / 2;
      int x = left + patch % 2 * PATCH * SCALE + middle;
      int y = Canvas.GAP + patch / 2 * PATCH * SCALE + middle;
      int colour = drawn.getRGB(x, y);
      return new IntTriple(colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF);
    }
  }
}
