package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * Makes pictures into what the vision tower takes: resize, cut out the middle, scale, normalise;
 * the same as the transformers library's CLIPImageProcessor on Pillow. Safe for use from several
 * threads.
 */
public final class ImageProcessor {
  private static final Set<String> SUPPORTED_TYPES =
      Set.of("CLIPImageProcessor", "CLIPFeatureExtractor", "LlavaImageProcessor");
  private static final double[] CLIP_MEAN = {0.48145466, 0.4578275, 0.40821073};
  private static final double[] CLIP_STD = {0.26862954, 0.26130258, 0.27577711};
  private static final int CHANNELS = 3;

  private final Resizing resizing;
  private final int height;
  private final int width;
  private final boolean crops;
  private final float[][] levels;

  private ImageProcessor(
      Resizing resizing, int height, int width, boolean crops, float[][] levels) {
    this.resizing = resizing;
    this.height = height;
    this.width = width;
    this.crops = crops;
    this.levels = levels;
  }

  /** What becomes of a picture's size before the middle is cut out. */
  private sealed interface Resizing {
    /** The shorter edge gets this length, the other one follows. */
    record ShortestEdge(Resampler resampler, int length) implements Resizing {}

    /** Both edges get these lengths. */
    record Exact(Resampler resampler, int height, int width) implements Resizing {}

    /** It stays as it is. */
    record None() implements Resizing {}
  }

  /**
   * Reads a model folder's processor settings: {@code image_processor} in {@code
   * processor_config.json} if it is there, else {@code preprocessor_config.json}.
   *
   * @throws CheckpointException if they are missing, broken, unsupported, or make pictures of
   *     another size than the vision tower takes
   */
  public static ImageProcessor read(Path folder, VisionConfig vision) {
    Fields settings = settings(folder);
    checkSupported(settings);
    Resizing resizing = resizing(settings);
    boolean crops = settings.flag("do_center_crop", true);
    int side = vision.imageSize();
    int[] made = crops ? cropSize(settings) : resizedTo(settings, resizing);
    if (made[0] != side || made[1] != side) {
      throw settings.wrong(
          crops ? "crop_size" : "size",
          "makes %d×%d pictures, the vision tower takes %d×%d"
              .formatted(made[0], made[1], side, side));
    }
    return new ImageProcessor(resizing, made[0], made[1], crops, levels(settings));
  }

  private static Fields settings(Path folder) {
    Path nested = folder.resolve("processor_config.json");
    if (Files.exists(nested)) {
      Fields fields = Fields.read(nested);
      if (fields.has("image_processor")) {
        return fields.object("image_processor");
      }
    }
    return Fields.read(folder.resolve("preprocessor_config.json"));
  }

  private static void checkSupported(Fields settings) {
    for (String key : List.of("image_processor_type", "feature_extractor_type")) {
      String type = settings.text(key, "CLIPImageProcessor").replaceFirst("(Fast|Pil)$", "");
      if (!SUPPORTED_TYPES.contains(type)) {
        throw settings.wrong(
            key, "isn't supported; supported: CLIPImageProcessor, LlavaImageProcessor");
      }
    }
    if (settings.flag("do_pad", false)) {
      throw settings.wrong("do_pad", "isn't supported; pictures are cut to a square, not padded");
    }
  }

  private static Resizing resizing(Fields settings) {
    if (!settings.flag("do_resize", true)) {
      return new Resizing.None();
    }
    Resampler resampler =
        switch (settings.integer("resample", 3)) {
          case 2 -> Resampler.BILINEAR;
          case 3 -> Resampler.BICUBIC;
          default ->
              throw settings.wrong(
                  "resample", "isn't supported; supported: 2 (bilinear), 3 (bicubic)");
        };
    if (!settings.isObject("size")) {
      return new Resizing.ShortestEdge(resampler, settings.positive("size", 224));
    }
    Fields size = settings.object("size");
    if (size.has("shortest_edge") && !size.has("longest_edge")) {
      return new Resizing.ShortestEdge(resampler, size.positive("shortest_edge", 0));
    }
    if (size.has("height") && size.has("width")) {
      return new Resizing.Exact(resampler, size.positive("height", 0), size.positive("width", 0));
    }
    throw settings.wrong("size", "isn't supported; give shortest_edge alone, or height and width");
  }

