package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.json.JsonValue;

/**
 * Makes images into what the vision tower takes: resize, cut out the middle, scale, normalise; the
 * same as the transformers library's CLIPImageProcessor and LlavaNextImageProcessor on Pillow. Safe
 * for use from several threads.
 */
public final class ImageProcessor {
  private static final Set<String> SUPPORTED_TYPES =
      Set.of("CLIPImageProcessor", "CLIPFeatureExtractor", "LlavaImageProcessor");
  private static final Set<String> TILING_TYPES = Set.of("LlavaNextImageProcessor");
  private static final double[] CLIP_MEAN = {0.48145466, 0.4578275, 0.40821073};
  private static final double[] CLIP_STD = {0.26862954, 0.26130258, 0.27577711};
  private static final int CHANNELS = 3;

  private final Resizing resizing;
  private final int height;
  private final int width;
  private final boolean crops;
  private final float[][] levels;

  /** 0xRRGGBB: the mean colour, rounded down. */
  private final int background;

  private final LlavaConfig config;
  private final @Nullable AnyResolution anyResolution;

  private ImageProcessor(
      LlavaConfig config,
      Resizing resizing,
      boolean crops,
      ConfigFields settings,
      @Nullable AnyResolution anyResolution) {
    this.config = config;
    this.resizing = resizing;
    this.height = config.vision().imageSize();
    this.width = config.vision().imageSize();
    this.crops = crops;
    this.levels = levels(settings);
    this.background = background(settings);
    this.anyResolution = anyResolution;
  }

