package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.pyramiddrop.loader.SafetensorsBytes.entry;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Malformed files, first those of the reference implementation's own test list: each is refused
 * with a line that names the file, the tensor and the rule.
 */
class SafetensorsRefusalTest {
  private static final byte[] SIXTEEN = new byte[16];
  private static final String SQUARE = "{" + entry("test", "I32", "[2,2]", 0, 16) + "}";

  @TempDir Path folder;

  private void assertRefused(byte[] bytes, String... said) {
    Path file = SafetensorsBytes.write(folder.resolve("bad.safetensors"), bytes);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> SafetensorsFile.open(file).close())
        .satisfies(
            e -> assertThat(e).hasMessageStartingWith(file + ": ").hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  private void assertHeaderRefused(String header, byte[] data, String... said) {
    assertRefused(SafetensorsBytes.of(header, data), said);
  }

  @Test
  void refusesTensorsThatShareTheirData() {
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i < 10; i++) {
      header.append(i == 0 ? "" : ",").append(entry("weight_" + i, "F32", "[2,2]", 0, 16));
    }
    assertHeaderRefused(header + "}", SIXTEEN, "tensor 'weight_", "starts at byte 0, inside");
  }

  @Test
  void refusesDataThatNoTensorOwns() {
    assertHeaderRefused(
        SQUARE, "0123456789abcdef and a bogus tail".getBytes(UTF_8), "take 16 bytes", "holds 33");
  }

  @Test
  void refusesDataThatIsCutShort() {
    assertHeaderRefused(SQUARE, new byte[14], "take 16 bytes", "holds 14");
  }

