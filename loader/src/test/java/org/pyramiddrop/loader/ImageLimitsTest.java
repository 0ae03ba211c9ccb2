package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What images may cost, and that they cost no more, whatever their files hold. */
@Timeout(60)
class ImageLimitsTest {
  private static final ImageLimits DEFAULTS = ImageLimits.defaults();

  @TempDir Path folder;

  private static ImageLimits limits(long bytes, long pixels, int scans, Duration time) {
    return new ImageLimits(bytes, pixels, scans, time);
  }

  private static byte[] image(String name) throws IOException {
    return Files.readAllBytes(Fixtures.image(name));
  }

  private static void assertRefused(byte[] file, ImageLimits limits, String... said) {
    assertThatExceptionOfType(ImageException.class)
        .isThrownBy(() -> Image.read(file, "sent", limits))
        .satisfies(e ->
            assertThat(e)
                .hasMessageStartingWith("sent: ")
                .hasMessageContainingAll(said)
                .message()
                .doesNotContain("null")
                .hasLineCount(1));
  }

  private static void assertRefusedCheaply(byte[] file, String... said) {
    // Classes load once.
    assertRefused(file, DEFAULTS, said);
    Allocation allocation = new Allocation();
    long start = System.nanoTime();
    assertRefused(file, DEFAULTS, said);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
    allocation.assertAtMost(8L * file.length + (1 << 20));
  }

  @Test
  void readsBytesAndStreamsAndDataUrisLikeFilesTurnedUpright() throws IOException {
    for (String name : new String[] {"exif-6.jpg", "exif-6.png", "exif-6.webp", "rgb.png"}) {
      byte[] bytes = image(name);
      Image file = Image.read(Fixtures.image(name));
      try (InputStream stream = Files.newInputStream(Fixtures.image(name))) {
        assertThat(Image.read(stream, "sent", DEFAULTS).packed()).isEqualTo(file.packed());
      }
      assertThat(Image.read(bytes, "sent", DEFAULTS).packed()).isEqualTo(file.packed());
      String base64 = Base64.getEncoder().encodeToString(bytes);
      String lines = Base64.getMimeEncoder().encodeToString(bytes);
      for (String uri :
          new String[] {
            "data:image/png;base64," + base64,
            "data:;base64," + base64,
            "DATA:image/jpeg;name=a;Base64," + lines + "\n"
          }) {
        Image decoded = Image.ofDataUri(uri, DEFAULTS);
        assertThat(decoded.packed()).isEqualTo(file.packed());
        assertThat(decoded.width()).isEqualTo(file.width());
      }
    }
  }

  @Test
  void saysWhatIsWrongWithADataUri() {
    for (String[] wrong :
        new String[][] {
          {"http://x/y.png", "doesn't start with 'data:'"},
          {"", "doesn't start with 'data:'"},
          {"data:image/png;base64", "has no comma"},
          {"data:image/png,abcd", "isn't base64"},
          {"data:image/png;base64,ab*d", "isn't valid base64"},
          {"data:image/png;base64,", "is not a PNG, JPEG or WebP"},
          {"data:image/png;base64,aGVsbG8=", "is not a PNG, JPEG or WebP"}
        }) {
      assertThatExceptionOfType(ImageException.class)
          .isThrownBy(() -> Image.ofDataUri(wrong[0], DEFAULTS))
          .withMessageStartingWith("the data: URI: ")
          .withMessageContaining(wrong[1]);
    }
    String long1 = "data:;base64," + "A".repeat(4000);
    assertThatExceptionOfType(ImageException.class)
        .isThrownBy(() -> Image.ofDataUri(long1, limits(1000, 100, 1, Duration.ofSeconds(1))))
        .withMessageContaining("more than the 1000 bytes");
  }

