package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.loader.CheckpointException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Whatever happens to a file, it is read or refused, and what was read encodes and decodes, soon;
 * {@code -Dpyramiddrop.tokenizer.mutations} says how often, {@code …seed} which.
 */
class MutationTest {
  private static final int MUTATIONS = Integer.getInteger("pyramiddrop.tokenizer.mutations", 800);
  private static final long SEED = Long.getLong("pyramiddrop.tokenizer.seed", System.nanoTime());
  private static final long SOON = TimeUnit.SECONDS.toNanos(5);
  private static final String TEXT =
      "USER: <image>\nWhat's on it, 12 squares? ünï 数字 🙂 \t  </s> ASSISTANT:";

  private static final String PATTERN = "[^\\s]+|(a|b)*|\\p{L}{1,3}|(?!\\S)|[";

  private final Random random = new Random(SEED);
  private final JsonMapper mapper = new JsonMapper();

  @Test
  void readsOrRefusesWhateverHappenedToAFile(@TempDir Path folder) throws IOException {
    System.out.println("seed " + SEED);
    List<Path> files = TokenizerFiles.all();
    Path mutated = folder.resolve("tokenizer.json");
    int read = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] bytes = Files.readAllBytes(files.get(random.nextInt(files.size())));
      Files.write(mutated, random.nextBoolean() ? bytesChanged(bytes) : valuesChanged(bytes));
      long start = System.nanoTime();
      try {
        TextTokenizer tokenizer = TextTokenizer.read(mutated);
        int[] ids = tokenizer.encode(TEXT, true);
        assertThat(tokenizer.decode(ids, random.nextBoolean())).isNotNull();
        tokenizer.decode(random.ints(20, 0, 4000).toArray(), true);
        read++;
      } catch (CheckpointException e) {
        assertThat(e).message().startsWith(mutated.toString()).hasLineCount(1);
      } catch (RuntimeException | StackOverflowError e) {
        throw new AssertionError(
            "mutation "
                + i
                + " of seed "
                + SEED
                + ": "
                + Files.readString(mutated, StandardCharsets.ISO_8859_1),
            e);
      }
      assertThat(System.nanoTime() - start)
          .as("time of mutation %s of seed %s", i, SEED)
          .isLessThan(SOON);
    }
    System.out.println(read + " of " + MUTATIONS + " read");
    assertThat(read).as("mutated files that could still be read").isBetween(1, MUTATIONS - 1);
  }

  private byte[] bytesChanged(byte[] bytes) {
    byte[] changed = bytes.clone();
    for (int i = random.nextInt(3); i >= 0; i--) {
      // What surrounds the vocabulary is small and at the front, or behind it.
      int near = random.nextInt(3) == 0 ? changed.length : Math.min(changed.length, 3000);
      int at =
          random.nextBoolean() ? random.nextInt(near) : changed.length - 1 - random.nextInt(near);
      switch (random.nextInt(5)) {
        case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> changed[at] = (byte) "\"{}[]:,0919-.eE\\unx \n".charAt(random.nextInt(21));
        case 2 -> {
          int end = Math.min(changed.length, at + 1 + random.nextInt(20));
          byte[] shorter = Arrays.copyOf(changed, changed.length - (end - at));
          System.arraycopy(changed, end, shorter, at, changed.length - end);
          changed = shorter.length == 0 ? changed : shorter;
        }
        case 3 -> {
          int length = Math.min(changed.length - at, 1 + random.nextInt(60));
          byte[] longer = Arrays.copyOf(changed, changed.length + length);
          System.arraycopy(changed, at, longer, at + length, changed.length - at);
          changed = longer;
        }
        default ->
            changed = random.nextInt(8) == 0 ? Arrays.copyOf(changed, Math.max(at, 1)) : changed;
      }
    }
    return changed;
  }

  private byte[] valuesChanged(byte[] bytes) {
    JsonNode root = mapper.readTree(bytes);
    for (int i = random.nextInt(3); i >= 0; i--) {
      changeValue(root);
    }
    return mapper.writeValueAsBytes(root);
  }

  private void changeValue(JsonNode root) {
    JsonNode at = root;
    while (true) {
      List<JsonNode> inner = new ArrayList<>();
      at.forEach(child -> {
        if (child.isContainer() && !child.isEmpty()) {
          inner.add(child);
        }
      });
      if (inner.isEmpty() || random.nextInt(4) == 0) {
        break;
      }
      at = inner.get(random.nextInt(inner.size()));
    }
    switch (at) {
      case ObjectNode object -> {
        List<String> names = List.copyOf(object.propertyNames());
        String name = names.get(random.nextInt(names.size()));
        switch (random.nextInt(3)) {
          case 0 -> object.remove(name);
          case 1 -> object.set(name, value(object.get(name)));
          default ->
              object.set(name, object.get(names.get(random.nextInt(names.size()))).deepCopy());
        }
      }
      case ArrayNode array -> {
        int index = random.nextInt(array.size());
        switch (random.nextInt(3)) {
          case 0 -> array.remove(index);
          case 1 -> array.set(index, value(array.get(index)));
          default -> array.insert(index, array.get(random.nextInt(array.size())).deepCopy());
        }
      }
      default -> throw new IllegalStateException(at.toString());
    }
  }

  private JsonNode value(JsonNode before) {
    JsonNodeFactory make = JsonNodeFactory.instance;
    return switch (random.nextInt(12)) {
      case 0 -> make.nullNode();
      case 1 -> make.booleanNode(random.nextBoolean());
      case 2 -> make.numberNode(random.nextInt(5000) - 2);
      case 3 -> make.numberNode(random.nextLong());
      case 4 -> make.numberNode(random.nextGaussian());
      case 5 -> make.stringNode("");
      case 6 -> make.stringNode("▁");
      case 7 -> make.stringNode(PATTERN.substring(0, 1 + random.nextInt(PATTERN.length())));
      case 8 -> make.stringNode("a".repeat(random.nextInt(2000)));
      case 9 -> make.arrayNode().add(before.deepCopy()).add(before.deepCopy());
      case 10 -> make.objectNode().set("type", make.stringNode("Sequence"));
      default ->
          make.stringNode(
              List.of(
                      "BPE",
                      "WordLevel",
                      "Replace",
                      "Strip",
                      "Split",
                      "Metaspace",
                      "ByteLevel",
                      "NFC",
                      "Fuse",
                      "first",
                      "Removed",
                      "MergedWithNext",
                      "A",
                      "<s>")
                  .get(random.nextInt(14)));
    };
  }
}