  @Test
  void refusesAHeaderThatClaimsTooMuch() {
    byte[] header = SQUARE.getBytes(UTF_8);
    assertRefused(
        SafetensorsBytes.withLength(0xffffff000000003cL, header, SIXTEEN),
        "100000000",
        "claims 184467");
    assertRefused(SafetensorsBytes.withLength(100_000_001, header, SIXTEEN), "claims 100000001");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void refusesAFileShorterThanItsLengthField(int length) {
    assertRefused(new byte[length], "at least 8 bytes", "has " + length);
  }

  @Test
  void refusesAHeaderThatReachesPastTheFile() {
    assertRefused(
        SafetensorsBytes.withLength(60, new byte[0]), "claims 60 bytes", "past the file's 8");
    byte[] header = SQUARE.getBytes(UTF_8);
    assertRefused(SafetensorsBytes.withLength(header.length + 1L, header), "past the file");
  }

  @Test
  void refusesAHeaderThatIsNotUtf8() {
    assertRefused(SafetensorsBytes.of("{\"\u00ff\":1}".getBytes(ISO_8859_1)), "not valid UTF-8");
    // An overlong '/', a surrogate half and a cut-off sequence: lenient decoders take them.
    assertRefused(
        SafetensorsBytes.of("{\"\u00c0\u00af\":1}".getBytes(ISO_8859_1)), "not valid UTF-8");
    assertRefused(
        SafetensorsBytes.of("{\"\u00ed\u00a0\u0080\":1}".getBytes(ISO_8859_1)), "not valid UTF-8");
    assertRefused(SafetensorsBytes.of("{}\u00e2\u0082".getBytes(ISO_8859_1)), "not valid UTF-8");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "{\"a\"}",
        "{}{}",
        "{} x",
        "{}\u0000",
        "{'a':1}",
        "{\"a\":1,}",
        "{/**/}",
        "{\"a\":NaN}",
        "{\"a\":01}"
      })
  void refusesAHeaderThatIsNotJson(String header) {
    assertHeaderRefused(header, new byte[0], "the header is not valid JSON");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " {}", "\n{}", "[]", "1", "\"a\"", "null", "\uFEFF{}"})
  void refusesAHeaderThatDoesNotStartAnObject(String header) {
    assertHeaderRefused(header, new byte[0], "the header must start with '{'");
  }

  @Test
  void refusesASizeThatShapeAndTypeDoNotGive() {
    assertHeaderRefused(
        "{" + entry("test", "I32", "[2,2]", 0, 4) + "}",
        new byte[4],
        "tensor 'test'",
        "takes 16 bytes",
        "span 4");
    assertHeaderRefused(
        "{" + entry("test", "F16", "[]", 0, 4) + "}",
        new byte[4],
        "tensor 'test'",
        "takes 2 bytes",
        "span 4");
    assertHeaderRefused(
        "{" + entry("test", "F64", "[3,0]", 0, 8) + "}",
        new byte[8],
        "tensor 'test'",
        "takes 0 bytes",
        "span 8");
  }

  @Test
  void refusesAShapeThatOverflows() {
    assertHeaderRefused(
        "{" + entry("test", "I32", "[2,18446744073709551614]", 0, 16) + "}",
        SIXTEEN,
        "tensor 'test'",
        "2^63",
        "18446744073709551614");
    assertHeaderRefused(
        "{" + entry("test", "I32", "[2,9223372036854775807]", 0, 16) + "}",
        SIXTEEN,
        "tensor 'test'",
        "overflows");
    assertHeaderRefused(
        "{" + entry("test", "I32", "[4294967296,4294967296]", 0, 0) + "}",
        new byte[0],
        "tensor 'test'",
        "overflows");
    assertHeaderRefused(
        "{" + entry("test", "U8", "[2305843009213693952]", 0, 0) + "}",
        new byte[0],
        "tensor 'test'",
        "overflows");
  }

  @Test
  void refusesAHoleBetweenTensors() {
    assertHeaderRefused(
        "{" + entry("b", "U8", "[8]", 8, 16) + "," + entry("a", "U8", "[4]", 0, 4) + "}",
        SIXTEEN,
        "tensor 'b'",
        "starts at byte 8, with a hole after",
        "ends at 4");
  }

  @Test
  void refusesAHoleBeforeTheFirstTensor() {
    assertHeaderRefused(
        "{" + entry("a", "U8", "[8]", 8, 16) + "}",
        SIXTEEN,
        "tensor 'a'",
        "with a hole",
        "ends at 0");
  }

  @Test
  void refusesTensorsThatOverlapInPart() {
    assertHeaderRefused(
        "{" + entry("a", "U8", "[9]", 0, 9) + "," + entry("b", "U8", "[8]", 8, 16) + "}",
        SIXTEEN,
        "tensor 'b'",
        "inside");
  }

  @Test
  void refusesAnEmptyTensorInsideAnother() {
    assertHeaderRefused(
        "{" + entry("a", "U8", "[16]", 0, 16) + "," + entry("b", "U8", "[0]", 8, 8) + "}",
        SIXTEEN,
        "tensor 'b'",
        "inside");
  }

  @Test
  void refusesOffsetsThatGoBackwards() {
    assertHeaderRefused(
        "{" + entry("a", "U8", "[0]", 4, 0) + "}", new byte[4], "tensor 'a'", "data_offsets");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[0]",
        "[0,16,16]",
        "[]",
        "16",
        "\"0,16\"",
        "[0,-16]",
        "[0.0,16]",
        "[0,1e1]",
        "[\"0\",16]",
        "null"
      })
  void refusesOffsetsThatAreNoPairOfIntegers(String offsets) {
    assertHeaderRefused(
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":" + offsets + "}}",
        SIXTEEN,
        "tensor 'a'",
        "data_offsets");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[-4]",
        "[-4,-1]",
        "[4.0]",
        "[\"4\"]",
        "4",
        "null",
        "[[4]]",
        "[true]",
        "{\"0\":4}"
      })
  void refusesAShapeThatIsNoListOfIntegers(String shape) {
    assertHeaderRefused(
        "{" + entry("a", "I32", shape, 0, 16) + "}", SIXTEEN, "tensor 'a'", "shape");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Q4", "f32", "F33", "", "float32"})
  void refusesAnUnknownType(String type) {
    assertHeaderRefused(
        "{" + entry("a", type, "[4]", 0, 16) + "}", SIXTEEN, "tensor 'a'", "dtype '" + type + "'");
  }

  @Test
  void refusesSixBitElementsThatEndInsideAByte() {
    assertHeaderRefused(
        "{" + entry("a", "F4", "[3]", 0, 1) + "}", new byte[1], "tensor 'a'", "whole byte");
    assertHeaderRefused(
        "{" + entry("a", "F6_E2M3", "[5]", 0, 3) + "}", new byte[3], "tensor 'a'", "whole byte");
  }

  @ParameterizedTest
  @ValueSource(strings = {"dtype", "shape", "data_offsets"})
  void refusesAnEntryThatLacksAField(String field) {
    String header = SQUARE.replace("\"" + field + "\"", "\"other\"");
    assertHeaderRefused(header, SIXTEEN, "tensor 'test'", field);
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "1", "\"F32\""})
  void refusesAnEntryThatIsNoObject(String entry) {
    assertHeaderRefused("{\"a\":" + entry + "}", new byte[0], "tensor 'a'", "JSON object");
  }

  @Test
  void refusesATensorNamedTwice() {
    String twice = "{" + entry("a", "U8", "[8]", 0, 8) + "," + entry("a", "U8", "[8]", 8, 16) + "}";
    assertHeaderRefused(twice, SIXTEEN, "Duplicate", "\"a\"");
    assertHeaderRefused(
        twice.replaceFirst("\"a\"", "\"\\\\u0061\""), SIXTEEN, "Duplicate", "\"a\"");
  }

  @Test
  void refusesAFieldGivenTwice() {
    assertHeaderRefused(
        SQUARE.replace("\"shape\":[2,2]", "\"shape\":[4],\"shape\":[2,2]"),
        SIXTEEN,
        "Duplicate",
        "\"shape\"");
  }

  @Test
  void refusesMetadataGivenTwice() {
    assertHeaderRefused(
        "{\"__metadata__\":{},\"__metadata__\":{}}", new byte[0], "Duplicate", "\"__metadata__\"");
    assertHeaderRefused(
        "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", new byte[0], "Duplicate", "\"a\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"a\":1}", "{\"a\":null}", "{\"a\":{\"b\":\"c\"}}", "[]", "\"pt\""})
  void refusesMetadataThatIsNotStringsToStrings(String metadata) {
    assertHeaderRefused(
        "{\"__metadata__\":" + metadata + "}",
        new byte[0],
        "__metadata__ must map strings to strings");
  }

  @Test
  void saysALineOnlyWhenANameHasLineBreaks() {
    assertHeaderRefused("{\"a\\nERROR b\":1}", new byte[0], "tensor 'a\\u000aERROR b'");
  }

  @Test
  void refusesJsonNestedTooDeep() {
    assertHeaderRefused("{\"a\":" + "[".repeat(100_000), new byte[0], "not valid JSON");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 60, 200})
  void saysThatAFileIsAGitLfsPointer(int size) {
    String pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:"
            + "0".repeat(size)
            + "\nsize 4955\n";
    Path file = folder.resolve("model.safetensors");
    SafetensorsBytes.write(file, pointer.getBytes(UTF_8));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> SafetensorsFile.open(file))
        .withMessageStartingWith(file + ": is a Git LFS pointer")
        .withMessageContaining("git lfs pull");
  }

  @Test
  void cutsWhatItQuotesToAReadableLength() {
    String name = "n".repeat(10_000);
    String shape = "[" + "1,".repeat(100_000) + "1]";
    for (String entry :
        List.of(
            "\"" + name + "\":1",
            "\"a\":{\"dtype\":\"" + name + "\",\"shape\":[],\"data_offsets\":[0,0]}",
            "\"a\":{\"dtype\":\"U8\",\"shape\":" + shape + ",\"data_offsets\":[0,0]}",
            "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":" + shape + "}",
            "\"__metadata__\":{\"" + name + "\":1}")) {
      Path file = folder.resolve("long.safetensors");
      SafetensorsBytes.write(file, SafetensorsBytes.of("{" + entry + "}"));
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> SafetensorsFile.open(file))
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1000).contains("…"));
    }
  }
}