  @Test
  void refusesAFileThatIsTooLong() throws IOException {
    byte[] bytes = image("rgb.png");
    ImageLimits exact = limits(bytes.length, 100_000, 1, Duration.ofSeconds(9));
    assertThat(Image.read(bytes, "sent", exact).width()).isEqualTo(97);
    ImageLimits less = limits(bytes.length - 1, 100_000, 1, Duration.ofSeconds(9));
    assertRefused(bytes, less, "longer than the " + (bytes.length - 1) + " bytes");
    Path file = Fixtures.image("rgb.png");
    assertThatExceptionOfType(ImageException.class)
        .isThrownBy(() -> Image.read(file, less))
        .withMessageStartingWith(file + ": is longer than");
    // A stream without end is read no further.
    InputStream endless =
        new InputStream() {
          @Override
          public int read() {
            return 7;
          }
        };
    assertThatExceptionOfType(ImageException.class)
        .isThrownBy(() -> Image.read(endless, "sent", less))
        .withMessageContaining("longer than");
  }

  @Test
  void refusesAnImageOfTooManyPixels() throws IOException {
    for (String name : new String[] {"rgb.png", "jpeg-420.jpg", "webp-lossless.webp"}) {
      Image whole = Image.read(Fixtures.image(name));
      long pixels = (long) whole.width() * whole.height();
      ImageLimits enough = limits(1 << 20, pixels, 20, Duration.ofSeconds(9));
      assertThat(Image.read(image(name), "sent", enough).packed()).isEqualTo(whole.packed());
      assertRefused(
          image(name),
          limits(1 << 20, pixels - 1, 20, Duration.ofSeconds(9)),
          "%d×%d pixels, more than the %d".formatted(whole.width(), whole.height(), pixels - 1));
    }
  }

  @Test
  void refusesLimitsThatMeanNothing() {
    Duration second = Duration.ofSeconds(1);
    assertThatIllegalArgumentException().isThrownBy(() -> limits(0, 1, 1, second));
    assertThatIllegalArgumentException().isThrownBy(() -> limits(1L << 31, 1, 1, second));
    assertThatIllegalArgumentException().isThrownBy(() -> limits(1, 0, 1, second));
    assertThatIllegalArgumentException().isThrownBy(() -> limits(1, 200_000_000, 1, second));
    assertThatIllegalArgumentException().isThrownBy(() -> limits(1, 1, 0, second));
    assertThatIllegalArgumentException().isThrownBy(() -> limits(1, 1, 1, Duration.ZERO));
  }

  @Test
  void unpacksNoTextOfAPng() {
    byte[] rows = PngBytes.zeros(8 * (1 + 3 * 8));
    byte[] bomb = PngBytes.zeros(300 << 20);
    byte[] text =
        ByteBuffer.allocate(3 + bomb.length).put("k\0\0".getBytes(ISO_8859_1)).put(bomb).array();
    byte[] international =
        ByteBuffer.allocate(6 + bomb.length)
            .put("k\0\1\0\0\0".getBytes(ISO_8859_1))
            .put(bomb)
            .array();
    byte[] file =
        new PngBytes(8, 8, 8, 2)
            .chunk("zTXt", text)
            .chunk("iTXt", international)
            .chunk("iCCP", text)
            .chunk("IDAT", rows)
            .chunk("zTXt", text)
            .end();
    Image.read(file, "sent", DEFAULTS);
    Allocation allocation = new Allocation();
    assertThat(Image.read(file, "sent", DEFAULTS).packed()).hasSize(64).containsOnly(0);
    allocation.assertAtMost(2L * file.length + (1 << 20));
  }

  @Test
  void refusesAPngWhoseDataCanNotHoldItsPixels() {
    assertRefusedCheaply(
        new PngBytes(13377, 13377, 16, 6).chunk("IDAT", PngBytes.zeros(50_000)).end(),
        "can't hold its 13377×13377 pixels");
  }

  @Test
  void refusesAJpegWhoseDataCanNotHoldItsPixels() throws IOException {
    byte[] bytes = image("jpeg-444.jpg");
    int frame = indexOf(bytes, 0, 0xC0);
    ByteBuffer.wrap(bytes).putShort(frame + 5, (short) 13000).putShort(frame + 7, (short) 13000);
    assertRefusedCheaply(bytes, "can't hold its 13000×13000 pixels");
  }

