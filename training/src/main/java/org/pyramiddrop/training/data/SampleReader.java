package org.pyramiddrop.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.dataset.DatasetEntry;
import org.pyramiddrop.loader.dataset.ImageFolder;

/** Makes samples of LLaVA's entries. */
final class SampleReader {
  private static final String TURNS = "conversations";

  private final ImageFolder images;
  private final ChatTemplate template;

  /**
   * A reader for one model's data.
   *
   * @param template says whether there may be a system turn
   */
  SampleReader(ImageFolder images, ChatTemplate template) {
    this.images = images;
    this.template = template;
  }

  /**
   * A sample, up to its last answer; pictures whose places come after that are no part of it.
   *
   * @throws IllegalArgumentException if nothing can be learnt from it; the message names file, line
   *     or element, and id
   */
  TrainingSample sample(DatasetEntry entry) {
    String id = entry.has("id") ? entry.name("id") : entry.number();
    DatasetEntry named = entry.has("id") ? entry.called(id) : entry;
    List<Path> files = new ArrayList<>();
    String expected = "a file's name or an array of them";
    for (String name : named.anyTexts("image", expected, text -> !text.isBlank())) {
      files.add(images.existing(named, "image", name));
    }
    List<ChatTurn> turns = new ArrayList<>();
    for (DatasetEntry turn : named.entries(TURNS)) {
      turns.add(turn(turn, turns));
    }
    int places = turns.stream().mapToInt(ChatTurn::images).sum();
    if (places != files.size()) {
      throw new IllegalArgumentException(
          "%s: \"image\" names %s, but %s has %s in the questions"
              .formatted(
                  named.where(),
                  counted(files.size(), "picture"),
                  ChatTemplate.IMAGE,
                  counted(places, "place")));
    }
    while (!turns.isEmpty() && turns.getLast().role() != Role.ASSISTANT) {
      turns.removeLast();
    }
    if (turns.isEmpty()) {
      throw named.bad(TURNS, "turns with an answer (\"from\": \"gpt\") among them");
    }
    int asked = turns.stream().mapToInt(ChatTurn::images).sum();
    return new TrainingSample(id, files.subList(0, asked), turns, named.where());
  }

  private static String counted(int count, String thing) {
    return count + " " + thing + (count == 1 ? "" : "s");
  }

  private ChatTurn turn(DatasetEntry turn, List<ChatTurn> before) {
    Role role = role(turn, before);
    String value = turn.text("value", "a string", _ -> true);
    String words = role == Role.USER ? value.replace(ChatTemplate.IMAGE, "").strip() : value;
    // Also where taking one away has put another together.
    if (words.contains(ChatTemplate.IMAGE)) {
      throw new IllegalArgumentException(
          turn.where()
              + ": "
              + ChatTemplate.IMAGE
              + " stands for a picture, and only a question may have one");
    }
    if (role == Role.ASSISTANT && words.isBlank()) {
      throw turn.bad("value", "an answer that is not blank");
    }
    int images = role == Role.USER ? count(value) : 0;
    return new ChatTurn(role, images, words);
  }

  private Role role(DatasetEntry turn, List<ChatTurn> before) {
    Role due =
        before.isEmpty() || before.getLast().role() != Role.USER ? Role.USER : Role.ASSISTANT;
    String from = turn.text("from");
    if (from.equals("system") && before.isEmpty()) {
      if (!template.has(Role.SYSTEM)) {
        throw new IllegalArgumentException(
            turn.where() + ": the model's chat template has no place for a system turn");
      }
      return Role.SYSTEM;
    }
    String expected = due == Role.USER ? "human" : "gpt";
    if (!from.equals(expected)) {
      throw turn.bad("from", "\"" + expected + "\", since turns alternate and a question begins");
    }
    return due;
  }

  private static int count(String value) {
    int count = 0;
    for (int at = value.indexOf(ChatTemplate.IMAGE);
        at >= 0;
        at = value.indexOf(ChatTemplate.IMAGE, at + ChatTemplate.IMAGE.length())) {
      count++;
    }
    return count;
  }
}
