package org.pyramiddrop.training.data;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;

/**
 * A conversation to learn from: a system turn or none, then a question, its answer, and so on, up
 * to the last answer.
 *
 * @param id names it; several samples may share one
 * @param images files of the pictures, in the order of their places
 * @param turns how many pictures each has, and its words
 * @param where the file and the line or element, for messages
 */
public record TrainingSample(String id, List<Path> images, List<ChatTurn> turns, String where) {
  /**
   * Keeps copies of the lists.
   *
   * @throws IllegalArgumentException if turns don't alternate, the last isn't an answer, an answer
   *     is blank or has a picture, or there are not as many places as pictures
   */
  public TrainingSample {
    images = List.copyOf(images);
    turns = List.copyOf(turns);
    int first = !turns.isEmpty() && turns.getFirst().role() == Role.SYSTEM ? 1 : 0;
    if (turns.size() - first < 2 || turns.getLast().role() != Role.ASSISTANT) {
      throw new IllegalArgumentException(
          where + ": a conversation must ask something and end with an answer");
    }
    for (int i = first; i < turns.size(); i++) {
      Role due = (i - first) % 2 == 0 ? Role.USER : Role.ASSISTANT;
      if (turns.get(i).role() != due) {
        throw new IllegalArgumentException(
            where + ": questions and answers must alternate, turn " + i + " doesn't");
      }
    }
    for (ChatTurn turn : turns) {
      if (turn.role() != Role.USER && turn.images() > 0) {
        throw new IllegalArgumentException(where + ": only a question may have pictures");
      }
      if (turn.role() == Role.ASSISTANT && turn.text().isBlank()) {
        throw new IllegalArgumentException(where + ": an answer is empty");
      }
    }
    int places = turns.stream().mapToInt(ChatTurn::images).sum();
    if (places != images.size()) {
      throw new IllegalArgumentException(
          "%s: %d <image> place%s for %d picture%s"
              .formatted(
                  where,
                  places,
                  places == 1 ? "" : "s",
                  images.size(),
                  images.size() == 1 ? "" : "s"));
    }
  }
}
