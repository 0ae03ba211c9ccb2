package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {
  private static final Map<String, String> FACTS = facts("m1", "8");
  private static final Journal.Entry FIRST =
      new Journal.Entry(0, "all", "a", "näturally \"4\"\n", 1, 12.5, 3.25, 0.1);
  private static final Journal.Entry SECOND =
      new Journal.Entry(1, "half", "a", "", 0.3, 11, 2.125, 0.7);

  @TempDir private Path temp;

  private static Map<String, String> facts(String model, String tokens) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("model", model);
    facts.put("longest answer", tokens);
    return facts;
  }

  private Path written() {
    Path path = temp.resolve("deep/er/answers.jsonl");
    try (Journal journal = Journal.open(path, FACTS, false)) {
      assertThat(journal.isNew()).isTrue();
      journal.add(FIRST);
      journal.add(SECOND);
    }
    return path;
  }

  @Test
  void givesBackWhatWasAdded() {
    try (Journal journal = Journal.open(written(), FACTS, false)) {
      assertThat(journal.isNew()).isFalse();
      assertThat(journal.entries("all", "a")).containsExactly(FIRST);
      assertThat(journal.entries("half", "a")).containsExactly(SECOND);
      assertThat(journal.entries("half", "b")).isEmpty();
      assertThat(journal.nextRound()).isEqualTo(2);
    }
  }

  @Test
  void hasALineInTheFileOnceItIsAdded() throws IOException {
    Path path = temp.resolve("answers.jsonl");
    try (Journal journal = Journal.open(path, FACTS, false)) {
      journal.add(FIRST);
      List<String> lines = Files.readAllLines(path);
      assertThat(lines).hasSize(2);
      assertThat(lines.getFirst()).isEqualTo("{\"model\":\"m1\",\"longest answer\":\"8\"}");
    }
  }

  @Test
  void dropsALastLineWhereverItWasTorn() throws IOException {
    Path path = written();
    byte[] whole = Files.readAllBytes(path);
    int header = Files.readString(path).indexOf('\n') + 1;
    for (int length = 0; length < whole.length; length++) {
      Path torn = temp.resolve("torn.jsonl");
      Files.write(torn, Arrays.copyOf(whole, length));
      try (Journal journal = Journal.open(torn, FACTS, false)) {
        assertThat(journal.isNew()).isEqualTo(length < header);
        assertThat(journal.entries("half", "a")).isEmpty();
        if (journal.entries("all", "a").isEmpty()) {
          journal.add(FIRST);
        }
        journal.add(SECOND);
      }
      assertThat(Files.readAllBytes(torn)).isEqualTo(whole);
    }
  }

  @Test
  void refusesAnswersOfOtherFactsAndNamesTheDifference() throws IOException {
    Path path = written();
    Files.writeString(path, "{\"half", StandardOpenOption.APPEND);
    String before = Files.readString(path);
    assertThatThrownBy(() -> Journal.open(path, facts("m2", "8"), false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("another model: 'm1' then, 'm2' now; --fresh");
    assertThatThrownBy(() -> Journal.open(path, facts("m1", "16"), false))
        .hasMessageContaining("another longest answer: '8' then, '16' now");
    assertThat(path).hasContent(before);
  }

  @Test
  void leavesAFileAloneThatIsNoJournal() throws IOException {
    Path path = Files.writeString(temp.resolve("notes.txt"), "not to be lost");
    assertThatThrownBy(() -> Journal.open(path, FACTS, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("notes.txt is no journal; choose another --out");
    assertThat(path).hasContent("not to be lost");
  }

  @Test
  void startsAnewWhenToldTo() {
    Path path = written();
    try (Journal journal = Journal.open(path, facts("m2", "8"), true)) {
      assertThat(journal.isNew()).isTrue();
      assertThat(journal.entries("all", "a")).isEmpty();
      assertThat(path).hasContent("{\"model\":\"m2\",\"longest answer\":\"8\"}");
    }
  }

  @Test
  void namesTheLineThatIsNone() throws IOException {
    Path path = written();
    List<String> lines = Files.readAllLines(path);
    for (String bad :
        List.of(
            "", "7", "{\"round\":0}", lines.get(1) + "x", lines.get(1).replace("12.5", "\"\""))) {
      Files.write(path, List.of(lines.get(0), lines.get(1), bad, lines.get(2)));
      assertThatThrownBy(() -> Journal.open(path, FACTS, false))
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("answers.jsonl, line 3 is no line of a journal: ");
    }
  }

  @Test
  void refusesASecondRun() {
    Path path = temp.resolve("answers.jsonl");
    try (Journal _ = Journal.open(path, FACTS, false)) {
      assertThatThrownBy(() -> Journal.open(path, FACTS, false))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageEndingWith("answers.jsonl is in use by another run; choose another --out");
    }
  }

  @Test
  void refusesTwoAnswersOfOnePlanToOneQuestion() {
    try (Journal journal = Journal.open(temp.resolve("answers.jsonl"), FACTS, false)) {
      journal.add(new Journal.Entry(0, "all", "a", "4", 1, 1, 1, 1));
      journal.add(new Journal.Entry(1, "all", "a", "4", 1, 1, 2, 2));
      assertThatThrownBy(() -> journal.add(new Journal.Entry(2, "all", "a", "5", 0, 1, 1, 1)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("question a got the answers '4' and '5'");
    }
  }
}