  /** Nine by seven pixels, of which a damaged number of code tables are said to be needed. */
  private static byte[] manyTables() throws IOException {
    return Files.readAllBytes(
        Fixtures.resource(
            "/org/pyramiddrop/loader/FuzzersInputs/image/found-tables-behind-the-end.webp"));
  }

  @Test
  void refusesAWebpWhoseCodeTablesLieBehindItsEnd() throws IOException {
    assertRefusedCheaply(manyTables(), "is damaged: it ends too early");
  }

  @Test
  void refusesAWebpWhoseCodeTablesTakeMoreThanItsPixels() throws IOException {
    byte[] small = manyTables();
    // Behind the headers of the file and of its extended format.
    int pixels = 30;
    int length = ByteBuffer.wrap(small).order(ByteOrder.LITTLE_ENDIAN).getInt(pixels + 4);
    int more = 400_000;
    ByteBuffer file =
        ByteBuffer.allocate(20 + length + more + (length + more) % 2)
            .order(ByteOrder.LITTLE_ENDIAN);
    file.put(small, 0, 12).putInt(4, file.capacity() - 8);
    file.put(small, pixels, 8 + length).putInt(16, length + more);
    while (file.hasRemaining()) {
      // Bits that make a table of few of them, again and again.
      file.put((byte) 3);
    }
    assertRefused(file.array(), DEFAULTS, "takes more memory to decode");
    Allocation allocation = new Allocation();
    assertRefused(file.array(), DEFAULTS, "takes more memory to decode");
    allocation.assertAtMost(64 << 20);
  }

  @Test
  void refusesAWebpWhoseCanvasIsNotItsPixels() throws IOException {
    byte[] bytes = image("exif-6.webp");
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(new String(bytes, 12, 4, ISO_8859_1)).isEqualTo("VP8X");
    file.putShort(27, (short) 31_999);
    assertRefusedCheaply(bytes, "its canvas has 71×32000 pixels", "71×47");
  }

  @Test
  void refusesAJpegOfThousandsOfScans() throws IOException {
    assertRefusedCheaply(withScans(5000), "5010 scans", "the 100 that are read");
    assertThat(Image.read(withScans(90), "sent", DEFAULTS).width()).isEqualTo(101);
  }

  private static byte[] withScans(int further) throws IOException {
    byte[] bytes = image("jpeg-progressive.jpg");
    int last = 0;
    for (int at = indexOf(bytes, 0, 0xDA); at >= 0; at = indexOf(bytes, at + 2, 0xDA)) {
      last = at;
    }
    int end = indexOf(bytes, last, 0xD9);
    ByteArrayOutputStream made = new ByteArrayOutputStream();
    made.write(bytes, 0, end);
    for (int i = 0; i < further; i++) {
      made.write(bytes, last, end - last);
    }
    made.write(bytes, end, 2);
    return made.toByteArray();
  }

  private static int indexOf(byte[] bytes, int from, int marker) {
    for (int i = from; i + 1 < bytes.length; i++) {
      if ((bytes[i] & 0xFF) == 0xFF && (bytes[i + 1] & 0xFF) == marker) {
        return i;
      }
    }
    return -1;
  }

  @Test
  void stopsDecodingWhenItsTimeIsUp() throws IOException {
    ImageLimits hurried = limits(1 << 26, 100_000_000, 100_000, Duration.ofMillis(50));
    assertRefused(withScans(6000), hurried, "takes longer to decode than the 50 ms");
    byte[] rows = PngBytes.zeros(5000L * (1 + 3 * 5000));
    byte[] png = new PngBytes(5000, 5000, 8, 2).chunk("IDAT", rows).end();
    ImageLimits atOnce = limits(1 << 20, 100_000_000, 10, Duration.ofNanos(1));
    assertRefused(png, atOnce, "takes longer to decode than the 0 s");
  }

