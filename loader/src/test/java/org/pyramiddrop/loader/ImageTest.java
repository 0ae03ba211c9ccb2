package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageTest {
  @TempDir Path folder;

  private static void assertRefused(Path file, String... said) {
    assertThatExceptionOfType(ImageException.class)
        .isThrownBy(() -> Image.read(file))
        .satisfies(
            e -> assertThat(e).hasMessageStartingWith(file + ": ").hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void refusesAMissingFile() {
    assertRefused(folder.resolve("none.png"), "no such file");
    assertRefused(folder, "is a folder");
  }

  @Test
  void refusesAFileThatIsNoImage() throws IOException {
    assertRefused(
        Files.writeString(folder.resolve("text.png"), "not an image"), "not a PNG, JPEG or WebP");
    assertRefused(Files.writeString(folder.resolve("empty.jpg"), ""), "not a PNG, JPEG or WebP");
    assertRefused(
        Files.writeString(folder.resolve("a.gif"), "GIF89a\1\0\1\0"), "not a PNG, JPEG or WebP");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rgb.png",
        "palette.png",
        "jpeg-420.jpg",
        "jpeg-progressive.jpg",
        "jpeg-grey.jpg",
        "webp.webp",
        "webp-lossless.webp",
        "exif-6.jpg"
      })
  void refusesATruncatedFile(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.image(name));
    for (double part : new double[] {0.05, 0.3, 0.6, 0.9}) {
      Path cut = folder.resolve(part + name);
      Files.write(cut, Arrays.copyOf(bytes, (int) (bytes.length * part)));
      assertRefused(cut, "");
    }
  }

  @Test
  void refusesACmykJpegAndASixteenBitGreyPng() {
    assertRefused(Fixtures.image("jpeg-cmyk.jpg"), "CMYK");
    assertRefused(Fixtures.image("grey-16.png"), "16-bit grey");
  }

  @Test
  void refusesAnImageThatClaimsToBeHuge() throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.image("rgb.png"));
    ByteBuffer header = ByteBuffer.wrap(bytes);
    header.putInt(16, 60_000).putInt(20, 60_000);
    CRC32 crc = new CRC32();
    crc.update(bytes, 12, 17);
    header.putInt(29, (int) crc.getValue());
    assertRefused(Files.write(folder.resolve("bomb.png"), bytes), "60000×60000 pixels");
  }

  @Test
  void takesGreyValuesAsTheyAreStored() {
    BufferedImage grey = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_GRAY);
    grey.getRaster().setSample(0, 0, 0, 100);
    grey.getRaster().setSample(1, 0, 0, 7);
    Image image = Image.of(grey);
    assertThat(image.rgb(0, 0)).isEqualTo(0x646464);
    assertThat(image.rgb(1, 0)).isEqualTo(0x070707);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        BufferedImage.TYPE_INT_RGB,
        BufferedImage.TYPE_INT_ARGB,
        BufferedImage.TYPE_INT_BGR,
        BufferedImage.TYPE_3BYTE_BGR,
        BufferedImage.TYPE_4BYTE_ABGR
      })
  void takesImagesInMemoryWhateverTheirLayout(int type) {
    BufferedImage buffered = new BufferedImage(2, 3, type);
    int[] colours = {0x123456, 0xFFFFFF, 0x000001, 0x00FF00, 0xFE00FD, 0x800000};
    for (int i = 0; i < 6; i++) {
      buffered.setRGB(i % 2, i / 2, 0x40000000 | colours[i]);
    }
    Image image = Image.of(buffered);
    assertThat(image.width()).isEqualTo(2);
    assertThat(image.height()).isEqualTo(3);
    for (int i = 0; i < 6; i++) {
      assertThat(image.rgb(i % 2, i / 2)).isEqualTo(colours[i]);
      assertThat(image.toBufferedImage().getRGB(i % 2, i / 2)).isEqualTo(0xFF000000 | colours[i]);
    }
  }

  @Test
  void takesTheUpperHalfOfSixteenBitColours() throws IOException {
    ComponentColorModel model =
        new ComponentColorModel(
            ColorSpace.getInstance(ColorSpace.CS_sRGB),
            false,
            false,
            Transparency.OPAQUE,
            DataBuffer.TYPE_USHORT);
    WritableRaster raster = model.createCompatibleWritableRaster(2, 1);
    raster.setPixels(0, 0, 2, 1, new int[] {0x12FF, 0xFF00, 0x00FF, 0x8000, 0x7FFF, 0xFFFF});
    Path file = folder.resolve("deep.png");
    assertThat(ImageIO.write(new BufferedImage(model, raster, false, null), "png", file.toFile()))
        .isTrue();
    assertThat(Image.read(file).packed()).containsExactly(0x12FF00, 0x807FFF);
  }

  @Test
  void ignoresColourProfilesWhateverTheyHold() throws IOException {
    byte[] linear = ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData();
    byte[] nonsense = new byte[200];
    for (byte[] profile : new byte[][] {linear, nonsense}) {
      assertSame(withJpegProfile("jpeg-444.jpg", profile), "jpeg-444.jpg");
      assertSame(withPngProfile("rgb.png", profile), "rgb.png");
      assertSame(withWebpProfile("exif-6.webp", profile), "exif-6.webp");
    }
  }

  private static void assertSame(Path file, String name) {
    assertThat(Image.read(file).packed()).isEqualTo(Image.read(Fixtures.image(name)).packed());
  }

  private Path withJpegProfile(String name, byte[] profile) throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.image(name));
    int jfifEnd = 4 + (bytes[5] & 0xFF);
    ByteArrayOutputStream made = new ByteArrayOutputStream();
    made.write(bytes, 0, jfifEnd);
    int length = 2 + 14 + profile.length;
    made.writeBytes(new byte[] {(byte) 0xFF, (byte) 0xE2, (byte) (length >> 8), (byte) length});
    made.writeBytes("ICC_PROFILE\0\1\1".getBytes(ISO_8859_1));
    made.writeBytes(profile);
    made.write(bytes, jfifEnd, bytes.length - jfifEnd);
    return Files.write(folder.resolve("profile.jpg"), made.toByteArray());
  }

  private Path withPngProfile(String name, byte[] profile) throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.image(name));
    ByteArrayOutputStream chunk = new ByteArrayOutputStream();
    chunk.writeBytes("iCCPprofile\0\0".getBytes(ISO_8859_1));
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(chunk)) {
      deflater.write(profile);
    }
    CRC32 crc = new CRC32();
    crc.update(chunk.toByteArray());
    ByteBuffer made = ByteBuffer.allocate(bytes.length + chunk.size() + 8);
    made.put(bytes, 0, 33)
        .putInt(chunk.size() - 4)
        .put(chunk.toByteArray())
        .putInt((int) crc.getValue());
    return Files.write(
        folder.resolve("profile.png"), made.put(bytes, 33, bytes.length - 33).array());
  }

  private Path withWebpProfile(String name, byte[] profile) throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.image(name));
    bytes[20] |= 0x20;
    ByteBuffer made =
        ByteBuffer.allocate(bytes.length + 8 + profile.length).order(ByteOrder.LITTLE_ENDIAN);
    made.put(bytes, 0, 30).put("ICCP".getBytes(ISO_8859_1)).putInt(profile.length).put(profile);
    made.put(bytes, 30, bytes.length - 30).putInt(4, made.capacity() - 8);
    assertThat(profile.length % 2).isZero();
    return Files.write(folder.resolve("profile.webp"), made.array());
  }
}