  private static int[] cropSize(Fields settings) {
    if (!settings.isObject("crop_size")) {
      int side = settings.positive("crop_size", 224);
      return new int[] {side, side};
    }
    Fields size = settings.object("crop_size");
    return new int[] {size.positive("height", 0), size.positive("width", 0)};
  }

  private static int[] resizedTo(Fields settings, Resizing resizing) {
    if (resizing instanceof Resizing.Exact exact) {
      return new int[] {exact.height, exact.width};
    }
    throw settings.wrong(
        "do_center_crop", "leaves pictures of any size; it needs size with height and width");
  }

  // A sample has 256 values, so its normalised value is looked up. Scaling is done in double and
  // rounded to float,
  // normalising in float: as in the reference.
  private static float[][] levels(Fields settings) {
    boolean rescales = settings.flag("do_rescale", true);
    boolean normalises = settings.flag("do_normalize", true);
    double factor = settings.positive("rescale_factor", 1 / 255.0);
    double[] mean = settings.channels("image_mean", CLIP_MEAN);
    double[] std = settings.channels("image_std", CLIP_STD);
    float[][] levels = new float[CHANNELS][256];
    for (int channel = 0; channel < CHANNELS; channel++) {
      if (normalises && !(std[channel] > 0)) {
        throw settings.wrong("image_std", "must hold positive numbers");
      }
      for (int sample = 0; sample < 256; sample++) {
        float value = rescales ? (float) (sample * factor) : sample;
        levels[channel][sample] =
            normalises ? (value - (float) mean[channel]) / (float) std[channel] : value;
      }
    }
    return levels;
  }

  /** What the vision tower takes for a picture, normalised. */
  public Pixels process(Picture picture) {
    Picture view = view(picture);
    int[] rgb = view.packed();
    float[] values = new float[CHANNELS * rgb.length];
    for (int i = 0; i < rgb.length; i++) {
      values[i] = levels[0][rgb[i] >> 16];
      values[rgb.length + i] = levels[1][rgb[i] >> 8 & 0xFF];
      values[2 * rgb.length + i] = levels[2][rgb[i] & 0xFF];
    }
    return new Pixels(CHANNELS, view.height(), view.width(), values);
  }

  /**
   * What the vision tower sees of a picture, still to look at: resized and cut, not yet normalised.
   */
  public Picture view(Picture picture) {
    return switch (resizing) {
      case Resizing.ShortestEdge(Resampler resampler, int length) -> {
        int shorter = Math.min(picture.width(), picture.height());
        int longer =
            (int)
                ((double) ((long) length * Math.max(picture.width(), picture.height())) / shorter);
        boolean wide = picture.width() > picture.height();
        yield middle(picture, resampler, wide ? longer : length, wide ? length : longer);
      }
      case Resizing.Exact(Resampler resampler, int toHeight, int toWidth) ->
          middle(picture, resampler, toWidth, toHeight);
      case Resizing.None() ->
          middle(picture, Resampler.BILINEAR, picture.width(), picture.height());
    };
  }

  // Where the resized picture is smaller than the cut-out, it stands in the middle of black, half a
  // pixel towards the
  // end if it can't stand in the very middle.
  private Picture middle(Picture picture, Resampler resampler, int fullWidth, int fullHeight) {
    if (!crops) {
      return resampler.resize(picture, fullWidth, fullHeight, 0, 0, fullWidth, fullHeight);
    }
    int partWidth = Math.min(width, fullWidth);
    int partHeight = Math.min(height, fullHeight);
    int left = (fullWidth - partWidth) / 2;
    int top = (fullHeight - partHeight) / 2;
    Picture part =
        resampler.resize(picture, fullWidth, fullHeight, left, top, partWidth, partHeight);
    if (partWidth == width && partHeight == height) {
      return part;
    }
    int marginLeft = (width - partWidth + 1) / 2;
    int marginTop = (height - partHeight + 1) / 2;
    int[] rgb = new int[height * width];
    for (int y = 0; y < partHeight; y++) {
      System.arraycopy(
          part.packed(), y * partWidth, rgb, (marginTop + y) * width + marginLeft, partWidth);
    }
    return new Picture(width, height, rgb);
  }
}