  @Test
  void saysThatMemoryDoesNotSuffice() throws Exception {
    byte[] rows = PngBytes.zeros(3000L * (1 + 8 * 3000));
    Path file = folder.resolve("large.png");
    Files.write(file, new PngBytes(3000, 3000, 16, 6).chunk("IDAT", rows).end());
    Process small =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx48m",
                "-cp",
                System.getProperty("java.class.path"),
                ReadInLittleMemory.class.getName(),
                file.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(small.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(small.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(said)
        .contains("large.png: there isn't enough memory for its 3000×3000 pixels")
        .contains("-Xmx");
  }

  /** Its own process, so that no other test runs out of memory. */
  static final class ReadInLittleMemory {
    private ReadInLittleMemory() {}

    @SuppressWarnings("SystemOut")
    public static void main(String[] arguments) {
      try {
        System.out.println(Image.read(Path.of(arguments[0])).width());
      } catch (ImageException e) {
        System.out.writeBytes((e.getMessage() + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  @Test
  void saysThatAnImageIsAGitLfsPointer() {
    assertRefused(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n".getBytes(ISO_8859_1),
        DEFAULTS,
        "is a Git LFS pointer",
        "git lfs pull");
  }

  @Test
  void neverSaysNull() throws IOException {
    for (String name : new String[] {"rgb.png", "palette.png", "jpeg-420.jpg", "webp.webp"}) {
      byte[] bytes = image(name);
      for (int i = 12; i < Math.min(bytes.length, 200); i++) {
        byte[] changed = bytes.clone();
        changed[i] ^= (byte) 0xFF;
        try {
          Image.read(changed, "sent", DEFAULTS);
        } catch (ImageException e) {
          assertThat(e.getMessage()).startsWith("sent: ").doesNotContain("null").hasLineCount(1);
        }
      }
      assertRefused(Arrays.copyOf(bytes, 40), DEFAULTS, "is ");
    }
  }

  @Test
  void readsComponentsAsLibjpegDoes() throws IOException {
    Image chroma = Image.read(Fixtures.image("jpeg-444.jpg"));
    Image colours = Image.read(marked(image("jpeg-444.jpg"), "RGB", ""), "sent", DEFAULTS);
    assertThat(colours.packed()).isNotEqualTo(chroma.packed());
    String jfif = "\u00ff\u00e0\0\u0010JFIF\0\1\1\0\0\1\0\1\0\0";
    String adobe = "\u00ff\u00ee\0\u000eAdobe\0d\0\0\0\0";
    String exif = "\u00ff\u00e1\0\u0010Exif\0\0II*\0\b\0\0\0";
    for (String ids : new String[] {"\1\2\3", "\0\1\2", "YCc", "RGB", "\2\3\4"}) {
      boolean letters = ids.equals("RGB");
      assertMeans(ids, "", letters ? colours : chroma);
      assertMeans(ids, exif, letters ? colours : chroma);
      assertMeans(ids, jfif, chroma);
      assertMeans(ids, adobe + "\0", colours);
      assertMeans(ids, adobe + "\1", chroma);
      assertMeans(ids, adobe + "\2", chroma);
      assertMeans(ids, jfif + adobe + "\0", chroma);
    }
  }

  private static void assertMeans(String ids, String marks, Image wanted) throws IOException {
    byte[] file = marked(image("jpeg-444.jpg"), ids, marks);
    assertThat(Image.read(file, "sent", DEFAULTS).packed())
        .as("%s %s", ids, marks)
        .isEqualTo(wanted.packed());
  }

  /** A baseline JPEG with other component ids and these segments in place of its first. */
  private static byte[] marked(byte[] jpeg, String ids, String marks) {
    int first = 4 + (jpeg[5] & 0xFF);
    int frame = indexOf(jpeg, 0, 0xC0);
    int scan = indexOf(jpeg, 0, 0xDA);
    byte[] changed = jpeg.clone();
    for (int i = 0; i < 3; i++) {
      changed[frame + 10 + 3 * i] = (byte) ids.charAt(i);
      changed[scan + 5 + 2 * i] = (byte) ids.charAt(i);
    }
    ByteArrayOutputStream made = new ByteArrayOutputStream();
    made.write(changed, 0, 2);
    made.writeBytes(marks.getBytes(ISO_8859_1));
    made.write(changed, first, changed.length - first);
    return made.toByteArray();
  }
}
