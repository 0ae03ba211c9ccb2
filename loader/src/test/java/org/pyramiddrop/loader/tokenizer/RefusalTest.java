package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.Tokenizer;

/** Each thing that a file can't have is refused when it is read, with the place in the file. */
@Timeout(value = 10, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RefusalTest {
  @TempDir private Path folder;

  /** Files at which the native library aborted. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "bpe-prefix-longer-than-merge | model.continuing_subword_prefix = \"##ab\" isn't supported;"
            + " only null and \"\" are",
        "decoder-missing-quote | the file is not valid JSON: Unrecognized token 'x'",
        "decoder-null-type | decoder.type = null must be a string",
        "decoder-number-out-of-range | decoder.type = 1e400 must be a string",
        "decoder-truncated | the file is not valid JSON: ",
        "truncated-in-decoder | the file is not valid JSON: ",
      })
  void refusesWhatAbortedTheNativeLibrary(String name, String complaint) throws IOException {
    Path file = TokenizerFiles.broken(name);
    assertRefused(file, complaint);
  }

  @Test
  void refusesALongAddedTokenWithAnotherTokensId() throws IOException {
    String json = Files.readString(TokenizerFiles.family("flags"));
    assertRefused(
        write(
            json.replaceFirst(
                "\"content\": \"<unk>\"", "\"content\": \"" + "x".repeat(100_000) + "\"")),
        "added_tokens[0].id = 0 must be ");
  }

  @Test
  void readsALongAddedTokenAndFindsIt() throws IOException {
    String token = "x".repeat(100_000);
    TextTokenizer tokenizer =
        TextTokenizer.read(
            write(
                Files.readString(TokenizerFiles.family("vicuna"))
                    .replaceFirst("\"content\": \"<pad>\"", "\"content\": \"" + token + "\"")));
    int id = tokenizer.id(token).orElseThrow();
    int[] ids = tokenizer.encode("a" + "x".repeat(300_000), false);
    assertThat(ids).startsWith(tokenizer.encode("a", false)).contains(id);
    assertThat(Arrays.stream(ids).filter(each -> each == id)).hasSize(3);
    assertThat(tokenizer.decode(ids, false)).isEqualTo("a" + "x".repeat(300_000));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        // What is changed | into what | the complaint
        "\"version\": \"1.0\" | \"version\": \"2.0\" | version = \"2.0\" isn't supported",
        "\"version\": \"1.0\" | \"model\": 1 | the file has 'model' twice in one object",
        "\"type\": \"BPE\" | \"type\": \"Unigram\" | model.type = \"Unigram\" isn't supported;"
            + " supported: BPE, WordLevel",
        "\"type\": \"Prepend\" | \"type\": \"Nmt\" | normalizer.normalizers[0].type = \"Nmt\" isn't"
            + " supported; supported: Sequence, Prepend,",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"UnicodeScripts\"} |"
            + " pre_tokenizer.type = \"UnicodeScripts\" isn't supported; supported: ",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\":"
            + " {\"Regex\": \"(\"}, \"behavior\": \"Removed\", \"invert\": false} |"
            + " pre_tokenizer.pattern.Regex = \"(\" has a ( without )",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\":"
            + " {\"Regex\": \"a\"}, \"behavior\": \"Kept\", \"invert\": false} |"
            + " pre_tokenizer.behavior = \"Kept\" isn't supported; supported: Removed,",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {},"
            + " \"behavior\": \"Removed\", \"invert\": false} | pre_tokenizer.pattern = {…} must"
            + " have either a String or a Regex",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\":"
            + " \"__\"} | pre_tokenizer.replacement = \"__\" must be one character",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\":"
            + " \"_\", \"prepend_scheme\": \"last\"} | pre_tokenizer.prepend_scheme = \"last\""
            + " isn't supported; supported: first, never, always",
        "\"pre_tokenizer\": null | \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\":"
            + " \"_\", \"prepend_scheme\": \"first\", \"add_prefix_space\": false} |"
            + " pre_tokenizer.add_prefix_space = false does not agree with prepend_scheme",
        "\"type\": \"Fuse\" | \"type\": \"CTC\" | decoder.decoders[2].type = \"CTC\" isn't"
            + " supported; supported: ",
        "\"start\": 1 | \"start\": -1 | decoder.decoders[3].start = -1 must be a whole number from"
            + " 0 to 2147483647",
        "\"stop\": 0 | \"stop\": 99999999999999999999 | decoder.decoders[3].stop ="
            + " 99999999999999999999 must be a whole number",
        "\"stop\": 0 | \"stop\": 0.0 | decoder.decoders[3].stop = 0.0 must be a whole number",
        "\"type\": \"TemplateProcessing\" | \"type\": \"Other\" | post_processor.type = \"Other\""
            + " isn't supported; supported: ",
        "\"special_tokens\": {\"<s>\" | \"special_tokens\": {\"<t>\" |"
            + " post_processor.pair[0].SpecialToken.id = \"<s>\" is not among the special_tokens"
            + " beside it",
        "\"ids\": [1] | \"ids\": [4000] | post_processor.special_tokens.<s>.ids[0] = 4000 is the id"
            + " of no token",
        "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}] | {\"Sequence\": {\"id\": \"B\","
            + " \"type_id\": 0}}] | post_processor.single = […] must have the sequence A once",
        "\"unk_token\": \"<unk>\" | \"unk_token\": \"<unknown>\" | model.unk_token = \"<unknown>\""
            + " is not in the vocabulary",
        "\"dropout\": null | \"dropout\": 0.5 | model.dropout = 0.5 isn't supported",
        "\"end_of_word_suffix\": null | \"end_of_word_suffix\": \"</w>\" | model.end_of_word_suffix"
            + " = \"</w>\" isn't supported",
        "\"byte_fallback\": true | \"byte_fallback\": 1 | model.byte_fallback = 1 must be true or"
            + " false",
        "\"<s>\": 1, | \"<s>\": 0, | model.vocab.<s> = 0 is also the id of '<unk>'",
        "\"<s>\": 1, | \"<s>\": -1, | model.vocab.<s> = -1 must be a whole number from 0",
        "\"<s>\": 1, | \"<s>\": 2147483648, | model.vocab.<s> = 2147483648 must be a whole number"
            + " from 0",
        "\"<s>\": 1, | \"<s>\": \"1\", | model.vocab.<s> = \"1\" must be a whole number from 0",
        "\"merges\": [[ | \"merges\": [[\"q\", \"q\"], [ | model.merges[0] = […] needs 'qq', which"
            + " is not in the vocabulary",
        "\"merges\": [[ | \"merges\": [[\"q\"], [ | model.merges[0] = […] must be two tokens",
        "\"merges\": [[ | \"merges\": [\"q q\", [ | model.merges[0] = \"q q\" needs 'qq', which is"
            + " not in the vocabulary",
        "\"merges\": [[ | \"merges\": [\"abc\", [ | model.merges[0] = \"abc\" must be two tokens"
            + " with a space between",
        "\"merges\": [[ | \"merges\": [[\"\\ud800\", \"b\"], [ | the file has a string with half of"
            + " a surrogate pair",
        "\"id\": 2, \"content\": \"</s>\" | \"id\": 3, \"content\": \"</s>\" | added_tokens[2].id ="
            + " 3 must be 2, the id that the vocabulary has for it",
        "\"content\": \"<pad>\" | \"content\": \"<image>\" | added_tokens[4].content = \"<image>\""
            + " is there twice",
        "\"content\": \"<pad>\" | \"content\": \"\" | added_tokens[4].content = \"\" is empty",
        "\"content\": \"<pad>\" | \"content\": null | added_tokens[4].content = null must be a"
            + " string",
        "\"lstrip\": false | \"lstrip\": \"no\" | added_tokens[0].lstrip = \"no\" must be true or"
            + " false",
        "\"added_tokens\": [ | \"added_tokens\": [[], | added_tokens[0] = […] must be an object",
      })
  void namesThePlaceAndWhatIsWrongThere(String what, String into, String complaint)
      throws IOException {
    String json = Files.readString(TokenizerFiles.family("vicuna"));
    assertThat(json).contains(what);
    assertRefused(write(json.replace(what, into)), complaint);
  }

  @Test
  void refusesAFileThatIsNoText() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    Files.write(file, new byte[] {'{', '"', (byte) 0xC3, '"', ':', '1', '}'});
    assertRefused(file, "the file is not valid UTF-8");
  }

  @Test
  void refusesWhatFollowsTheObjectAndWhatNestsTooDeep() throws IOException {
    assertRefused(write("{} {}"), "the file is not valid JSON: something follows the object");
    assertRefused(
        write("{\"model\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}"),
        "the file is not valid JSON: ");
    String normalizers = "{\"type\": \"Sequence\", \"normalizers\": [";
    assertRefused(
        write("{\"normalizer\": " + normalizers.repeat(50_000) + "]}".repeat(50_000) + "}"),
        "the file is not valid JSON: ");
  }

  @Test
  void saysThatAGitLfsPointerIsNotTheFileItself() throws IOException {
    Path file = write("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .withMessage(
            file
                + ": is a Git LFS pointer and not the file itself; run git lfs pull in its folder");
  }

  @Test
  void readsAByteOrderMarkAsNothing() throws IOException {
    String json = Files.readString(TokenizerFiles.family("vicuna"));
    assertThat(TextTokenizer.read(write("\uFEFF" + json)).encode("what", true))
        .isEqualTo(TextTokenizer.read(write(json)).encode("what", true));
  }

  @Test
  void showsOnlyTheBeginningOfWhatIsLong() throws IOException {
    write(
        Files.readString(TokenizerFiles.family("vicuna"))
            .replace("\"type\": \"BPE\"", "\"type\": \"" + "🙂".repeat(100_000) + "\""));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .satisfies(e -> assertThat(e).message().hasSizeLessThan(400).matches(WellFormed::is));
  }

  @Test
  void refusesToGrowATextWithoutBound() throws IOException {
    write(
        TokenizerFiles.bytes(
            "{\"type\": \"Sequence\", \"normalizers\": [" + fiveThatMakeThousandOfOne() + "]}"));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> tokenizer.encode("a".repeat(100), false))
          .withMessageContaining("normalizer.normalizers[1]")
          .withMessageContaining("times as long");
    }
  }

  @Test
  void refusesToGrowAnAnswerWithoutBound() throws IOException {
    String decoder =
        "{\"type\": \"Sequence\", \"decoders\": [" + fiveThatMakeThousandOfOne() + "]}";
    write(TokenizerFiles.bytes("null").replace("\"decoder\": null", "\"decoder\": " + decoder));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.decode(new int[] {'b'}, true)).isEqualTo("b");
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> tokenizer.decode(new int[] {'a'}, true))
          .withMessageStartingWith(folder.resolve("tokenizer.json") + ": is not a tokenizer: ")
          .withMessageContaining("decoder.decoders[2]")
          .withMessageContaining("times as long");
    }
  }

  private static String fiveThatMakeThousandOfOne() {
    String replace =
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": \""
            + "a".repeat(1000)
            + "\"}";
    return String.join(", ", Collections.nCopies(5, replace));
  }

  private Path write(String json) throws IOException {
    return Files.writeString(folder.resolve("tokenizer.json"), json, StandardCharsets.UTF_8);
  }

  private void assertRefused(Path file, String complaint) throws IOException {
    Path named = folder.resolve("tokenizer.json");
    if (!file.equals(named)) {
      Files.copy(file, named);
    }
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .withMessageStartingWith(named + ": is not a tokenizer: " + complaint)
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }
}