  /** What becomes of an image's size before the middle is cut out. */
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
   * processor_config.json} if it is there, else {@code preprocessor_config.json}. Those of a
   * checkpoint in the original LLaVA layout come with its vision tower: they are in that one's
   * folder, or those of the CLIP model it names.
   *
   * @throws CheckpointException if they are missing, broken, unsupported, or make images of another
   *     size than the vision tower takes
   */
  public static ImageProcessor read(Path folder, LlavaConfig config) {
    ConfigFields settings = settings(folder, config);
    VisionConfig vision = config.vision();
    boolean tilingType = config.anyResolution() && config.original() == null;
    checkSupported(settings, tilingType ? TILING_TYPES : SUPPORTED_TYPES);
    Resizing resizing = resizing(settings);
    if (config.anyResolution()) {
      return tiling(settings, config, resizing);
    }
    if (settings.flag("do_pad", false)) {
      throw settings.wrong("do_pad", "isn't supported; images are cut to a square, not padded");
    }
    boolean crops = settings.flag("do_center_crop", true);
    int side = vision.imageSize();
    int[] made = crops ? cropSize(settings) : resizedTo(settings, resizing);
    if (made[0] != side || made[1] != side) {
      throw settings.wrong(
          crops ? "crop_size" : "size",
          "makes %d×%d images, the vision tower takes %d×%d"
              .formatted(made[0], made[1], side, side));
    }
    return new ImageProcessor(config, resizing, crops, settings, null);
  }

  // The whole image is squeezed into the square; cutting and resizing its tiles, which are
  // squares already, changes nothing.
  private static ImageProcessor tiling(
      ConfigFields settings, LlavaConfig config, Resizing resizing) {
    int side = config.vision().imageSize();
    Resampler given =
        switch (resizing) {
          case Resizing.ShortestEdge(Resampler resampler, int length) when length == side ->
              resampler;
          case Resizing.Exact(Resampler resampler, int toHeight, int toWidth)
              when toHeight == side && toWidth == side ->
              resampler;
          default ->
              throw settings.wrong(
                  "size",
                  "must make %d×%d images, which the vision tower takes".formatted(side, side));
        };
    if (settings.flag("do_center_crop", true)) {
      int[] crop = cropSize(settings);
      if (crop[0] != side || crop[1] != side) {
        throw settings.wrong("crop_size", "must be the vision tower's %d×%d".formatted(side, side));
      }
    }
    String pinpoints = "image_grid_pinpoints";
    if (settings.has(pinpoints) && !settings.resolutions(pinpoints).equals(config.pinpoints())) {
      throw settings.wrong(pinpoints, "differs from config.json's " + config.pinpoints());
    }
    // The original resizes by Pillow's default, whatever the processor's filter.
    Resampler resampler = config.original() == null ? given : Resampler.BICUBIC;
    return new ImageProcessor(
        config,
        new Resizing.Exact(resampler, side, side),
        false,
        settings,
        AnyResolution.of(config));
  }

  private static ConfigFields settings(Path folder, LlavaConfig config) {
    Path nested = folder.resolve("processor_config.json");
    if (Files.exists(nested)) {
      ConfigFields fields = ConfigFields.read(nested);
      if (fields.has("image_processor")) {
        return fields.object("image_processor");
      }
    }
    Path file = folder.resolve("preprocessor_config.json");
    OriginalLayout original = config.original();
    if (original != null && original.isWellKnown() && !Files.exists(file)) {
      JsonValue side = new JsonValue.Whole(config.vision().imageSize());
      return ConfigFields.of(file, Map.of("size", side, "crop_size", side));
    }
    return ConfigFields.read(file);
  }

  private static void checkSupported(ConfigFields settings, Set<String> types) {
    for (String key : List.of("image_processor_type", "feature_extractor_type")) {
      Optional<String> type = settings.text(key);
      if (type.isPresent() && !types.contains(type.get().replaceFirst("(Fast|Pil)$", ""))) {
        throw settings.wrong(
            key, "isn't supported; supported: " + String.join(", ", new TreeSet<>(types)));
      }
    }
  }

  private static Resizing resizing(ConfigFields settings) {
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
    ConfigFields size = settings.object("size");
    if (size.has("shortest_edge") && !size.has("longest_edge")) {
      return new Resizing.ShortestEdge(resampler, size.positive("shortest_edge", 0));
    }
    if (size.has("height") && size.has("width")) {
      return new Resizing.Exact(resampler, size.positive("height", 0), size.positive("width", 0));
    }
    throw settings.wrong("size", "isn't supported; give shortest_edge alone, or height and width");
  }

  private static int[] cropSize(ConfigFields settings) {
    if (!settings.isObject("crop_size")) {
      int side = settings.positive("crop_size", 224);
      return new int[] {side, side};
    }
    ConfigFields size = settings.object("crop_size");
    return new int[] {size.positive("height", 0), size.positive("width", 0)};
  }

  private static int[] resizedTo(ConfigFields settings, Resizing resizing) {
    if (resizing instanceof Resizing.Exact exact) {
      return new int[] {exact.height, exact.width};
    }
    throw settings.wrong(
        "do_center_crop", "leaves images of any size; it needs size with height and width");
  }

  // A sample has 256 values, so its normalised value is looked up. Scaling is done in double and
  // rounded to float,
  // normalising in float: as in the reference.
  private static float[][] levels(ConfigFields settings) {
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
        if (!Float.isFinite(levels[channel][sample])) {
          throw settings.wrong(
              Float.isFinite(value) ? "image_std" : "rescale_factor",
              "makes colours that no float can be");
        }
      }
    }
    return levels;
  }

  private static int background(ConfigFields settings) {
    int colour = 0;
    for (double mean : settings.channels("image_mean", CLIP_MEAN)) {
      colour = colour << 8 | Math.clamp((int) (mean * 255), 0, 255);
    }
    return colour;
  }

  /**
   * Which tokens an image becomes.
   *
   * @throws IllegalArgumentException if the model can't take an image of this size
   */
  public ImageLayout layout(Image image) {
    if (padsToSquare()) {
      image.checkSquare();
    }
    if (resizing instanceof Resizing.ShortestEdge(Resampler _, int length)) {
      longerEdge(image, length);
    }
    return ImageLayout.of(config, new Resolution(image.height(), image.width()));
  }

  /**
   * What the model sees of an image.
   *
   * @throws IllegalArgumentException if the model can't take an image of this size
   */
  public ImageView views(Image image) {
    Image grid =
        anyResolution != null && resizing instanceof Resizing.Exact exact
            ? anyResolution.grid(image, exact.resampler)
            : null;
    return new ImageView(view(image), grid, layout(image));
  }

  /**
   * What the vision tower takes for an image, normalised: the whole image, then the tiles of a
   * model that takes any resolution, row by row.
   *
   * @throws IllegalArgumentException if the model can't take an image of this size
   */
  public List<Pixels> process(Image image) {
    List<Pixels> crops = new ArrayList<>(List.of(normalised(view(image))));
    if (anyResolution != null && resizing instanceof Resizing.Exact exact) {
      anyResolution.cut(image, exact.resampler).forEach(tile -> crops.add(normalised(tile)));
    }
    return List.copyOf(crops);
  }

  private Pixels normalised(Image view) {
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
   * What the vision tower sees of an image, still to look at: resized and cut, not yet normalised.
   *
   * @throws IllegalArgumentException if the model can't take an image of this size
   */
  public Image view(Image image) {
    return padsToSquare() ? resized(image.squared(background)) : resized(image);
  }

  private boolean padsToSquare() {
    OriginalLayout original = config.original();
    return original != null && original.padsToSquare();
  }

  private static int longerEdge(Image image, int shorterEdge) {
    int shorter = Math.min(image.width(), image.height());
    int longer = Math.max(image.width(), image.height());
    double length = (double) ((long) shorterEdge * longer) / shorter;
    if (length > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "an image of %d×%d pixels is too long for a model that makes its shorter side %d long"
              .formatted(image.width(), image.height(), shorterEdge));
    }
    return (int) length;
  }

  private Image resized(Image image) {
    return switch (resizing) {
      case Resizing.ShortestEdge(Resampler resampler, int length) -> {
        int longer = longerEdge(image, length);
        boolean wide = image.width() > image.height();
        yield middle(image, resampler, wide ? longer : length, wide ? length : longer);
      }
      case Resizing.Exact(Resampler resampler, int toHeight, int toWidth) ->
          middle(image, resampler, toWidth, toHeight);
      case Resizing.None() -> middle(image, Resampler.BILINEAR, image.width(), image.height());
    };
  }

  // Where the resized image is smaller than the cut-out, it stands in the middle of black, half a
  // pixel towards the
  // end if it can't stand in the very middle.
  private Image middle(Image image, Resampler resampler, int fullWidth, int fullHeight) {
    if (!crops) {
      return resampler.resize(image, fullWidth, fullHeight, 0, 0, fullWidth, fullHeight);
    }
    int partWidth = Math.min(width, fullWidth);
    int partHeight = Math.min(height, fullHeight);
    int left = (fullWidth - partWidth) / 2;
    int top = (fullHeight - partHeight) / 2;
    Image part = resampler.resize(image, fullWidth, fullHeight, left, top, partWidth, partHeight);
    if (partWidth == width && partHeight == height) {
      return part;
    }
    int marginLeft = (width - partWidth + 1) / 2;
    int marginTop = (height - partHeight + 1) / 2;
    return part.padded(width, height, marginLeft, marginTop);
  }
}
